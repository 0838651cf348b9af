"""Loss modules alone, and inside unmodified heads of upstream."""

import math

import pytest
import torch
from mmpretrain.registry import MODELS
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmdcl.models import (
    DCLHead,
    DCLWHead,
    DecoupledCrossEntropyLoss,
    WeightedDecoupledCrossEntropyLoss,
)
from tests.ranks import on_ranks

LOSSES = {
    'dcl': dict(type='mmdcl.DecoupledCrossEntropyLoss'),
    'dclw': dict(
        type='mmdcl.WeightedDecoupledCrossEntropyLoss', temperature=0.2
    ),
}
HEADS = {'dcl': DCLHead(0.2), 'dclw': DCLWHead(0.2)}


def by_loops(logits, labels, tau=None, sigma=0.5):
    """One scalar at a time; weighted where there is a temperature."""
    rows = []
    positives = [row[i] for row, i in zip(logits, labels, strict=True)]
    similar = [math.exp(p.item() * (tau or 0) / sigma) for p in positives]
    mean = sum(similar) / len(similar)
    for row, label, p, x in zip(
        logits, labels, positives, similar, strict=True
    ):
        others = sum(torch.exp(y) for j, y in enumerate(row) if j != label)
        weight = 2 - x / mean if tau else 1
        rows.append(torch.log(others) - weight * p)
    return sum(rows) / len(rows)


@pytest.mark.parametrize(
    ('module', 'tau'),
    [
        (DecoupledCrossEntropyLoss(), None),
        (WeightedDecoupledCrossEntropyLoss(0.2), 0.2),
    ],
)
def test_value_and_gradient_are_those_of_loops(module, tau):
    logits = (torch.rand(5, 7, dtype=torch.double) * 10 - 5).requires_grad_()
    labels = torch.tensor([3, 0, 6, 3, 1])
    expected = by_loops(logits, labels.tolist(), tau)
    loss = module(logits, labels)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss, logits),
        torch.autograd.grad(expected, logits),
    )


@pytest.mark.parametrize('name', LOSSES)
def test_in_upstreams_head_it_is_our_head(name):
    pos = (torch.rand(6, 1) * 2 - 1).requires_grad_()
    neg = (torch.rand(6, 9) * 2 - 1).requires_grad_()
    upstream = MODELS.build(
        dict(
            type='mmpretrain.ContrastiveHead',
            loss=LOSSES[name],
            temperature=0.2,
        )
    )
    loss, expected = (h.loss(pos, neg) for h in (upstream, HEADS[name]))
    torch.testing.assert_close(loss, expected, rtol=2e-6, atol=0)
    torch.testing.assert_close(
        *(torch.autograd.grad(x, (pos, neg)) for x in (loss, expected)),
        rtol=2e-6,
        atol=1e-8,
    )


def test_it_is_multiplied_by_its_weight_and_in_float32():
    logits, labels = torch.randn(4, 6).half(), torch.arange(4)
    with torch.autocast('cpu', torch.bfloat16):
        loss = DecoupledCrossEntropyLoss(0.4)(logits, labels)
    expected = 0.4 * DecoupledCrossEntropyLoss()(logits.float(), labels)
    assert torch.equal(loss, expected)
    assert loss.dtype == torch.float32


@pytest.mark.parametrize(
    ('logits', 'labels', 'error', 'says'),
    [
        ((3, 1), torch.zeros(3).long(), ValueError, r'got \(3, 1\)'),
        ((3,), torch.zeros(3).long(), ValueError, r'got \(3,\)'),
        ((3, 4), torch.zeros(2).long(), ValueError, r'3 rows .* got \(2,\)'),
        ((3, 4), torch.zeros(3, 4), ValueError, r'got \(3, 4\)'),
        ((3, 4), torch.zeros(3), TypeError, 'whole numbers, got torch.float'),
    ],
)
def test_what_has_no_positive_is_refused(logits, labels, error, says):
    with pytest.raises(error, match=says):
        DecoupledCrossEntropyLoss()(torch.zeros(logits), labels)


def test_settings_are_checked():
    with pytest.raises(ValueError, match='temperature'):
        WeightedDecoupledCrossEntropyLoss(temperature=0)
    with pytest.raises(TypeError, match='loss_weight'):
        DecoupledCrossEntropyLoss(loss_weight='1')


class Predictor(nn.Module):
    """Takes and gives tuples, as upstream's necks do."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(2)
        self.weight = nn.Parameter(
            torch.randn(5, 5, generator=generator, dtype=torch.double)
        )

    def forward(self, x):
        return (torch.tanh(x[0] @ self.weight),)


class MoCoV3(nn.Module):
    """Upstream's head over an encoder without batch statistics."""

    def __init__(self, name):
        super().__init__()
        self.encoder = Predictor()
        self.head = MODELS.build(
            dict(
                type='mmpretrain.MoCoV3Head',
                predictor=dict(type='mmpretrain.LinearNeck', in_channels=1)
                | dict(out_channels=1),
                loss=LOSSES[name],
                temperature=0.2,
            )
        )
        self.head.predictor = Predictor()

    def forward(self, view1, view2):
        return self.head.loss(self.encoder([view1])[0], view2)


def gradient(model, views):
    loss = model(*views)
    loss.backward()
    return loss.detach(), [x.grad for x in model.parameters()]


def gradient_on_rank(rank, name, views, images):
    mine = [view[rank * images : (rank + 1) * images] for view in views]
    return gradient(DistributedDataParallel(MoCoV3(name)), mine)


@pytest.mark.parametrize('name', LOSSES)
@pytest.mark.parametrize('ranks', [2, 3])
def test_moco_v3_on_ranks_is_one_process(ranks, name):
    views = [torch.randn(6, 5, dtype=torch.double) for _ in range(2)]
    ((expected, gradients),) = on_ranks(1, gradient_on_rank, name, views, 6)
    for loss, found in on_ranks(
        ranks, gradient_on_rank, name, views, 6 // ranks
    ):
        torch.testing.assert_close(loss, expected)
        torch.testing.assert_close(found, gradients)
