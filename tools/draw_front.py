"""Draw the picture of README.md from what `mmdcl sweep` left.

    python tools/draw_front.py results/cifar10_slim docs/front.png

Left, `q` in training with InfoNCE, the mean over seeds: the factor by which
InfoNCE multiplies the gradient of each anchor; with DCL it is 1. Right, the
accuracy that both losses led to.
"""

import argparse
import json
import statistics
from pathlib import Path

import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt

TEMPERATURE = 0.1  # the best by validation, for both losses
METHODS = {
    'SimCLR': ('simclr_slimr18_1xb32_cifar10', 'dcl_slimr18_1xb32_cifar10'),
    'NNCLR': (
        'nnclr_slimr18_1xb32_cifar10',
        'nnclr-dcl_slimr18_1xb32_cifar10',
    ),
}
LOSSES = {'InfoNCE': 'tab:gray', 'DCL': 'tab:blue'}
METRIC = 'k200/accuracy/top1'


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def runs_of(results: Path, config: str) -> list[dict]:
    """Those of all seeds, at the temperature that is shown."""
    return [
        run
        for run in read(results / 'runs.jsonl')
        if Path(run['config']).stem == config
        and run['temperature'] == TEMPERATURE
    ]


def coupling(results: Path, config: str) -> tuple[list[int], list[float]]:
    """Iterations, and the mean of ``q`` over seeds at each of them."""
    logs = [read(results / run['log']) for run in runs_of(results, config)]
    curves = [
        {x['iter']: x['npc_multiplier'] for x in log if 'loss' in x}
        for log in logs
    ]
    steps = sorted(curves[0])
    return steps, [statistics.mean(c[i] for c in curves) for i in steps]


def accuracy(results: Path, config: str) -> tuple[float, float]:
    """Mean and standard deviation over seeds, in percent."""
    found = [run['test'][METRIC] for run in runs_of(results, config)]
    return statistics.mean(found), statistics.stdev(found)


def draw(results: Path, path: Path) -> None:
    fig, (left, right) = plt.subplots(
        1, 2, figsize=(9, 3.4), layout='constrained', width_ratios=(3, 2)
    )
    styles = zip(METHODS.items(), ('-', '--'), strict=True)
    for (method, (config, _)), style in styles:
        steps, q = coupling(results, config)
        left.plot(
            steps,
            q,
            style,
            color=LOSSES['InfoNCE'],
            label=f'InfoNCE, {method}',
        )
        left.fill_between(steps, q, 1, color=LOSSES['DCL'], alpha=0.08)
    left.axhline(1, color=LOSSES['DCL'], label='DCL', linewidth=2)
    left.set(
        title="q: the gradient of an image, as a share of DCL's",
        xlabel='iteration (batch 32)',
        ylim=(0, 1.05),
    )
    left.legend(frameon=False, loc='lower left')

    for i, (loss, color) in enumerate(LOSSES.items()):
        found = [accuracy(results, pair[i]) for pair in METHODS.values()]
        means, deviations = zip(*found, strict=True)
        at = [method + 0.38 * i - 0.19 for method in range(len(METHODS))]
        right.bar(
            at,
            means,
            0.36,
            yerr=deviations,
            capsize=3,
            color=color,
            label=loss,
        )
    start = statistics.mean(
        run['val_start']
        for pair in METHODS.values()
        for run in runs_of(results, pair[0])
    )
    right.axhline(start, color='black', linestyle=':', label='before training')
    right.set(title='kNN accuracy (%)', ylim=(0, 58))
    right.set_xticks(range(len(METHODS)), METHODS)
    right.legend(frameon=False, loc='upper right', ncols=3, fontsize='small')
    for ax in (left, right):
        ax.spines[['top', 'right']].set_visible(False)
    fig.savefig(path, dpi=110)
    plt.close(fig)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('results', type=Path, help='folder of `mmdcl sweep`')
    parser.add_argument('out', type=Path, help='picture to write')
    args = parser.parse_args()
    draw(args.results, args.out)


if __name__ == '__main__':
    main()
