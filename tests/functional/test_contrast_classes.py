"""Contrast of classes: loops, tiles, ranks, and what it is without labels."""

from functools import partial

import pytest
import torch
from torch.autograd import grad

from mmdcl.functional import class_contrast, dcl, kernel, view_contrast
from tests.ranks import on_ranks
from tests.reference import dot

LABELS = torch.tensor([3, 1, 3, -1, 1, 3, -1])  # -1: a class of its own
TAU = 0.2


def views(count=2, images=7, width=4):
    generator = torch.Generator().manual_seed(0)
    shape = (count, images, width)
    z = torch.randn(shape, generator=generator, dtype=torch.double)
    return [view.requires_grad_() for view in z]


def one_class(i, j, labels):
    return i == j or 0 <= labels[i] == labels[j]


def loops(views, labels, class_positives, loss):
    """Mean over anchors of the mean of ``loss`` over their positives.

    Args:
        views: Of the images.
        labels: Of the images.
        class_positives: As in ``class_contrast``.
        loss: Of one pair, from its logit and the sum over negatives.
    """
    z = [[x / x.norm() for x in view] for view in views]
    images = [(v, i) for v in range(len(z)) for i in range(len(z[0]))]
    losses = []
    for v, i in images:
        logit = {
            (w, j): dot(z[v][i], z[w][j]) / TAU
            for w, j in images
            if (w, j) != (v, i)
        }
        mates = [x for x in logit if one_class(i, x[1], labels)]
        negatives = sum(logit[x].exp() for x in logit if x not in mates)
        if not class_positives:
            mates = [(w, j) for w, j in mates if j == i]
        each = [loss(logit[x], negatives) for x in mates]
        losses.append(sum(each) / len(each))
    return sum(losses) / len(losses)


def decoupled(logit, negatives):
    return negatives.log() - logit


def found(views, labels, class_positives, tile):
    rows = class_contrast(views, labels, TAU, class_positives, tile)
    value = dcl(rows.pos, rows.s, TAU).mean()
    return value, *grad(value, views)


@pytest.mark.parametrize('kept', [0, 2**25])
@pytest.mark.parametrize('class_positives', [True, False])
@pytest.mark.parametrize('count', [2, 3])
def test_equals_the_loops_in_value_and_gradient(
    count, class_positives, kept, monkeypatch
):
    monkeypatch.setattr(kernel, 'KEPT_BYTES', kept)
    z = views(count)
    given = z, LABELS, class_positives
    value = loops(*given, decoupled)
    expected = value, *grad(value, z)
    for tile in (0, 1, 2, 3, 5, 14, 100):
        torch.testing.assert_close(found(*given, tile), expected)
    # SINCERE is the same with each positive in its own denominator as well.
    coupled = loops(*given, lambda x, sum_: (sum_ + x.exp()).log() - x)
    assert coupled > value


@pytest.mark.parametrize('tile', [0, 3])
def test_rows_and_mean_cosines(tile):
    """First views first, of pairs as in ``view_contrast``."""
    z = views(3)
    rows = class_contrast(z, LABELS, TAU, True, tile)
    pairs = class_contrast(z, LABELS, TAU, False, tile)
    unit = torch.nn.functional.normalize(torch.cat(z), dim=1).detach()
    cosine, size = unit @ unit.T, len(LABELS)
    assert len(rows.pos) == 3 * size
    assert torch.equal(pairs.pos, view_contrast(z, TAU, tile).pos)
    for x in range(3 * size):
        same = [one_class(x % size, y % size, LABELS) for y in range(3 * size)]
        negatives = cosine[x][~torch.tensor(same)]
        positives = cosine[x][torch.tensor(same) & (torch.arange(21) != x)]
        torch.testing.assert_close(rows.pos[x].detach(), positives.mean())
        torch.testing.assert_close(rows.neg[x], negatives.mean())
        s = (negatives / TAU).logsumexp(0)
        for each in (rows.s[x], *pairs.s.view(2, -1)[:, x]):
            torch.testing.assert_close(each.detach(), s)
        torch.testing.assert_close(
            pairs.neg.view(2, -1)[:, x], rows.neg[x].expand(2)
        )
    assert not rows.neg.requires_grad


