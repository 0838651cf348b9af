"""Training curves of one run."""

import math
from collections.abc import Sequence
from pathlib import Path


def draw_curves(records: Sequence[dict], path: Path, unit: str) -> None:
    """Plot what a run logged.

    Args:
        records: Lines of ``vis_data/scalars.json``: training records hold
            ``loss`` and ``iter``, validation records ``step``.
        path: PNG to write.
        unit: Of ``step``: epoch or iteration.
    """
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot as plt

    train = [r for r in records if 'loss' in r and 'iter' in r]
    val = [r for r in records if 'loss' not in r]
    cosines = ('pos_cosine', 'neg_cosine', 'neighbor_cosine')
    panels = [
        ('loss', ('loss',)),
        ('cosine', cosines),
        ('negative-positive-coupling multiplier q', ('npc_multiplier',)),
        ('neighbour accuracy (%)', ('neighbor_accuracy',)),
        ('neighbour age (steps)', ('neighbor_age',)),
        ('learning rate', ('lr',)),
    ]
    panels = [
        (title, logged)
        for title, keys in panels
        if (logged := [key for key in keys if any(key in r for r in train)])
    ]
    accuracies = sorted(
        {
            key
            for record in val
            for key, value in record.items()
            if 'accuracy' in key and isinstance(value, (int, float))
        }
    )
    number = len(panels) + 1
    rows = math.ceil(number / 5)
    columns = math.ceil(number / rows)
    fig, axes = plt.subplots(
        rows,
        columns,
        figsize=(4 * columns, 3.6 * rows),
        layout='constrained',
        squeeze=False,
    )
    axes, unused = axes.flat[:number], axes.flat[number:]
    for ax in unused:
        ax.remove()
    for ax, (title, keys) in zip(axes, panels, strict=False):
        for key in keys:
            points = [(r['iter'], r[key]) for r in train if key in r]
            ax.plot(*zip(*points, strict=True), label=key)
        ax.set(title=title, xlabel='iteration')
        if len(keys) > 1:
            ax.legend(frameon=False)
    for key in accuracies:
        points = [(r['step'], r[key]) for r in val if key in r]
        axes[-1].plot(*zip(*points, strict=True), marker='o', label=key)
    axes[-1].set(title='kNN accuracy (%)', xlabel=unit)
    if len(accuracies) > 1:
        axes[-1].legend(frameon=False)
    for ax in axes:
        ax.spines[['top', 'right']].set_visible(False)
    fig.savefig(path, dpi=110)
    plt.close(fig)
