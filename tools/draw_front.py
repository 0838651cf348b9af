"""Draw the picture of README.md from what `mmdcl sweep` left.

    python tools/draw_front.py results/cifar100_conv4 docs/front.png

Left, `q` in training with InfoNCE, the mean over seeds: the factor by which
InfoNCE multiplies the gradient of each anchor; with DCL it is 1. Right, the
accuracy that both losses led to at each batch.
"""

import argparse
import statistics
from pathlib import Path

from mmdcl.report.pictures.by_batch import batch_axis, draw_means
from mmdcl.report.pictures.style import COLOURS, MARKERS, figure, look, save
from mmdcl.report.sweeps.lines import Row, grouped, read_rows

CONFIGS = {
    'InfoNCE': 'simclr_conv4_1xb32_cifar100',
    'DCL': 'dcl_conv4_1xb32_cifar100',
}
SET = dict(temperature=0.07, lr_factor=1.0, options=[])
METRIC = 'k20/accuracy/top1'
INFO_NCE, DCL = COLOURS[1], COLOURS[0]


def runs_of(results: Path, loss: str) -> dict[int, list[Row]]:
    """Those of all seeds, by batch."""
    found = [
        row
        for row in read_rows(results / 'runs.jsonl', mend=False)
        if Path(row['config']).stem == CONFIGS[loss]
        and all(row[name] == value for name, value in SET.items())
    ]
    return dict(sorted(grouped(found, lambda row: row['batch']).items()))


@look()
def draw(results: Path, path: Path) -> None:
    fig, (left, right) = figure(1, 2, panel=(4.4, 3.1))
    batches = runs_of(results, 'InfoNCE')
    for number, (batch, rows) in enumerate(batches.items()):
        q = [
            statistics.mean(parts)
            for parts in zip(*(row['q'] for row in rows), strict=True)
        ]
        left.plot(
            [100 * (part + 0.5) / len(q) for part in range(len(q))],
            q,
            color=INFO_NCE,
            alpha=(number + 1) / len(batches),
        )
        left.annotate(
            f'{batch}',
            (100, q[-1]),
            xytext=(2, -3),
            textcoords='offset points',
            fontsize=8,
        )
    left.axhline(1, color=DCL, linewidth=2)
    left.text(50, 0.96, 'DCL, at any batch', color=DCL, ha='center', va='top')
    left.text(20, 0.1, 'InfoNCE, by batch', color=INFO_NCE)
    left.set(xlabel='training (%)', xlim=(0, 108), ylim=(0, 1.05))
    left.set_title("q: the gradient of an image, as a share of DCL's")

    for number, (loss, color) in enumerate(
        (('DCL', DCL), ('InfoNCE', INFO_NCE))
    ):
        found = {
            batch: [row['test'][METRIC] for row in rows]
            for batch, rows in runs_of(results, loss).items()
        }
        style = dict(color=color, marker=MARKERS[number], label=loss)
        draw_means(right, found, 1 - 2 * number, **style)
    batch_axis(right, [*batches])
    right.set_title('kNN accuracy (%), CIFAR-100, 60 epochs')
    right.legend(loc='lower right')
    save(fig, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('results', type=Path, help='folder of `mmdcl sweep`')
    parser.add_argument('out', type=Path, help='picture to write')
    args = parser.parse_args()
    draw(args.results, args.out)


if __name__ == '__main__':
    main()
