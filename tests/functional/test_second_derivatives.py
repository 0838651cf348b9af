"""What tiles cannot do is refused by name; the whole matrix can do it all."""

from functools import partial

import pytest
import torch
from torch import func
from torch.autograd import forward_ad, functional, grad, gradgradcheck

from mmdcl.functional import (
    class_contrast,
    dcl,
    gather_with_gradient,
    info_nce,
    neighbor_contrast,
    two_view_contrast,
)
from mmdcl.functional.kernel import FEWEST_IMAGES
from tests.ranks import on_ranks

pytestmark = pytest.mark.filterwarnings(
    'ignore:.*torch.jit', 'ignore:Using backward.. with create_graph'
)
refused = partial(pytest.raises, NotImplementedError, match='`tile=0`')
CONTRASTS = {
    'two views': lambda a, b, **kw: two_view_contrast(a, b, **kw),
    'neighbours': lambda a, b, **kw: neighbor_contrast(a, b, b, a, **kw),
    'both views': lambda a, b, **kw: neighbor_contrast(
        a, b, b, a, both_views=True, **kw
    ),
    'classes': lambda a, b, **kw: class_contrast(
        (a, b), torch.tensor([0, 1, 0, -1]), **kw
    ),
}
LOSSES = {'dcl': dcl, 'info_nce': info_nce}


def views(n=4, d=3):
    torch.manual_seed(0)
    return [
        torch.randn(n, d, dtype=torch.double).requires_grad_() for _ in '12'
    ]


def mean_loss(contrast, loss, tile, temperature=0.3):
    def value(*z):
        rows = CONTRASTS[contrast](*z, temperature=temperature, tile=tile)
        return LOSSES[loss](rows.pos, rows.s, temperature).mean()

    return value


def backward_twice(f, z):
    f(*z).backward(create_graph=True)
    first, z[0].grad, z[1].grad = z[0].grad, None, None
    first.sum().backward()


def forward_mode(f, z):
    with forward_ad.dual_level():
        f(forward_ad.make_dual(z[0], torch.ones_like(z[0])), z[1])


def batched_gradients(f, z):
    value = f(*z)
    grad(value, z, torch.ones(2, dtype=torch.double), is_grads_batched=True)


WAYS = {
    'grad twice': lambda f, z: grad(
        grad(f(*z), z, create_graph=True)[0].sum(), z
    ),
    'backward twice': backward_twice,
    'gradgradcheck': gradgradcheck,
    'hessian': lambda f, z: functional.hessian(f, tuple(z)),
    'hvp': lambda f, z: functional.hvp(f, tuple(z), tuple(z)),
    'forward mode': forward_mode,
    'batched gradients': batched_gradients,
    'func.grad': lambda f, z: func.grad(f)(*z),
    'func.hessian': lambda f, z: func.hessian(f)(*z),
    'jvp': lambda f, z: func.jvp(f, tuple(z), tuple(z)),
    'jacrev': lambda f, z: func.jacrev(f)(*z),
    'vmap': lambda f, z: func.vmap(f)(*(torch.stack([x, x]) for x in z)),
}


@pytest.mark.parametrize('loss', LOSSES)
@pytest.mark.parametrize('contrast', CONTRASTS)
@pytest.mark.parametrize('way', WAYS)
def test_tiles_refuse_and_the_whole_matrix_does_not(way, contrast, loss):
    with refused():
        WAYS[way](mean_loss(contrast, loss, 2), views())
    WAYS[way](mean_loss(contrast, loss, 0), views())


def test_few_images_have_all_derivatives_without_being_asked():
    loss = mean_loss('two views', 'dcl', None)
    WAYS['grad twice'](loss, views(FEWEST_IMAGES - 1))
    with refused():
        WAYS['grad twice'](loss, views(FEWEST_IMAGES))


def test_a_graph_of_the_gradient_alone_is_no_reason_to_refuse():
    z = views()
    loss = mean_loss('two views', 'dcl', 2)
    first = grad(loss(*z), z)
    torch.testing.assert_close(grad(loss(*z), z, create_graph=True), first)


def test_neighbours_may_be_constants():
    """As in NNCLR: one of two gradients is not asked for."""
    z = views()
    constant = [x.detach() for x in z]
    loss = neighbor_contrast(*constant, *z, 0.3, tile=2).s.sum()
    first = grad(loss, z, create_graph=True)
    dense = neighbor_contrast(*constant, *z, 0.3, tile=0).s.sum()
    torch.testing.assert_close(first, grad(dense, z))
    with refused():
        grad(first[0].sum(), z)


@pytest.mark.parametrize('contrast', CONTRASTS)
def test_a_temperature_with_a_gradient(contrast):
    z, epsilon = views(), 1e-6
    tau = torch.tensor(0.3, dtype=torch.double, requires_grad=True)
    for tile, low in ((None, tau), (3, tau), (None, tau * 0.01)):
        with refused():
            mean_loss(contrast, 'dcl', tile, low)(*z)
    with refused():
        func.grad(lambda t: mean_loss(contrast, 'dcl', None, t)(*z))(
            tau.detach()
        )
    with refused():
        func.jvp(
            lambda t: mean_loss(contrast, 'dcl', None, t)(*z),
            (tau.detach(),),
            (tau.detach(),),
        )
    (found,) = grad(mean_loss(contrast, 'dcl', 0, tau)(*z), tau)
    above, below = (
        mean_loss(contrast, 'dcl', 2, 0.3 + e)(*z) for e in (epsilon, -epsilon)
    )
    torch.testing.assert_close(found, (above - below) / (2 * epsilon))
    constant = mean_loss(contrast, 'dcl', 2, tau.detach())(*z)
    torch.testing.assert_close(constant, mean_loss(contrast, 'dcl', 0)(*z))


def second(rank, z, sizes):
    """Second derivatives of the sum of all ranks' losses."""
    start = sum(sizes[:rank])
    own = z[:, start : start + sizes[rank]].clone().requires_grad_()
    rows = two_view_contrast(*own, 0.3, 0).s.square()
    loss = gather_with_gradient(rows).sum()
    (first,) = grad(loss / len(sizes), own, create_graph=True)
    (first * torch.sin(own)).sum().backward()
    return own.grad


def test_second_derivatives_over_ranks():
    z = torch.stack(views(5)).detach()
    found = torch.cat(on_ranks(2, second, z, [3, 2]), 1)
    torch.testing.assert_close(found, second(0, z, [5]))
