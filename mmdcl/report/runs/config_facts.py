"""What a config says of a run, read as data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

LOSSES = {'InfoNCEHead': 'InfoNCE', 'DCLHead': 'DCL', 'DCLWHead': 'DCLW'}


def facts_of_config(config: Mapping) -> dict[str, Any]:
    """Keys as in ``recipe.json``, and ``batch_of_a_process``.

    Args:
        config: As it ran; anything may be missing in it.
    """
    model, train = _part(config, 'model'), _part(config, 'train_dataloader')
    head, dataset = _part(model, 'head'), _part(train, 'dataset')
    backbone = _part(model, 'backbone')
    while _part(dataset, 'dataset'):  # repeats, say
        dataset = _part(dataset, 'dataset')
    kind = _short(head.get('type'))
    optimizer = _part(_part(config, 'optim_wrapper'), 'optimizer')
    loop = _part(config, 'train_cfg')
    depth = backbone.get('depth', backbone.get('arch', ''))
    networks = [
        _short(model.get('type')),
        f'{_short(backbone.get("type"))} {depth}'.strip(),
    ]
    root = dataset.get('data_root')
    length = [
        f'{loop[key]} {unit}'
        for key, unit in (
            ('max_epochs', 'epochs'),
            ('max_iters', 'iterations'),
        )
        if key in loop
    ]
    found = dict(
        config=Path(getattr(config, 'filename', None) or '').name,
        data=_short(dataset.get('type')) + (f' in {root}' if root else ''),
        model=', '.join(filter(None, networks)),
        loss=LOSSES.get(kind, kind),
        temperature=number_or_none(head.get('temperature')),
        optimizer=_short(optimizer.get('type')),
        lr=number_or_none(optimizer.get('lr')),
        length=', '.join(length),
        seed=_part(config, 'randomness').get('seed'),
        batch_of_a_process=whole_or_none(train.get('batch_size')),
        support_set=whole_or_none(_part(model, 'support_set').get('size')),
    )
    return {key: x for key, x in found.items() if x not in (None, '')}


def _part(config: Mapping, key: str) -> Mapping:
    found = config.get(key)
    return found if isinstance(found, Mapping) else {}


def _short(name: Any) -> str:
    """Without its scope; of a class itself its name."""
    if isinstance(name, type):
        return name.__name__
    return name.rpartition('.')[2] if isinstance(name, str) else ''


def number_or_none(value: Any) -> float | None:
    """What is a number, infinite ones too."""
    counts = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if counts and value == value else None


def whole_or_none(value: Any) -> int | None:
    """What is a number, without what is behind its point."""
    found = number_or_none(value)
    return int(found) if found is not None and abs(found) < 1e15 else None
