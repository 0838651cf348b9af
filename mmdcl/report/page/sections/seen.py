"""Views, and what a network says of images."""

from dataclasses import replace

from ..inline import photo
from .kept_pictures import NAMES
from .section import Section, Source, whatever_class


def views(source: Source) -> Section | None:
    path = source.run.path / 'views.png'
    if not path.is_file():
        return None
    picture = photo(
        path,
        'Pairs of views as the network was given them in its first steps.',
        'Pairs of augmented views of training images',
    )
    return Section('views', 'Views as trained on', pictures=[picture])


def neighbours(source: Source) -> Section | None:
    return _of_network(source, 'neighbours', 'Neighbours')


def embedding(source: Source) -> Section | None:
    return _of_network(source, 'embedding', 'Embedding')


def pairs(source: Source) -> Section | None:
    found = _of_network(source, 'pairs', 'Hardest and easiest pairs')
    if found is not None:
        more = whatever_class(source.run)
        found.pictures = [
            replace(x, caption=x.caption + more) for x in found.pictures
        ]
    return found


def _of_network(source: Source, name: str, title: str) -> Section | None:
    found = source.pictures
    picture = found.picture(name)
    if picture is not None:
        return Section(name, title, pictures=[picture])
    if found.note and not any(map(found.picture, NAMES)):  # said once
        title = 'Neighbours, embedding, pairs'
        first = name == NAMES[0]
        return Section(name, title, note=found.note) if first else None
    note = found.notes.get(name) or found.note
    return Section(name, title, note=note) if note else None
