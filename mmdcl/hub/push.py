"""A folder of a model, checked and sent to a repository of a hub."""

import json
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from ..errors import (
    UserFileNotFoundError,
    UserModuleNotFoundError,
    UserPermissionError,
    UserValueError,
    few,
)
from .addresses import Address
from .library import LOG_IN, endpoint, explained, library
from .timm_folder import CARD, CONFIG, WEIGHTS

_NEEDED = (CARD, CONFIG, WEIGHTS)
_PICKLES = ('.pth', '.pt', '.pkl', '.pickle', '.bin', '.ckpt', '.joblib')
_EXPORT = '`mmdcl export CHECKPOINT FOLDER --style timm-hub` makes one'


class Pushed(NamedTuple):
    """What came of it.

    Attributes:
        page: Address of the repository, for browsers.
        commit: In full.
        private: Whether others see it.
    """

    page: str
    commit: str
    private: bool


def files_to_push(
    folder: str | Path, allow_pickle: bool = False
) -> dict[str, Path]:
    """What of a folder goes to the hub, by its name there.

    Hidden files stay: ``.env`` and ``.git`` are nobody's.

    Args:
        folder: Of ``mmdcl export --style timm-hub``.
        allow_pickle: Send files that may run code when they are read.

    Raises:
        UserFileNotFoundError: It is no folder, or has not what a model on a
            hub needs.
        UserValueError: It has pickles, or its weights or config are broken.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserFileNotFoundError(f'no folder {folder}; {_EXPORT}')
    files = {
        str(path.relative_to(folder).as_posix()): path
        for path in sorted(folder.rglob('*'))
        if path.is_file() and not _hidden(path.relative_to(folder))
    }
    if missing := [name for name in _NEEDED if name not in files]:
        raise UserFileNotFoundError(
            f'{folder} has no {" and no ".join(missing)}: it needs the '
            f'weights, a config of them and a card; {_EXPORT}'
        )
    pickles = [x for x in files if x.lower().endswith(_PICKLES)]
    if pickles and not allow_pickle:
        raise UserValueError(
            f'{folder} has {few(pickles)}: a pickle may run code '
            'of whoever made it on the machine of whoever loads it; remove '
            'it, or send it by --allow-pickle'
        )
    _check(files)
    return files


def _hidden(path: Path) -> bool:
    return any(part.startswith('.') for part in path.parts)


def _check(files: dict[str, Path]) -> None:
    """What would be broken for everybody."""
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise UserModuleNotFoundError(
            f'{WEIGHTS} needs safetensors: pip install safetensors'
        ) from error
    try:
        with safe_open(files[WEIGHTS], 'np') as file:
            empty = not list(file.keys())
    except SafetensorError as error:
        raise UserValueError(
            f'{files[WEIGHTS]} is cut short or no .safetensors ({error}); '
            'export it again'
        ) from error
    if empty:
        raise UserValueError(f'{files[WEIGHTS]} holds no tensors')
    try:
        json.loads(files[CONFIG].read_text())
    except ValueError as error:
        raise UserValueError(f'{files[CONFIG]} is no JSON: {error}') from error


def push(
    address: Address,
    files: dict[str, Path],
    private: bool = False,
    message: str | None = None,
) -> Pushed:
    """Send files to a repository, in one commit; made if it is not there.

    Files of the repository that are not among them stay.

    Args:
        address: Of the repository; its revision is a branch, made, too.
        files: Of :func:`files_to_push`.
        private: Others must not see it.
        message: Of the commit.

    Raises:
        UserPermissionError: There is no token, or the hub refuses it.
        UserValueError: It should be private, and is public.
        UserOSError: The hub, or what is between, failed.
    """
    hub = library(address)
    if not hub.get_token():
        raise UserPermissionError(
            f'{address}: {endpoint()} takes files of its users only, and '
            f'there is no token of one: log in by {LOG_IN}'
        )
    try:
        return _push(hub, address, files, private, message)
    except UserValueError:
        raise
    except Exception as error:  # of HTTP by one library or another
        raise explained(error, address) from error


def _push(
    hub: ModuleType,
    address: Address,
    files: dict[str, Path],
    private: bool,
    message: str | None,
) -> Pushed:
    api = hub.HfApi()
    api.create_repo(address.repo, private=private or None, exist_ok=True)
    hidden = bool(api.model_info(address.repo).private)
    if private and not hidden:
        raise UserValueError(
            f'{address}: --private, but it is there and public; make it '
            f'private on {endpoint()}/{address.repo}/settings first, or '
            'choose another name'
        )
    if address.revision:
        api.create_branch(address.repo, branch=address.revision, exist_ok=True)
    sent = api.create_commit(
        address.repo,
        [
            hub.CommitOperationAdd(name, str(path))
            for name, path in files.items()
        ],
        commit_message=message or f'Upload {WEIGHTS} by mmdcl',
        revision=address.revision,
    )
    page = f'{endpoint()}/{address.repo}'
    return Pushed(page, sent.oid, hidden)
