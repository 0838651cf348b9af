"""Contrast of classes as an algorithm: loops, ranks, what is refused."""

import copy

import pytest
import torch
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmdcl.functional import dcl, von_mises_fisher_weight
from mmdcl.models import SimCLR, SupCon
from tests.functional.test_contrast_classes import LABELS, loops
from tests.models.test_simclr import HEADS, Flat
from tests.ranks import on_ranks

WAYS = [
    *(('dcl', 'class', tile) for tile in (0, 3)),
    *(('dclw', 'class', tile) for tile in (0, 3)),
    *(('dcl', 'view', tile) for tile in (0, 3)),
    ('info_nce', 'view', 3),
]
LOSSES = {
    ('dcl', 'class'): lambda logit, negatives: negatives.log() - logit,
    ('dcl', 'view'): lambda logit, negatives: negatives.log() - logit,
    ('info_nce', 'view'): lambda logit, negatives: (
        (negatives + logit.exp()).log() - logit
    ),
}


def build(head='dcl', positives='class', tile=None, **kwargs):
    head = MODELS.build(dict(HEADS[head], temperature=0.2))
    return SupCon(
        Flat(), nn.Identity(), head, positives=positives, tile=tile, **kwargs
    )


def samples(labels):
    """As images come: without a label, with -1, or with a class."""
    found = [DataSample() for _ in labels]
    for i, (sample, label) in enumerate(zip(found, labels, strict=True)):
        if label >= 0 or i % 2:
            sample.set_gt_label(int(label))
    return found


def batch(count=2):
    return list(torch.randn(count, len(LABELS), 3, 2, 2, dtype=torch.double))


def step(model, views, labels):
    losses = model.train()(views, samples(labels), mode='loss')
    losses['loss'].backward()
    return {k: v.detach() for k, v in losses.items()}


@pytest.mark.parametrize('count', [2, 3])
@pytest.mark.parametrize('way', LOSSES)
def test_equals_the_loops_in_value_and_gradient(way, count):
    views, model = batch(count=count), build(*way)
    found = step(model, views, LABELS)['loss']
    grad, model.backbone.weight.grad = model.backbone.weight.grad, None
    projections = [model.backbone(view)[0] for view in views]
    expected = loops(projections, LABELS, way[1] == 'class', LOSSES[way])
    expected.backward()
    torch.testing.assert_close(found, expected.detach())
    torch.testing.assert_close(grad, model.backbone.weight.grad)


def test_weights_are_of_the_mean_positive():
    """DCLW's, of each anchor and not of each pair."""
    views, model = batch(), build('dclw')
    found = step(model, views, LABELS)['loss']
    rows = [row(model, views, v, i) for v in (0, 1) for i in range(7)]
    pos, s = (torch.stack(x) for x in zip(*rows, strict=True))
    weight = von_mises_fisher_weight(pos)
    torch.testing.assert_close(found, dcl(pos, s, 0.2, weight).mean())


@torch.no_grad()
def row(model, views, v, i):
    """Mean positive and logsumexp of one anchor."""
    z = [nn.functional.normalize(model.backbone(x)[0], dim=1) for x in views]
    cosine = z[v][i] @ torch.stack(z).transpose(1, 2)  # (V, B)
    same = (LABELS[i] == LABELS) & (LABELS >= 0)
    same[i] = True
    positive = same.repeat(len(z), 1)
    positive[v, i] = False
    negatives = cosine[:, ~same] / 0.2
    return cosine[positive].mean(), negatives.flatten().logsumexp(0)


def step_on_rank(rank, views, sizes):
    of = slice(sum(sizes[:rank]), sum(sizes[: rank + 1]))
    found = []
    for way in WAYS:
        model = DistributedDataParallel(build(*way))
        logs = step(model, [x[of] for x in views], LABELS[of])
        found.append((logs, model.module.backbone.weight.grad))
    return found


@pytest.mark.parametrize('sizes', [(4, 3), (3, 0, 4)])
def test_ranks_equal_one_process(sizes):
    """Loss, logs, averaged gradient; unequal and no images included."""
    views = batch()
    results = on_ranks(len(sizes), step_on_rank, views, sizes)
    for i, way in enumerate(WAYS):
        model = build(*way)
        logs = step(model, views, LABELS)
        for rank in results:
            torch.testing.assert_close(rank[i][0], logs)
            torch.testing.assert_close(rank[i][1], model.backbone.weight.grad)


@pytest.mark.parametrize('positives', ['class', 'view'])
def test_images_without_labels_train_as_in_simclr(positives):
    views, model = batch(), build(positives=positives)
    simclr = SimCLR(Flat(), nn.Identity(), copy.deepcopy(model.head))
    found = step(model, views, torch.full((7,), -1))
    expected = step(simclr, views, LABELS)
    for name in found:
        torch.testing.assert_close(found[name], expected[name])
    torch.testing.assert_close(
        model.backbone.weight.grad, simclr.backbone.weight.grad
    )


def test_a_batch_without_labels_after_one_with_them():
    """As chance has it where few images are labelled."""
    views, model = batch(), build()
    step(model, views, LABELS)
    nothing = [DataSample() for _ in LABELS]
    simclr = SimCLR(Flat(), nn.Identity(), copy.deepcopy(model.head))
    simclr.load_state_dict(model.state_dict())
    torch.testing.assert_close(
        model(views, nothing, mode='loss')['loss'],
        simclr(views, nothing, mode='loss')['loss'],
    )


def test_q_is_logged_where_an_anchor_has_one_positive():
    views = batch()
    common = {'loss', 'pos_cosine', 'neg_cosine'}
    assert set(step(build(), views, LABELS)) == common
    found = step(build('info_nce', 'view'), views, LABELS)
    assert set(found) == common | {'npc_multiplier'}


def test_what_is_refused_as_it_is_built():
    with pytest.raises(ValueError, match=r"\('class', 'view'\), got 'all'"):
        build(positives='all')
    with pytest.raises(TypeError, match=r"many; use mmdcl.DCLH.*'view'"):
        build('info_nce')
    for name in ('DHELHead', 'MACLHead'):
        for positives in ('class', 'view'):
            with pytest.raises(TypeError, match=f'{name}.*=mmdcl.SimCLR'):
                SupCon(
                    Flat(),
                    nn.Identity(),
                    MODELS.build(dict(type=f'mmdcl.{name}')),
                    positives=positives,
                )


def test_what_is_refused_of_a_batch():
    model, views = build(), batch()
    unlabelled = [DataSample() for _ in LABELS]
    for none in (None, unlabelled):
        with pytest.raises(ValueError, match=r'no image of the batch has a'):
            model(views, none, mode='loss')
    with pytest.raises(ValueError, match=r'all 7 images .* of class 4, and'):
        model(views, samples([4] * 7), mode='loss')
    several = samples(LABELS)
    several[2].set_gt_label([1, 3])
    with pytest.raises(ValueError, match=r'one class .* `gt_label` \[1, 3\]'):
        model(views, several, mode='loss')
