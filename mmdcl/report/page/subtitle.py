"""A run in one line."""

from typing import TYPE_CHECKING

from ..runs.facts import known, trained
from ..runs.words import number
from .sections.card import started

if TYPE_CHECKING:
    from ..runs.folder import RunFolder


def subtitle(run: 'RunFolder') -> str:
    """Model, loss, data, when, and how far it came."""
    found = known(run)
    loss = str(found.get('loss') or '').partition(', temperature')[0]
    temperature = found.get('temperature')
    if loss and temperature is not None:
        loss += f', temperature {number(temperature)}'
    data = str(found.get('data') or '').partition(',')[0]
    parts = [
        str(found.get('model') or '').partition(',')[0],
        loss,
        data.partition(' in ')[0],
        started(run),
        _length(run),
    ]
    return ' · '.join(filter(None, parts))


def _length(run: 'RunFolder') -> str:
    """``finished after 15 epochs``, ``stopped in epoch 6``."""
    length = trained(run)
    if not length:
        return 'nothing trained'
    known_end = run.config or run.recipe
    word = 'stopped after' if known_end else 'trained for'
    word = 'finished after' if run.finished else word
    unit, digits = ('epoch', 1) if run.epoch_length else ('iteration', None)
    text = number(round(length, digits))
    return f'{word} {text} {unit}{"s" * (text != "1")}'
