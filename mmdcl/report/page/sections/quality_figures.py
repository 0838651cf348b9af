"""Cosines and spectra that ``mmdcl.QualityHook`` logged."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...pictures.style import COLOURS, LINES, figure, legend, look
from ...runs.records import is_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COSINES = {'positive_cosine': 'positives', 'negative_cosine': 'negatives'}
_PLACES = ('features', 'projections')
HALF = (4.6, 2.7)  # inches: two beside each other are as wide as the page


def draw_cosines(histograms: Sequence[Mapping[str, Any]]) -> 'Figure | None':
    """Cosines of positives and negatives, at the end and at the beginning.

    Args:
        histograms: Lines of ``quality.json``.

    Returns:
        None if there are none in it.
    """
    found = [
        x for x in histograms if any(_counts(x.get(key)) for key in _COSINES)
    ]
    if not found:
        return None
    fig, [ax] = figure(panel=HALF)
    with look():
        for (key, name), colour in zip(
            _COSINES.items(), COLOURS[:2], strict=True
        ):
            last = _counts(found[-1].get(key))
            if last:
                ax.stairs(
                    _shares(last),
                    _edges(last),
                    fill=True,
                    alpha=0.35,
                    color=colour,
                    label=name,
                    hatch='///' if colour == COLOURS[1] else None,
                )
                ax.stairs(_shares(last), _edges(last), color=colour)
            first = _counts(found[0].get(key)) if len(found) > 1 else []
            if first:
                ax.stairs(
                    _shares(first),
                    _edges(first),
                    color=colour,
                    linestyle=':',
                    label=f'{name}, {_when(found[0])}',
                )
        ax.set(xlabel='cosine', ylabel='share', xlim=(-1, 1))
        ax.set_ylim(bottom=0)
        ax.set_yticks([])
    legend(ax, loc='upper left')
    return fig


def draw_spectra(histograms: Sequence[Mapping[str, Any]]) -> 'Figure | None':
    """Singular values of features and projections; as :func:`draw_cosines`."""
    found = [x for x in histograms if any(_counts(x.get(k)) for k in _PLACES)]
    if not found:
        return None
    fig, [ax] = figure(panel=HALF)
    with look():
        for place, colour, line in zip(
            _PLACES, COLOURS[:2], LINES[:2], strict=True
        ):
            for record, style in ((found[0], ':'), (found[-1], line)):
                values = [x for x in _counts(record.get(place)) if x > 1e-12]
                if not values or (style == ':' and len(found) == 1):
                    continue
                ax.plot(
                    range(1, len(values) + 1),
                    [x / values[0] for x in values],
                    color=colour,
                    linestyle=style,
                    label=place
                    if record is found[-1]
                    else f'{place}, {_when(record)}',
                )
        ax.set(
            xlabel='index of the singular value',
            ylabel='share of the largest',
            yscale='log',
        )
    legend(ax, loc='upper right')
    return fig


def _counts(values: Any) -> list[float]:
    if not isinstance(values, list) or not values:
        return []
    return values if all(map(is_number, values)) else []


def _shares(counts: list[float]) -> list[float]:
    total = sum(counts) or 1
    return [x / total for x in counts]


def _edges(counts: list[float]) -> list[float]:
    return [-1 + 2 * i / len(counts) for i in range(len(counts) + 1)]


def _when(record: Mapping[str, Any]) -> str:
    epoch = record.get('epoch')
    if is_number(epoch):
        return f'epoch {epoch:.2g}' if epoch < 10 else f'epoch {epoch:.0f}'
    return f'iteration {record["iter"]:,}'
