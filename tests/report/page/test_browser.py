"""The page as it is seen: in headless Chromium, wide and narrow."""

from pathlib import Path

import pytest

from mmdcl.report.page.compare import write_comparison
from mmdcl.report.page.write import write_report
from tests.report.browser import NAMES, browser, find_browser
from tests.report.logs import write_run
from tests.report.page.test_write import EVIL, EVIL_NAME, run_folder

pytestmark = pytest.mark.skipif(
    find_browser() is None, reason=f'none of {", ".join(NAMES)} is installed'
)
# What has no size, is beside the screen, or is drawn as an empty picture.
UNSEEN = """
[...document.querySelectorAll('figure')].filter(figure => {
  const box = [...figure.querySelectorAll('.chart, .photo')]
    .map(x => x.getBoundingClientRect()).filter(x => x.width && x.height);
  const image = figure.querySelector('img');
  return box.length !== 1 || box[0].width < 200 || box[0].height < 100
    || box[0].left < 0 || box[0].left > innerWidth
    || image && !image.naturalWidth;
}).map(x => x.id)
"""
FIGURES = "document.querySelectorAll('figure').length"
TOO_WIDE = """
[...document.querySelectorAll('body *')].filter(x =>
  x.getBoundingClientRect().right > innerWidth + 1
  && !x.closest('.scroll, .photo, pre')
).map(x => x.outerHTML.slice(0, 90))
"""
WIDTH = 'document.documentElement.scrollWidth'
GROUND = 'getComputedStyle(document.body).backgroundColor'


@pytest.fixture(scope='module')
def tab(tmp_path_factory):
    with browser(find_browser(), tmp_path_factory.mktemp('browser')) as tab:
        yield tab


@pytest.fixture(scope='module')
def pages(tmp_path_factory) -> list[Path]:
    """Of one run with all there is, and of two."""
    folder = tmp_path_factory.mktemp('runs')
    one = run_folder(folder / ('a_name_without_end' * 6))
    write_run(folder / EVIL_NAME, loss='mmdcl.InfoNCEHead', batch=128)
    both = [one, folder / EVIL_NAME]
    page = write_report(one, warn=[].append)
    return [page, write_comparison(both, folder / 'report.html')]


@pytest.mark.parametrize('width', [1280, 390])
@pytest.mark.parametrize('dark', [False, True])
def test_all_is_seen_and_nothing_asked_for(tab, pages, width, dark):
    for path, figures in zip(pages, (7, 2), strict=True):
        tab.open(path, width, dark)
        asked = [x for x in tab.requests if not x.startswith('data:')]
        assert asked == [path.absolute().as_uri()]
        assert tab.complaints == []
        assert tab.evaluate(FIGURES) == figures
        assert tab.evaluate(UNSEEN) == []
        assert tab.evaluate(TOO_WIDE) == []
        assert tab.evaluate(WIDTH) == width
        red = int(tab.evaluate(GROUND).removeprefix('rgb(').split(',')[0])
        assert (red < 60) == dark


def test_nothing_hostile_runs(tab, pages, tmp_path):
    """Nor would without the policy that forbids all scripts."""
    html = pages[1].read_text()
    policy = '<meta http-equiv="Content-Security-Policy"'
    assert html.count(policy) == 1
    bare = tmp_path / 'bare.html'
    bare.write_text(html.replace(policy, '<meta name="none"'))
    tab.open(bare, 1280)
    assert tab.complaints == []
    # The test would see it:
    bare.write_text(html.replace(policy, '<meta name="none"') + EVIL_NAME)
    tab.open(bare, 1280)
    assert tab.complaints != []
    # And the policy alone would do:
    bare.write_text(html + EVIL)
    tab.open(bare, 1280)
    assert not any('DialogOpening' in x for x in tab.complaints)


def test_it_prints_on_white(tab, pages):
    tab.open(pages[0], 1000, dark=True)
    tab.ask('Emulation.setEmulatedMedia', media='print')
    assert tab.evaluate(GROUND) == 'rgb(255, 255, 255)'
    printed = tab.ask('Page.printToPDF', printBackground=True)
    assert len(printed['data']) > 10_000
