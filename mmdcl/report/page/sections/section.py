"""What a section is, and what it is made of."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...runs.facts import known
from ..inline import Picture

if TYPE_CHECKING:
    from ...runs.folder import RunFolder
    from .kept_pictures import NetworkPictures


@dataclass
class Section:
    """A part of a page.

    Attributes:
        name: Of its template, if it has one, and its address in the page.
        title: Above it.
        lead: A sentence or two that begin it.
        pictures: In their order.
        content: For its template; without content there is none.
        note: Why there is nothing in it.
    """

    name: str
    title: str
    lead: str = ''
    pictures: list[Picture] = field(default_factory=list)
    content: Any = None
    note: str = ''


@dataclass
class Source:
    """What sections are made of.

    Attributes:
        run: The run.
        checkpoint: Its checkpoint, if there is one here.
        sha256: Of it.
        pictures: Of what the network says of images.
        unreadable: Sentence, why there is none, if there are bad ones.
    """

    run: 'RunFolder'
    checkpoint: Path | None
    sha256: str
    pictures: 'NetworkPictures'
    unreadable: str = ''


def whatever_class(run: 'RunFolder') -> str:
    """What pairs in a picture are, where labels made others in training."""
    if not known(run).get('positives'):
        return ''
    return (
        ' Labels do not count here: positives are two views of an image, '
        'negatives are of any two images.'
    )
