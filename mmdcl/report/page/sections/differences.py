"""In what several runs differ, a row for each setting."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...runs.words import NOTHING
from .card import card
from .section import Section

if TYPE_CHECKING:
    from ...runs.folder import RunFolder

_OF_ONE = ('started', 'cost', 'command')  # of a card, always different
_ASIDE = {  # of a config, what trains nothing
    *('default_hooks', 'custom_hooks', 'env_cfg', 'launcher', 'load_from'),
    *('log_level', 'log_processor', 'resume', 'vis_backends', 'visualizer'),
    *('work_dir', 'default_scope'),
}
_MOST = 100  # settings that differ


def what_differs(
    runs: 'Sequence[RunFolder]', labels: Sequence[str]
) -> Section:
    """Of recipes, then of configs; a row for each setting."""
    alike = all(run.recipe for run in runs)  # else what all configs say
    cards = [
        {
            key: x
            for key, x in card(run if alike else replace(run, recipe={}))
            if key not in _OF_ONE
        }
        for run in runs
    ]
    settings = [
        _flat(run.config.to_dict()) if run.config else {} for run in runs
    ]
    found, more = _differing(cards), _differing(settings)
    none = 'Nothing that is known of them.'
    return Section(
        'differences',
        'What differs',
        content=dict(
            labels=labels,
            recipe=found,
            config=more[:_MOST],
            left_out=max(len(more) - _MOST, 0),
        )
        if found or more
        else None,
        note='' if found or more else none,
    )


def _differing(
    columns: Sequence[Mapping[str, str]],
) -> list[tuple[str, list[str]]]:
    """Rows that are not the same; a run of which nothing is known agrees."""
    keys = dict.fromkeys(key for column in columns for key in column)
    known = [x for x in columns if x]
    return [
        (key, [x.get(key, NOTHING) for x in columns])
        for key in keys
        if len({x.get(key) for x in known}) > 1
    ]


def _flat(config: Any, at: str = '') -> dict[str, str]:
    if isinstance(config, Mapping) and config:
        pairs = [(k, x) for k, x in config.items() if at or k not in _ASIDE]
    elif isinstance(config, (list, tuple)) and config:
        pairs = list(enumerate(config))
    else:
        return {at: str(config)[:80]}
    found: dict[str, str] = {}
    for key, value in pairs:
        found |= _flat(value, f'{at}.{key}'.lstrip('.'))
    return found
