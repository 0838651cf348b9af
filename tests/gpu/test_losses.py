"""Every loss equals itself in float64 on the host, in value and gradient.

Inputs of half precision are given to both as they are, so that all that may
differ is the arithmetic, which is float32 whatever the inputs and the
autocast: a cosine is off by a few of its roundings, a logit by that over the
temperature. A gradient goes back to its input's precision, rounded once.
"""

from collections.abc import Callable

import pytest
import torch

from mmdcl.functional import class_contrast, neighbors_contrast
from mmdcl.models import heads, rivals
from tests.gpu import exact

pytestmark = pytest.mark.gpu
IMAGES, WIDTH, TEMPERATURE = 150, 64, 0.1
TILE = 64  # of 300 rows: several, and the last ones are narrow
CLASSES = torch.arange(IMAGES) % 7
EPS = torch.finfo(torch.float32).eps
VALUE = 4 * EPS / TEMPERATURE
GRADIENT = 8 * EPS
# As a GradScaler would: float16 has no room for a gradient of a mean.
SCALE = 2.0**10
# Of the inputs, and of the autocast around all of it.
PRECISIONS = {
    'float32': (torch.float32, None),
    'float32, autocast': (torch.float32, torch.bfloat16),
    'bfloat16': (torch.bfloat16, torch.bfloat16),
    'float16': (torch.float16, torch.float16),
}


def views(head: torch.nn.Module) -> Callable:
    """As `mmdcl.SimCLR` does."""

    def loss(*z: torch.Tensor, tile: int) -> torch.Tensor:
        pos, s, _ = head.contrast(z, tile=tile)
        return head.loss_from_rows(pos, s)

    return loss


def neighbors(head: torch.nn.Module, all_views: bool) -> Callable:
    """As `mmdcl.NNCLR` does; neighbours have no gradient.

    They lie between the image and the one before it.
    """

    def loss(*z: torch.Tensor, tile: int) -> torch.Tensor:
        known = [x.detach().float() for x in z[:2]]
        found = [x + x.roll(1, 0) for x in known]
        given = found, z, TEMPERATURE, all_views, tile
        pos, s, _ = neighbors_contrast(*given)
        return head.loss_from_rows(pos, s)

    return loss


def classes(head: torch.nn.Module, class_positives: bool) -> Callable:
    """As `mmdcl.SupCon` does."""

    def loss(*z: torch.Tensor, tile: int) -> torch.Tensor:
        given = z, CLASSES, TEMPERATURE, class_positives, tile
        pos, s, _ = class_contrast(*given)
        return head.loss_from_rows(pos, s)

    return loss


def of_views(loss: Callable, **kwargs) -> Callable:
    def value(*z: torch.Tensor) -> torch.Tensor:
        rows = exact.view_contrast(z, TEMPERATURE, **kwargs)
        return loss(*rows, TEMPERATURE)

    return value


def of_neighbors(loss: Callable, all_views: bool) -> Callable:
    def value(*z: torch.Tensor) -> torch.Tensor:
        known = [x.detach() for x in z[:2]]
        found = [x + x.roll(1, 0) for x in known]
        rows = exact.neighbors_contrast(found, z, TEMPERATURE, all_views)
        return loss(*rows, TEMPERATURE)

    return value


def of_classes(*z: torch.Tensor) -> torch.Tensor:
    rows = exact.class_contrast(z, CLASSES, TEMPERATURE)
    return exact.dcl(*rows, TEMPERATURE)


DCL, INFO_NCE = heads.DCLHead(), heads.InfoNCEHead()
DCLW, MACL = heads.DCLWHead(), rivals.MACLHead()
CASES = {
    'DCL': (views(DCL), of_views(exact.dcl)),
    'DCLW': (views(DCLW), of_views(exact.dclw)),
    'InfoNCE': (views(INFO_NCE), of_views(exact.info_nce)),
    'DHEL': (views(rivals.DHELHead()), of_views(exact.dcl, same_view=True)),
    'MACL': (views(MACL), lambda *z: exact.macl(z, TEMPERATURE)),
    'SupCon, DCL': (classes(DCL, True), of_classes),
    'NSCL': (
        classes(INFO_NCE, False),
        of_views(exact.info_nce, classes=CLASSES),
    ),
    'NNCLR': (neighbors(INFO_NCE, False), of_neighbors(exact.info_nce, False)),
    'NNCLR, DCL': (neighbors(DCL, True), of_neighbors(exact.dcl, True)),
    'NNCLR, DCLW': (neighbors(DCLW, False), of_neighbors(exact.dclw, False)),
}


def embeddings(number: int, dtype: torch.dtype) -> list[torch.Tensor]:
    """Views that know each other, as in training, of any length."""
    torch.manual_seed(0)
    image = torch.randn(IMAGES, WIDTH)
    noise = torch.randn(number, IMAGES, WIDTH)
    return [(3 * (image + x)).to(dtype) for x in noise]


@pytest.mark.parametrize('precision', PRECISIONS)
@pytest.mark.parametrize('number', [2, 3])
@pytest.mark.parametrize('tile', [0, TILE])
@pytest.mark.parametrize('name', CASES)
def test_equals_float64(name, tile, number, precision, device):
    ours, wanted = CASES[name]
    dtype, around = PRECISIONS[precision]
    z = embeddings(number, dtype)
    known = [x.double().requires_grad_() for x in z]
    there = [x.to(device).requires_grad_() for x in z]
    expected = wanted(*known)
    with torch.autocast(device.type, around, enabled=around is not None):
        found = ours(*there, tile=tile)
    assert found.dtype == torch.float32
    assert abs(float(found) - float(expected)) < VALUE
    exact_grad = torch.stack(torch.autograd.grad(SCALE * expected, known))
    grads = torch.autograd.grad(SCALE * found, there)
    assert {(x.device, x.dtype) for x in grads} == {(device, dtype)}
    off = torch.stack(grads).double().cpu() - exact_grad
    rounding = 0 if dtype == torch.float32 else torch.finfo(dtype).eps / 2
    assert off.norm() < (GRADIENT + rounding) * exact_grad.norm()
