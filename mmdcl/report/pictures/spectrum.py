"""How many directions features use: their singular values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from ...functional import (
    covariance_spectrum,
    effective_rank,
    rank_me,
    singular_values,
)
from ..images.material import Material
from .captions import of_images
from .style import COLOURS, LINES, figure, look, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FLOOR = 1e-6  # of the largest: below is rounding


@look()
def draw_spectrum(materials: Sequence[Material]) -> 'Figure':
    """Singular values of features, and of projections, where all have some.

    A line that falls early is a network that says everything in a few
    directions.

    Args:
        materials: Of one checkpoint or several.
    """
    kinds = ['features']
    if all(x.projections is not None for x in materials):
        kinds.append('projections')
    names = ', '.join(dict.fromkeys(x.name for x in materials))
    fig, axes = figure(
        1,
        len(kinds),
        panel=(5.2, 4.4 + 0.2 * len(materials)),
        title=f'{names}: singular values',
    )
    for ax, kind in zip(axes, kinds, strict=True):
        for i, material in enumerate(materials):
            _line(ax, getattr(material, kind), _name(material, materials), i)
        ax.set(
            yscale='log',
            xlabel='index',
            ylabel='singular value, of the largest',
            title=f'{kind} of {_of(materials)}',
        )
        ax.set_ylim(min(0.1, ax.get_ylim()[0]), 1.3)
        ax.yaxis.set_major_formatter('{x:g}')
        ax.legend(loc='upper center', bbox_to_anchor=(0.5, -0.13))
    return fig


def _line(ax: 'Axes', vectors: Tensor, name: str, i: int) -> None:
    values = singular_values(vectors)
    shown = values / values[0].clamp_min(1e-300)
    most = min(vectors.shape)
    rank = effective_rank(covariance_spectrum(vectors))
    ax.plot(
        range(1, most + 1),
        shown.clamp_min(_FLOOR),
        color=COLOURS[i % len(COLOURS)],
        linestyle=LINES[i % len(LINES)],
        label=plain(
            f'{name}: RankMe {rank_me(vectors):.3g}, effective rank '
            f'{rank:.3g} of {most}',
            80,
        ),
    )


def _name(material: Material, materials: Sequence[Material]) -> str:
    """As short as tells it from the others."""
    stem = material.checkpoint.stem
    several = len({x.name for x in materials}) > 1
    return f'{material.name}, {stem}' if several else stem


def _of(materials: Sequence[Material]) -> str:
    """Which images, if those of all are as many."""
    of = {
        of_images(len(x.features), x.total, x.split, x.left_out)
        for x in materials
    }
    return of.pop() if len(of) == 1 else 'different images'
