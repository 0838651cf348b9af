"""Several runs on one page: what differs, and what came of it."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import UserValueError
from ..pictures.coupling import draw_coupling
from ..pictures.curves import draw_curves
from ..runs.differences import differences
from ..runs.folder import read_run
from .guard import guarded
from .inline import chart
from .sections.curves import BESIDE
from .sections.differences import what_differs
from .sections.evaluation import evaluation_table
from .sections.results import results
from .sections.section import Section
from .write import NAME, render, write

if TYPE_CHECKING:
    from ..runs.folder import RunFolder

_LONGEST = 48  # characters of a label


def write_comparison(
    work_dirs: Sequence[str | Path],
    out: str | Path | None = None,
    warn: Callable[[str], Any] = warnings.warn,
) -> Path:
    """Write the page of several runs.

    Args:
        work_dirs: Of the runs, at least two.
        out: Default: ``report.html`` here.
        warn: Is given a sentence where a part failed.

    Returns:
        The file.

    Raises:
        UserError: One of them is no run, they are one, or there is no place
            to write.
    """
    if len({Path(x).resolve() for x in work_dirs}) < len(work_dirs):
        raise UserValueError(
            'a comparison needs different runs, got '
            f'{", ".join(map(str, work_dirs))}'
        )
    runs = [read_run(path) for path in work_dirs]
    labels = _short(differences(runs), [run.name for run in runs])
    sections = []
    for title, make in _SECTIONS.items():
        section, why, _ = guarded(title, partial(make, runs, labels), warn)
        if why:
            section = Section(title.lower(), title, note=why)
        if section is not None:
            sections.append(section)
    html = render(
        'page.html',
        title=f'{len(runs)} runs',
        subtitle=' · '.join(run.name for run in runs),
        sections=sections,
    )
    return write(html, Path(out or NAME))


def curves(runs: 'Sequence[RunFolder]', labels: Sequence[str]) -> Section:
    picture = chart(
        draw_curves(runs, BESIDE),
        'What was logged in training.',
        f'Curves of {", ".join(labels)}',
        narrow=draw_curves(runs, 1),
    )
    return Section('curves', 'Curves', pictures=[picture])


def coupling(
    runs: 'Sequence[RunFolder]', labels: Sequence[str]
) -> Section | None:
    if not any(run.series('npc_multiplier')[0] for run in runs) and not any(
        run.series('coupling/q_p50')[0] for run in runs
    ):
        return None
    picture = chart(
        draw_coupling(runs),
        'q, the factor by which InfoNCE multiplies the gradient of an '
        'anchor: the smaller, the more DCL, which sets it to 1, changes.',
        f'q over training, of {", ".join(labels)}',
        width='middle',
    )
    return Section('coupling', 'Coupling', pictures=[picture])


def evaluation(
    runs: 'Sequence[RunFolder]', labels: Sequence[str]
) -> Section | None:
    rows = [
        {**row, 'run': label}
        for run, label in zip(runs, labels, strict=True)
        for row in run.evaluations
    ]
    if not rows:
        return None
    return Section('evaluation', 'Evaluation', content=evaluation_table(rows))


def _short(labels: Sequence[str], names: Sequence[str]) -> Sequence[str]:
    """Names, where runs differ in so much that labels say it too long."""
    alike = len(set(names)) < len(names)
    long = max(map(len, labels)) > _LONGEST
    return names if long and not alike else labels


_SECTIONS: dict[str, Callable[..., Section | None]] = {
    'Results': results,
    'What differs': what_differs,
    'Curves': curves,
    'Coupling': coupling,
    'Evaluation': evaluation,
}
