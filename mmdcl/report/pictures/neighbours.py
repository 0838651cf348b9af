"""Images with those that a network finds most like them."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ...functional import nearest
from ..images.material import Material
from ..images.thumbnails import Canvas
from .captions import class_name, heading, of_images, short_file
from .style import COLOURS, figure, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NEAREST = 10
_TILE = 4096
_CELL = 64  # pixels of an image
_ACROSS, _DOWN = 84, 100  # from one to the next, with the words below
_GAP = 30  # after the query
_NARROWEST = 560  # pixels that the title needs
_DOT = 1 / 84  # inches of a pixel


def other_nearest(features: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The ``k`` nearest of each image, itself left out.

    Args:
        features: ``(N, D)``, ``N > k``.
        k: >= 1.

    Returns:
        ``(N, k)`` cosines in descending order, and ``(N, k)`` images.
    """
    number = torch.arange(len(features))
    tiles = zip(features.split(_TILE), number.split(_TILE), strict=True)
    cosines, found = nearest(features, tiles, k + 1)
    own = found == number[:, None]
    # Of many equal images it may be none of the nearest: the last goes then.
    own[:, -1] |= ~own.any(1)
    return cosines[~own].view(-1, k), found[~own].view(-1, k)


def agreement(found: Tensor, labels: Tensor) -> float:
    """Share of neighbours ``(N, k)`` of the image's own class, in [0, 1]."""
    return float((labels[found] == labels[:, None]).float().mean())


def chance(labels: Tensor) -> float:
    """The same of images chosen blindly, in [0, 1]."""
    counts = torch.bincount(labels).double()
    pairs = len(labels) * (len(labels) - 1)
    return float((counts * (counts - 1)).sum() / max(pairs, 1))


@look()
def draw_neighbours(
    material: Material, queries: int = 10, seed: int = 0
) -> 'Figure':
    """Rows of an image and its ten nearest, by cosine of the features.

    Where there are labels, neighbours of the query's class have a solid blue
    frame and a tick, others a dashed orange one and a cross.

    Args:
        material: At least 2 images.
        queries: Rows, at most; drawn at random.
        seed: Of the draw.
    """
    number = len(material.features)
    k = min(NEAREST, number - 1)
    cosines, found = other_nearest(material.features, k)
    drawn = np.random.default_rng(seed).permutation(number)[:queries]
    width = max(_GAP + (k + 1) * _ACROSS, _NARROWEST)
    height = len(drawn) * _DOWN
    of = of_images(number, material.total, material.split, material.left_out)
    what = f'the {k} nearest' if k > 1 else 'the nearest'
    fig, [ax] = figure(
        panel=(width * _DOT + 0.2, height * _DOT + 0.5),
        title=heading(
            material.name,
            material.checkpoint,
            f'{what} of {len(drawn)} images',
        ),
    )
    ax.set_axis_off()
    ax.set(xlim=(-8, width), ylim=(height, -6), aspect='equal')
    ax.set_title(_subtitle(material, found, k, of), fontsize=8)
    canvas = Canvas(width, height)
    for row, query in enumerate(drawn.tolist()):
        top = row * _DOWN
        canvas.paste(material.thumbnails[query], 0, top, _CELL)
        _words(ax, 0, top, 'query', _name(material, query))
        for column, other in enumerate(found[query].tolist()):
            left = _GAP + (column + 1) * _ACROSS
            canvas.paste(material.thumbnails[other], left, top, _CELL)
            _neighbour(
                ax, left, top, material, query, other, cosines[query, column]
            )
    ax.imshow(
        canvas.pixels,
        extent=(0, width, height, 0),
        interpolation='nearest',
        zorder=0,
    )
    return fig


def _subtitle(material: Material, found: Tensor, k: int, of: str) -> str:
    among = f'by the cosine of the features, among {of}'
    if material.labels is None:
        return among
    share = agreement(found, material.labels)
    return (
        f'{among}\nof the {k} nearest of each of them {share:.0%} are of the '
        f'same class, of blindly chosen ones {chance(material.labels):.0%}'
    )


def _name(material: Material, image: int) -> str:
    if material.labels is None:
        return short_file(material.files[image], 12)
    return class_name(int(material.labels[image]), material.classes)


def _neighbour(
    ax: 'Axes',
    left: int,
    top: int,
    material: Material,
    query: int,
    other: int,
    cosine: Tensor,
) -> None:
    value = f'{float(cosine):.3f}'
    if material.labels is None:
        _words(ax, left, top, value, '')
        return
    from matplotlib.patches import Rectangle

    right = bool(material.labels[query] == material.labels[other])
    ax.add_patch(
        Rectangle(
            (left, top),
            _CELL,
            _CELL,
            fill=False,
            edgecolor=COLOURS[0 if right else 1],
            linestyle='-' if right else (0, (3, 2)),
            linewidth=2.2,
        )
    )
    sign = '✓' if right else '✗'
    _words(ax, left, top, f'{sign} {value}', _name(material, other))


def _words(ax: 'Axes', left: int, top: int, first: str, second: str) -> None:
    ax.text(
        left + _CELL / 2,
        top + _CELL + 5,
        f'{first}\n{second}',
        ha='center',
        va='top',
        fontsize=6.5,
        linespacing=1.1,
    )
