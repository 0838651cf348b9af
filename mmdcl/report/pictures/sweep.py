"""Runs of a sweep together: accuracy by batch, gain by coupling, q in time."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..runs.facts import accuracy_name
from ..sweeps.gaps import Gap, gaps
from ..sweeps.lines import Row, batch_of, grouped
from ..sweeps.table import best
from .by_batch import batch_axis, draw_means
from .by_coupling import draw_gains
from .coupling import LOSSES
from .style import COLOURS, LINES, MARKERS, figure, legend, look, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL = (4.4, 3.8)  # inches
Kind = tuple[str, str, str]  # algorithm, loss, and the recipe they are in
Setup = tuple[str, str]  # algorithm and recipe


@look()
def draw_sweep(rows: Sequence[Row]) -> 'Figure | None':
    """Draw what a sweep found.

    Accuracy against batch, each loss at the learning rate and temperature
    that validation chose for it, with the deviation over seeds; gain on
    InfoNCE at the same settings against ``1 - q``, with 95 % intervals; q
    over training at the chosen settings.

    Args:
        rows: Lines that name loss and batch; others are left out.

    Returns:
        None if nothing of it can be drawn: that takes two batches, a pair
        with InfoNCE, or a q.
    """
    known = [x for x in rows if x.get('loss') and batch_of(x)]
    kinds = grouped(known, _kind)
    pairs = [x for x in gaps(known) if x.coupling is not None]
    coupled = {kind: x for kind, x in kinds.items() if any(map(_q, x))}
    asides = _asides(kinds)
    names = {
        (algorithm, loss, recipe): _joined(before, loss, after)
        for algorithm, loss, recipe in kinds
        for before, after in [asides[algorithm, recipe]]
    }
    setups = {setup: _joined(*aside) for setup, aside in asides.items()}
    panels: list[Any] = []
    if len({batch_of(row) for row in known}) > 1:
        panels.append(lambda ax: _by_batch(ax, kinds, names))
    if pairs:
        panels.append(lambda ax: _by_coupling(ax, pairs, names, setups))
    if coupled:
        panels.append(lambda ax: _over_training(ax, coupled, names))
    if not panels:
        return None
    fig, axes = figure(1, len(panels), panel=_PANEL)
    for ax, draw in zip(axes, panels, strict=True):
        draw(ax)
    return fig


def _kind(row: Row) -> Kind:
    return row.get('algorithm') or '', row['loss'], row.get('recipe') or ''


def _kind_of(gap: Gap) -> Kind:
    return gap.algorithm, gap.loss, gap.recipe


def _q(row: Row) -> list[float]:
    return row.get('q') or []


def _recipes(kinds: Sequence[Kind]) -> list[tuple[str, str]]:
    """Algorithms with their recipes, SimCLR's first."""
    found = dict.fromkeys((kind[0], kind[2]) for kind in kinds)
    return sorted(found, key=lambda x: x[0] != 'SimCLR')


def _asides(kinds: dict[Kind, list[Row]]) -> dict[Setup, tuple[str, str]]:
    """What tells algorithms and recipes apart; those of most runs need none.

    It stands before and after the loss.
    """
    algorithms = grouped(list(kinds), lambda kind: kind[0])
    runs = {x: sum(len(kinds[y]) for y in algorithms[x]) for x in algorithms}
    most = [x for x in runs if runs[x] == max(runs.values())]
    found = {}
    for algorithm, mine in algorithms.items():
        rows = [row for kind in mine for row in kinds[kind]]
        recipes = grouped(rows, lambda row: row.get('recipe') or '')
        shown = '' if [algorithm] == most else algorithm
        for recipe, told in _recipe_names(recipes).items():
            found[algorithm, recipe] = shown, told
    return found


def _joined(*parts: str) -> str:
    return plain(', '.join(filter(None, parts)))


def _recipe_names(recipes: dict[str, list[Row]]) -> dict[str, str]:
    """What names of configs say after their first word, and what was set.

    Of most runs nothing, of others what those do not say, or else what any
    other does not. If that is the same of two, their numbers.
    """
    words = {recipe: _words(rows) for recipe, rows in recipes.items()}
    usual = max(recipes, key=lambda recipe: len(recipes[recipe]))
    told = {}
    for recipe, mine in words.items():
        new = [word for word in mine if word not in words[usual]]
        others = [
            word
            for word in mine
            if any(word not in other for other in words.values())
        ]
        told[recipe] = ' '.join(new or others)
    said = list(told.values())
    for number, recipe in enumerate(recipes, 1):
        if said.count(told[recipe]) > 1:
            told[recipe] = f'recipe {number}'
    told[usual] = ''
    return told


