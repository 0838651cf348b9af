"""The algorithm, and that many processes equal one."""

import pytest
import torch
from mmpretrain.registry import MODELS
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmdcl.models import DCLHead, SimCLR
from tests.ranks import on_ranks
from tests.reference import contrastive

HEADS = {
    'info_nce': dict(type='mmdcl.InfoNCEHead'),
    'dcl': dict(type='mmdcl.DCLHead'),
    'dclw': dict(type='mmdcl.DCLWHead'),
    'dclw_attached': dict(type='mmdcl.DCLWHead', detach=False),
}


class Flat(nn.Module):
    """An encoder without batch statistics, in float64."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.weight = nn.Parameter(
            torch.randn(12, 6, generator=generator, dtype=torch.double)
        )

    def forward(self, x):
        return (torch.tanh(x.flatten(1) @ self.weight),)


def build(head, tile=None):
    return SimCLR(Flat(), nn.Identity(), MODELS.build(HEADS[head]), tile=tile)


def step(model, views):
    model = model.train()
    losses = model(views, mode='loss')
    losses['loss'].backward()
    return losses['loss'].detach()


def step_on_rank(rank, ways, views, sizes):
    start = sum(sizes[:rank])
    mine = [view[start : start + sizes[rank]] for view in views]
    found = []
    for way in ways:
        model = DistributedDataParallel(build(*way))
        logs = {k: v.detach() for k, v in model(mine, mode='loss').items()}
        model.zero_grad()
        step(model, mine)
        found.append((logs, model.module.backbone.weight.grad))
    return found


@pytest.mark.parametrize('sizes', [(4, 2), (2, 0, 3)])
def test_ranks_equal_one_process(sizes):
    """Loss, logs, averaged gradient; unequal and no images included."""
    views = list(torch.randn(2, sum(sizes), 3, 2, 2, dtype=torch.double))
    ways = [(head, tile) for head in HEADS for tile in (0, 3)]
    results = on_ranks(len(sizes), step_on_rank, ways, views, sizes)
    for i, (head, _) in enumerate(ways):
        model = build(head)
        model.zero_grad()
        logs = model.train()(views, mode='loss')
        logs['loss'].backward()
        for rank in results:
            torch.testing.assert_close(rank[i][0], logs)
            torch.testing.assert_close(rank[i][1], model.backbone.weight.grad)


@pytest.mark.parametrize('tile', [None, 3])
@pytest.mark.parametrize('head', HEADS)
def test_equals_the_loops_in_value_and_gradient(head, tile):
    views = list(torch.randn(2, 4, 3, 2, 2, dtype=torch.double))
    model = build(head, tile)
    loss = step(model, views)
    grad, model.backbone.weight.grad = model.backbone.weight.grad, None
    expected = contrastive(
        head.removesuffix('_attached'),
        *(model.backbone(view)[0] for view in views),
        tau=0.1,
        detach='attached' not in head,
    )
    expected.backward()
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(grad, model.backbone.weight.grad)


def test_equals_upstream_simclr_on_one_process():
    upstream = MODELS.build(
        dict(
            type='mmpretrain.SimCLR',
            backbone=Flat(),
            neck=nn.Identity(),
            head=MODELS.build(
                dict(
                    type='mmpretrain.ContrastiveHead',
                    loss=dict(type='mmpretrain.CrossEntropyLoss'),
                )
            ),
        )
    )
    ours = build('info_nce')
    views = list(torch.randn(2, 5, 3, 2, 2, dtype=torch.double))
    torch.testing.assert_close(step(ours, views), step(upstream, views))
    torch.testing.assert_close(
        ours.backbone.weight.grad, upstream.backbone.weight.grad
    )


def test_logs_beside_the_loss_are_not_summed_into_it():
    losses = build('dcl')(
        list(torch.randn(2, 4, 3, 2, 2).double()), mode='loss'
    )
    assert set(losses) == {
        'loss',
        'npc_multiplier',
        'pos_cosine',
        'neg_cosine',
    }
    total, _ = build('dcl').parse_losses(losses)
    assert torch.equal(total, losses['loss'])
    assert 0 < losses['npc_multiplier'] < 1


@pytest.mark.parametrize('norm', ['BN', 'SyncBN', 'GN'])
def test_any_norm_trains_on_a_single_cpu_process(norm):
    norm_cfg = dict(type=norm, **({'num_groups': 4} if norm == 'GN' else {}))
    model = MODELS.build(
        dict(
            type='mmdcl.SimCLR',
            backbone=dict(
                type='ResNet',
                depth=18,
                stem_channels=8,
                base_channels=8,
                norm_cfg=norm_cfg,
            ),
            neck=dict(
                type='NonLinearNeck',
                in_channels=64,
                hid_channels=16,
                out_channels=8,
            ),
            head=dict(type='mmdcl.DCLHead'),
        )
    )
    loss = step(model, list(torch.randn(2, 4, 3, 32, 32)))
    assert loss.isfinite()


@pytest.mark.parametrize('kind', ['mmdcl.DCLHead', DCLHead])
def test_types_are_names_or_classes(kind):
    """As in configs of text and of Python."""
    model = SimCLR(Flat(), nn.Identity(), dict(type=kind, temperature=0.2))
    assert type(model.head) is DCLHead
    wrong = 'mmpretrain.ContrastiveHead'
    if kind is DCLHead:
        wrong = MODELS.get(wrong)
    with pytest.raises(TypeError, match=r'got ContrastiveHead; write'):
        SimCLR(Flat(), nn.Identity(), dict(type=wrong))


def test_errors_say_what_to_do():
    x = torch.randn(2, 1, 3, 2, 2, dtype=torch.double)
    with pytest.raises(
        ValueError, match=r'at least 2 images in the .*got 1.*drop_last'
    ):
        build('dcl')(list(x), mode='loss')
    with pytest.raises(ValueError, match=r'two views .* got 1 view'):
        build('dcl')([x[0]], mode='loss')
    with pytest.raises(ValueError, match=r'got one tensor'):
        build('dcl')(x[0], mode='loss')
    upstream = MODELS.build(
        dict(
            type='mmpretrain.ContrastiveHead',
            loss=dict(type='mmpretrain.CrossEntropyLoss'),
        )
    )
    with pytest.raises(TypeError, match=r'mmdcl\.InfoNCEHead'):
        SimCLR(Flat(), nn.Identity(), upstream)
