"""What network a ``.safetensors`` holds, in the words of the file itself.

The format has tensors and texts and no config. Texts of ours name the
backbone and the preprocessing, as JSON: data, like the config in a ``.pth``,
and built by the same list of what is built for strangers. A third says
whether it saw RGB or BGR, which otherwise depends on the dataset.
"""

import json
from collections.abc import Mapping
from typing import Any

from ..config_parts import preprocessor_of
from ..errors import UserValueError
from .architecture import (
    plain_backbone,
    pretrained_backbone,
    pretraining_config,
)
from .channels import trained_order

BACKBONE = 'mmdcl.backbone'
PREPROCESSOR = 'mmdcl.data_preprocessor'
ORDER = 'mmdcl.channel_order'
_KEYS = {BACKBONE: 'backbone', PREPROCESSOR: 'data_preprocessor'}
_LONGEST = 100_000  # characters; a config of a backbone has hundreds


def as_metadata(
    backbone: Mapping[str, Any] | None = None,
    data_preprocessor: Mapping[str, Any] | None = None,
    channel_order: str | None = None,
) -> dict[str, str]:
    """Texts to be written beside the tensors of a network.

    Args:
        backbone: Config in the words of mmpretrain, without what loads other
            weights: of :func:`mmdcl.checkpoints.architecture.plain_backbone`.
        data_preprocessor: Config of how images reach it.
        channel_order: ``'rgb'`` or ``'bgr'``, where it is known: of
            :func:`mmdcl.checkpoints.channels.trained_order`.
    """
    parts = {BACKBONE: backbone, PREPROCESSOR: data_preprocessor}
    texts = {key: json.dumps(part) for key, part in parts.items() if part}
    if channel_order:
        texts[ORDER] = channel_order
    return {'format': 'pt', **texts}


def metadata_of(checkpoint: Mapping[str, Any]) -> dict[str, str]:
    """What a checkpoint says of its network, as such texts.

    Args:
        checkpoint: Of :func:`mmdcl.checkpoints.read_checkpoint`.

    Raises:
        UserValueError: As for :func:`pretrained_backbone`.
    """
    config = pretraining_config(checkpoint)
    return as_metadata(
        plain_backbone(pretrained_backbone(checkpoint)),
        preprocessor_of(config),
        trained_order(config),
    )


def network_of(
    metadata: Mapping[str, str] | None, name: str
) -> dict[str, Any]:
    """What the texts of a file say, as part of a config; empty if nothing.

    Args:
        metadata: Of a ``.safetensors``.
        name: Of the file, for messages.

    Raises:
        UserValueError: They are no JSON of dicts.
    """
    model = {}
    for key, part in _KEYS.items():
        text = (metadata or {}).get(key)
        if text is None:
            continue
        try:
            if len(text) > _LONGEST:
                raise ValueError('too long')
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _unusable(name, key, f'no JSON ({error})') from error
        if not isinstance(found, dict):
            raise _unusable(name, key, f'no dict but {str(found)[:80]}')
        model[part] = found
    order = (metadata or {}).get(ORDER)
    order = {'channel_order': order} if order in ('rgb', 'bgr') else {}
    return {'model': model, **order} if model else {}


def _unusable(name: str, key: str, what: str) -> UserValueError:
    return UserValueError(
        f'{key} in the metadata of {name} is {what}; write the file again, '
        'or give its tensors without metadata'
    )
