"""The online linear probe: whose features, exact, and nobody's gradient."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.hooks import Hook
from mmengine.model import BaseModule
from mmpretrain.registry import MODELS, TRANSFORMS
from mmpretrain.structures import DataSample
from torch import nn

from mmdcl.checkpoints import find_backbone, read_checkpoint
from mmdcl.engine import LinearProbeHook
from mmdcl.engine.linear_probe import LinearProbe
from tests.engine.test_quality import PAIRED
from tests.engine.test_train_loop import assert_identical, build
from tests.engine.test_verdict import NETWORK
from tests.ranks import on_ranks
from tests.runs import NNCLR, SIMCLR, VIEWS, loader, runner

PROBE = [dict(type='mmdcl.LinearProbeHook')]
EVERY = dict(type='mmdcl.AtomicCheckpointHook', interval=5, by_epoch=False)


def kept(run, name):
    """What a checkpoint of the run holds."""
    return read_checkpoint(f'{run.work_dir}/{name}')


def test_the_backbone_is_the_same_with_and_without(tmp_path):
    """In upstream's loop, where all random numbers come from one stream."""
    states, model = [], dict(NNCLR, top_k=3)  # which draws of torch's
    for hooks in ([], PROBE):
        run = runner(tmp_path, model=model, custom_hooks=hooks)
        run.train()
        states.append(dict(run.model.state_dict()))
    assert_identical(*states)


def test_resumed_equals_uninterrupted(tmp_path):
    """From inside the second of three epochs of four iterations."""
    setting = dict(custom_hooks=PROBE, default_hooks=dict(checkpoint=EVERY))
    whole = build(tmp_path / 'whole', **setting)
    whole.train()
    middle = str(tmp_path / 'whole/iter_5.pth')
    resumed = build(
        tmp_path / 'resumed', load_from=middle, resume=True, **setting
    )
    resumed.train()
    states = [kept(x, 'iter_12.pth')['linear_probe'] for x in (whole, resumed)]
    assert states[0]['weights']['norm.num_batches_tracked'] == 12
    assert states[0]['weights']['linear.weight'].any()
    assert states[0]['momenta'][0].any()
    assert_identical(*states)
    last = [x.val_loop.run()['probe/top1'] for x in (whole, resumed)]
    assert last[0] == last[1]


@TRANSFORMS.register_module()
class PaintLabel(BaseTransform):
    """An image that says what it is of; a view is one level darker."""

    def transform(self, results):
        level = 20 * int(results['gt_label']) + np.random.randint(10)
        results['img'] = np.full_like(results['img'], level)
        return results


