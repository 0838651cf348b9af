"""Batches that come whole have the views of the pipeline, as it draws them."""

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmpretrain.registry import DATASETS

from mmdcl.views.ahead import core_to_spare
from mmdcl.views.batches import BatchViews, Samples, why_not
from tests.engine.test_train_loop import EVERY_5, assert_identical, on
from tests.runs import NNCLR, VIEWS, loader, runner
from tests.views.test_hook import STAIN

JITTER = dict(type='ColorJitter', brightness=0.4, contrast=0.4)
JITTER |= dict(saturation=0.4, hue=0.1)
GRAY = dict(type='RandomGrayscale', prob=0.2, keep_channels=True)
GRAY |= dict(channel_weights=(0.2989, 0.587, 0.114))
VIEW = [
    dict(type='RandomResizedCrop', scale=16, crop_ratio_range=(0.2, 1.0)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Rotate', angle=20.0, prob=0.3),
    dict(type='RandomApply', transforms=[JITTER], prob=0.8),
    GRAY,
]
SMALL = [dict(type='RandomResizedCrop', scale=8, crop_ratio_range=(0.1, 0.3))]
SMALL += [dict(type='Solarize', thr=128, prob=0.2)]
PACKED = dict(type='PackInputs')
BATCHED = dict(type='mmdcl.BatchViewsHook')


def pipeline(num_views=2, *views):
    views = [*(views or (VIEW,))]
    steps = dict(type='MultiView', num_views=num_views, transforms=views)
    return [dict(type='mmdcl.ChannelOrder', order='rgb'), steps, PACKED]


def dataset(steps=None, number=64):
    """Digits, stained: on gray a wrong order of channels shows nowhere."""
    init_default_scope('mmpretrain')
    digits = loader('train', steps or pipeline())['dataset']
    built = DATASETS.build(dict(digits, indices=number, serialize_data=False))
    built.full_init()
    for info in built.data_list:
        info['img'] = (info['img'] * STAIN + (90, 10, 40)).astype('u1')
    return built


def batches(digits=None):
    return BatchViews(digits or dataset(), torch.device('cpu'))


def addresses(indices, epoch=0):
    return [(1, 0, epoch, index) for index in indices]


def test_pixels_are_those_of_the_pipeline():
    """In mean and deviation of each place and channel, and of each view."""
    digits = dataset(number=40)
    made = batches(digits)
    epochs = 40
    ours = torch.cat(
        [torch.cat(made.views(addresses(range(40), x))) for x in range(epochs)]
    ).double()
    np.random.seed(0)
    theirs = torch.cat(
        [
            torch.stack(digits[i]['inputs']).double()
            for i in range(40)
            for _ in range(epochs)
        ]
    )
    for moment in (
        lambda x: x.mean((2, 3)),
        lambda x: x.std((1, 2, 3))[:, None],
        lambda x: x.amax((2, 3)),
        lambda x: x[:, :, ::5, ::5].flatten(1),
        lambda x: x.diff(dim=3).abs().mean((2, 3)),
    ):
        a, b = moment(ours), moment(theirs)
        spread = (a.var(0) / len(a) + b.var(0) / len(b)).sqrt()
        # And .3 of 255 levels, as operators round otherwise.
        assert ((a.mean(0) - b.mean(0)).abs() < 4 * spread + 0.3).all()


def test_a_view_depends_on_its_address_alone():
    made = batches()
    whole = made.views(addresses(range(60)))
    some = made.views(addresses([7, 59, 3]))
    for one, other in zip(whole, some, strict=True):
        assert torch.equal(one[[7, 59, 3]], other)
    later = made.views(addresses(range(60), epoch=1))
    assert not torch.equal(whole[0], whole[1])
    for one, other in zip(whole, later, strict=True):
        assert (one != other).flatten(1).any(1).all()


def test_data_samples_are_those_of_the_pipeline():
    digits = dataset()
    found = batches(digits).__getitems__(addresses([5, 9]))['data_samples']
    assert len(found) == 2
    for sample, index in zip(found, (5, 9), strict=True):
        wanted = digits[index]['data_samples']
        assert sample.sample_idx == wanted.sample_idx == index
        assert torch.equal(sample.gt_label, wanted.gt_label)
        assert set(sample.all_keys()) == set(wanted.all_keys())
    # As upstream's preprocessors send them to a device.
    assert list(Samples(x for x in found)) == list(found)


def test_kinds_of_views_of_several_sizes():
    made = batches(dataset(pipeline([2, 4], VIEW, SMALL)))
    views = made.views(addresses(range(8)))
    assert [tuple(x.shape) for x in views] == [(8, 3, 16, 16)] * 2 + [
        (8, 3, 8, 8)
    ] * 4
    assert len({x.sum().item() for x in views}) == 6


@pytest.mark.parametrize(
    ('steps', 'why'),
    [
        (
            pipeline(2, [dict(type='Resize', scale=16), *VIEW]),
            'does not begin',
        ),
        (pipeline(2, [*VIEW, dict(type='Invert')]), 'Invert'),
        ([dict(type='Resize', scale=9), *pipeline()[1:]], 'Resize'),
        (
            pipeline(2, [dict(VIEW[0], interpolation='area')]),
            "interpolation='area'",
        ),
        ([PACKED], 'without one MultiView'),
        ([*pipeline(), PACKED], 'something else than PackInputs'),
    ],
)
def test_says_what_it_cannot_do(steps, why):
    assert why in why_not(dataset(steps))


def test_wants_images_of_one_size():
    digits = dataset()
    digits.data_list[3]['img'] = np.zeros((9, 8, 3), np.uint8)
    with pytest.raises(TypeError, match=r'\(9, 8, 3\)'):
        batches(digits)


class Watch(Hook):
    """Keeps what the model is given."""

    def __init__(self) -> None:
        self.seen: list[torch.Tensor] = []

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        self.seen.append(torch.cat(data_batch['inputs']).float())


@pytest.mark.parametrize('loop', ['ExactTrainLoop', 'ExactIterTrainLoop', ''])
def test_trains(tmp_path, loop):
    """And workers, of which there is nothing left to do, are not started."""
    watch = Watch()
    train = loader('train', VIEWS, batch_size=16, num_workers=2)
    train['persistent_workers'] = True
    train['dataset']['indices'] = 64
    length = dict(max_iters=4) if 'Iter' in loop else dict(max_epochs=1)
    run = runner(
        tmp_path,
        train_dataloader=train,
        train_cfg=dict(type=f'mmdcl.{loop}', **length)
        if loop
        else dict(by_epoch=True, max_epochs=1),
        default_hooks=dict(views=BATCHED),
        val_dataloader=None,
        val_cfg=None,
        val_evaluator=None,
        log_level='INFO',
    )
    run.register_hook(watch, 'LOWEST')
    run.train()
    assert [x.shape for x in watch.seen] == [(32, 3, 16, 16)] * 4
    assert run.train_dataloader.num_workers == 0
    assert isinstance(run.train_dataloader.dataset, BatchViews)
    spare = core_to_spare(torch.device('cpu'))
    [log] = tmp_path.rglob('*.log')
    assert ('a thread ahead of the network' in log.read_text()) is spare


def test_as_before_by_one_setting(tmp_path):
    """The draws of upstream's transforms, and what cannot be batched."""
    for hook, steps in (
        (dict(BATCHED, batched=False), VIEWS),
        (BATCHED, [dict(type='Resize', scale=9), *VIEWS]),
    ):
        train = loader('train', steps, batch_size=16)
        train['dataset']['indices'] = 32
        run = runner(
            tmp_path, train_dataloader=train, default_hooks=dict(views=hook)
        )
        run.train()
        assert not isinstance(run.train_dataloader.dataset, BatchViews)


@pytest.mark.parametrize(('model', 'ranks'), [(None, 1), (NNCLR, 2)])
def test_killed_and_resumed_equals_uninterrupted(model, ranks, tmp_path):
    """Killed in the second epoch; the checkpoint is inside it, too."""
    setting = dict(default_hooks=dict(checkpoint=EVERY_5, views=BATCHED))
    setting |= dict(model=dict(model, top_k=3)) if model else {}
    whole = on(ranks, tmp_path / 'whole', **setting)
    with pytest.raises(Exception):  # noqa: B017, PT011 - of a killed process
        on(ranks, tmp_path / 'killed', kill_at=6, **setting)
    again = on(ranks, tmp_path / 'killed', resume=True, **setting)
    assert_identical(again, whole)
