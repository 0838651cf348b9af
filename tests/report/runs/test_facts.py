import pytest

from mmdcl.report.runs.facts import (
    accuracies,
    facts_of,
    images_a_second,
    known,
    trained,
)
from mmdcl.report.runs.folder import read_run
from tests.report.logs import write_run

CONFIG = """
launcher = {launcher!r}
model = dict(
    type='MoCo',
    backbone=dict(type='mmpretrain.ResNet', depth=50),
    head=dict(type='ContrastiveHead', temperature=0.2),
)
train_dataloader = dict(
    batch_size=16,
    dataset=dict(type='RepeatDataset', dataset=dict(
        type='mmdcl.CustomDataset', data_root='data/mine')),
)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.03))
train_cfg = dict(by_epoch=False, max_iters=200)
randomness = dict(seed=7)
"""


def upstream(path, launcher='none'):
    log = write_run(path, quality=False)
    text = CONFIG.format(launcher=launcher)
    for config in log.with_name('config.py'), path / 'small.py':
        config.write_text(text)
    return read_run(path)


def test_a_config_says_what_no_recipe_does(tmp_path):
    run = upstream(tmp_path / 'a')
    found = known(run)
    assert found == dict(
        config='small.py',
        data='CustomDataset in data/mine',
        model='MoCo, ResNet 50',
        loss='ContrastiveHead',
        temperature=0.2,
        optimizer='SGD',
        lr=0.03,
        length='200 iterations',
        seed=7,
        batch_of_a_process=16,
        batch=16,
    )
    assert images_a_second(run) == pytest.approx(16 / 0.2)
    assert facts_of(run).batch == 16
    several = upstream(tmp_path / 'b', 'pytorch')
    assert images_a_second(several) is None  # as many as there were processes


def test_a_recipe_goes_before_the_config(tmp_path):
    write_run(tmp_path / 'a', recipe=dict(loss='DCLW', temperature=None))
    found = known(read_run(tmp_path / 'a'))
    assert found['loss'] == 'DCLW'
    assert found['temperature'] == 0.1


def test_nonsense_is_not_known(tmp_path):
    recipe = dict(batch='many', images=float('inf'), negatives=True)
    write_run(tmp_path / 'a', recipe=recipe)
    run = read_run(tmp_path / 'a')
    facts = facts_of(run)
    assert facts.batch is facts.images is facts.negatives is None
    assert images_a_second(run) is None


def test_from_the_first_accuracy_to_the_last(tmp_path):
    log = write_run(tmp_path / 'a', quality=False)
    lines = log.read_text()
    log.write_text(lines + '{"accuracy/top1": 1.0, "step": 11}\n')
    knn, probe = accuracies(read_run(tmp_path / 'a'))
    assert (knn['name'], knn['first'], knn['last']) == ('kNN', 20.0, 1.0)
    assert knn['best'] > 60
    assert knn['untrained']
    assert (knn['began'], knn['ended']) == (0, 11)
    assert (probe['name'], probe['first']) == ('linear probe', 25.0)
    assert not probe['untrained']


def test_the_best_is_not_that_of_the_untrained_network(tmp_path):
    log = write_run(tmp_path / 'a', quality=False)
    lines = '{"accuracy/top1": 90, "step": 0}\n'
    lines += '{"loss": 1, "iter": 20, "epoch": 1, "step": 20}\n'
    log.write_text(lines)
    [knn] = accuracies(read_run(tmp_path / 'a'))
    assert knn['best'] == 90
    for step, top1 in (5, 60), (10, 50):
        lines += f'{{"accuracy/top1": {top1}, "step": {step}}}\n'
    log.write_text(lines)
    [knn] = accuracies(read_run(tmp_path / 'a'))
    assert (knn['first'], knn['best'], knn['last']) == (90, 60, 50)


@pytest.mark.parametrize(
    ('end', 'finished', 'epochs'),
    [(195, True, 10), (195, False, 9.5), (100, True, 5)],
)
def test_a_finished_run_did_also_what_it_did_not_log(
    end, finished, epochs, tmp_path
):
    """190 of 200 iterations are logged, or 100: that was stopped early."""
    recipe = dict(finished=finished, planned=200, epoch_length=20)
    write_run(tmp_path / 'a', end=end, recipe=recipe)
    assert trained(read_run(tmp_path / 'a')) == epochs
