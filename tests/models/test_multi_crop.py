"""Views of two sizes, as multi-crop gives them, against the loops."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmdcl.models import NNCLR, SimCLR
from tests.models.test_nnclr import PAPER, Predictor, grads
from tests.models.test_simclr import HEADS, MODELS
from tests.ranks import on_ranks
from tests.reference import neighbor_contrastive, views_contrastive

SIDES = (4, 4, 2, 2)  # two large views and two small crops


class Pooled(nn.Module):
    """An encoder of images of any size, without batch statistics."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        weight = torch.randn(9, 6, generator=generator, dtype=torch.double)
        self.weight = nn.Parameter(0.3 * weight)

    def forward(self, x):
        x = x.flatten(2)
        statistics = torch.cat([x.mean(2), x.amax(2), x.amin(2)], dim=1)
        return (torch.tanh(statistics.to(self.weight.dtype) @ self.weight),)


def crops(images, sides=SIDES):
    return [
        torch.randn(images, 3, side, side, dtype=torch.double)
        for side in sides
    ]


def simclr(head, tile=None):
    head = MODELS.build(HEADS[head])
    return SimCLR(Pooled(), nn.Identity(), head, tile=tile).train()


def nnclr(head, tile=None, **kwargs):
    model = NNCLR(
        Pooled(),
        nn.Identity(),
        Predictor(),
        MODELS.build(HEADS[head]),
        support_set=dict(size=10, dim=6),
        tile=tile,
        **kwargs,
    )
    return model.double().train()


@pytest.mark.parametrize('sides', [SIDES, (4, 2, 2), (3, 3, 3)])
@pytest.mark.parametrize('tile', [0, 3])
@pytest.mark.parametrize('head', HEADS)
def test_simclr_equals_the_loops_in_value_and_gradient(head, tile, sides):
    views, model = crops(3, sides), simclr(head, tile)
    loss = model(views, mode='loss')['loss']
    [grad] = torch.autograd.grad(loss, model.backbone.weight)
    expected = views_contrastive(
        head.removesuffix('_attached'),
        [model.backbone(view)[0] for view in views],
        tau=0.1,
        detach='attached' not in head,
    )
    [wanted] = torch.autograd.grad(expected, model.backbone.weight)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(grad, wanted)


@pytest.mark.parametrize('negatives', ['other_view', 'both_views'])
@pytest.mark.parametrize('tile', [0, 3])
@pytest.mark.parametrize('head', PAPER)
def test_nnclr_equals_the_loops_in_value_and_gradient(head, tile, negatives):
    """Neighbours are of the large views, the set holds first views alone."""
    model, queue = nnclr(head, tile, negatives=negatives), []
    for _ in range(4):
        views = crops(3)
        losses = model(views, mode='loss')
        losses['loss'].backward()
        found = [grad.clone() for grad in grads(model)]
        model.zero_grad()
        assert losses['self_match'] == 0
        z = [model.backbone(view)[0] for view in views]
        if queue:
            p = [model.predictor((view,))[0] for view in z]
            all_views = negatives == 'both_views'
            expected = neighbor_contrastive(
                head, queue, z[:2], p, 0.1, all_views
            )
            expected.backward()
            torch.testing.assert_close(
                losses['loss'].detach(), expected.detach()
            )
            torch.testing.assert_close(found, grads(model))
            model.zero_grad()
        queue = [*queue, *F.normalize(z[0].detach(), dim=1)][-10:]
        nearest = model.support_set.rows[:10].double() @ torch.stack(queue).T
        torch.testing.assert_close(
            nearest.amax(0), torch.ones_like(nearest[0]), rtol=0, atol=1e-6
        )


def train(rank, steps, sizes):
    """Both algorithms with each head and in tiles: logs, weights, the set."""
    record = []
    for build in (simclr, nnclr):
        for way in [('dcl', 0), ('info_nce', 3), ('dclw', 3)]:
            model = build(*way)
            several = len(sizes[0]) > 1
            whole = DistributedDataParallel(model) if several else model
            for views, split in zip(steps, sizes, strict=True):
                mine = slice(sum(split[:rank]), sum(split[: rank + 1]))
                losses = whole([view[mine] for view in views], mode='loss')
                model.zero_grad()
                losses['loss'].backward()
                with torch.no_grad():
                    for parameter in model.parameters():
                        parameter -= 0.1 * parameter.grad
                logs = {k: v.detach().double() for k, v in losses.items()}
                state = {k: v.clone() for k, v in model.state_dict().items()}
                record.append((logs, state))
    return record


@pytest.mark.parametrize(
    'sizes', [[(3, 1), (0, 3), (2, 2)], [(2, 1, 3), (1, 0, 2), (1, 2, 1)]]
)
def test_ranks_equal_one_process(sizes):
    """Loss, logs, weights, support set; unequal and no images included."""
    steps = [crops(sum(split)) for split in sizes]
    expected = train(0, steps, [(sum(split),) for split in sizes])
    for record in on_ranks(len(sizes[0]), train, steps, sizes):
        torch.testing.assert_close(record, expected)


@pytest.mark.parametrize('build', [simclr, nnclr])
def test_autocast_leaves_the_loss_in_full_precision(build):
    views = crops(4)
    expected, model = build('dcl').float(), build('dcl').float()
    for _ in range(2):  # the first of NNCLR has no neighbours
        wanted = expected(views, mode='loss')['loss']
        with torch.autocast('cpu', torch.bfloat16):
            loss = model(views, mode='loss')['loss']
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, wanted, rtol=0.02, atol=0.02)
    loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize('build', [simclr, nnclr])
def test_errors_say_what_to_do(build):
    views = crops(4)
    message = r'large views come first .* got views of 2 x 2, 4 x 4, 4 x 4 px'
    with pytest.raises(ValueError, match=message):
        build('dcl')([views[2], *views[:2]], mode='loss')
    with pytest.raises(ValueError, match=r'two views .* got 1 view'):
        build('dcl')(views[:1], mode='loss')
    with pytest.raises(ValueError, match=r'at least 2 images'):
        build('dcl')(crops(1), mode='loss')
