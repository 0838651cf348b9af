"""Trainings that go wrong, each by one setting, and what is said of them."""

import copy

from mmengine.hooks import Hook
from mmengine.model import BaseModule
from mmpretrain.registry import MODELS
from torch import nn

from mmdcl.engine import VerdictHook, verdict
from tests.runs import NECK, NNCLR, SIMCLR, loader, runner


@MODELS.register_module()
class Glance(BaseModule):
    """Two convolutions: enough to learn something in a second."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU()),
            *(nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU()),
        )

    def forward(self, x):
        return (self.layers(x),)


NETWORK = dict(
    data_preprocessor=dict(
        type='mmdcl.ViewDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3
    ),
    backbone=dict(type='Glance'),
    neck=dict(NECK, in_channels=32, hid_channels=64, out_channels=32),
)
SAME = [dict(type='Resize', scale=(16, 16))]
ALONE = [dict(type='mmdcl.VerdictHook')]


def cropped(least: float) -> list[dict]:
    crop = dict(type='RandomResizedCrop', scale=16)
    return [dict(crop, crop_ratio_range=(least, 1.0))]


class Listener(Hook):
    """The logger is made by the runner."""

    def before_train(self, runner):
        self.said = []
        runner.logger.warning = self.said.append


def trained(folder, views, *, epochs=15, batch=64, hooks=(), **more):
    """What was said, and by whom, while 256 digits were trained on."""
    train = copy.deepcopy(loader('train', [], batch_size=batch))
    train['dataset'] |= dict(
        indices=256,
        pipeline=[
            dict(type='MultiView', num_views=2, transforms=[views]),
            dict(type='PackInputs'),
        ],
    )
    setting = dict(
        model=dict(SIMCLR, **NETWORK),
        train_dataloader=train,
        train_cfg=dict(by_epoch=True, max_epochs=epochs, val_begin=99),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.05, momentum=0.9)),
        custom_hooks=[
            # Which knows the recipe.
            dict(type='mmdcl.ProgressHook', report=False),
            dict(type='mmdcl.VerdictHook'),
            *hooks,
        ],
        default_hooks=dict(logger=dict(type='LoggerHook', interval=2)),
    )
    run = runner(folder, **{**setting, **more})
    listener = Listener()
    run.register_hook(listener, 'HIGHEST')
    run.train()
    return listener.said, run


def verdicts_of(said: list[str]) -> list[str]:
    return [x for x in said if x.startswith('verdict: ')]


def test_nothing_is_said_of_a_run_that_learns(tmp_path):
    said, _ = trained(tmp_path, cropped(0.6))
    assert not verdicts_of(said)


def test_views_that_are_the_same(tmp_path):
    said, _ = trained(tmp_path, SAME)
    (line,) = verdicts_of(said)  # once
    assert 'same embedding early in training, a cosine of 1.000' in line
    assert 'mmdcl plot views CONFIG' in line


def test_views_that_have_nothing_in_common(tmp_path):
    crop = dict(type='RandomResizedCrop', scale=16)
    said, _ = trained(tmp_path, [dict(crop, crop_ratio_range=(0.01, 0.02))])
    line = verdicts_of(said)[0]
    assert 'the loss is no better than chance' in line
    assert 'log(negatives) is 4.84' in line  # of 126, and the positive


def test_a_small_batch_at_a_low_temperature(tmp_path):
    """Few negatives, each weighed by its cosine over 0.05."""
    head = dict(type='mmdcl.InfoNCEHead', temperature=0.05)
    said, _ = trained(
        tmp_path,
        cropped(0.9),
        model=dict(SIMCLR, **NETWORK, head=head),
        epochs=4,
        batch=8,
        hooks=[dict(type='mmdcl.QualityHook', interval=10, images=32)],
    )
    (line,) = verdicts_of(said)
    assert 'InfoNCE multiplies the gradient by q, which is 0.0' in line
    assert 'model.head.type=mmdcl.DCLHead' in line
    assert '(it is 0.05)' in line


def test_a_learning_rate_that_jumps(tmp_path):
    said, _ = trained(
        tmp_path,
        cropped(0.8),
        epochs=40,
        param_scheduler=dict(
            type='MultiStepLR', milestones=[60], gamma=1e6, by_epoch=False
        ),
    )
    (line,) = verdicts_of(said)
    assert 'The loss has risen from 1.' in line
    assert '(it is 5e+04)' in line


def test_a_large_support_set_and_a_short_schedule(tmp_path):
    """300 rows for 256 images; 8 of 25 epochs."""
    model = dict(
        NNCLR,
        **NETWORK,
        predictor=dict(NNCLR['predictor'], in_channels=32, out_channels=32),
        support_set=dict(size=300, dim=32),
    )
    schedule = dict(type='CosineAnnealingLR', T_max=8, end=8)
    said, _ = trained(
        tmp_path,
        cropped(0.8),
        model=model,
        epochs=25,
        param_scheduler=schedule,
    )
    first, second = verdicts_of(said)
    assert "older views of the query's own image" in first
    assert 'model.support_set.size=64' in first
    assert 'at its end since iteration 32 of 100' in second


def test_nothing_is_known_of_the_recipe(tmp_path):
    """Of others' runs: what needs no recipe is said all the same."""
    said, _ = trained(tmp_path, SAME, custom_hooks=ALONE)
    assert len(verdicts_of(said)) == 1


