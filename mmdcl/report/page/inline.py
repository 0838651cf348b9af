"""Pictures as a page holds them: small enough, within the page itself."""

import base64
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST = 330_000  # bytes of a picture with photos: nine are 3 MB
_WIDEST = 1600  # px: twice what a page shows
_HIGHEST = 4000
_TALL = 0.9  # of its width: taller ones would fill a screen


@dataclass(frozen=True)
class Picture:
    """With what there is to say of it.

    Attributes:
        caption: Below it.
        alt: What it shows, for those who do not see it.
        svg: An element made by us, its texts escaped; or '',
        narrow: The same for narrow screens, if it is another; or '',
        uri: and then the picture itself, as a ``data:`` address.
        size: Width and height in px; of an SVG not needed.
        width: ``wide`` as the page, ``middle``, or ``half``: two beside
            each other.
    """

    caption: str
    alt: str
    svg: str = ''
    narrow: str = ''
    uri: str = ''
    size: tuple[int, int] = (0, 0)
    width: str = 'wide'


def chart(
    fig: 'Figure',
    caption: str,
    alt: str,
    width: str = 'wide',
    narrow: 'Figure | None' = None,
) -> Picture:
    """A figure without photos, and perhaps another for narrow screens."""
    for each in filter(None, (fig, narrow)):
        if each.get_suptitle():  # the page has said it
            each.suptitle('')
    other = '' if narrow is None else _in_two_themes(narrow)
    return Picture(caption, alt, _in_two_themes(fig), other, width=width)


def _in_two_themes(fig: 'Figure') -> str:
    """Lines have the page's colours, brighter ones where it is dark."""
    from ..pictures.style import COLOURS, PALE, inline_svg

    svg = inline_svg(fig)
    for number, colour in enumerate((*COLOURS, PALE)):
        here = f': var(--hue-{number}, {colour})'
        svg = re.sub(f': {colour}\\b', here, svg, flags=re.IGNORECASE)
    return svg


def photo(path: Path, caption: str, alt: str) -> Picture:
    """A picture file, whatever its format, made small enough."""
    from PIL import Image

    with Image.open(path) as image:
        data, size = path.read_bytes(), image.size
        if image.format != 'JPEG' or len(data) > LARGEST:
            data, size = _small(_on_white(image))
    text = base64.b64encode(data).decode()
    return Picture(
        caption,
        alt,
        uri=f'data:image/jpeg;base64,{text}',
        size=size,
        width='middle' if size[1] > _TALL * size[0] else 'wide',
    )


def _on_white(image: Any) -> Any:
    """What is transparent is paper."""
    from PIL import Image

    image = image.convert('RGBA')
    paper = Image.new('RGBA', image.size, 'white')
    return Image.alpha_composite(paper, image).convert('RGB')


def write_photo(fig: 'Figure', path: Path) -> None:
    """Draw a figure with photos into a JPEG, on white, whole or not at all."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    from ..pictures.style import look

    width, height = fig.get_size_inches()
    file = io.BytesIO()
    with look():
        FigureCanvasAgg(fig)
        fig.savefig(
            file,
            format='png',
            dpi=min(_WIDEST / width, _HIGHEST / height, 200),
            facecolor='white',
        )
    file.seek(0)
    with Image.open(file) as image:
        data, _ = _small(image.convert('RGB'))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'.{path.name}.part')
    part.write_bytes(data)
    part.replace(path)


def _small(image: Any) -> tuple[bytes, tuple[int, int]]:
    """As a JPEG below the largest size."""
    image.thumbnail((_WIDEST, _HIGHEST))
    for quality in (88, 80, 70, 60, 45, 30):
        file = io.BytesIO()
        image.save(file, 'JPEG', quality=quality, optimize=True)
        if file.tell() <= LARGEST:
            break
    else:
        image = image.resize((image.width // 2, image.height // 2))
        return _small(image)
    return file.getvalue(), image.size
