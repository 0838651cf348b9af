"""NNCLR against loops over the queue, and many processes against one."""

import pytest
import torch
import torch.nn.functional as F
from mmpretrain.structures import DataSample
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmdcl.models import NNCLR
from tests.models.test_simclr import HEADS, MODELS, Flat
from tests.ranks import on_ranks
from tests.reference import neighbor_contrastive
from tests.runs import NNCLR as RUN

PAPER = ('info_nce', 'dcl', 'dclw')


class Predictor(nn.Module):
    """Without batch statistics, in float64."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(2)
        self.weight = nn.Parameter(
            torch.randn(6, 6, generator=generator, dtype=torch.double)
        )

    def forward(self, x):
        return (torch.tanh(x[0] @ self.weight),)


def build(head, size=16, **kwargs):
    model = NNCLR(
        Flat(),
        nn.Identity(),
        Predictor(),
        MODELS.build(HEADS[head]),
        support_set=dict(size=size, dim=6),
        **kwargs,
    )
    return model.double().train()


def batches(steps, images):
    return list(torch.randn(steps, 2, images, 3, 2, 2, dtype=torch.double))


def grads(model):
    return [model.backbone.weight.grad, model.predictor.weight.grad]


@pytest.mark.parametrize('tile', [None, 3])
@pytest.mark.parametrize('negatives', ['other_view', 'both_views'])
@pytest.mark.parametrize('head', PAPER)
def test_equals_the_loops_in_value_and_gradient(head, negatives, tile):
    """Step by step: empty, filling, full and past the wrap."""
    model = build(head, size=10, negatives=negatives, tile=tile)
    queue = []
    for views in batches(5, 4):
        loss = model(list(views), mode='loss')['loss']
        loss.backward()
        found = [grad.clone() for grad in grads(model)]
        model.zero_grad()
        z = [model.backbone(view)[0] for view in views]
        p = [model.predictor((view,))[0] for view in z]
        if queue:
            expected = neighbor_contrastive(
                head, queue, z, p, 0.1, negatives == 'both_views'
            )
            expected.backward()
            torch.testing.assert_close(loss.detach(), expected.detach())
            torch.testing.assert_close(found, grads(model))
            model.zero_grad()
        else:
            assert not any(grad.any() for grad in found)
        queue = [*queue, *F.normalize(z[0].detach(), dim=1)][-10:]


def train(rank, head, steps, sizes, tile=None):
    """Plain gradient descent; the loss, weights and set after each step."""
    model = build(head, size=10, tile=tile)
    parallel = DistributedDataParallel(model) if len(sizes[0]) > 1 else model
    record = []
    for views, split in zip(steps, sizes, strict=True):
        mine = slice(sum(split[:rank]), sum(split[: rank + 1]))
        numbers = range(sum(split))[mine]
        losses = parallel(
            [view[mine] for view in views],
            samples(numbers, [number % 2 for number in numbers]),
            mode='loss',
        )
        model.zero_grad()
        losses['loss'].backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 0.1 * parameter.grad
        state = {k: v.clone() for k, v in model.state_dict().items()}
        logs = {k: v.detach().double() for k, v in losses.items()}
        record.append((logs, state))
    return record


def train_both_ways(*given):
    return [train(*given, tile) for tile in (0, 3)]


@pytest.mark.parametrize(
    'sizes', [[(3, 1), (2, 2), (4, 0), (0, 3)], [(2, 1, 3), (1, 2, 2)] * 2]
)
@pytest.mark.parametrize('head', PAPER)
def test_ranks_equal_one_process_over_several_steps(head, sizes):
    """Loss, weights and the support set, unequal and no images included."""
    steps = [
        list(torch.randn(2, sum(split), 3, 2, 2, dtype=torch.double))
        for split in sizes
    ]
    whole = [(sum(split),) for split in sizes]
    expected = train(0, head, steps, whole)
    for records in on_ranks(
        len(sizes[0]), train_both_ways, head, steps, sizes
    ):
        for record in records:
            torch.testing.assert_close(record, expected)


def samples(numbers, labels):
    found = []
    for number, label in zip(numbers, labels, strict=True):
        sample = DataSample(metainfo=dict(sample_idx=number))
        found.append(sample.set_gt_label(label))
    return found


def test_never_finds_itself_and_says_whom_it_found():
    model = build('dcl', size=8)
    first, second = batches(2, 4)
    labels = [0, 0, 1, 1]
    model(list(first), samples(range(4), labels), mode='loss')
    queries = torch.cat([model.backbone(view)[0] for view in second])
    nearest = F.normalize(queries, dim=1) @ model.support_set.rows[:4].T
    cosine, image = nearest.max(1)

    losses = model(list(second), samples(range(4, 8), labels), mode='loss')
    assert losses['self_match'] == 0
    assert losses['same_image'] == 0
    assert losses['neighbor_age'] == 1
    assert losses['support_fill'] == 0.5
    torch.testing.assert_close(
        losses['neighbor_cosine'].double(),
        cosine.mean().detach(),
        rtol=0,
        atol=1e-6,
    )
    right = (image // 2 == torch.tensor(labels * 2)).double().mean()
    torch.testing.assert_close(
        losses['neighbor_accuracy'].double(), 100 * right
    )

    # The same images once more: each finds its own first view, which is the
    # alarm that enqueuing before the look-up would raise.
    losses = model(list(second), samples(range(4, 8), labels), mode='loss')
    assert losses['self_match'] >= 0.5
    assert losses['same_image'] >= 0.5


def test_only_the_loss_is_summed_and_all_parameters_get_gradients():
    model = build('info_nce')
    for views in batches(2, 4):
        losses = model(list(views), mode='loss')
        total, _ = model.parse_losses(losses)
        assert torch.equal(total, losses['loss'])
        total.backward()
        assert all(p.grad is not None for p in model.parameters())
    assert 'neighbor_accuracy' not in losses  # no labels at hand


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match=r"other_view.*got 'all'"):
        build('dcl', negatives='all')
    with pytest.raises(
        ValueError, match=r'`support_set.dim` is 32.*_channels'
    ):
        MODELS.build(dict(RUN, support_set=dict(dim=32)))
    with pytest.raises(TypeError, match=r'got ContrastiveHead.*InfoNCEHead'):
        MODELS.build(dict(RUN, head=dict(type='ContrastiveHead')))
    with pytest.raises(ValueError, match=r'`top_k` .*\[1, 16\].*got 17'):
        build('dcl', top_k=17)
    model = build('dcl')
    with pytest.raises(ValueError, match=r'NNCLR .*two views .* got 1 view'):
        model(list(torch.randn(1, 4, 3, 2, 2).double()), mode='loss')
    with pytest.raises(ValueError, match=r'at least 2 images'):
        model(list(torch.randn(2, 1, 3, 2, 2).double()), mode='loss')
