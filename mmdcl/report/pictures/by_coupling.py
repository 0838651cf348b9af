"""What losses gain on InfoNCE against ``1 - q``, with intervals."""

import math
import statistics
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..runs.facts import accuracy_name
from ..sweeps.gaps import Gap
from ..sweeps.lines import grouped
from .style import PALE, legend, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SEEDS = 3  # whose interval the panel must hold; that of two is endless
_ROW = 0.05  # of the panel's height, a line of names
_NAMES = 0.35  # of the range of points, room for what a line is of


def draw_gains(
    ax: 'Axes',
    pairs: Mapping[str, Sequence[Gap]],
    looks: Mapping[str, Mapping[str, Any]],
    recipes: Mapping[tuple[str, str], str],
) -> None:
    """A point a pair, its interval, and above it which batch that is.

    Points of the rate and the temperature that most have are full, others
    open. Each of these settings and each recipe has a line of batches.

    Args:
        ax: Where.
        pairs: With their coupling, by what they are called.
        looks: Of points, by the same.
        recipes: What algorithm and recipe are called; nothing for the usual.
    """
    every = [x for mine in pairs.values() for x in mine]
    test = next((name for x in every for name in x.tests), None)
    usual = statistics.mode(map(_setting, every))
    ax.axhline(0, color=PALE, linewidth=1)
    ends: list[Any] = [0.0]
    for name, mine in pairs.items():
        style = dict(looks[name], linestyle='')
        points = [(x, x.tests.get(test, x.val)) for x in mine]
        for full in (True, False):
            shown = [x for x in points if (_setting(x[0]) == usual) is full]
            ax.plot(
                [x.coupling for x, _ in shown],
                [gain.mean for _, gain in shown],
                label=name if full else None,
                markerfacecolor=None if full else 'none',
                **style,
            )
        for x, gain in points:
            ends.append(gain.mean)
            if gain.low is None:
                continue
            if len(x.seeds) >= _SEEDS:
                ends += [gain.low, gain.high]
            at, bar = [x.coupling] * 2, [gain.low, gain.high]
            ax.plot(at, bar, color=style['color'], alpha=0.4)
    lines = _name_batches(ax, every, usual, recipes)
    _leave_room(ax, ends, lines, math.ceil(len(pairs) / 2))
    what = f'test, {accuracy_name(test)}' if test else 'validation'
    ax.set(xlabel='1 - q of InfoNCE, mean over training')
    ax.set(ylabel=plain(f'gain (points), {what}'))
    ax.set_title('gain on InfoNCE by batch, 95 %')
    legend(ax, loc='lower center', ncols=2)


def _setting(gap: Gap) -> tuple[float, float]:
    return gap.lr_factor, gap.temperature


def _name_batches(
    ax: 'Axes',
    pairs: Sequence[Gap],
    usual: tuple[float, float],
    recipes: Mapping[tuple[str, str], str],
) -> int:
    """Write batches above their points, in lines; how many lines."""
    place = dict(transform=ax.get_xaxis_transform(), fontsize=7, color=PALE)
    place['va'] = 'top'
    at = [x.coupling for x in pairs if x.coupling is not None]
    width = max(at) - min(at) or 0.1
    ax.set_xlim(min(at) - _NAMES * width, max(at) + 0.06 * width)

    def line(x: Gap) -> tuple[Hashable, ...]:
        told = recipes[x.algorithm, x.recipe]
        mine = _setting(x)
        return told, mine[0] != usual[0], mine != usual, *mine

    lines = sorted(grouped(pairs, line).items())
    for number, ((recipe, *_), mine) in enumerate(lines):
        height = 1 - _ROW * number
        name = _said(mine[0], usual, recipe)
        ax.text(min(at) - (_NAMES - 0.01) * width, height, name, **place)
        for batch, same in grouped(mine, lambda x: x.batch).items():
            middle = statistics.mean(x.coupling for x in same)
            ax.text(middle, height, str(batch), ha='center', **place)
    return len(lines)


def _said(gap: Gap, usual: tuple[float, float], recipe: str) -> str:
    """What a line of batches is of, and is set otherwise than in most."""
    rate = f'lr x{gap.lr_factor:g}' if gap.lr_factor != usual[0] else ''
    other = gap.temperature != usual[1] or not (recipe or rate)
    temperature = f't {gap.temperature:g}' if other else ''
    return plain(', '.join(filter(None, (recipe, rate, temperature))), 24)


def _leave_room(
    ax: 'Axes', ends: Sequence[float], above: int, below: int
) -> None:
    """For lines of names above the points, and the legend's below."""
    top, bottom = _ROW * (above + 0.5), 0.065 * (below + 0.5)
    height = (max(ends) - min(ends) or 1) / (1 - top - bottom)
    ax.set_ylim(min(ends) - bottom * height, max(ends) + top * height)
