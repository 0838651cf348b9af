"""Means over seeds against the batch, with deviations."""

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BESIDE = 1.015  # of a batch, that bars of losses do not cover each other


def draw_means(
    ax: 'Axes',
    values: Mapping[int, Sequence[float]],
    beside: float = 0.0,
    **style: Any,
) -> None:
    """A line of means, and bars of the deviation where there are two.

    Args:
        ax: Where.
        values: Of the seeds of each batch.
        beside: Places to the right, of several lines.
        **style: Of the line.
    """
    ax.errorbar(
        [batch * _BESIDE**beside for batch in values],
        [statistics.mean(x) for x in values.values()],
        [statistics.stdev(x) if len(x) > 1 else 0 for x in values.values()],
        capsize=2,
        **style,
    )


def batch_axis(ax: 'Axes', batches: Sequence[int]) -> None:
    """Powers of two, and a mark at each batch alone."""
    ax.set_xscale('log', base=2)
    ax.set_xticks(batches, [str(batch) for batch in batches])
    ax.minorticks_off()
    ax.set(xlabel='batch')
