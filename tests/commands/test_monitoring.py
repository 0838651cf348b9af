"""Commands of the page on monitoring, on a run of the demo."""

import shutil

import pytest

from tests.commands.documented import typed

RUN = 'work_dirs/dcl_resnet18_1xb128_digits'
PLOTS = {
    'mmdcl plot curves work_dirs/': 'curves',
    'mmdcl plot coupling work_dirs/': 'coupling',
    'mmdcl plot neighbours work_dirs/': 'neighbours',
    '--method pca': 'embedding',
    'mmdcl plot pairs work_dirs/': 'pairs',
    'mmdcl plot spectrum work_dirs/': 'spectrum',
}


@pytest.fixture(scope='module')
def ran(place):
    small = ['train_cfg.max_epochs=2', 'train_dataloader.dataset.indices=256']
    typed('mmdcl demo', place, '--cfg-options', *small, report=True)
    return place


@pytest.mark.parametrize('part', PLOTS)
def test_pictures_of_a_run(part, ran):
    typed(part, ran)
    for kind in ('png', 'svg'):
        (found,) = ran.glob(f'{RUN}/plots/{PLOTS[part]}*.{kind}')
        assert found.stat().st_size > 5_000


def test_a_picture_of_views(ran):
    typed('mmdcl plot views dcl_resnet18_1xb128_digits', ran)
    assert list(ran.glob('plots/*views*.png'))


def test_pages(ran):
    page = ran / RUN / 'report.html'
    page.unlink()
    typed('mmdcl report work_dirs/dcl_resnet18_1xb128_digits', ran)
    assert 'Too early to say' in page.read_text()
    shutil.copytree(ran / RUN, ran / 'work_dirs/other')
    typed('--out compared.html', ran)
    assert 'other' in (ran / 'compared.html').read_text()
