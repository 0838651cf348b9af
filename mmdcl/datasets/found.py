"""Images below a folder, by their names, and what is passed over."""

import errno
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..errors import UserPermissionError, few

# All of what OpenCV decodes and people have.
EXTENSIONS = ('.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff')
EXTENSIONS += ('.bmp', '.ppm', '.pgm')


@dataclass
class Found:
    """Below a folder: images, and what was passed over."""

    images: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)  # of the images
    dangling: list[str] = field(default_factory=list)
    loops: list[str] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)

    def passed_over(self) -> str:
        """In words; empty if there is nothing."""
        parts = []
        for links, what in (
            (self.dangling, 'links that lead nowhere'),
            (self.loops, 'links back to a folder that they are in'),
        ):
            if links:
                parts.append(f'{len(links)} {what} ({few(set(links))})')
        if self.others:
            kinds = ', '.join(
                f'{n} {x}' for x, n in sorted(self.others.items())
            )
            parts.append(f'files that are no images by their names ({kinds})')
        return '; '.join(parts)


def entries_of(folder: str) -> Iterator[os.DirEntry]:
    """All that is in a folder.

    Raises:
        PermissionError: It must not be read.
    """
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except PermissionError as error:
        raise UserPermissionError(
            f'{folder} must not be read by this user, so its images would be '
            'missing; change its permissions or remove it'
        ) from error


def find_images(root: str, suffixes: tuple[str, ...]) -> Found:
    """All images below a folder, by their names; hidden files are none.

    Files that are no links are not looked at, only listed.

    Args:
        root: The folder.
        suffixes: Of images, in lower case, with their dots.

    Returns:
        Paths in it are relative to ``root``; images are sorted.

    Raises:
        PermissionError: A folder must not be read.
    """
    found = Found()

    def walk(folder: str, prefix: str, above: tuple) -> None:
        for entry in entries_of(folder):
            name = entry.name
            if name[0] == '.':
                continue
            path = prefix + name
            inner = entry.is_dir(follow_symlinks=False)
            if inner or entry.is_symlink():
                try:
                    state = entry.stat()
                    inner = entry.is_dir()
                except OSError as error:
                    if error.errno not in (errno.ENOENT, errno.ELOOP):
                        raise
                    found.dangling.append(path)
                    continue
                here = (state.st_dev, state.st_ino)
                if inner and here in above:
                    found.loops.append(path)
                    continue
                if inner:
                    walk(entry.path, f'{path}/', (*above, here))
                    continue
            if name.lower().endswith(suffixes):
                found.images.append(path)
                if entry.is_symlink():
                    found.links.append(path)
            else:
                suffix = os.path.splitext(name)[1].lower()
                found.others[suffix or 'without a suffix'] += 1

    state = os.stat(root)
    walk(root, '', ((state.st_dev, state.st_ino),))
    found.images.sort()
    return found


def folders_of(found: Found, root: str) -> frozenset[str] | None:
    """Where images lie, for :mod:`mmdcl.engine.evaluation_images`.

    Returns:
        Absolute folders without links in them; ``None`` if an image is a
        link to anywhere.
    """
    if found.links:
        return None
    inner = {path.rpartition('/')[0] for path in found.images}
    return frozenset(os.path.realpath(os.path.join(root, x)) for x in inner)
