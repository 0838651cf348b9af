"""What was logged over training."""

from dataclasses import replace

from ...pictures.panels import coupling
from ...runs.facts import accuracies
from ...runs.words import number, percent
from ..inline import chart
from .section import Section, Source
from .support_set import OF_NEIGHBOURS

BESIDE = 3  # panels, where there is room
_Q = (
    ' q is the factor by which InfoNCE multiplies the gradient of an anchor; '
    'DCL sets it to 1.'
)


def curves(source: Source) -> Section:
    from ...pictures.curves import draw_curves

    run = source.run
    rows = accuracies(run)
    lead = ' '.join(
        f'{row["name"]}: {percent(row["first"])} '
        + (
            'of the untrained network, '
            if row['untrained']
            else f'after {run.unit} {number(row["began"])}, '
        )
        + f'{percent(row["last"])} after {run.unit} {number(row["ended"])}'
        + (
            f', the best {percent(row["best"])}.'
            if row['best'] > row['last']
            else '.'
        )
        for row in rows
        if row['ended'] != row['began']
    )
    if not rows:
        lead = 'No validation was logged, so there is no accuracy over time.'
    others = [
        {key: x for key, x in record.items() if key not in OF_NEIGHBOURS}
        for record in run.training
    ]  # have a section of their own
    run = replace(run, training=others)
    picture = chart(
        draw_curves(run, BESIDE),
        f'What was logged in training.{_Q * bool(coupling(run))}',
        f'Curves of {run.name}: {lead}',
        narrow=draw_curves(run, 1),
    )
    return Section('curves', 'Curves', lead, [picture])
