"""What of a loss comes from which pairs, in three panels."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from .pair_ranking import Ranking
from .style import COLOURS, LINES, PALE, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HARDEST = 0.01  # share of the negatives that a title is about


def draw_cosines(ax: 'Axes', ranking: Ranking) -> None:
    """How often which cosine, of positives and of negatives."""
    bins = len(ranking.histogram)
    edges = torch.linspace(-1, 1, bins + 1)
    negatives = ranking.histogram / ranking.histogram.sum()
    positives = torch.histc(ranking.positives, bins, -1, 1)
    for i, (name, counts) in enumerate(
        (
            ('positives', positives / positives.sum()),
            ('negatives', negatives),
        )
    ):
        ax.stairs(
            counts.numpy(),
            edges.numpy(),
            color=COLOURS[i],
            linestyle=LINES[i],
            linewidth=1.6,
            label=name,
        )
    ax.set(title='cosines', xlabel='cosine', yticks=[])
    ax.set_xlim(*_reach(ranking))
    legend(ax, loc='upper left')


def _reach(ranking: Ranking) -> tuple[float, float]:
    """From the lowest cosine that there is to 1."""
    bins = len(ranking.histogram)
    first = int((ranking.histogram > 0).int().argmax())
    lowest = min(first * 2 / bins - 1, float(ranking.positives.min()))
    return lowest - 0.03, 1.03


def draw_concentration(ax: 'Axes', ranking: Ranking) -> None:
    """How much of the denominator the hardest negatives are."""
    total = len(ranking.concentration)
    share = np.arange(1, total + 1) / total * 100
    held = ranking.concentration.numpy() * 100
    ax.plot(share, held, color=COLOURS[0], linestyle=LINES[0])
    ax.plot(share, share, color=PALE, linestyle=LINES[3], linewidth=1)
    ax.set_xscale('log')
    ax.xaxis.set_major_formatter('{x:g}')
    few = max(1, round(_HARDEST * total))
    ax.set(
        xlim=(min(share[0], 10), 100),
        ylim=(0, 102),
        title=f'the hardest {few / total:.1%} of the negatives are '
        f'{held[few - 1]:.0f}% of the sum',
        xlabel='hardest negatives (%), dotted: if all were equal',
        ylabel='of the denominator (%)',
    )


def draw_coupling(ax: 'Axes', ranking: Ranking, words: str) -> None:
    """q of the anchors, from the lowest to the highest.

    Args:
        ax: Panel.
        ranking: Of pairs.
        words: What q is computed for.
    """
    q = ranking.q.sort().values.numpy()
    place = np.arange(1, len(q) + 1) / len(q) * 100
    ax.plot(place, q, color=COLOURS[0], linestyle=LINES[0], label='InfoNCE: q')
    ax.axhline(1, color=COLOURS[1], linestyle=LINES[1], label='DCL: 1')
    ax.set(
        xlim=(0, 100),
        ylim=(0, 1.05),
        title=f'what is left of a gradient: median q {np.median(q):.2g}',
        xlabel=f'anchors (%), {words}',
        ylabel='factor',
    )
    legend(ax, loc='lower right')