def _words(rows: Sequence[Row]) -> list[str]:
    """That all configs of a recipe have, but for those of the loss."""
    first, *others = [
        [*Path(row['config']).stem.split('_')[1:], *_beside_loss(row)]
        for row in rows
    ]
    return [word for word in first if all(word in x for x in others)]


def _beside_loss(row: Row) -> list[str]:
    """The last name of what was set, and its value."""
    options = [x for x in row['options'] if not x.startswith('model.head.')]
    settings = (option.partition('=') for option in options)
    return [f'{key.split(".")[-1]}={value}' for key, _, value in settings]


def _look(kind: Kind, kinds: Sequence[Kind]) -> dict:
    losses = list(dict.fromkeys([*LOSSES, *sorted(x[1] for x in kinds)]))
    i = losses.index(kind[1])
    j = _recipes(kinds).index((kind[0], kind[2]))
    return dict(
        color=COLOURS[i % len(COLOURS)],
        marker=MARKERS[(i + j) % len(MARKERS)],
        linestyle=LINES[j % len(LINES)],
    )


def _chosen(rows: Sequence[Row]) -> dict[int, list[Row]]:
    """Of each batch the rows of the setting that validation chose."""
    batches = sorted(grouped(rows, batch_of).items())
    return {batch: best(at) for batch, at in batches}


def _by_batch(
    ax: 'Axes', kinds: dict[Kind, list[Row]], names: dict[Kind, str]
) -> None:
    batches = sorted({batch_of(x) for rows in kinds.values() for x in rows})
    test = next(iter(next(iter(kinds.values()))[0]['test']), None)
    for number, (kind, rows) in enumerate(kinds.items()):
        chosen = _chosen(rows)
        values = {
            batch: [x['test'][test] for x in at if test in x['test']]
            for batch, at in chosen.items()
        }
        values = {batch: x for batch, x in values.items() if x}
        beside = number - (len(kinds) - 1) / 2
        style = _look(kind, [*kinds])
        draw_means(ax, values, beside, label=names[kind], **style)
    batch_axis(ax, batches)
    ax.set(ylabel=plain(f'test, {accuracy_name(test or "")} (%)'))
    ax.set_title('each at its best settings by validation')
    legend(ax)


def _by_coupling(
    ax: 'Axes',
    pairs: Sequence[Gap],
    names: dict[Kind, str],
    setups: dict[Setup, str],
) -> None:
    found = grouped(pairs, _kind_of)
    looks = {names[kind]: _look(kind, [*names]) for kind in found}
    draw_gains(
        ax, {names[kind]: x for kind, x in found.items()}, looks, setups
    )


def _over_training(
    ax: 'Axes', kinds: dict[Kind, list[Row]], names: dict[Kind, str]
) -> None:
    batches = sorted({batch_of(x) for rows in kinds.values() for x in rows})
    shown = [batches[0], batches[-1]] if len(batches) > 1 else batches
    for kind, rows in kinds.items():
        for batch, at in _chosen(rows).items():
            runs = [_q(row) for row in at if _q(row)]
            if batch not in shown or not runs:
                continue
            parts = min(map(len, runs))
            ax.plot(
                [100 * (i + 0.5) / parts for i in range(parts)],
                [statistics.mean(x[i] for x in runs) for i in range(parts)],
                label=f'{names[kind]}, batch {batch}',
                **dict(
                    _look(kind, [*kinds]),
                    linestyle=LINES[shown.index(batch)],
                    markevery=max(1, parts // 5),
                ),
            )
    labels = len(ax.get_legend_handles_labels()[1])
    top = 1.02 + 0.1 * -(-labels // 2)  # room for the legend
    ax.set(xlabel='training (%)', ylabel='q', ylim=(0, top), xlim=(0, 100))
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
    ax.set_title('coupling multiplier q')
    legend(ax, loc='upper center', ncols=2)
