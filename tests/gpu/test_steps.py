"""A training step on a card: nobody waits, kernels are captured, memory."""

from contextlib import contextmanager

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

from mmdcl.engine import LARS, BFloat16OptimWrapper
from mmdcl.functional import dcl, view_contrast
from mmdcl.views import apply_steps
from mmdcl.views.batches import BatchViews
from tests.models.test_on_a_card import NORMALISED, STEPS, batch
from tests.views.test_batches import addresses, dataset
from tests.views.test_operators import Step, program

pytestmark = pytest.mark.gpu
TEMPERATURE = 0.1
WARM_UP, WATCHED = 3, 5  # the support set asks every twentieth step
WRAPPERS = dict(float32=OptimWrapper, bfloat16=BFloat16OptimWrapper)


@contextmanager
def nobody_waits(device):
    """To wait for the card is an error; a CPU has nobody to wait for."""
    cuda = device.type == 'cuda'
    if cuda:
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode('error')
    try:
        yield
    finally:
        if cuda:
            torch.cuda.set_sync_debug_mode('default')
    if not cuda:
        pytest.skip('it went through, but only CUDA says who waits')


def built(cfg, device, **kwargs):
    init_default_scope('mmpretrain')
    cfg = dict(cfg, data_preprocessor=NORMALISED, **kwargs)
    return MODELS.build(cfg).train().to(device)


@pytest.mark.parametrize('precision', WRAPPERS)
@pytest.mark.parametrize('tile', [0, 4])
@pytest.mark.parametrize('name', ['DCL', 'DCLW', 'NNCLR, DCL', 'SupCon'])
def test_no_step_waits(name, tile, precision, device):
    """From pixels of the host to updated weights."""
    model = built(STEPS[name], device, tile=tile)
    optimizer = LARS(model.parameters(), lr=0.1, momentum=0.9)
    wrapper = WRAPPERS[precision](optimizer=optimizer)
    data = batch()
    if device.type == 'cuda':
        data['inputs'] = [x.pin_memory() for x in data['inputs']]
    for _ in range(WARM_UP):
        model.train_step(data, wrapper)
    with nobody_waits(device):
        for _ in range(WATCHED):
            log = model.train_step(data, wrapper)
    assert log['loss'].isfinite()


def test_no_view_waits(device):
    images = torch.zeros(len(Step), 3, 32, 32, dtype=torch.uint8)
    images = images.to(device)
    steps = program(*[[(step, 0.5)] for step in Step])
    views = BatchViews(dataset(), device)
    for _ in range(WARM_UP):
        apply_steps(images, steps)
        views.views(addresses(range(40)))
    with nobody_waits(device):
        apply_steps(images, steps)
        views.views(addresses(range(40), epoch=1))


def contrast(tile):
    def loss(view1, view2):
        pos, s, _ = view_contrast((view1, view2), TEMPERATURE, tile)
        return dcl(pos, s, TEMPERATURE).mean()

    return loss


def embeddings(device, images=96):
    z = torch.randn(2, images, 32, device=device)
    return [x.clone().requires_grad_() for x in z]


def same(found, wanted, device):
    """In value and gradient, of other numbers each time."""
    for _ in range(3):
        z = embeddings(device)
        values = [loss(*z) for loss in (found, wanted)]
        torch.testing.assert_close(*values)
        grads = [torch.autograd.grad(x, z) for x in values]
        torch.testing.assert_close(*grads)


@pytest.mark.parametrize('tile', [0, 64])
def test_a_graph_of_the_loss_is_the_loss(tile, card):
    loss = contrast(tile)
    sample = tuple(embeddings(card))
    same(torch.cuda.make_graphed_callables(loss, sample), loss, card)


@pytest.mark.parametrize('tile', [0, 64])
def test_the_compiled_loss_is_the_loss(tile, device):
    loss = contrast(tile)
    torch._dynamo.reset()
    # Inductor on a card; on a CPU it would ask for a compiler of C++.
    backend = 'inductor' if device.type == 'cuda' else 'aot_eager'
    same(torch.compile(loss, backend=backend), loss, device)


def test_tiles_take_little_memory(card):
    """Less than the matrix of the logits alone, 1 GiB."""
    z = embeddings(card, images=8192)
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    contrast(None)(*z).backward()
    peak = torch.cuda.max_memory_allocated() - before
    assert peak < 4 * (2 * 8192) ** 2 / 2
