"""Quality without labels: the last numbers, cosines, spectra."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...runs.words import number
from ..inline import chart
from .measures import MEASURES, SINGLE
from .quality_figures import draw_cosines, draw_spectra
from .section import Section, Source, whatever_class

if TYPE_CHECKING:
    from ...runs.folder import RunFolder

PLACES = ('features', 'projections')


def quality_without_labels(source: Source) -> Section:
    run = source.run
    asked = source.pictures
    found = quality(run) or of_network(asked.facts.get('measures'), asked.of)
    pictures = []
    first_too = ' Dotted: the first record.' * (len(run.histograms) > 1)
    fig = draw_cosines(run.histograms)
    if fig is not None:
        pictures.append(
            chart(
                fig,
                'Cosines of positive and negative pairs at the end. Apart is '
                f'good, both at 1 is collapse.{first_too}'
                + whatever_class(run),
                'Histograms of the cosines of positives and negatives',
                width='half',
            )
        )
    fig = draw_spectra(run.histograms or [asked.facts.get('spectrum') or {}])
    if fig is not None:
        pictures.append(
            chart(
                fig,
                'Singular values of centred features and projections. A '
                'cliff is dimensional collapse: directions beyond it are '
                f'not used.{first_too}',
                'Spectrum of the singular values, on a logarithmic axis',
                width='half',
            )
        )
    note = ''
    if found is None and not pictures:
        note = (
            'Nothing was recorded: mmdcl.QualityHook, one line in a config, '
            'does so in any self-supervised training.'
        )
    return Section(
        'quality',
        'Quality without labels',
        pictures=pictures,
        content=found,
        note=note,
    )


def quality(run: 'RunFolder') -> dict[str, Any] | None:
    """What the section shows; None if nothing of it was recorded.

    Later records go before earlier ones, key by key: not each has all.

    Returns:
        ``measures``, rows of ``name``, ``values`` of each of ``places`` and
        of the first record (``began``), ``says``, ``source``; ``single``,
        rows of ``name``, ``value``, ``unit``, ``says``, ``source``;
        ``of``, which images; ``shape`` of places; ``several``, whether
        there is a first record beside the last.
    """
    return _table(run.quality) if run.quality else None


def _table(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    last: dict[str, Any] = {}
    first: dict[str, Any] = {}
    for record in records:
        last |= record
        first = {**record, **first}
    places = [x for x in PLACES if any(k.startswith(f'{x}/') for k in last)]
    measures = [
        dict(
            name=name,
            values=[last.get(f'{place}/{key}') for place in places],
            began=[first.get(f'{place}/{key}') for place in places],
            says=says,
            source=source,
        )
        for key, name, says, source in MEASURES
        if any(f'{place}/{key}' in last for place in places)
    ]
    single = [
        dict(
            name=name,
            value=_times(last[key], factor),
            began=_times(first[key], factor),
            unit=unit,
            says=says,
            source=source,
        )
        for key, name, factor, unit, says, source in SINGLE
        if key in last
    ]
    return dict(
        measures=measures,
        single=single,
        places=places,
        shape=' '.join(_shape(last, place) for place in places).strip(),
        of=_of(last),
        several=len(records) > 1,
    )


def _of(record: Mapping[str, Any]) -> str:
    images, epoch = record.get('quality'), record.get('epoch')
    if not images or epoch is None:
        return ''
    return (
        f'Of {number(images)} training images as augmented, in the last look '
        f'at them, in epoch {number(epoch, 3)}.'
    )


def of_network(measures: Any, of: str) -> dict[str, Any] | None:
    """The same, of a network that was asked about some images.

    Args:
        measures: Of ``features`` and ``projections``, what the hook logs.
        of: Which images, whose weights.
    """
    if not isinstance(measures, dict) or not measures:
        return None
    record = {
        f'{place}/{key}': value
        for place, found in measures.items()
        for key, value in found.items()
    }
    return {
        **_table([record]),
        'of': f'Nothing was recorded in training; these are of {of}, as '
        'they are: not augmented, in eval mode.',
    }


def _times(value: Any, factor: float) -> Any:
    return value * factor if isinstance(value, (int, float)) else value


def _shape(record: Mapping, place: str) -> str:
    """What ranks are to be held against."""
    width, rows = record.get(f'{place}/width'), record.get(f'{place}/rows')
    if not width or not rows:
        return ''
    return (
        f'Of {rows:,.0f} {place} of width {width:,.0f} no rank can exceed '
        f'{min(width, rows):,.0f}.'
    )
