"""The recipe card of a page: what was trained, on what, at what cost."""

from typing import TYPE_CHECKING, Any

from ...runs.config_facts import whole_or_none
from ...runs.facts import images_a_second, known
from ...runs.words import NOTHING, POSITIVES, duration, number

if TYPE_CHECKING:
    from ...runs.folder import RunFolder

Row = tuple[str, str]


def card(run: 'RunFolder') -> list[Row]:
    """Labels and texts; what is not known is left out."""
    found = known(run)

    def text(key: str) -> str:
        value = found.get(key)
        return '' if value is None else number(value)

    temperature = text('temperature')
    effective = 'effective ' * bool(run.recipe)  # after scaling
    loss = str(found.get('loss', '')).partition(', temperature')[0]
    rows = [
        ('config', text('config')),
        ('model', text('model')),
        ('loss', loss),
        ('temperature', temperature),
        ('data', text('data')),
        ('images', text('images')),
        ('classes', text('classes')),
        ('global batch', _batch(found)),
        ('positives', POSITIVES.get(text('positives'), '')),
        ('negatives for each anchor', _negatives(found)),
        ('support set', text('support_set')),
        ('optimizer', text('optimizer')),
        (f'{effective}learning rate', text('lr')),
        ('schedule', text('schedule')),
        ('length', text('length')),
        ('validation', text('validation')),
        ('gradient', text('gradient')),
        ('dtype of logits', text('logits')),
        ('precision', text('precision')),
        ('seed', _seed(found)),
        ('started', started(run, ', %H:%M')),
        ('cost', cost(run)),
        ('machine', text('machine')),
        ('device', text('device')),
        ('commit', text('commit')),
        ('versions', _versions(found.get('versions'))),
        ('command', text('command')),
    ]
    return [(label, value) for label, value in rows if value]


def started(run: 'RunFolder', more: str = '') -> str:
    """``1 November 2026``; '' if it is not known."""
    found = f'{run.started:%d %B %Y{more}}' if run.started else ''
    return found.removeprefix('0')


def changes(run: 'RunFolder') -> list[tuple[str, str, str]]:
    """Keys of the config that differ from its base: now, and in the base."""
    found = known(run).get('changes')
    if not isinstance(found, (list, tuple)):
        return []
    return [
        (str(x[0]), _value(x[1]), _value(x[2]))
        for x in found
        if isinstance(x, (list, tuple)) and len(x) == 3
    ]


def cost(run: 'RunFolder') -> str:
    """``1.4 hours, 879 images/s``: of the training, without validation."""
    parts = []
    if run.seconds:
        parts.append(f'{number(run.seconds / 3600, 2)} hours')
        if run.seconds < 3600:
            parts[0] += f' ({duration(run.seconds)})'
    rate = images_a_second(run)
    if rate:
        parts.append(f'{rate:,.0f} images/s')
    return ', '.join(parts)


def _batch(found: dict[str, Any]) -> str:
    each, batch, processes = (
        whole_or_none(found.get(key))
        for key in ('batch_of_a_process', 'batch', 'processes')
    )
    more = str(found.get('micro_batches') or '')
    if batch is None:
        more = f', {more}' * bool(more)
        return f'{number(each)} for each process{more}' if each else ''
    several = []
    if processes and processes > 1:
        several = [f'{processes} processes x {number(batch / processes)}']
    inside = ', '.join(several + [more] * bool(more))
    return number(batch) + (f' ({inside})' if inside else '')


def _negatives(found: dict[str, Any]) -> str:
    text = str(found.get('negatives_text') or '')
    return text.replace(' for each anchor', '') or number(
        found.get('negatives', '')
    )


def _seed(found: dict[str, Any]) -> str:
    if found.get('seed') is None:
        return ''
    fixed = ', deterministic' if found.get('deterministic') else ''
    return f'{found["seed"]}{fixed}'


def _versions(found: Any) -> str:
    if isinstance(found, dict):
        return ', '.join(f'{name} {x}' for name, x in found.items())
    if isinstance(found, (list, tuple)):
        return ', '.join(map(str, found))
    return str(found or '')


def _value(value: Any) -> str:
    if value is None:
        return NOTHING
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 300 else f'{text[:300]} ...'
