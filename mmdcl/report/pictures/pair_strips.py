"""Rows of pairs of views, each with its cosine and its weight."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from ..images.thumbnails import Canvas
from .captions import TIMES, class_name, of_images, short_file
from .pair_ranking import Pair, Ranking
from .style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .pairs import Pairs

_CELL = 64  # pixels of a view
_LEAST = 8  # pairs that a row has room for
_ACROSS, _DOWN = 158, 96  # from one pair to the next; with the words below


def draw_strips(
    rows: Sequence['Axes'], pairs: 'Pairs', ranking: Ranking, count: int
) -> None:
    """Hardest negatives, easiest positives, hardest positives."""
    of = of_images(len(pairs.files), pairs.total, 'train')
    negatives = ranking.hardest_negatives(count)
    rows[0].set_title(
        f'Hardest negatives of {of}: the cosine, and the share in the '
        f'denominator of one of the two, beside the mean'
        + _false_negatives(pairs, ranking),
        loc='left',
        fontsize=9,
    )
    _strip(rows[0], pairs, negatives, count)
    for ax, name, hardest in (
        (rows[1], 'Easiest', False),
        (rows[2], 'Hardest', True),
    ):
        ax.set_title(
            f'{name} positives: the cosine of both views of an image, and q, '
            'what InfoNCE leaves of its gradient',
            loc='left',
            fontsize=9,
        )
        _strip(ax, pairs, ranking.positive_pairs(count, hardest), count)


def _false_negatives(pairs: 'Pairs', ranking: Ranking) -> str:
    """How many anchors repel their own class most."""
    labels = pairs.labels
    if labels is None:
        return ''
    images = len(labels)
    anchors = torch.arange(2 * images) % images
    same = labels[ranking.nearest % images] == labels[anchors]
    return (
        f'\nFor {same.float().mean():.0%} of all views the hardest negative '
        'is of their own class (✗)'
    )


def _strip(
    ax: 'Axes', pairs: 'Pairs', block: Sequence[Pair], count: int
) -> None:
    width = max(count, _LEAST) * _ACROSS
    ax.set_axis_off()
    ax.set(xlim=(-6, width), ylim=(_DOWN, -4), aspect='equal', anchor='W')
    canvas = Canvas(width, _DOWN)
    for i, pair in enumerate(block):
        left = i * _ACROSS
        for side, (image, view) in enumerate(
            zip(pair.images, pair.views, strict=True)
        ):
            thumbnail = pairs.thumbnails[view][image]
            canvas.paste(thumbnail, left + side * (_CELL + 4), 0, _CELL)
        _words(ax, left, pairs, pair)
    ax.imshow(
        canvas.pixels,
        extent=(0, width, _DOWN, 0),
        interpolation='nearest',
        zorder=0,
    )


def _words(ax: 'Axes', left: int, pairs: 'Pairs', pair: Pair) -> None:
    first, second = pair.images
    positive = first == second
    same = (
        not positive
        and pairs.labels is not None
        and bool(pairs.labels[first] == pairs.labels[second])
    )
    names = [_name(pairs, x) for x in dict.fromkeys(pair.images)]
    times = pair.share * 2 * (len(pairs.files) - 1)
    share = f'{pair.share:.1%} ({TIMES} {times:,.0f})'
    kind = f'q {pair.share:.2f}' if positive else share
    ax.text(
        left + _CELL + 2,
        _CELL + 5,
        f'{pair.cosine:.3f}, {kind}\n{"✗ " * same}{" | ".join(names)}',
        ha='center',
        va='top',
        fontsize=7,
    )
    if same:
        from matplotlib.patches import Rectangle

        ax.add_patch(
            Rectangle(
                (left - 2, -2),
                2 * _CELL + 8,
                _CELL + 4,
                fill=False,
                edgecolor=COLOURS[1],
                linestyle=(0, (3, 2)),
                linewidth=1.8,
            )
        )


def _name(pairs: 'Pairs', image: int) -> str:
    if pairs.labels is None:
        return short_file(pairs.files[image], 10)
    return class_name(int(pairs.labels[image]), pairs.classes)
