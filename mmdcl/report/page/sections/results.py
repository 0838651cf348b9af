"""What came of several runs, a row for each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .... import verdicts
from ...runs.facts import accuracies, facts_of, images_a_second, trained
from ...runs.words import NOTHING, duration, number, percent
from .section import Section

if TYPE_CHECKING:
    from ...runs.folder import RunFolder


def results(runs: 'Sequence[RunFolder]', labels: Sequence[str]) -> Section:
    """A row for each run: verdict, accuracies, rank, q, cost."""
    rows = [_result(run) for run in runs]
    head = list(dict.fromkeys(key for row in rows for key in row))
    best = {
        key: max((row[key] for row in rows if key in row), default=None)
        for key in head
        if key.endswith('(%)') and 'untrained' not in key
    }
    return Section(
        'results',
        'Results',
        content=dict(
            head=head,
            rows=[
                dict(
                    label=label,
                    name=run.name,
                    verdict=verdicts.verdicts(facts_of(run))[0],
                    cells=[
                        dict(
                            text=_text(key, row.get(key)),
                            best=len(rows) > 1
                            and key in best
                            and row.get(key) == best[key],
                        )
                        for key in head
                    ],
                )
                for run, label, row in zip(runs, labels, rows, strict=True)
            ],
        ),
    )


def _result(run: 'RunFolder') -> dict[str, float]:
    found: dict[str, float] = {}
    for row in accuracies(run):
        if row['untrained']:
            found[f'{row["name"]}, untrained (%)'] = row['first']
        found[f'{row["name"]} (%)'] = row['last']
        if row['best'] > row['last']:
            found[f'{row["name"]}, best (%)'] = row['best']
    for key, name in (
        ('features/rank_me', 'RankMe'),
        ('npc_multiplier', 'q'),
        ('loss', 'loss'),
    ):
        values = run.series(key)[1]
        if values:
            found[name] = values[-1]
    unit = 'epochs' if run.epoch_length else 'iterations'
    found[unit] = round(trained(run), 1)
    if run.seconds:
        found['time'] = run.seconds
    rate = images_a_second(run)
    if rate:
        found['images/s'] = round(rate)
    return found


def _text(key: str, value: float | None) -> str:
    if value is None:
        return NOTHING
    if key.endswith('(%)'):
        return percent(value)
    return duration(value) if key == 'time' else number(value)
