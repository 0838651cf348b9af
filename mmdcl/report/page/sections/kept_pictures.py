"""Pictures of what a network says of images, kept beside the run.

They and some numbers lie in ``WORK_DIR/report/``, in a folder named by the
checkpoint, so that a page can be written again where the images are not.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...runs.words import number
from ..inline import Picture, photo

FOLDER = 'report'
NAMES = ('neighbours', 'embedding', 'pairs')
_FACTS = 'facts.json'


@dataclass
class NetworkPictures:
    """Those that there are.

    Attributes:
        folder: Where they lie.
        facts: ``checkpoint``, ``split``, ``images``, ``total``, ``labels``,
            and of ``features`` and ``projections`` ``measures`` and
            ``spectrum``, as the quality hook logs them.
        notes: Why one of them is not there, by its name.
        note: Why there is none.
        for_now: Holds them while this does, where they cannot be kept.
    """

    folder: Path | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    note: str = ''
    for_now: 'TemporaryDirectory[str] | None' = None

    def picture(self, name: str) -> Picture | None:
        path = self.folder and self.folder / f'{name}.jpg'
        if not path or not path.is_file():
            return None
        return photo(path, *_words(name, self.facts))

    @property
    def of(self) -> str:
        """Which images, and whose weights."""
        facts = self.facts
        images, total = facts.get('images'), facts.get('total')
        some = f'{number(images)} of ' if images != total else ''
        return (
            f'{some}{number(total)} images of the {facts.get("split")} '
            f'split, by {facts.get("checkpoint")}'
        )


def kept(work_dir: Path, sha256: str) -> NetworkPictures:
    """Of a checkpoint; without one, those that were drawn last."""
    folder = work_dir / FOLDER / sha256[:16] if sha256 else _newest(work_dir)
    facts = _read(folder / _FACTS) if folder else {}
    notes = facts.get('notes')
    notes = dict(notes) if isinstance(notes, dict) else {}
    return NetworkPictures(folder, facts, notes)


def somewhere(found: NetworkPictures) -> Path:
    """Its folder, ready to be written to; of others' runs one for now."""
    assert found.folder is not None  # as there is a checkpoint
    try:
        found.folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(found.folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        found.for_now = TemporaryDirectory(prefix='mmdcl_')
        found.folder = Path(found.for_now.name)
    return found.folder


def keep(found: NetworkPictures) -> None:
    """Write the facts, whole or not at all."""
    assert found.folder is not None
    part = found.folder / f'.{_FACTS}.part'
    part.write_text(json.dumps(found.facts))
    part.replace(found.folder / _FACTS)


def _newest(work_dir: Path) -> Path | None:
    found = (work_dir / FOLDER).glob(f'*/{_FACTS}')
    newest = max(found, key=lambda x: x.stat().st_mtime, default=None)
    return newest and newest.parent


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _words(name: str, facts: dict[str, Any]) -> tuple[str, str]:
    """Caption and description."""
    of = NetworkPictures(facts=facts).of
    labels = facts.get('labels')
    return {
        'neighbours': (
            'Each row begins with a query; its nearest images by cosine '
            f'follow, among {of}.'
            + ' Marks say whether the label is the same.'
            * bool(labels),
            'Query images, each with the images that are nearest to it',
        ),
        'embedding': (
            f't-SNE of the features of {of}. Near means alike; distances '
            'between groups, and their sizes, mean nothing.',
            'The features of images on a plane'
            + ', coloured by class' * bool(labels),
        ),
        'pairs': (
            'Negatives that the network holds for the same image, and '
            'positives that it can tell least or most easily apart: what '
            'saturates.',
            'Pairs of images with their cosines',
        ),
    }[name]
