"""Short labels of runs, by what differs between them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from os.path import commonpath
from pathlib import Path
from typing import Any

from .facts import known
from .folder import RunFolder
from .words import number

_ASIDE = (  # of a config, what trains nothing
    'custom_hooks',
    'default_hooks',
    'env_cfg',
    'launcher',
    'load_from',
    'log_level',
    'log_processor',
    'randomness',
    'resume',
    'test_cfg',
    'test_dataloader',
    'test_evaluator',
    'val_cfg',
    'val_dataloader',
    'val_evaluator',
    'vis_backends',
    'visualizer',
    'work_dir',
)
_OF_A_SWEEP = ('train_dataloader/batch_size', 'optim_wrapper/optimizer/lr')
_OF_A_MACHINE = (
    'data_root',
    'num_workers',
    'persistent_workers',
    'pin_memory',
)
_MOST = 3  # settings that are named beside the facts
_LONGEST = 24  # letters of such a setting
_LABEL = 40  # letters of a label


def differences(runs: Sequence[RunFolder], seeds: bool = True) -> list[str]:
    """A label for each run, no two alike: ``DCL, batch 32``.

    All of algorithm, loss, batch, temperature, learning rate, length, data
    and backbone that differ; seed or other settings of the config where these
    leave two runs alike; the folder's name if nothing tells them apart;
    those of all if a label is longer than 40 letters.

    Args:
        runs: Any number.
        seeds: Whether a seed may be named.
    """
    if len(runs) == 1:
        return [runs[0].name]
    parts: list[list[str]] = [[] for _ in runs]
    for texts in _columns(runs, _FACTS):
        _add(parts, texts)
    named = _columns(runs, {'seed': _seed} if seeds else {})
    for more in (named, _settings(runs)[:_MOST]):
        for texts in more:
            if len({*map(tuple, parts)}) < len(runs):
                _add(parts, texts)
    labels = [', '.join(part) for part in parts]
    names = _names(runs)
    labels = [
        label if label and labels.count(label) == 1 else _named(label, name)
        for label, name in zip(labels, names, strict=True)
    ]
    return names if max(map(len, labels)) > _LABEL else labels


def kinds(runs: Sequence[RunFolder]) -> list[int]:
    """A number for each run, the same for those that differ but in seed."""
    known_of = [
        (*(text(run) for text in _FACTS.values()), *_config(run).items())
        for run in runs
    ]
    numbers = {each: i for i, each in enumerate(dict.fromkeys(known_of))}
    return [numbers[each] for each in known_of]


def recipe_digest(run: RunFolder) -> str:
    """Eight letters, the same for runs that differ in nothing but the loss.

    And in its temperature, the seed, the batch, the learning rate, and what
    trains nothing; '' if the config is not known.
    """
    found = {
        key: text
        for key, text in _config(run).items()
        if not key.startswith(('model/head/', 'auto_scale_lr/'))
        and key not in _OF_A_SWEEP
        and key.rpartition('/')[2] not in _OF_A_MACHINE
    }
    text = '\n'.join(f'{key} {found[key]}' for key in sorted(found))
    return hashlib.sha256(text.encode()).hexdigest()[:8] if found else ''


def loss_of(run: RunFolder) -> str:
    """``DCL``, ``InfoNCE``, ...; '' if it is not known."""
    return str(known(run).get('loss') or '').partition(',')[0]


def batch_of(run: RunFolder) -> int | None:
    """Images of a batch, of all processes if their number is known."""
    found = known(run)
    batch = found.get('batch') or found.get('batch_of_a_process')
    return batch if isinstance(batch, int) else None


def _named(label: str, name: str) -> str:
    return f'{label} ({name})' if label else name


def _names(runs: Sequence[RunFolder]) -> list[str]:
    """Of the folders, with as many of those around them as differ."""
    names = [run.name for run in runs]
    if len(set(names)) < len(runs):
        paths = [run.path.absolute() for run in runs]
        around = commonpath([path.parent for path in paths])
        names = [str(path.relative_to(around)) for path in paths]
    return names


def _add(parts: list[list[str]], texts: list[str]) -> None:
    if len({*texts}) > 1:
        for part, text in zip(parts, texts, strict=True):
            part += [text] if text else []


def _columns(
    runs: Sequence[RunFolder], of: Mapping[str, Callable[[RunFolder], str]]
) -> list[list[str]]:
    return [[text(run) for run in runs] for text in of.values()]


def _algorithm(run: RunFolder) -> str:
    return str(known(run).get('model') or '').partition(',')[0]


def _backbone(run: RunFolder) -> str:
    words = str(known(run).get('model') or '').split(', ')
    return words[1] if len(words) > 1 else ''


def _data(run: RunFolder) -> str:
    return str(known(run).get('data') or '').partition(',')[0].split(' in ')[0]


def _length(run: RunFolder) -> str:
    return str(known(run).get('length') or '').partition(' of ')[0]


def _batch(run: RunFolder) -> str:
    batch = batch_of(run)
    return f'batch {number(batch)}' if batch else ''


def _seed(run: RunFolder) -> str:
    seed = known(run).get('seed')
    return '' if seed is None else f'seed {seed}'


def _valued(key: str) -> Callable[[RunFolder], str]:
    def text(run: RunFolder) -> str:
        value = known(run).get(key)
        return '' if value is None else f'{key} {number(value)}'

    return text


_FACTS: dict[str, Callable[[RunFolder], str]] = {
    'algorithm': _algorithm,
    'loss': loss_of,
    'batch': _batch,
    'temperature': _valued('temperature'),
    'lr': _valued('lr'),
    'length': _length,
    'data': _data,
    'backbone': _backbone,
}


def _settings(runs: Sequence[RunFolder]) -> list[list[str]]:
    """Of settings that differ, if short, name and value, for each run."""
    flat = [_config(run) for run in runs]
    keys = dict.fromkeys(key for each in flat for key in each)
    columns = []
    for key in keys:
        values = [each.get(key, '') for each in flat]
        if len({*values}) > 1:
            last = Path(key).name
            texts = [f'{last}={x}' if x else '' for x in values]
            if max(map(len, texts)) <= _LONGEST:
                columns.append(texts)
    return columns


def _config(run: RunFolder) -> dict[str, str]:
    return _flat(dict(run.config.items()) if run.config else {})


def _flat(config: Any, at: str = '') -> dict[str, str]:
    if isinstance(config, Mapping):
        pairs = [(k, x) for k, x in config.items() if at or k not in _ASIDE]
    elif isinstance(config, (list, tuple)) and any(
        isinstance(x, (Mapping, list, tuple)) for x in config
    ):
        pairs = list(enumerate(config))
    else:
        return {at: str(config)}
    found: dict[str, str] = {}
    for key, value in pairs:
        found |= _flat(value, f'{at}/{key}'.lstrip('/'))
    return found
