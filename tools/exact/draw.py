"""Draw the figure of docs/precision.md from what `precision.py` wrote.

python tools/exact/draw.py results/exact/precision.json docs/precision.png
"""

import argparse
import json
from pathlib import Path

from matplotlib.figure import Figure

from mmdcl.report.pictures.style import COLOURS, LINES, look


@look()
def draw(rows: list[dict]) -> Figure:
    """A column for each precision, a line for each formulation.

    DCLW is left out: its lines are next to those of DCL.
    """
    rows = [row for row in rows if not row['form'].startswith('DCLW')]
    forms = list(dict.fromkeys(row['form'] for row in rows))
    precisions = list(dict.fromkeys(row['precision'] for row in rows))
    figure = Figure((11, 5.4), layout='constrained')
    axes = figure.subplots(2, len(precisions), sharex=True, sharey=True)
    for row in rows:
        column = precisions.index(row['precision'])
        number = forms.index(row['form'])
        axes[0, column].set_title(row['precision'])
        for i, what in enumerate(('gradient', 'pull')):
            axes[i, column].loglog(
                row['q'],
                row[what],
                color=COLOURS[number],
                linestyle=LINES[number],
                label=row['form'],
            )
    axes[0, 0].set(ylim=(1e-8, 10), ylabel='error of the gradient')
    axes[1, 0].set_ylabel('error of the pull')
    axes[0, 0].invert_xaxis()
    for ax in axes[1]:
        ax.set_xlabel('q')
    handles, _ = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles=handles, loc='outside lower center', ncols=3)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('rows', type=Path)
    parser.add_argument('out', type=Path)
    args = parser.parse_args()
    draw(json.loads(args.rows.read_text())).savefig(args.out, dpi=100)


if __name__ == '__main__':
    main()
