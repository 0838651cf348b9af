"""What a network says of images: drawn, unless that was done before."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..guard import guarded
from ..inline import write_photo
from .kept_pictures import NAMES, NetworkPictures, keep, kept, somewhere

if TYPE_CHECKING:
    from ...images.material import Material

_MOST, _LEAST = 500, 64  # images that a page asks about
_SECONDS = 20  # that the network may look at them, about
_QUERIES = 8


def affordable(rate: float | None) -> int:
    """How many images a page asks the network about.

    Args:
        rate: Images a second of the training, if that is known; looking, at
            one view and without a gradient, is some four times as fast.
    """
    if rate is None:
        return _MOST
    return max(_LEAST, min(_MOST, int(4 * rate * _SECONDS)))


def network_pictures(
    work_dir: Path,
    checkpoint: Path | None,
    sha256: str,
    data_root: str | Path | None = None,
    images: int = _MOST,
    trust: bool = False,
    say: Callable[[str], Any] = lambda text: None,
    unreadable: str = '',
    **kwargs: Any,
) -> NetworkPictures:
    """Draw them, or find them drawn.

    Args:
        work_dir: Of the run.
        checkpoint: Whose network it is; None if there is none here, then
            those that were drawn last are taken.
        sha256: Of the checkpoint.
        data_root: Folder of the images, if not as in the config.
        images: To ask about; 0: only what is drawn already.
        trust: As in ``read_checkpoint``.
        say: Is given a line before something slow.
        unreadable: Sentence, why there is no checkpoint, if there are bad
            ones.
        **kwargs: As for ``guarded``.
    """
    found = kept(work_dir, sha256)
    data_root = str(data_root) if data_root else None
    if data_root and data_root != found.facts.get('data_root'):
        missing = list(NAMES)
    else:
        missing = [
            x for x in NAMES if x not in found.notes and not found.picture(x)
        ]
    if not missing:
        return found
    if checkpoint is None:
        found.note = unreadable or (
            'There is no checkpoint in this folder to ask.'
        )
    elif not images:
        found.note = 'Left out: numbers and curves only were asked for.'
    else:
        same = dict(data_root=data_root, trust=trust, images=images)
        _draw(found, missing, checkpoint, same, say, kwargs)
    return found


def _draw(
    found: NetworkPictures,
    names: list[str],
    checkpoint: Path,
    same: dict[str, Any],
    say: Callable[[str], Any],
    kwargs: dict[str, Any],
) -> None:
    from ...images.material import gather_material

    say(f'asking {checkpoint.name} about {same["images"]} images')
    gather = partial(gather_material, checkpoint, **same)
    material, why, _ = guarded(
        'reading the images', gather, loud=True, **kwargs
    )
    if material is None:
        found.note = f'The network could not be asked. {why}'
        return
    folder = somewhere(found)
    lasting = {x: why for x, why in found.notes.items() if x not in names}
    for name in names:
        say(f'drawing {name}')
        drawn = partial(_drawn, name, material, folder, same)
        _, why, stays = guarded(f'drawing {name}', drawn, **kwargs)
        if why:
            found.notes[name] = why
        if why and stays:
            lasting[name] = why
    numbers, _, _ = guarded(
        'measuring features', partial(_numbers, material), **kwargs
    )
    found.facts = _facts(checkpoint, material) | (numbers or {})
    found.facts |= dict(notes=lasting, data_root=same['data_root'])
    keep(found)


def _drawn(
    name: str, material: 'Material', folder: Path, same: dict[str, Any]
) -> None:
    if name == 'neighbours':
        from ...pictures.neighbours import draw_neighbours

        fig = draw_neighbours(material, _QUERIES)
    elif name == 'embedding':
        from ...pictures.embedding import draw_embedding

        fig = draw_embedding(material, 'tsne')
    else:
        from ...pictures.pairs import draw_pairs, gather_pairs

        fig = draw_pairs(gather_pairs(material.checkpoint, **same))
    write_photo(fig, folder / f'{name}.jpg')


def _numbers(material: 'Material') -> dict[str, Any]:
    """As the quality hook logs them."""
    from ....engine.quality_numbers import of_space

    spaces = {
        'features': material.features,
        'projections': material.projections,
    }
    found = {
        name: of_space(x, None) for name, x in spaces.items() if x is not None
    }
    return dict(
        measures={name: measures for name, (measures, _) in found.items()},
        spectrum={name: spectrum for name, (_, spectrum) in found.items()},
    )


def _facts(checkpoint: Path, material: 'Material') -> dict[str, Any]:
    return dict(
        checkpoint=checkpoint.name,
        sha256=material.sha256,
        split=material.split,
        images=len(material.features),
        total=material.total,
        labels=material.labels is not None,
    )
