"""Files by address: of a hub, fetched once and kept; of the package itself."""

import hashlib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from .. import weights
from ..errors import UserFileNotFoundError, UserValueError, few
from .addresses import Address, parse
from .library import explained, library

# What a repository is known for, where an address names no file.
NAMES = ('model.safetensors', 'backbone.safetensors')
_WEIGHTS = ('.safetensors', '.pth', '.pt', '.bin', '.ckpt', '.pkl')
_DIGESTS = {40: 'sha1', 64: 'sha256'}  # of git, of git-lfs; by their length


class Fetched(NamedTuple):
    """A file by address, on this machine.

    Attributes:
        path: In the cache, or the package; whoever writes there breaks it.
        commit: Of the repository, in full; '' of the package.
    """

    path: Path
    commit: str


@cache
def local_file(address: str) -> Fetched:
    """Fetch the file, unless the cache has what the hub has.

    A process asks the hub once for each address, so that all that it does is
    of one commit. Without a network, or with ``HF_HUB_OFFLINE=1``, the cache
    answers.

    Args:
        address: ``hf://USER/REPO[/FILE][@REVISION]``; without a file, the
            first of ``NAMES`` that is there; or ``mmdcl://NAME``.

    Raises:
        UserValueError: It is no address, or the cached file is damaged.
        UserFileNotFoundError: There is no such repository, revision or file,
            or neither a network nor a cached file.
        UserPermissionError: It is not for this user.
        UserOSError: The hub, or what is between, failed.
        UserModuleNotFoundError: huggingface_hub is not installed.
    """
    if address.startswith(weights.SCHEME):
        return Fetched(weights.shipped_file(address), '')
    where = parse(address)
    hub = library(where)
    path = _any_of([where.file] if where.file else NAMES, where, hub)
    _check_digest(path, where)
    inside = where.file.count('/') if where.file else 0
    return Fetched(path, path.parents[inside].name)


def _any_of(
    names: tuple[str, ...] | list[str], where: Address, hub: ModuleType
) -> Path:
    from huggingface_hub import errors

    missing: Exception | None = None
    for name in names:
        try:
            found = hub.hf_hub_download(
                where.repo,
                name,
                revision=where.revision,
                local_files_only=isinstance(
                    missing, errors.LocalEntryNotFoundError
                ),
            )
            return Path(found)
        except errors.EntryNotFoundError as error:
            missing = missing or error
        except Exception as error:  # of HTTP by one library or another
            raise explained(error, where) from error
    assert missing is not None
    if isinstance(missing, errors.LocalEntryNotFoundError):
        raise explained(missing, where) from missing
    raise _no_file(where, hub) from missing


def _no_file(where: Address, hub: ModuleType) -> UserFileNotFoundError:
    try:
        api = hub.HfApi()
        files = api.list_repo_files(where.repo, revision=where.revision)
    except Exception as error:  # of HTTP by one library or another
        raise explained(error, where) from error
    pretrained = [name for name in files if name.endswith(_WEIGHTS)]
    there = few(set(pretrained or files), 8) or 'nothing'
    revision = f' at {where.revision}' if where.revision else ''
    if where.file:
        what = f'{where.repo} has no {where.file}{revision}'
    else:
        what = f'{where.repo} has no {" or ".join(NAMES)}{revision}'
    return UserFileNotFoundError(
        f'{where}: {what}; name one of its files, as in '
        f'hf://{where.repo}/FILE: {there}'
    )


def _check_digest(path: Path, where: Address) -> None:
    """Compare a file with the digest that the cache names it by.

    Nothing else would: a ``.safetensors`` has no checksums.
    """
    blob = path.resolve()
    kind = _DIGESTS.get(len(blob.name))
    if kind is None or blob == path.absolute():  # a cache without links
        return
    digest = hashlib.new(kind)
    if kind == 'sha1':
        digest.update(b'blob %d\0' % blob.stat().st_size)
    with blob.open('rb') as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    if digest.hexdigest() != blob.name:
        raise UserValueError(
            f'{where} is damaged in the cache: {blob} is not what the hub '
            'has; remove that file, and it is fetched again'
        )
