"""A picture of views, with what was drawn for each below it."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..images.thumbnails import Canvas
from .captions import TIMES
from .style import COLOURS, figure, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .views import Viewed

_CELL = 150  # pixels of an image
_ACROSS, _DOWN = 162, 214  # from one to the next, with the words below
_GAP = 34  # between blocks
_WRAP = 31  # letters in a line below a view
_TIE = '\N{NO-BREAK SPACE}'
_DOT = 1 / 100  # inches of a pixel
_DASHES = ('-', (0, (4, 2)), (0, (1, 1)), (0, (6, 1, 1, 1)))
_DASHES += ((0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)))


@look()
def draw_views(viewed: Sequence['Viewed'], name: str, total: int) -> 'Figure':
    """Each image beside its views, and below these what was drawn for them.

    The frames of the crops in the original are those of the views.

    Args:
        viewed: Of :func:`gather_views`.
        name: Of the config or the run.
        total: Images of the dataset.
    """
    block = 1 + max(len(x.views) for x in viewed)
    blocks = 2 if block <= 3 and len(viewed) > 2 else 1
    rows = -(-len(viewed) // blocks)
    width = blocks * (block * _ACROSS + _GAP) - _GAP
    height = rows * _DOWN
    fig, [ax] = figure(
        panel=(width * _DOT + 0.2, height * _DOT + 0.1),
        title=f'{name}: views of {len(viewed)} of {total:,} train images',
    )
    ax.set_axis_off()
    ax.set(xlim=(-4, width), ylim=(height, -4), aspect='equal')
    canvas = Canvas(width, height)
    for i, each in enumerate(viewed):
        left = (i % blocks) * (block * _ACROSS + _GAP)
        _row(ax, canvas, each, left, i // blocks * _DOWN)
    ax.imshow(
        canvas.pixels,
        extent=(0, width, height, 0),
        interpolation='nearest',
        zorder=0,
    )
    return fig


def _row(
    ax: 'Axes', canvas: Canvas, viewed: 'Viewed', left: int, top: int
) -> None:
    canvas.paste(viewed.original, left, top, _CELL)
    _below(ax, left, top, [f'original, {_size(viewed.original)}'])
    height, width = viewed.original.shape[:2]
    scale = _CELL / max(height, width)
    x0 = left + (_CELL - width * scale) / 2
    y0 = top + (_CELL - height * scale) / 2
    for i, view in enumerate(viewed.views):
        here = left + (i + 1) * _ACROSS
        canvas.paste(view.image, here, top, _CELL)
        _frame(ax, here, top, _CELL, _CELL, i)
        said = ', '.join(x.replace(' ', _TIE) for x in view.words)
        lines = textwrap.wrap(said or 'nothing random', _WRAP)
        _below(ax, here, top, lines)
        if view.box is not None:
            y, x, h, w = view.box
            _frame(
                ax,
                x0 + x * width * scale,
                y0 + y * height * scale,
                w * width * scale,
                h * height * scale,
                i,
            )


def _size(image: np.ndarray) -> str:
    return f'{image.shape[1]} {TIMES} {image.shape[0]}'


def _frame(
    ax: 'Axes', left: float, top: float, width: float, height: float, i: int
) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(
        Rectangle(
            (left, top),
            width,
            height,
            fill=False,
            edgecolor=COLOURS[i],
            linestyle=_DASHES[i],
            linewidth=1.8,
        )
    )


def _below(ax: 'Axes', left: int, top: int, lines: Sequence[str]) -> None:
    ax.text(
        left + _CELL / 2,
        top + _CELL + 6,
        '\n'.join(lines[:5]),
        ha='center',
        va='top',
        fontsize=6.5,
    )
