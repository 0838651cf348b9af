"""A whole training step on a card, seen without one.

`test_no_waiting.py` finds who asks for a number, on a CPU and on the meta
device. Here host and card are two devices: nothing of one is mixed with the
other, no copy makes the host wait, and what is made on the way is where the
model is. Numbers are not seen; `tests/gpu` sees them, on a card.
"""

import numpy as np
import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from mmdcl.engine import LARS
from mmdcl.views import apply_steps, operators
from mmdcl.views.batches import BatchViews
from mmdcl.views.operators import Step
from tests.card import CARD, Card, WaitedForError, backward
from tests.runs import NNCLR, SIMCLR
from tests.views.test_batches import addresses, dataset

SUPCON = dict(SIMCLR, type='mmdcl.SupCon')
SMALL_TILES = dict(size=100, dim=8, tile=32)
STEPS = {
    'InfoNCE': dict(SIMCLR, head=dict(type='mmdcl.InfoNCEHead')),
    'DCL': SIMCLR,
    'DCLW': dict(SIMCLR, head=dict(type='mmdcl.DCLWHead', detach=False)),
    'DHEL': dict(SIMCLR, head=dict(type='mmdcl.DHELHead')),
    'NNCLR, DCL': dict(NNCLR, support_set=SMALL_TILES),
    'NNCLR, both views': dict(NNCLR, negatives='both_views'),
    'SupCon': SUPCON,
    'NSCL': dict(SUPCON, positives='view'),
}
MACL = dict(SIMCLR, head=dict(type='mmdcl.MACLHead'))
NORMALISED = dict(
    type='mmdcl.ViewDataPreprocessor',
    mean=[120.0, 110, 100],
    std=[60.0, 50, 40],
    to_rgb=True,
)


@pytest.fixture
def card(monkeypatch):
    # Where there is no driver, both would ask for it.
    monkeypatch.setattr(torch.cuda, '_lazy_init', lambda: None)
    monkeypatch.setattr(torch.Tensor, 'pin_memory', lambda x, *_: x)
    with Card() as card:
        yield card


class Wrapper(OptimWrapper):
    def backward(self, loss, **kwargs):
        backward(loss)
        weights = [x for group in self.param_groups for x in group['params']]
        self.gradients = [x.grad for x in weights]


def build(cfg, **kwargs):
    init_default_scope('mmpretrain')
    cfg = dict(cfg, data_preprocessor=NORMALISED, **kwargs)
    model = MODELS.build(cfg).train().to(CARD, non_blocking=True)
    optimizer = LARS(model.parameters(), lr=0.1, momentum=0.9)
    return model, Wrapper(optimizer)


def batch(sizes=(16, 16)):
    """Pixels and what describes them, on the host."""
    samples = [DataSample(sample_idx=i).set_gt_label(i % 2) for i in range(4)]
    inputs = [torch.zeros(4, 3, x, x, dtype=torch.uint8) for x in sizes]
    return dict(inputs=inputs, data_samples=samples)


def check_step(card, cfg, steps=1, sizes=(16, 16), **kwargs):
    model, wrapper = build(cfg, **kwargs)
    for _ in range(steps):
        log = model.train_step(batch(sizes), wrapper)
    made = [*log.values(), *wrapper.gradients]
    made += [*model.parameters(), *model.buffers()]
    state = wrapper.optimizer.state
    made += [state[x]['momentum_buffer'] for x in model.parameters()]
    assert {x.device for x in made} == {CARD}
    assert {x.dtype for x in made} <= {torch.float32, torch.int64}


@pytest.mark.parametrize('name', STEPS)
def test_a_step_stays_on_the_card(name, card):
    check_step(card, STEPS[name], tile=0)


@pytest.mark.parametrize('name', ['DCL', 'DHEL', 'NNCLR, DCL', 'SupCon'])
def test_in_tiles(name, card):
    check_step(card, STEPS[name], tile=2)


@pytest.mark.parametrize('name', ['DCLW', 'NNCLR, DCL'])
def test_a_second_step_of_views_of_two_sizes(name, card):
    check_step(card, STEPS[name], steps=2, sizes=(16, 16, 8))


def test_macl_asks_for_its_temperature(card):
    model, wrapper = build(MACL)
    with pytest.raises(RuntimeError, match='_local_scalar_dense'):
        model.train_step(batch(), wrapper)


def test_views_are_made_there(card, monkeypatch):
    # What hue needs is sent once for each process, and waited for.
    monkeypatch.setattr(
        operators,
        '_places',
        lambda device, bgr: torch.empty(3, 1, 1, device=device),
    )
    images = torch.empty(5, 3, 24, 24, dtype=torch.uint8, device=CARD)
    steps = np.zeros((5, len(Step), 4), np.float32)
    steps[1:, :, 0], steps[..., 1:] = np.arange(len(Step)), 0.5
    view = apply_steps(images, torch.from_numpy(steps))
    assert (view.device, view.dtype) == (CARD, torch.float32)
    card.may_wait = True  # for images and tables, once
    made = BatchViews(dataset(), CARD)
    card.may_wait = False
    views = made.views(addresses(range(40)))
    assert {x.device for x in views} == {CARD}


@pytest.mark.parametrize(
    'wrong',
    [
        lambda x: x + torch.ones(3),
        lambda x: x.index_copy_(0, torch.arange(3), x),
        lambda x: torch.ones(3).to(CARD),
        lambda x: x.copy_(torch.ones(3)),
        lambda x: torch.ones(3).copy_(x, non_blocking=True),
        lambda x: x.cpu(),
        lambda x: x[0].item(),
        lambda x: bool((x > 0).any()),
        lambda x: x[x > 0],
        lambda x: torch.unique(x),
        lambda x: x.tolist(),
    ],
)
def test_waiting_and_mixing_are_noticed(wrong, card):
    x = torch.empty(3, device=CARD)
    with pytest.raises((WaitedForError, RuntimeError)):
        wrong(x)


def test_backward_is_that_of_torch():
    """Of several outputs, of a function of our own, of a sum over paths."""
    init_default_scope('mmpretrain')
    model = MODELS.build(dict(NNCLR, tile=2)).train()
    views = list(torch.rand(2, 4, 3, 16, 16))
    model.loss(views, [])  # a neighbour of zero has no gradient
    loss = model.loss(views, [])['loss']
    loss.backward(retain_graph=True)
    wanted = [x.grad for x in model.parameters()]
    model.zero_grad()
    backward(loss)
    found = [x.grad for x in model.parameters()]
    assert any(x.abs().max() > 0 for x in wanted)
    torch.testing.assert_close(found, wanted)
