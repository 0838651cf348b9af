"""``recipe.json``: facts, as they are and not as the config says."""

import json

import pytest
from mmengine.hooks import Hook
from mmpretrain.registry import MODELS

from mmdcl.report.runs import gathering, machine
from mmdcl.report.runs.gathering import gather, loss_name, write_recipe
from tests.runs import NNCLR, SIMCLR, VIEWS, loader, runner

from .test_recipe import MOCO, UPSTREAM


def facts(tmp_path, **overrides):
    """Of a run that is about to begin."""
    found = []

    class Look(Hook):
        priority = 'LOWEST'

        def before_train(self, runner):
            found.append(gather(runner))
            raise StopIteration

    run = runner(tmp_path, **overrides)
    run.register_hook(Look())
    with pytest.raises(StopIteration):
        run.train()
    return found[0]


def test_numbers_are_effective_ones(tmp_path):
    """The rate is scaled from 32 images to 64, then warmed up."""
    found, failed = facts(
        tmp_path,
        train_cfg=dict(by_epoch=True, max_epochs=10),
        auto_scale_lr=dict(enable=True, base_batch_size=32),
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.1, end=2),
            dict(type='CosineAnnealingLR', T_max=7, begin=2, end=9),
        ],
    )
    assert not failed
    wanted = dict(
        images=256,
        classes=10,
        batch=64,
        processes=1,
        negatives=126,
        negatives_text='126 for each anchor (both views of the other images)',
        support_set=None,
        loss='DCL',
        temperature=0.1,
        lr=0.02,
        gradient='exact over processes',
        logits='float32',
        length='10 epochs of 4 iterations',
        planned=40,
        schedule_end=36,
        unit='epoch',
        epoch_length=4,
        begin=0,
        begin_epoch=0,
        precision='float32',
        seed=0,
        deterministic=False,
        config='',
        changes=[],
    )
    assert {key: found[key] for key in wanted} == wanted
    for key in ('data', 'optimizer', 'schedule', 'validation', 'model'):
        assert found[key]
    for key in ('commit', 'machine', 'device', 'versions'):
        assert found[key]
    assert isinstance(found['command'], str)
    write_recipe(found, tmp_path / 'new')
    [path] = (tmp_path / 'new').iterdir()
    assert json.loads(path.read_text()) == found


def test_gradients_of_several_processes(tmp_path, monkeypatch):
    for module in (gathering, machine):
        monkeypatch.setattr(module, 'get_world_size', lambda: 4)
    ours, _ = facts(tmp_path / 'a')
    assert (ours['batch'], ours['negatives']) == (256, 510)
    assert ours['gradient'] == 'exact over processes'
    theirs, _ = facts(tmp_path / 'b', model=UPSTREAM)
    assert theirs['gradient'] == '1/4 of the true one'
    assert theirs['loss'] == 'InfoNCE'
    classes = dict(SIMCLR, type='mmdcl.SupCon')
    classes, _ = facts(tmp_path / 'd', model=classes)
    assert (classes['gradient'], classes['positives']) == (
        'exact over processes',
        'class',
    )
    # As many as there are images of other classes, which differs.
    assert (classes['negatives'], ours['positives']) == (None, None)
    queue, _ = facts(tmp_path / 'c', model=MOCO)
    assert queue['gradient'] == ''
    assert queue['negatives'] == 24


def test_of_iterations_and_a_support_set(tmp_path):
    found, failed = facts(
        tmp_path,
        model=NNCLR,
        train_dataloader=loader(
            'train', VIEWS, sampler=dict(type='InfiniteSampler')
        ),
        train_cfg=dict(by_epoch=False, max_iters=30, val_interval=10),
    )
    assert not failed
    wanted = dict(unit='iteration', epoch_length=None, planned=30)
    wanted |= dict(support_set=100, negatives=63, schedule_end=None)
    assert {key: found[key] for key in wanted} == wanted


@pytest.mark.parametrize(
    ('head', 'name'),
    [
        (SIMCLR['head'], 'DCL'),
        (dict(type='mmdcl.DCLWHead'), 'DCLW'),
        (dict(type='mmdcl.InfoNCEHead'), 'InfoNCE'),
        (MOCO['head'], 'InfoNCE'),
        (
            dict(
                type='LatentPredictHead',
                loss=dict(type='CosineSimilarityLoss'),
                predictor=dict(
                    type='NonLinearNeck',
                    in_channels=8,
                    hid_channels=8,
                    out_channels=8,
                ),
            ),
            'LatentPredictHead, CosineSimilarityLoss',
        ),
    ],
)
def test_names_of_losses(head, name):
    assert loss_name(MODELS.build(dict(head))) == name
    assert loss_name(None) is None


def test_what_fails_is_named_and_the_rest_is_there(tmp_path, monkeypatch):
    def breaks(runner):
        raise ZeroDivisionError

    monkeypatch.setitem(gathering._FACTS, 'machine', breaks)
    monkeypatch.setitem(gathering._FACTS, 'seed', lambda runner: object())
    found, failed = facts(tmp_path)
    assert set(failed) == {'machine', 'seed'}
    assert found['machine'] is found['seed'] is None
    assert found['loss'] == 'DCL'
