"""How runs beside each other look, and the legend that names them."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .style import COLOURS, LINES, MARKERS, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIZE = 8  # points of the letters
_LONGEST = 44  # letters that have room below a single panel
_BESIDE = 6.5  # of a column what is no text, in sizes of the letters
_ROW = 1.8  # height, in sizes of the letters


def run_look(i: int) -> dict[str, Any]:
    """Colour, line and marker of the i-th run, alike for no two of 36."""
    again = i // len(COLOURS)
    return dict(
        color=COLOURS[i % len(COLOURS)],
        linestyle=LINES[(i + again) % len(LINES)],
        marker=MARKERS[(i + again) % len(MARKERS)],
    )


def name_runs(fig: 'Figure', labels: Sequence[str]) -> None:
    """Name runs below all panels, in as many rows as they need.

    Args:
        fig: Grows by what the rows need.
        labels: Of the runs, in the order of :func:`run_look`.
    """
    from matplotlib.lines import Line2D

    texts = [plain(label, _LONGEST) for label in labels]
    width = max(map(_width, texts)) + _BESIDE * _SIZE
    room = 72 * fig.get_figwidth()
    rows = math.ceil(len(texts) / max(1, int(room / width)))
    fig.set_figheight(fig.get_figheight() + rows * _ROW * _SIZE / 72)
    fig.legend(
        [Line2D([], [], **run_look(i)) for i in range(len(texts))],
        texts,
        loc='outside lower center',
        ncols=math.ceil(len(texts) / rows),
        fontsize=_SIZE,
    )


def _width(text: str) -> float:
    """In points."""
    from matplotlib.textpath import TextPath

    return TextPath((0, 0), text, size=_SIZE).get_extents().width
