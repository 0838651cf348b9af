"""q over training, by loss and batch size: what DCL decouples."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...errors import UserValueError
from ..runs.differences import batch_of, differences, kinds, loss_of
from ..runs.folder import RunFolder
from .curves import draw_line
from .panels import axis, coupling, stretched
from .run_legend import run_look
from .style import COLOURS, LINES, MARKERS, figure, legend, look, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOSSES = ('DCL', 'InfoNCE', 'DCLW')  # always of the same colour
_SIZE = (6.4, 4.0)  # inches


@look()
def draw_coupling(runs: RunFolder | Sequence[RunFolder]) -> 'Figure':
    """Draw the negative-positive-coupling multiplier q over training.

    A line for each run, of a colour for its loss and a style for its batch
    size and what else differs but its seed, with the band from p10 to p90
    where ``mmdcl.QualityHook`` logged it. InfoNCE's gradient is q times that
    of DCL (Yeh et al., ECCV 2022).

    Args:
        runs: One or several. Those without q are named below the figure.

    Raises:
        UserValueError: No run has a q.
    """
    runs = [runs] if isinstance(runs, RunFolder) else list(runs)
    found = [run for run in runs if coupling(run)]
    without = ', '.join(run.name for run in runs if run not in found)
    if not found:
        raise UserValueError(
            f'no q was logged in {without}: heads of mmdcl log it '
            '(npc_multiplier) where an anchor has one positive, and '
            'mmdcl.QualityHook that of contrastive heads of others; add '
            "dict(type='mmdcl.QualityHook') to custom_hooks"
        )
    names = ', '.join(run.name for run in found)
    title = names if len(found) == 1 else f'{len(found)} runs: {names}'
    fig, [ax] = figure(panel=_SIZE, title=title)
    found.sort(
        key=lambda run: (_losses(runs)[loss_of(run)], batch_of(run) or 0)
    )
    unit, factors, _ = axis(found)
    lines = [coupling(run)[0] for run in found]
    kind = _kinds(found)
    for line, factor, label, look_of in zip(
        lines, factors, _labels(found, kind), _looks(found, kind), strict=True
    ):
        draw_line(
            ax,
            stretched(line, factor),
            several=len(found) > 1,
            label=plain(label),
            **look_of,
        )
    measures = ' or '.join(sorted({line.name for line in lines}))
    band = '\nand its range from p10 to p90'
    band *= any(line.band[0] for line in lines)
    ax.set(
        xlabel=unit,
        ylabel=f'{measures} q, the negative-positive coupling{band}',
        ylim=(0, 1.02),
    )
    ax.set_xlim(left=0)
    legend(ax, handlelength=3.6)  # styles are told apart by their gaps
    if without:
        fig.supxlabel(plain(f'no q was logged in {without}', 90), fontsize=8)
    return fig


def _losses(runs: Sequence[RunFolder]) -> dict[str, int]:
    names = dict.fromkeys([*LOSSES, *sorted(map(loss_of, runs))])
    return {name: i for i, name in enumerate(names)}


def _looks(runs: Sequence[RunFolder], kind: Sequence[int]) -> list[dict]:
    """Of each run, as of others of its kind and of no other run."""
    if not any(loss_of(run) or batch_of(run) for run in runs):
        return [run_look(i) for i in range(len(runs))]
    losses = _losses(runs)
    batches = sorted({batch_of(run) or 0 for run in runs})
    alike: dict[tuple[int, int], list[int]] = {}
    found = []
    for run, number in zip(runs, kind, strict=True):
        colour = losses[loss_of(run)]
        batch = batches.index(batch_of(run) or 0)
        others = alike.setdefault((colour, batch), [])
        others += [number] if number not in others else []
        more = others.index(number)
        found.append(
            dict(
                color=COLOURS[colour % len(COLOURS)],
                linestyle=LINES[(batch + more * len(batches)) % len(LINES)],
                marker=MARKERS[(colour + more) % len(MARKERS)],
            )
        )
    return found


def _kinds(runs: Sequence[RunFolder]) -> list[int]:
    """Only runs of which enough is known can be of one kind."""
    if not all(loss_of(run) and batch_of(run) for run in runs):
        return [*range(len(runs))]
    return kinds(runs)


def _labels(runs: Sequence[RunFolder], kind: Sequence[int]) -> list[str]:
    """By loss and batch size, if these suffice; of each kind once."""
    counts = Counter(kind)
    firsts = [kind.index(number) for number in counts]
    some = [runs[i] for i in firsts]
    labels = [f'{loss_of(run)}, batch {batch_of(run)}' for run in some]
    known = all(loss_of(run) and batch_of(run) for run in some)
    if not known or len({*labels}) < len(labels):
        labels = differences(some, seeds=len(some) == len(runs))
    found = [''] * len(runs)
    for i, label in zip(firsts, labels, strict=True):
        count = counts[kind[i]]
        found[i] = f'{label} ({count} runs)' if count > 1 else label
    return found
