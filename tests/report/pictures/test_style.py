"""Pictures: readable anywhere, and whole or not there."""

import re
import xml.etree.ElementTree as ET

import matplotlib
import pytest

from mmdcl.errors import UserOSError, UserValueError
from mmdcl.report.pictures.style import (
    COLOURS,
    LINES,
    MARKERS,
    figure,
    inline_svg,
    legend,
    look,
    plain,
    save,
)

HOSTILE = "<script>alert(1)</script> $x_1$ & \"id='1'"


@look()
def drawn(title=''):
    fig, axes = figure(1, 2, title=title)
    for ax in axes:
        for i in range(2):
            label, colour = plain(f'_{HOSTILE}{i}'), COLOURS[i]
            ax.plot([0, 1], [i, 3], label=label, color=colour, marker='o')
        ax.axhline(1, color='black')
        ax.text(0, 0, 'fat', fontweight='bold', color='k')
        ax.fill_between([0, 1], [0, 0], [1, 1], color='k')
        legend(ax)
    return fig


def test_an_inline_svg_is_at_home_on_any_page():
    texts = [inline_svg(drawn(HOSTILE)) for _ in range(2)]
    roots = [ET.fromstring(text) for text in texts]
    page = ''.join(texts)
    for ink in ('#000', 'black', '#1a1a1a'):
        assert ink not in page.lower()
    assert page.count('currentColor') > 20
    assert 'DejaVu' not in page
    assert '<style' not in page
    assert 'http' not in page.replace('http://www.w3.org/2000/svg', '')
    for root in roots:
        assert root.get('width') == '100%'
        assert root.get('height') is None
        assert root.get('viewBox').startswith('0 0 ')
        assert root.find('.//{*}metadata') is None
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len({*ids}) > 20
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', page)
    assert used
    assert {*used} <= {*ids}


def test_text_is_text_and_stays_what_it_is():
    text = inline_svg(drawn(HOSTILE))
    assert '<script' not in text
    texts = [x.text for x in ET.fromstring(text).iter() if 'text' in x.tag]
    assert HOSTILE in texts
    assert f' _{HOSTILE}0' in texts
    label = ET.fromstring(text).get('aria-label')
    assert label == HOSTILE


def test_lines_differ_without_colour():
    assert len({*COLOURS}) == len(COLOURS) == len({*MARKERS})
    assert len({*map(str, LINES)}) == len(LINES)

    def light(colour):
        red, green, blue = matplotlib.colors.to_rgb(colour)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    assert max(map(light, COLOURS)) < 0.7


def test_both_files_are_written_and_nothing_else(tmp_path):
    paths = save(drawn(), tmp_path / 'new' / 'a')
    assert [x.name for x in paths] == ['a.png', 'a.svg']
    assert sorted(tmp_path.rglob('*.*')) == sorted(paths)
    assert paths[0].read_bytes()[:4] == b'\x89PNG'
    assert 'DejaVu' in paths[1].read_text()
    again = save(drawn(), tmp_path / 'b.svg')
    assert again[0].read_bytes() == paths[1].read_bytes()
    assert [x.name for x in again] == ['b.svg']


def test_what_cannot_be_written_gets_a_sentence(tmp_path):
    with pytest.raises(UserValueError, match=r"got 'a\.pdf'"):
        save(drawn(), tmp_path / 'a.pdf')
    tmp_path.joinpath('file').touch()
    with pytest.raises(
        UserOSError, match=r'cannot write .*say where by --out'
    ):
        save(drawn(), tmp_path / 'file' / 'a.png')


def test_settings_of_others_are_left_alone(tmp_path):
    with matplotlib.rc_context({'font.size': 31, 'grid.linewidth': 33}):
        before = dict(matplotlib.rcParams)
        text = inline_svg(drawn('a'))
        save(drawn(), tmp_path / 'a')
        assert dict(matplotlib.rcParams) == before
    assert '31' not in re.findall(r'font-size: (\d+)', text)
    assert 'stroke-width: 33' not in text
