"""The features of images on a plane: what lies together is alike."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ..images.material import Material
from ..images.thumbnails import Canvas
from .captions import INK_ON_WHITE, class_name, heading, of_images
from .neighbours import agreement, chance, other_nearest
from .plane import plane
from .style import COLOURS, MARKERS, PALE, figure, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURED = 10  # classes
_NAMED = 3  # points of a class that its name does not hide
_SIDE = 1040  # pixels of the plane with the thumbnails
_CELLS = (64, 52, 44, 36, 30)  # pixels of one: the first that leaves room
_ENOUGH, _MOST = 100, 160  # thumbnails
_INCHES = 6.2


@look()
def draw_embedding(
    material: Material, method: str = 'tsne', seed: int = 0
) -> 'Figure':
    """Points and thumbnails of images, by t-SNE, UMAP or PCA.

    Points have a colour and a marker for each class, or for the ten most
    frequent of many; without labels they are grey. Thumbnails are of images
    spread over the plane.

    Args:
        material: At least 2 images.
        method: ``'tsne'``, ``'umap'`` or ``'pca'``.
        seed: Of the method and of the choice of thumbnails.

    Raises:
        UserModuleNotFoundError: UMAP is asked for and not installed.
        UserValueError: There is no such method.
    """
    points, said = plane(material.features, method, seed)
    points = _unit_square(points)
    labelled = material.labels is not None
    fig, axes = figure(
        1,
        1 + labelled,
        panel=(_INCHES, _INCHES + 0.3),
        title=heading(
            material.name, material.checkpoint, f'the features by {said}'
        ),
    )
    for ax in axes:
        ax.set(xlim=(0, 1), ylim=(0, 1), aspect='equal', xticks=[], yticks=[])
        ax.grid(visible=False)
        ax.spines[:].set_visible(True)
        ax.spines[:].set_color(PALE)
    of = of_images(
        len(points), material.total, material.split, material.left_out
    )
    if labelled:
        _classes(axes[0], points, material)
        axes[0].set_title(f'{of}\n{_words(material)}', fontsize=9)
        axes[1].set_title('some of them\n', fontsize=9)
    else:
        axes[0].set_title(of, fontsize=9)
    axes[-1].scatter(*points.T, s=5, c=PALE, alpha=0.35, linewidths=0)
    _thumbnails(axes[-1], points, material, seed)
    return fig


def _unit_square(points: np.ndarray) -> np.ndarray:
    """Into [0, 1], both axes filled: they mean nothing."""
    points = points.astype(np.float64)
    low, high = points.min(0), points.max(0)
    size = np.maximum(high - low, 1e-12)
    return 0.5 + (points - (low + high) / 2) / size * 0.92


def _words(material: Material) -> str:
    _, found = other_nearest(material.features, 1)
    labels = material.labels
    return (
        f'{agreement(found, labels):.0%} have a nearest neighbour of their '
        f'own class ({chance(labels):.0%} by chance)'
    )


def _classes(ax: 'Axes', points: np.ndarray, material: Material) -> None:
    labels = material.labels.numpy()
    numbers, counts = np.unique(labels, return_counts=True)
    order = numbers[np.argsort(-counts, kind='stable')]
    shown = sorted(order[:_COLOURED].tolist())
    rest = ~np.isin(labels, shown)
    size = float(np.clip(9000 / len(points), 12, 60))
    if rest.any():
        ax.scatter(
            *points[rest].T,
            s=size / 2,
            c=PALE,
            alpha=0.4,
            linewidths=0,
            label=f'{len(numbers) - len(shown)} other classes',
        )
    for i, label in enumerate(shown):
        ax.scatter(
            *points[labels == label].T,
            s=size,
            label=class_name(label, material.classes, 16),
            alpha=0.75,
            linewidths=0,
            **_look_of(i),
        )
    for label in shown:
        _name(ax, points[labels == label], label, material)
    ax.get_figure().legend(
        loc='outside lower center',
        ncols=_COLOURED + 1,
        markerscale=(36 / size) ** 0.5,
        handletextpad=0.1,
        columnspacing=1.2,
    )


def _look_of(i: int) -> dict[str, Any]:
    """Colour and marker of a class, in this pair of no other."""
    colours, markers = len(COLOURS), len(MARKERS)
    return dict(
        c=COLOURS[i % colours], marker=MARKERS[(i + i // colours) % markers]
    )


def _name(
    ax: 'Axes', points: np.ndarray, label: int, material: Material
) -> None:
    """Of a class, at the point that is most in the middle of its points."""
    if len(points) < _NAMED:
        return
    middle = np.median(points, 0)
    x, y = points[np.abs(points - middle).sum(1).argmin()]
    ax.text(
        x,
        y,
        class_name(label, material.classes),
        ha='center',
        va='center',
        fontsize=8,
        color=INK_ON_WHITE,
        bbox=dict(
            boxstyle='round,pad=0.15',
            facecolor='white',
            edgecolor='none',
            alpha=0.8,
        ),
    )


def spread_out(
    points: np.ndarray, gap: float, count: int, seed: int = 0
) -> list[int]:
    """Points of which no two are nearer than a gap, in x and in y.

    Args:
        points: ``(N, 2)``.
        gap: Side of the square that each needs for itself.
        count: At most so many.
        seed: Of the order in which they are tried.
    """
    chosen: list[int] = []
    for i in np.random.default_rng(seed).permutation(len(points)).tolist():
        apart = np.abs(points[chosen] - points[i]).max(1, initial=0) >= gap
        if apart.all():
            chosen.append(i)
        if len(chosen) == count:
            break
    return chosen


def _thumbnails(
    ax: 'Axes', points: np.ndarray, material: Material, seed: int
) -> None:
    enough = min(_ENOUGH, len(points) / 2)
    for cell in _CELLS:
        chosen = spread_out(points, (cell + 3) / _SIDE, _MOST, seed)
        if len(chosen) >= enough:
            break
    canvas = Canvas(_SIDE, _SIDE)
    for i in chosen:
        middle = np.array([points[i][0], 1 - points[i][1]]) * _SIDE
        x, y = np.clip(middle - cell / 2, 0, _SIDE - cell).round()
        canvas.paste(material.thumbnails[i], int(x), int(y), cell)
    ax.imshow(canvas.pixels, extent=(0, 1, 0, 1), zorder=3)
