import re

import numpy as np
import pytest
from PIL import Image

from mmdcl.report.page.inline import LARGEST, chart, photo, write_photo
from mmdcl.report.pictures.style import COLOURS, figure


def test_a_photo_is_small_and_complete(tmp_path):
    """Noise is what compresses worst."""
    noise = np.random.default_rng(0).integers(0, 256, (3000, 2500, 3))
    path = tmp_path / 'noise.png'
    Image.fromarray(noise.astype(np.uint8)).save(path)
    found = photo(path, 'a', 'b')
    assert found.uri.startswith('data:image/jpeg;base64,')
    assert len(found.uri) < 1.4 * LARGEST
    assert found.size[0] / found.size[1] == pytest.approx(
        2500 / 3000, abs=0.01
    )


def test_a_figure_with_photos_is_drawn_on_white(tmp_path):
    fig, [ax] = figure()
    ax.set_axis_off()
    write_photo(fig, tmp_path / 'new' / 'a.jpg')
    with Image.open(tmp_path / 'new' / 'a.jpg') as image:
        assert image.format == 'JPEG'
        assert image.getpixel((1, 1)) == (255, 255, 255)
    assert [x.name for x in (tmp_path / 'new').iterdir()] == ['a.jpg']


def test_lines_of_a_chart_have_the_colours_of_the_theme():
    fig, [ax] = figure()
    for colour in COLOURS:
        ax.plot([0, 1], color=colour)
    ax.set_title(': #0072B2 as text')
    svg = chart(fig, 'a', 'b').svg
    hues = {int(x) for x in re.findall(r'var\(--hue-(\d)', svg)}
    assert set(range(len(COLOURS))) <= hues
    assert 'as text' in svg
