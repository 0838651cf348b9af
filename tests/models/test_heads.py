"""Heads alone, and inside unmodified upstream algorithms."""

import pytest
import torch
from mmpretrain.registry import MODELS

from mmdcl.functional import dcl, log_sum_negatives
from mmdcl.models import DCLHead, DCLWHead, InfoNCEHead

HEADS = {
    'InfoNCEHead': InfoNCEHead,
    'DCLHead': DCLHead,
    'DCLWHead': DCLWHead,
}


def cosines(n=8, k=20, dtype=torch.double):
    pos = (torch.rand(n, 1, dtype=dtype) * 2 - 1).requires_grad_()
    neg = (torch.rand(n, k, dtype=dtype) * 2 - 1).requires_grad_()
    return pos, neg


def test_info_nce_equals_upstream_in_value_and_gradient():
    upstream = MODELS.build(
        dict(
            type='mmpretrain.ContrastiveHead',
            loss=dict(type='mmpretrain.CrossEntropyLoss'),
            temperature=0.1,
        )
    )
    pos, neg = cosines()
    expected = upstream.loss(pos, neg)
    expected_grads = torch.autograd.grad(expected, (pos, neg))
    loss = InfoNCEHead(temperature=0.1).loss(pos, neg)
    torch.testing.assert_close(loss, expected)
    grads = torch.autograd.grad(loss, (pos, neg))
    torch.testing.assert_close(grads, expected_grads)


def test_dclw_becomes_dcl_for_infinite_sigma():
    pos, neg = cosines()
    weighted = DCLWHead(sigma=1e9).loss(pos, neg)
    torch.testing.assert_close(weighted, DCLHead().loss(pos, neg))


def test_detach_decides_whether_similar_positives_repel():
    pos, neg = cosines(n=4)
    pos = torch.tensor([[0.9], [0.1], [0.0], [-0.1]], requires_grad=True)
    neg = neg.detach().float()
    detached, attached = (
        torch.autograd.grad(DCLWHead(detach=d).loss(pos, neg), pos)[0]
        for d in (True, False)
    )
    weight = 2 - torch.exp(pos / 0.5) / torch.exp(pos / 0.5).mean()
    expected = -weight / 0.1 / 4
    torch.testing.assert_close(detached, expected.detach())
    assert (attached - detached).abs().max() > 1
    (default,) = torch.autograd.grad(DCLWHead().loss(pos, neg), pos)
    assert torch.equal(default, detached)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('name', HEADS)
def test_arithmetic_is_float32_under_autocast(name, dtype):
    pos, neg = (x.detach().to(dtype) for x in cosines())
    head = HEADS[name](temperature=0.01)
    expected = head.loss(pos.float(), neg.float())
    with torch.autocast('cpu', torch.bfloat16):
        loss = head.loss(pos, neg)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, expected)


def test_positive_may_be_a_row_or_a_column():
    pos, neg = cosines()
    expected = dcl(pos.flatten(), log_sum_negatives(neg, 0.1), 0.1).mean()
    for p in (pos, pos.flatten()):
        torch.testing.assert_close(DCLHead().loss(p, neg), expected)


@pytest.mark.parametrize('name', HEADS)
def test_errors_name_what_they_got(name):
    head, (pos, neg) = HEADS[name](), cosines()
    with pytest.raises(ValueError, match=r'`pos` must be .* got \(64, 3\)'):
        head.loss(torch.zeros(64, 3), torch.zeros(64, 9))
    with pytest.raises(ValueError, match=r'got \(7, 20\) for `pos` \(8, 1\)'):
        head.loss(pos, neg[:7])
    with pytest.raises(ValueError, match=r'K >= 1, got \(8, 0\)'):
        head.loss(pos, neg[:, :0])
    with pytest.raises(ValueError, match=r'no images|got none'):
        head.loss(pos[:0], neg[:0])
    with pytest.raises(ValueError, match=r'`temperature` must be .* got 0'):
        HEADS[name](temperature=0)
    with pytest.raises(ValueError, match=r'`sigma` must be'):
        DCLWHead(sigma=-1)
    with pytest.raises(TypeError, match=r'`detach` must be True or False'):
        DCLWHead(detach='False')


RESNET = dict(type='ResNet', depth=18, stem_channels=8, base_channels=8)
ALGORITHMS = {
    'SimCLR': dict(
        neck=dict(
            type='NonLinearNeck',
            in_channels=64,
            hid_channels=16,
            out_channels=8,
            norm_cfg=dict(type='BN1d'),
        ),
    ),
    'MoCo v1': dict(
        queue_len=32,
        feat_dim=8,
        neck=dict(type='LinearNeck', in_channels=64, out_channels=8),
    ),
    'MoCo v2': dict(
        queue_len=32,
        feat_dim=8,
        neck=dict(
            type='MoCoV2Neck', in_channels=64, hid_channels=16, out_channels=8
        ),
    ),
    'DenseCL': dict(
        queue_len=32,
        feat_dim=8,
        neck=dict(
            type='DenseCLNeck',
            in_channels=64,
            hid_channels=16,
            out_channels=8,
        ),
    ),
}


@pytest.mark.parametrize('head', HEADS)
@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_drops_into_unmodified_upstream_algorithms(algorithm, head):
    """By type string, with the gradient of the loss reaching the backbone."""
    model = MODELS.build(
        dict(
            type=algorithm.split()[0],
            backbone=RESNET,
            head=dict(type=f'mmdcl.{head}', temperature=0.2),
            **ALGORITHMS[algorithm],
        )
    )
    model.train()
    seen = []
    rows = model.head.rows
    model.head.rows = lambda pos, s: seen.append(len(pos)) or rows(pos, s)
    views = list(torch.randn(2, 4, 3, 32, 32))
    losses = model(views, mode='loss')
    loss, _ = model.parse_losses(losses)
    loss.backward()
    assert seen
    assert type(model).__module__.startswith('mmpretrain.')
    assert model.backbone.conv1.weight.grad.abs().sum() > 0
