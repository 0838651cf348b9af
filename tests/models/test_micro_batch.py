"""Micro-batches: exact for every algorithm, over ranks, and told in time."""

import pytest
import torch
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmdcl.models import NNCLR, SimCLR, SupCon
from tests.models.test_nnclr import Predictor
from tests.models.test_simclr import HEADS
from tests.ranks import on_ranks

RIVALS = {'dhel': 'DHELHead', 'macl': 'MACLHead'}
HEADS = HEADS | {name: dict(type=f'mmdcl.{x}') for name, x in RIVALS.items()}
SIZES = {2: [(4, 2), (2, 4)], 3: [(1, 4, 2), (2, 0, 4)]}


class Encoder(nn.Module):
    """Of images of any size, without batch statistics, in float64."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 1, dtype=torch.double)
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            self.conv.weight.normal_(generator=generator)
            self.conv.bias.zero_()

    def forward(self, x):
        return (torch.tanh(self.conv(x)).mean((2, 3)),)


def build(kind, micro_batch=None):
    name, _, head = kind.partition(' ')
    parts = [Encoder(), nn.Identity(), MODELS.build(HEADS[head])]
    more = dict(micro_batch=micro_batch)
    if name == 'NNCLR':
        more['support_set'] = dict(size=10, dim=6)
        parts.insert(2, Predictor())
    kinds = dict(SimCLR=SimCLR, crops=SimCLR, NNCLR=NNCLR, SupCon=SupCon)
    return kinds[name](*parts, **more).double().train()


KINDS = [f'SimCLR {head}' for head in HEADS]
KINDS += ['crops dcl', 'NNCLR dcl', 'SupCon dcl', 'SupCon dclw']


def batches(kind, sizes):
    """Two views of 4 px; of crops three more of 3 px. Two classes."""
    generator = torch.Generator().manual_seed(7)
    pixels = [4, 4, 3, 3, 3] if kind.startswith('crops') else [4, 4]
    for split in sizes:
        images = sum(split)
        samples = [DataSample().set_gt_label(i % 2) for i in range(images)]
        views = [
            torch.randn(
                images, 3, px, px, generator=generator, dtype=torch.double
            )
            for px in pixels
        ]
        yield views, samples, split


def course(rank, kind, sizes, micro_batch, ranks=1):
    """Plain gradient descent; logs, and weights and buffers, of each step."""
    model = build(kind, micro_batch)
    parallel = DistributedDataParallel(model) if ranks > 1 else model
    record = []
    for views, samples, split in batches(kind, sizes):
        mine = slice(sum(split[:rank]), sum(split[: rank + 1]))
        mine = mine if ranks > 1 else slice(None)
        given = [x[mine] for x in views], samples[mine]
        losses = parallel(*given, mode='loss')
        model.zero_grad()
        losses['loss'].backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 0.1 * parameter.grad
        state = {k: v.clone() for k, v in model.state_dict().items()}
        logs = {k: v.detach().double() for k, v in losses.items()}
        record.append((logs, state))
    return record


def all_courses(rank, *given):
    return [course(rank, kind, *given) for kind in KINDS]


@pytest.mark.parametrize('kind', KINDS)
def test_equals_one_pass_over_several_steps(kind):
    sizes = [(6,), (4,), (2,)]
    expected = course(0, kind, sizes, None)
    torch.testing.assert_close(course(0, kind, sizes, 2), expected)


def test_a_micro_batch_is_of_the_same_images_in_each_view():
    """As BatchNorm sees them; small crops are in calls of their own."""
    model, seen = build('crops dcl', 2), []
    model.backbone.conv.register_forward_pre_hook(
        lambda module, args: seen.append(args[0])
    )
    [(views, samples, _)] = batches('crops', [(4,)])
    model(views, samples, mode='loss')
    parts = [(some, i) for some in (views[:2], views[2:]) for i in (0, 2)]
    expected = [torch.cat([x[i : i + 2] for x in some]) for some, i in parts]
    torch.testing.assert_close(seen, expected)


@pytest.mark.parametrize('ranks', [2, 3])
def test_ranks_equal_one_pass_of_one_process(ranks):
    """Unequal batches, of one micro-batch, two, less than one and none."""
    sizes = SIZES[ranks] * 2
    found = on_ranks(ranks, all_courses, sizes, 2, ranks)
    for i, kind in enumerate(KINDS):
        expected = course(0, kind, sizes, None)
        for one in found:
            torch.testing.assert_close(one[i], expected)
