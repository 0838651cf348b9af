"""The folder of a model as timm has it on hubs, written as a whole."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from ..errors import UserOSError, UserValueError

WEIGHTS = 'model.safetensors'
CONFIG = 'config.json'
CARD = 'README.md'
_NAME = re.compile(r'[A-Za-z0-9]([\w.-]*\w)?', re.A)


class Inputs(NamedTuple):
    """What a network is given in evaluation.

    Attributes:
        mean: Of each channel, taken off; 1 is the brightest of 8 bits.
        std: Of each channel, divided by then.
        size: Height and width, in pixels.
        crop: Share of the resized image's side that is cropped from its
            middle.
        interpolation: Of the resizing, by Pillow's name.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: int
    crop: float
    interpolation: str


def check_place(folder: Path, force: bool) -> None:
    """Stop before any work where a folder cannot be written.

    Raises:
        UserValueError: Its name is none that a hub has.
        UserOSError: It is a file, or not empty and not to be overwritten.
    """
    if not _NAME.fullmatch(folder.name) or len(folder.name) > 96:
        raise UserValueError(
            f'{folder}: the name of the folder becomes that of the model: '
            'letters, digits, - _ and . only, at most 96'
        )
    if folder.exists() and not folder.is_dir():
        raise UserOSError(f'{folder} is a file; give the name of a folder')
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise UserOSError(
            f'{folder} is there and not empty; give another name, or '
            '--force to overwrite what is in it of a model'
        )


def write_config(
    network: nn.Module,
    arguments: Mapping[str, Any],
    inputs: Inputs,
    folder: Path,
) -> tuple[int, ...]:
    """``config.json`` by timm itself, and weights that are replaced later.

    Args:
        network: Of timm. Its ``pretrained_cfg`` is replaced: that is of
            another checkpoint, with a licence and a size for tests of its
            own.
        arguments: By which ``timm.create_model`` made it.
        inputs: Of the pretraining.
        folder: Is there.

    Returns:
        Size of its images: channels, height and width.
    """
    from timm.models import save_for_hf

    before = network.pretrained_cfg
    fixed = bool(before.get('fixed_input_size'))
    channels = len(inputs.mean)
    size = tuple(before['input_size'][1:]) if fixed else (inputs.size,) * 2
    network.pretrained_cfg = dict(
        architecture=before['architecture'],
        input_size=(channels, *size),
        fixed_input_size=fixed,
        interpolation=inputs.interpolation,
        crop_pct=inputs.crop,
        crop_mode='center',
        mean=inputs.mean,
        std=inputs.std,
        num_classes=0,
        pool_size=None,
        first_conv=before.get('first_conv'),
        classifier=before.get('classifier'),
    )
    save_for_hf(
        network,
        str(folder),
        model_args=dict(arguments),
        safe_serialization=True,
    )
    written = json.loads((folder / CONFIG).read_text())
    return tuple(written['pretrained_cfg']['input_size'])


def write_weights(
    tensors: Mapping[str, Tensor],
    metadata: dict[str, str],
    folder: Path,
) -> None:
    """``model.safetensors``, with what :mod:`mmdcl` reads beside it."""
    from safetensors.torch import save_file

    kept = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in tensors.items()
    }
    save_file(kept, folder / WEIGHTS, metadata)


@contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """A folder to write into that becomes ``folder`` if nothing fails.

    Files that are there already and have other names stay.

    Raises:
        UserOSError: The system says no.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(
            tempfile.mkdtemp(prefix=f'.{folder.name}.', dir=folder.parent)
        )
    except OSError as error:
        raise UserOSError(
            f'cannot write {folder} ({error.strerror or error})'
        ) from error
    try:
        yield part
        mask = _umask()
        for path in part.iterdir():  # temporary files are nobody else's
            path.chmod(0o666 & ~mask)
        part.chmod(0o777 & ~mask)
        if folder.is_dir() and any(folder.iterdir()):
            for path in part.iterdir():
                path.replace(folder / path.name)
        else:
            part.replace(folder)
    except OSError as error:
        raise UserOSError(
            f'cannot write {folder} ({error.strerror or error})'
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