@MODELS.register_module()
class SeesLevel(BaseModule):
    """Features begin with the mean of the input."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 32, 1)

    def forward(self, x, *args, **kwargs):
        x = x + 0 * self.layer(x).mean()
        return (x.mean((1, 2, 3))[:, None, None, None].repeat(1, 32, 1, 1),)


MOCO = dict(
    type='MoCo',
    queue_len=64,
    feat_dim=8,
    neck=dict(type='LinearNeck', in_channels=32, out_channels=8),
    head=PAIRED['SimCLR']['head'],
)


@pytest.mark.parametrize('name', [*PAIRED, 'MoCo'])
def test_each_feature_has_the_label_of_its_image(name, tmp_path, monkeypatch):
    """One call or one a view, one view after the other or side by side."""
    heard = []
    monkeypatch.setattr(
        LinearProbe, 'update', lambda self, *args: heard.append(args)
    )
    model = {**PAIRED, 'MoCo': MOCO}[name]
    train = loader('train', [dict(VIEWS[0]), VIEWS[1]], batch_size=16)
    train['dataset']['pipeline'][0]['transforms'] = [[dict(type='PaintLabel')]]
    train['dataset']['indices'] = 48
    run = runner(
        tmp_path,
        model=dict(model, backbone=dict(type='SeesLevel')),
        train_dataloader=train,
        custom_hooks=PROBE,
    )
    run.train()
    assert len(heard) == 3
    for features, labels in heard:
        assert features.dtype == torch.float32
        assert not features.requires_grad
        views = 1 if name == 'MoCo' else 2  # its other one is another network
        assert features.shape == (views * 16, 32)
        assert (features[:, 0] // 20).tolist() == labels.tolist()
        assert len(set(labels.tolist())) > 3


class Told:
    """In place of what listens to a model."""

    def __init__(self, features):
        self.found = features, torch.arange(len(features) // 2).repeat(2)

    def stop(self):
        return self.found


def probed(rank, ranks):
    """5 steps on 24 images of two views and 3 classes, in unequal shares."""
    draw = torch.Generator().manual_seed(0)
    logger = SimpleNamespace(warning=print)
    run = SimpleNamespace(
        logger=logger, model=nn.Linear(1, 1), _train_loop=None
    )
    hook = LinearProbeHook(num_classes=3)
    hook._classes = 3
    found = []
    for _ in range(5):
        labels = torch.randint(3, (24,), generator=draw)
        views = torch.randn(2, 24, 8, generator=draw)
        views[..., :3] += nn.functional.one_hot(labels, 3)
        own = slice(0, 24) if ranks == 1 else (slice(0, 7), slice(7, 24))[rank]
        samples = [DataSample().set_gt_label(x) for x in labels[own]]
        hook._heard = Told(views[:, own].flatten(0, 1))
        hook.after_train_iter(run, 0, dict(data_samples=samples))
    features = torch.randn(9, 8, generator=draw)
    labels = torch.randint(3, (9,), generator=draw)
    features[:, :3] += 9 * nn.functional.one_hot(labels, 3)
    labels[3:6] += 1  # wrong in any case
    # As upstream's sampler shares 9 images out to 2 processes.
    numbers = torch.arange(10)[rank::ranks] % 9
    metrics = {}
    hook.after_query_features(
        run,
        features=features[numbers],
        labels=labels[numbers],
        numbers=numbers,
        metrics=metrics,
    )
    found = hook._probe.state()['weights']
    return dict(found, top1=torch.tensor(metrics['probe/top1']))


def test_ranks_equal_one_process():
    one = probed(0, 1)
    first, second = on_ranks(2, probed, 2)
    assert_identical(first, second)
    torch.testing.assert_close(first, one, rtol=1e-5, atol=1e-6)
    # The first image, which both processes have, is right.
    assert first['top1'] == one['top1'] == pytest.approx(600 / 9)


class Metrics(Hook):
    def __init__(self, seen):
        self.seen = seen

    def after_val_epoch(self, runner, metrics=None):
        self.seen.append(dict(metrics))


def test_it_learns_and_is_told_of(tmp_path):
    """By way of the log, after kNN, which decides which checkpoint is best."""
    before = dict(type='mmdcl.ProgressHook', report=False)
    before['val_before_train'] = True
    run = runner(
        tmp_path,
        model=dict(SIMCLR, **NETWORK),
        custom_hooks=[*PROBE, before],
        train_cfg=dict(by_epoch=True, max_epochs=8, val_interval=4),
    )
    seen = []
    run.register_hook(Metrics(seen))
    run.train()
    assert list(seen[0]) == ['accuracy/top1']  # untrained, it says nothing
    assert list(seen[-1]) == ['accuracy/top1', 'probe/top1']
    assert seen[-1]['probe/top1'] > 20


def test_other_doors_find_the_backbone_and_pass_the_probe_by(tmp_path):
    run = runner(tmp_path, custom_hooks=PROBE)
    run.train()
    held = kept(run, 'epoch_1.pth')
    assert set(held['linear_probe']) == {'weights', 'momenta'}
    wanted = run.model.backbone.state_dict()
    weights = find_backbone(held, wanted)
    assert weights.prefix == 'backbone.'
    assert_identical(weights.tensors, dict(wanted))
    # Tested elsewhere: with the hook its accuracy is that of the training.
    match = dict(type='mmdcl.CheckpointMatchHook')
    found = [
        runner(
            tmp_path,
            custom_hooks=[match, *hooks],
            load_from=str(tmp_path / 'epoch_1.pth'),
        ).val()
        for hooks in ([], PROBE)
    ]
    expected = run.val_loop.run()
    assert found[1] == expected
    assert found[0] == {'accuracy/top1': expected['accuracy/top1']}


@pytest.mark.parametrize('state', ['none', 'other classes', 'odd'])
def test_a_checkpoint_without_its_state(state, tmp_path, monkeypatch):
    """It starts anew, with one line; also where training starts from one."""
    setting = dict(train_cfg=dict(type='mmdcl.ExactTrainLoop', max_epochs=1))
    runner(tmp_path, **setting, custom_hooks=PROBE).train()
    held = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)
    if state == 'none':
        del held['linear_probe']
    elif state == 'other classes':
        held['linear_probe'] = LinearProbe(32, 3, 1.0, 0.9).state()
    else:
        held['linear_probe'] = 'text'
    torch.save(held, tmp_path / 'epoch_1.pth')
    path = str(tmp_path / 'epoch_1.pth')
    tested = runner(tmp_path, load_from=path, custom_hooks=PROBE).val()
    assert set(tested) == {'accuracy/top1'}
    setting['train_cfg']['max_epochs'] = 2
    run = runner(
        tmp_path,
        **setting,
        resume=True,
        custom_hooks=[*PROBE, dict(type='mmdcl.ResumeHook')],
    )
    said = []
    monkeypatch.setattr(run.logger, 'warning', said.append)
    run.train()
    (line,) = [x for x in said if 'LinearProbeHook' in x]
    assert 'starts anew' in line
    steps = kept(run, 'epoch_2.pth')['linear_probe']['weights']
    assert steps['norm.num_batches_tracked'] == 4  # of one epoch


def test_weights_to_start_from_bring_no_probe(tmp_path):
    first = runner(tmp_path / 'first', custom_hooks=PROBE)
    first.train()
    path = str(tmp_path / 'first/epoch_1.pth')
    run = runner(tmp_path / 'then', custom_hooks=PROBE, load_from=path)
    run.train()
    steps = kept(run, 'epoch_1.pth')['linear_probe']['weights']
    assert steps['norm.num_batches_tracked'] == 4


def test_images_without_labels_are_refused(tmp_path):
    for i in range(4):
        path = tmp_path / f'data/{i}.png'
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.full((16, 16, 3), i, np.uint8))
    load = dict(type='LoadImageFromFile')
    train = loader('train', [load, *VIEWS], batch_size=2)
    train['dataset'] = dict(
        type='CustomDataset',
        data_root=str(tmp_path / 'data'),
        with_label=False,
        pipeline=train['dataset']['pipeline'],
    )
    bare = dict(val_dataloader=None, val_cfg=None, val_evaluator=None)
    run = runner(tmp_path, train_dataloader=train, custom_hooks=PROBE, **bare)
    match = r'needs one label for each training image, but CustomDataset gives'
    with pytest.raises(ValueError, match=match):
        run.train()
    assert run.iter == 0


def test_number_of_classes(tmp_path):
    few = [dict(PROBE[0], num_classes=3)]
    with pytest.raises(ValueError, match='knows of 3 classes, but a label is'):
        runner(tmp_path, custom_hooks=few).train()