@pytest.mark.parametrize('tile', [None, 0, 3])
@pytest.mark.parametrize('class_positives', [True, False])
def test_without_labels_it_is_the_contrast_of_views(class_positives, tile):
    for count in (2, 3):
        z = views(count)
        rows = view_contrast(z, TAU, tile)
        value = dcl(rows.pos, rows.s, TAU).mean()
        expected = value, *grad(value, z)
        for none in (LABELS.clamp(max=-1), torch.arange(len(LABELS))):
            got = found(z, none, class_positives, tile)
            torch.testing.assert_close(got, expected)


def of_rank(rank, sizes, class_positives, tile):
    z = torch.stack(views(2, sum(sizes))).detach()
    of = slice(sum(sizes[:rank]), sum(sizes[: rank + 1]))
    own = z[:, of].clone().requires_grad_()
    rows = class_contrast(
        own, LABELS[: sum(sizes)][of], TAU, class_positives, tile
    )
    # A process counts its own rows alone, each by another weight.
    loss = dcl(rows.pos, rows.s, TAU).square().sum()
    loss.backward()
    return [x.detach().view(2, -1) for x in rows], own.grad


def of_ranks(rank, sizes):
    return [of_rank(rank, sizes, *way) for way in WAYS]


WAYS = [(kind, tile) for kind in (True, False) for tile in (0, 2, 100)]


@pytest.mark.parametrize('sizes', [[4, 3], [3, 0, 4]])
def test_ranks_with_unequal_batches(sizes):
    results = on_ranks(len(sizes), of_ranks, sizes)
    for i, way in enumerate(WAYS):
        rows, gradient = of_rank(0, [sum(sizes)], *way)
        for kind, expected in enumerate(rows):
            whole = torch.cat([rank[i][0][kind] for rank in results], 1)
            torch.testing.assert_close(whole, expected)
        whole = torch.cat([rank[i][1] for rank in results], 1)
        torch.testing.assert_close(whole, gradient)


class Largest(torch.overrides.TorchFunctionMode):
    """The most elements of a tensor that any function returns."""

    elements = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.elements = max(self.elements, out.numel())
        return out


@pytest.mark.parametrize('class_positives', [True, False])
def test_no_matrix_of_all_pairs_is_made_in_tiles(class_positives, monkeypatch):
    monkeypatch.setattr(kernel, 'KEPT_BYTES', 0)
    z = [x.requires_grad_() for x in torch.randn(2, 200, 4)]
    labels = torch.arange(200) % 7
    for tile, most in ((10, 2 * 200 * 4), (0, 400 * 400)):
        with Largest() as largest:
            rows = class_contrast(z, labels, TAU, class_positives, tile)
            dcl(rows.pos, rows.s, TAU).mean().backward()
        assert largest.elements == most


@pytest.mark.parametrize('tile', [0, 3])
def test_labels_of_any_whole_kind(tile):
    z = views()
    expected = found(z, LABELS, True, tile)
    for kind in (torch.int8, torch.int16, torch.int32):
        torch.testing.assert_close(
            found(z, LABELS.to(kind), True, tile), expected
        )
    large = torch.where(LABELS < 0, LABELS, LABELS + 2**60)
    torch.testing.assert_close(found(z, large, True, tile), expected)


def test_errors_name_what_they_got():
    z = views()
    contrast = partial(class_contrast, z, temperature=TAU)
    with pytest.raises(ValueError, match=r'all 7 images .* of class 5, and'):
        contrast(torch.full((7,), 5))
    with pytest.raises(ValueError, match=r'each of the 7 images, got \(6,\)'):
        contrast(LABELS[:6])
    with pytest.raises(ValueError, match=r'7 images, got \(7, 2\)'):
        contrast(torch.zeros(7, 2).long())
    with pytest.raises(TypeError, match=r'whole numbers, got torch.float32'):
        contrast(LABELS.float())
    with pytest.raises(ValueError, match=r'at least 2 images .* got 1'):
        class_contrast([x[:1] for x in z], LABELS[:1], TAU)
    with pytest.raises(ValueError, match=r'`temperature` must be'):
        class_contrast(z, LABELS, 0)
