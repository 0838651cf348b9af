"""``hf://USER/REPO[/FILE][@REVISION]``, taken apart."""

import re
from pathlib import PurePosixPath
from typing import NamedTuple

from .. import weights
from ..errors import UserValueError

SCHEME = 'hf://'
_NAME = r'[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9_])?'  # of a user, of a repository
_REPO = re.compile(rf'{_NAME}/{_NAME}', re.A)
_ADDRESS = re.compile(
    r'hf://(?P<repo>[^/@]*/[^/@]*)'
    r'(?:@(?P<early>(?:refs/(?:pr|convert)/)?[^/@]+)(?=/|$))?'
    r'(?:/(?P<file>[^@]*))?(?:@(?P<late>[^@]+))?'
)
# Of branches, what an address can name.
_BRANCH = re.compile(r'(refs/pr/)?\w([\w.-]*\w)?', re.A)
_LONGEST = 96  # letters of user, slash and repository


class Address(NamedTuple):
    """A file on the hub, or the one that a repository is known for.

    Attributes:
        repo: ``'user/name'``.
        file: Path in it; ``None`` where the address names none.
        revision: Branch, tag or commit; ``None``: what the hub shows first.
    """

    repo: str
    file: str | None = None
    revision: str | None = None

    def __str__(self) -> str:
        file = f'/{self.file}' if self.file else ''
        revision = f'@{self.revision}' if self.revision else ''
        return f'{SCHEME}{self.repo}{file}{revision}'

    @property
    def folder(self) -> str:
        """A name for what is made of it, such as a work_dir."""
        parts = [*self.repo.split('/')]
        if self.file:
            parts.append(str(PurePosixPath(self.file).with_suffix('')))
        if self.revision:
            parts.append(self.revision)
        return re.sub(r'[^\w.-]+', '-', '_'.join(parts))


def is_address(checkpoint: object) -> bool:
    """Whether it is of the hub, or of what comes with the package.

    Any other text is a path, or an address that only mmengine knows.
    """
    schemes = (SCHEME, weights.SCHEME)
    return isinstance(checkpoint, str) and checkpoint.startswith(schemes)


def title(address: str) -> str:
    """What a picture or a table calls it: ``user/name``."""
    if address.startswith(weights.SCHEME):
        return address.removeprefix(weights.SCHEME)
    return parse(address).repo


def folder_name(address: str) -> str:
    """A name for what is made of it, such as a work_dir."""
    if address.startswith(weights.SCHEME):
        return f'mmdcl_{weights.shipped_file(address).stem}'
    return parse(address).folder


def parse(text: str) -> Address:
    """Take an address apart.

    The revision stands at the end, or behind the repository, as in
    huggingface_hub's own addresses.

    Raises:
        UserValueError: It is none; the message says what is wrong.
    """
    match = _ADDRESS.fullmatch(text)
    if not match:
        raise _no_address(text, 'it needs a user and a repository')
    repo, file = match['repo'], match['file']
    if match['early'] and match['late']:
        raise _no_address(text, 'it has two revisions')
    check_repo(repo, text)
    if file is not None:
        parts = file.split('/')
        if '' in parts or '.' in parts or '..' in parts or '\\' in file:
            raise _no_address(text, f'{file!r} is no path of a file in it')
    return Address(repo, file, match['early'] or match['late'])


def repository(text: str, revision: str | None = None) -> Address:
    """A repository as a whole, with or without ``hf://`` before it.

    Args:
        text: ``'user/name'``.
        revision: A branch of it.

    Raises:
        UserValueError: It is no repository, or says more than that.
    """
    address = parse(text if is_address(text) else f'{SCHEME}{text}')
    if address.file or address.revision:
        raise UserValueError(
            f'{text} names more than a repository; give USER/REPO alone'
        )
    if revision and (not _BRANCH.fullmatch(revision) or '..' in revision):
        raise UserValueError(
            f'--revision {revision!r} is no branch that hf://USER/REPO@BRANCH '
            'can name: letters, digits, -, _ and . only'
        )
    return address._replace(revision=revision)


def check_repo(repo: str, text: str | None = None) -> None:
    """Let a name of a repository pass.

    Args:
        repo: ``'user/name'``.
        text: The address that it stands in; default: itself.

    Raises:
        UserValueError: No hub has such a name.
    """
    named = _REPO.fullmatch(repo) and len(repo) <= _LONGEST
    if not named or '--' in repo or '..' in repo or repo.endswith('.git'):
        raise _no_address(
            text or repo,
            f'{repo!r} is no USER/REPO of letters, digits, -, _ and .',
        )


def _no_address(text: str, why: str) -> UserValueError:
    return UserValueError(
        f'{text} is no name on a hub: {why}; write '
        'hf://USER/REPO, hf://USER/REPO/FILE or either with @REVISION'
    )
