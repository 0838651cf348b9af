"""Draw the picture of README.md from what `mmdcl sweep` left.

    python tools/draw_front.py results/cifar100_conv4 docs/front.png

Left, `q` in training with InfoNCE, the mean over seeds: the factor by which
InfoNCE multiplies the gradient of each anchor; with DCL it is 1. Beside it,
the accuracy that both losses led to at each batch, for each temperature.
"""

import argparse
import statistics
from pathlib import Path
from typing import TYPE_CHECKING

from mmdcl.report.pictures.by_batch import batch_axis, draw_means
from mmdcl.report.pictures.style import COLOURS, MARKERS, figure, look, save
from mmdcl.report.sweeps.lines import Row, grouped, read_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONFIGS = {
    'InfoNCE': 'simclr_conv4_1xb32_cifar100',
    'DCL': 'dcl_conv4_1xb32_cifar100',
}
TEMPERATURES = (0.07, 0.1)
METRIC = 'k20/accuracy/top1'
INFO_NCE, DCL = COLOURS[1], COLOURS[0]


def runs_of(
    rows: list[Row], loss: str, temperature: float
) -> dict[int, list[Row]]:
    """Those of all seeds, by batch."""
    found = [
        row
        for row in rows
        if Path(row['config']).stem == CONFIGS[loss]
        and row['temperature'] == temperature
        and row['lr_factor'] == 1
        and not row['options']
    ]
    return dict(sorted(grouped(found, lambda row: row['batch']).items()))


def draw_coupling(ax: 'Axes', batches: dict[int, list[Row]]) -> None:
    for number, (batch, rows) in enumerate(batches.items()):
        q = [
            statistics.mean(parts)
            for parts in zip(*(row['q'] for row in rows), strict=True)
        ]
        ax.plot(
            [100 * (part + 0.5) / len(q) for part in range(len(q))],
            q,
            color=INFO_NCE,
            alpha=(number + 1) / len(batches),
        )
        ax.annotate(
            f'{batch}',
            (100, q[-1]),
            xytext=(2, -3),
            textcoords='offset points',
            fontsize=8,
        )
    ax.axhline(1, color=DCL, linewidth=2)
    ax.text(50, 0.96, 'DCL, at any batch', color=DCL, ha='center', va='top')
    said = f'InfoNCE, temperature {TEMPERATURES[0]}, by batch'
    ax.text(4, 0.06, said, color=INFO_NCE)
    ax.set(xlabel='training (%)', xlim=(0, 112), ylim=(0, 1.05))


def draw_accuracy(ax: 'Axes', rows: list[Row], temperature: float) -> None:
    for number, (loss, color) in enumerate(
        (('DCL', DCL), ('InfoNCE', INFO_NCE))
    ):
        batches = runs_of(rows, loss, temperature)
        found = {
            batch: [row['test'][METRIC] for row in same]
            for batch, same in batches.items()
        }
        style = dict(color=color, marker=MARKERS[number], label=loss)
        draw_means(ax, found, 1 - 2 * number, **style)
    batch_axis(ax, [*batches])
    ax.set_title(f'kNN accuracy (%), temperature {temperature}')


@look()
def draw(results: Path, path: Path) -> None:
    rows = read_rows(results / 'runs.jsonl', mend=False)
    fig, (left, *right) = figure(1, 3, panel=(3.4, 3.1))
    draw_coupling(left, runs_of(rows, 'InfoNCE', TEMPERATURES[0]))
    left.set_title("q: InfoNCE's gradient over DCL's")
    for ax, temperature in zip(right, TEMPERATURES, strict=True):
        draw_accuracy(ax, rows, temperature)
    right[1].sharey(right[0])
    right[1].legend(loc='lower right')
    save(fig, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('results', type=Path, help='folder of `mmdcl sweep`')
    parser.add_argument('out', type=Path, help='picture to write')
    args = parser.parse_args()
    draw(args.results, args.out)


if __name__ == '__main__':
    main()
