"""How pictures look: readable in grey, by the colour-blind, light and dark.

Figures are matplotlib's own and know nothing of ``pyplot``: they are drawn in
the middle of other people's training.
"""

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import UserOSError, UserValueError
from .svg import in_a_page

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's, without yellow, which is too light for a line.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#56B4E9', '#E69F00')
LINES = ('-', '--', '-.', ':', (0, (6, 1, 1, 1, 1, 1)), (0, (1, 1)))
MARKERS = ('o', 's', '^', 'D', 'v', 'P')
INK = '#1a1a1a'  # of text and axes
PALE = '#808080'  # of what stands behind, also on a dark page
PANEL = (4.0, 2.8)  # inches
DPI = 120
_KINDS = ('.png', '.svg')
_LOOK = {
    'axes.edgecolor': INK,
    'axes.labelcolor': INK,
    'axes.spines.right': False,
    'axes.spines.top': False,
    'axes.grid': True,
    'axes.titlesize': 10,
    'font.family': 'DejaVu Sans',  # comes with matplotlib
    'font.size': 9,
    'figure.titlesize': 11,
    'grid.alpha': 0.25,
    'grid.color': PALE,
    'legend.fontsize': 8,
    'legend.frameon': False,
    'lines.linewidth': 1.6,
    'lines.markersize': 4,
    'svg.fonttype': 'none',
    'svg.hashsalt': 'mmdcl',  # the same figure is the same file
    'text.color': INK,
    'xtick.color': INK,
    'ytick.color': INK,
}


@contextmanager
def look() -> Iterator[None]:
    """Our settings of matplotlib; those of others are back afterwards.

    For all that draws: ``@look()``.
    """
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()  # a user's matplotlibrc is for theirs
        matplotlib.rcParams.update(_LOOK)
        warnings.filterwarnings('ignore', 'Glyph .* missing')
        yield


def figure(
    rows: int = 1,
    columns: int = 1,
    panel: tuple[float, float] = PANEL,
    title: str = '',
    **kwargs: Any,
) -> tuple['Figure', list['Axes']]:
    """An empty figure.

    Args:
        rows: Of panels.
        columns: Of panels.
        panel: Width and height of one, in inches.
        title: Above all of them, any text.
        **kwargs: As for ``Figure.subplots``.

    Returns:
        It, and its panels row by row.
    """
    from matplotlib.figure import Figure

    with look():
        size = (panel[0] * columns, panel[1] * rows + 0.35 * bool(title))
        fig = Figure(figsize=size, layout='constrained')
        axes = fig.subplots(rows, columns, squeeze=False, **kwargs)
        if title:
            fig.suptitle(plain(title, int(11 * size[0])))
    return fig, list(axes.flat)


def plain(text: str, width: int = 60) -> str:
    """A name for titles and labels: as it is, and not too long.

    matplotlib would read ``$`` as mathematics and leave a label that begins
    with ``_`` out of its legends.
    """
    text = ''.join(x if x.isprintable() else '?' for x in str(text))
    if len(text) > width:
        text = f'{text[: width // 2 - 1]} ... {text[4 - width // 2 :]}'
    text = text.replace('$', r'\$')
    return f' {text}' if text.startswith('_') else text


def legend(ax: 'Axes', **kwargs: Any) -> None:
    """Say what the lines of a panel are, where there are several."""
    if len(ax.get_legend_handles_labels()[1]) > 1:
        with look():
            ax.legend(**kwargs)


def save(fig: 'Figure', path: str | Path) -> list[Path]:
    """Write a figure, whole or not at all.

    Args:
        fig: Of :func:`figure`.
        path: Of a ``.png`` or ``.svg``; without either, both are written.

    Returns:
        What was written.

    Raises:
        UserValueError: The name ends in something else.
        UserOSError: It cannot be written.
    """
    path = Path(path)
    if path.suffix and path.suffix.lower() not in _KINDS:
        raise UserValueError(
            f'a picture is a .png or an .svg, got {path.name!r}; without '
            'either, both are written'
        )
    kinds = (path.suffix,) if path.suffix else _KINDS
    paths = [path.with_suffix(kind) for kind in kinds]
    for each in paths:
        part = each.with_name(f'.{each.name}.{os.getpid()}')
        try:
            each.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(_drawn(fig, each.suffix.lower()[1:]))
            part.replace(each)
        except OSError as error:
            raise UserOSError(
                f'cannot write {each} ({error.strerror or error}); say where '
                'by --out'
            ) from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
    return paths


def inline_svg(fig: 'Figure', label: str = '') -> str:
    """A figure as an element of an HTML page; see :func:`.svg.in_a_page`.

    Args:
        fig: Of :func:`figure`.
        label: What it shows, for those who cannot see it; default: titles.
    """
    titles = [fig.get_suptitle(), *(ax.get_title() for ax in fig.axes)]
    label = label or ', '.join(filter(None, titles)).replace(r'\$', '$')
    svg = _drawn(fig, 'svg', transparent=True).decode()
    return in_a_page(svg, label, INK)


def _drawn(fig: 'Figure', kind: str, transparent: bool = False) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    canvas = FigureCanvasSVG if kind == 'svg' else FigureCanvasAgg
    file = io.BytesIO()
    with look():
        canvas(fig)
        fig.savefig(
            file,
            format=kind,
            dpi=DPI,
            transparent=transparent,
            metadata={'Date': None} if kind == 'svg' else None,
        )
    return file.getvalue()
