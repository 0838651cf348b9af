"""How right and how old the neighbours of NNCLR were."""

from typing import TYPE_CHECKING

from ...pictures.panels import Line, thinned
from ...pictures.style import COLOURS, PALE, figure, look
from ...runs.config_facts import whole_or_none
from ...runs.facts import known
from ...runs.words import number
from ..inline import chart
from .quality_figures import HALF
from .section import Section, Source

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...runs.folder import RunFolder

OF_NEIGHBOURS = {
    'neighbor_accuracy': "neighbour has the query's label (%)",
    'neighbor_age': 'age of the neighbour (steps)',
}


def support_set(source: Source) -> Section | None:
    found = known(source.run)
    classes, size, batch = (
        whole_or_none(found.get(key))
        for key in ('classes', 'support_set', 'batch')
    )
    fig = draw_neighbours_of_training(source.run, classes)
    if fig is None:
        return None
    turns = (
        f' A set of {number(size)} is replaced within '
        f'{number(-(-size // batch))} steps.'
        if size and batch
        else ''
    )
    picture = chart(
        fig,
        'Of the neighbours that take the place of the positive: how many '
        'have the label of their query, which training never sees, and how '
        f'many steps ago they were enqueued.{turns}',
        'Accuracy and age of the neighbours over training',
    )
    return Section('support-set', 'Neighbours in training', pictures=[picture])


def draw_neighbours_of_training(
    run: 'RunFolder', classes: int | None
) -> 'Figure | None':
    """How right and how old NNCLR's neighbours were; None without them."""
    panels = {k: x for k, x in OF_NEIGHBOURS.items() if run.series(k)[0]}
    if not panels:
        return None
    fig, axes = figure(1, len(panels), panel=HALF)
    with look():
        for ax, (key, title) in zip(axes, panels.items(), strict=True):
            line = thinned(Line('', *run.series(key)))
            ax.plot(line.xs, line.ys, color=COLOURS[0])
            unit = 'epoch' if run.epoch_length else 'iteration'
            ax.set(title=title, xlabel=unit)
            if key == 'neighbor_accuracy' and classes:
                ax.axhline(
                    100 / classes, color=PALE, linestyle='--', linewidth=1
                )
                ax.annotate(
                    'chance',
                    (0, 100 / classes),
                    xycoords=('axes fraction', 'data'),
                    xytext=(4, 3),
                    textcoords='offset points',
                    color=PALE,
                    fontsize=8,
                )
            ax.set_ylim(bottom=0)
    return fig
