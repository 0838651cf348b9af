"""What a config says of a run, read as data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...config_parts import datasets_in, part, short_name

LOSSES = {'InfoNCEHead': 'InfoNCE', 'DCLHead': 'DCL', 'DCLWHead': 'DCLW'}
LOSSES |= {'DHELHead': 'DHEL', 'MACLHead': 'MACL'}
LOSSES |= {'RescaledInfoNCEHead': 'rescaled InfoNCE'}


def facts_of_config(config: Mapping) -> dict[str, Any]:
    """Keys as in ``recipe.json``, and ``batch_of_a_process``.

    Args:
        config: As it ran; anything may be missing in it.
    """
    model, train = part(config, 'model'), part(config, 'train_dataloader')
    head, backbone = part(model, 'head'), part(model, 'backbone')
    dataset = next(datasets_in(part(train, 'dataset')), {})
    kind = short_name(head.get('type'))
    optimizer = part(config, 'optim_wrapper', 'optimizer')
    loop = part(config, 'train_cfg')
    depth = backbone.get('depth', backbone.get('arch', ''))
    networks = [
        short_name(model.get('type')),
        f'{short_name(backbone.get("type"))} {depth}'.strip(),
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
        data=short_name(dataset.get('type')) + (f' in {root}' if root else ''),
        model=', '.join(filter(None, networks)),
        loss=LOSSES.get(kind, kind),
        temperature=number_or_none(head.get('temperature')),
        optimizer=short_name(optimizer.get('type')),
        lr=number_or_none(optimizer.get('lr')),
        length=', '.join(length),
        seed=part(config, 'randomness').get('seed'),
        batch_of_a_process=whole_or_none(train.get('batch_size')),
        micro_batches=_micro_batches(model),
        support_set=whole_or_none(part(model, 'support_set').get('size')),
    )
    return {key: x for key, x in found.items() if x not in (None, '')}


def _micro_batches(model: Mapping) -> str:
    size = whole_or_none(model.get('micro_batch'))
    return f'micro-batches of {size:,}' if size else ''


def number_or_none(value: Any) -> float | None:
    """What is a number, infinite ones too."""
    counts = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if counts and value == value else None


def whole_or_none(value: Any) -> int | None:
    """What is a number, without what is behind its point."""
    found = number_or_none(value)
    return int(found) if found is not None and abs(found) < 1e15 else None
