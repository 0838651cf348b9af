"""What was logged over training, of one run or of several on one figure."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...errors import UserValueError
from ..runs.differences import differences
from ..runs.folder import RunFolder
from .panels import Line, Panel, axis, panels, stretched, thinned
from .run_legend import name_runs, run_look
from .style import INK, LINES, PALE, figure, legend, look, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ['differences', 'draw_curves', 'draw_line']

_WIDEST = 4  # panels beside each other
_LEGEND = 3  # names beside each other in a panel
_FEW = 25  # points of a line that are marked


@look()
def draw_curves(
    runs: RunFolder | Sequence[RunFolder], columns: int | None = None
) -> 'Figure':
    """Draw what runs logged, in panels, what matters first.

    Args:
        runs: One, or several to be compared: they share the panels.
        columns: Panels beside each other; default: at most 4.

    Returns:
        A figure without empty panels that names its runs.

    Raises:
        UserValueError: There is nothing to draw.
    """
    runs = [runs] if isinstance(runs, RunFolder) else list(runs)
    found = list(panels(runs))
    names = ', '.join(run.name for run in runs)
    if not found:
        raise UserValueError(f'{names} logged nothing that can be drawn')
    columns = columns or _columns(len(found))
    title = names if len(runs) == 1 else f'{len(runs)} runs: {names}'
    rows = math.ceil(len(found) / columns)
    fig, axes = figure(rows, columns, title=title)
    for ax in axes[len(found) :]:
        ax.remove()
    unit, factors, end = axis(runs)
    for ax, (panel, each) in zip(axes, found, strict=False):
        lines = [
            [stretched(line, factor) for line in some]
            for some, factor in zip(each, factors, strict=True)
        ]
        if len(runs) == 1:
            _one(ax, panel, lines[0])
        else:
            _several(ax, panel, lines)
        ax.set(xlabel=unit, xlim=(-0.02 * end, 1.02 * end))
        _finish(ax, panel, lines)
    if len(runs) > 1:
        name_runs(fig, differences(runs))
    return fig


def draw_line(
    ax: 'Axes', line: Line, several: bool = False, **look_of: Any
) -> None:
    """A series with its band, marked throughout if it is short.

    Args:
        ax: To draw on.
        line: As long as it may be.
        several: Lines of other runs are beside it, from which marks tell it
            apart in grey; only what was logged as a band is drawn as one.
        **look_of: As for ``Axes.plot``.
    """
    thin = thinned(line)
    band = line.band if several else thin.band
    if len(thin.xs) > _FEW:
        marked = dict(markevery=max(1, len(thin.xs) // 8))
        look_of |= marked if several else dict(marker='')
    ax.plot(thin.xs, thin.ys, **look_of)
    if band[0]:
        alpha = 0.1 if several else 0.18
        ax.fill_between(
            *band, color=look_of['color'], alpha=alpha, linewidth=0
        )


def _columns(number: int) -> int:
    if number <= _WIDEST:
        return number
    rows = math.ceil(number / _WIDEST)
    return math.ceil(number / rows)


def _one(ax: 'Axes', panel: Panel, lines: Sequence[Line]) -> None:
    for i, line in enumerate(lines):
        draw_line(
            ax,
            line,
            label=plain(line.name),
            **run_look(i),
        )
    first = lines[0]
    if panel.untrained and first.xs[0] == 0 and len(first.xs) > 1:
        _untrained(ax, first.ys[0], PALE, f'untrained: {first.ys[0]:.1f}')


def _several(ax: 'Axes', panel: Panel, lines: Sequence[list[Line]]) -> None:
    """A colour and a marker for each run, a line style for each quantity."""
    names = list(dict.fromkeys(x.name for each in lines for x in each))
    said = ''
    for i, each in enumerate(lines):
        own = run_look(i)
        for line in each:
            if len(names) > 1:
                own['linestyle'] = _style(names.index(line.name))
            draw_line(ax, line, several=True, **own)
        if panel.untrained and each and each[0].xs[0] == 0:
            text, said = '' if said else 'untrained', 'untrained'
            _untrained(ax, each[0].ys[0], own['color'], text)
    for style, name in enumerate(names if len(names) > 1 else ()):
        ax.plot([], [], color=INK, linestyle=_style(style), label=plain(name))


def _style(i: int) -> Any:
    return LINES[i % len(LINES)]


def _untrained(ax: 'Axes', value: float, colour: str, text: str) -> None:
    ax.axhline(value, color=colour, linestyle=':', linewidth=1)
    ax.annotate(
        text,
        (1, value),
        xycoords=('axes fraction', 'data'),
        xytext=(0, 3),
        textcoords='offset points',
        ha='right',
        color=PALE,
        fontsize=8,
    )


def _finish(ax: 'Axes', panel: Panel, lines: Sequence[list[Line]]) -> None:
    """Title, limits, and a legend above the lines, where it has room."""
    names = {x.name for each in lines for x in each}
    alone = names.pop() if len(names) == 1 else ''
    ax.set_title(plain(f'{alone} {panel.title}'.strip()))
    bottom, top = ax.get_ylim()
    low, high = panel.limits
    if low is not None:
        bottom, top = low, low + 1.06 * (ax.dataLim.y1 - low)
    top = top if high is None else 1.02 * high
    labels = len(ax.get_legend_handles_labels()[1])
    if labels > 1:
        rows = math.ceil(labels / _LEGEND)
        top += 0.12 * rows * (top - bottom)
        legend(ax, loc='upper center', ncols=_LEGEND, columnspacing=1.2)
    if top > bottom:
        ax.set_ylim(bottom, top)