def test_weights_are_the_same_with_and_without(tmp_path):
    run, bare = [
        trained(tmp_path, cropped(0.6), epochs=3, custom_hooks=hooks)[1]
        for hooks in (ALONE, [])
    ]
    weights = run.model.state_dict()
    for name, tensor in bare.model.state_dict().items():
        assert tensor.equal(weights[name]), name


def test_it_never_raises(tmp_path, monkeypatch):
    looks = []

    def broken(facts):
        looks.append(len(facts.training))
        raise ZeroDivisionError('by what')

    monkeypatch.setattr(verdict, 'verdicts', broken)
    said, run = trained(tmp_path, SAME, epochs=5, custom_hooks=ALONE)
    assert run.iter == 20
    assert looks == [1]
    (line,) = [x for x in said if 'VerdictHook' in x]
    assert line.endswith("training goes on: ZeroDivisionError('by what')")


def test_it_looks_seldom_and_remembers_little(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(verdict, '_MOST', 4)

    def seldom(facts):
        seen.append([int(x['iter']) for x in facts.training])
        return []

    monkeypatch.setattr(verdict, 'verdicts', seldom)
    trained(tmp_path, SAME, epochs=20, custom_hooks=ALONE)
    assert seen == [
        [10],
        [10, 20],
        [10, 20, 30],
        [10, 30],  # every second one from now on
        [10, 30, 60],
        [10, 60],
    ]


def test_one_process_speaks(tmp_path, monkeypatch):
    monkeypatch.setattr(verdict, 'is_main_process', lambda: False)
    said, _ = trained(tmp_path, SAME, custom_hooks=ALONE)
    assert not verdicts_of(said)


def test_it_goes_on_after_a_resume_without_history(tmp_path):
    alone = dict(custom_hooks=ALONE)
    trained(tmp_path, cropped(0.6), epochs=2, **alone)
    said, run = trained(tmp_path, SAME, epochs=4, resume=True, **alone)
    assert run.iter == 16
    assert not verdicts_of(said)
    assert not [x for x in said if 'gives up' in x]


def test_validations_are_remembered(tmp_path):
    _, run = trained(
        tmp_path,
        SAME,
        train_cfg=dict(by_epoch=True, max_epochs=2),
        custom_hooks=ALONE,
    )
    (hook,) = [x for x in run.hooks if isinstance(x, VerdictHook)]
    found = hook._validation
    assert [x['step'] for x in found] == [1, 2]
    assert all(0 <= x['accuracy/top1'] <= 100 for x in found)
