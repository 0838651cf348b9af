import json
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from mmdcl.errors import UserError, UserFileNotFoundError
from mmdcl.report.images import material
from mmdcl.report.page import write as page
from mmdcl.report.page.sections import network_pictures
from mmdcl.report.page.write import write_report
from mmdcl.report.pictures import curves
from tests.report.logs import write_run
from tests.report.pages import read, write_pictures
from tests.runs import NNCLR, runner

EVIL = '<script>alert(1)</script>"\'&amp;<b>$\\frac{$'
# No slash is in the name of a folder.
EVIL_NAME = '<img src=x onerror=alert(1)>"\'$\\frac{$'
RECIPE = dict(
    config='small.py',
    changes=[['model.head.temperature', 0.1, 0.5]],
    data='Digits, 1,438 images of 10 classes',
    images=1438,
    classes=10,
    batch=32,
    processes=1,
    negatives=62,
    negatives_text='62 for each anchor (both views of the other images)',
    loss='DCL',
    temperature=0.1,
    lr=0.1,
    gradient='exact over processes',
    logits='float32',
    seed=0,
    commit='abc1234',
    machine='a machine',
    versions='torch 2.9.0',
    command='mmdcl train small.py',
    planned=200,
    schedule_end=200,
)


def run_folder(path: Path, **kwargs) -> Path:
    """A run with all that a page can show."""
    write_run(path, recipe=RECIPE, **kwargs)
    write_pictures(path, labels=True)
    Image.new('RGB', (400, 300)).save(path / 'views.png')
    path.joinpath('epoch_10.pth').write_bytes(b'cut short')
    row = dict(
        protocol='linear',
        checkpoint=str(path / 'epoch_10.pth'),
        metrics={'accuracy/top1': 61.25},
    )
    path.joinpath('evaluate.jsonl').write_text(json.dumps(row) + '\n')
    return path


def test_the_page_says_all_in_its_order(tmp_path):
    work_dir = run_folder(tmp_path / 'small')
    path = write_report(work_dir, warn=[].append)
    assert path == work_dir / 'report.html'
    found = read(path)
    assert list(found.sections) == [
        'verdict',
        'recipe',
        'curves',
        'quality',
        'views',
        'neighbours',
        'embedding',
        'pairs',
        'evaluation',
        'next',
    ]
    for words in RECIPE['config'], '1,438', '0.5', 'exact over processes':
        assert words in found.sections['recipe']
    # 200 steps of 0.2 s with 32 images each
    assert '0.011 hours (40 s), 160 images/s' in found.sections['recipe']
    assert 'kNN: 20.00 of the untrained network, 7' in found.sections['curves']
    # of the last record: 128 * (0.2 + 200 / 500), from 128 * (0.2 + 20 / 500)
    assert re.search(r'76\.8\s+from 30\.7', found.sections['quality'])
    assert 'Garrido' in found.sections['quality']
    assert '500 of 5,000 images' in found.sections['neighbours']
    assert '61.25' in found.sections['evaluation']
    pictures = [x for x in found.elements if x[0] == 'figure']
    assert len(pictures) == 7
    images = [x for tag, x in found.elements if tag == 'img']
    assert len(images) == 4
    assert all(x['alt'] and x['src'].startswith('data:') for x in images)
    assert not found.dangers()
    assert path.stat().st_size < 3e6


def test_nothing_hostile_is_more_than_text(tmp_path):
    """In names, configs, labels of curves, recipes and rows."""
    work_dir = tmp_path / EVIL_NAME
    log = write_run(work_dir, recipe=dict.fromkeys(RECIPE, EVIL))
    write_pictures(work_dir, notes={}, measures={EVIL: {EVIL: EVIL}})
    lines = [json.loads(x) for x in log.read_text().splitlines()]
    for line in lines:
        line[f'{EVIL}/a'] = line[f'{EVIL}/b'] = 1.0  # two lines, a legend
    log.write_text(''.join(f'{json.dumps(x)}\n' for x in lines))
    log.with_name('config.py').write_text(f'model = dict(type={EVIL!r})\n')
    work_dir.joinpath('epoch_1.pth').write_bytes(b'')
    row = dict(protocol=EVIL, checkpoint=str(work_dir / 'epoch_1.pth'))
    row |= dict(options={EVIL: EVIL}, metrics={EVIL: EVIL})
    work_dir.joinpath('evaluate.jsonl').write_text(json.dumps(row) + '\n')
    found = read(write_report(work_dir, warn=[].append))
    assert not found.dangers()
    assert not [x for x in found.elements if x[0] == 'img' and 'onerror' in x]
    for section in 'recipe', 'curves', 'evaluation':
        assert '<script>alert(1)</script>"\'' in found.sections[section]
    assert EVIL_NAME in found.text


def test_a_run_that_was_killed(tmp_path):
    """Half a line, no checkpoint, nothing of ours beside the log."""
    log = write_run(tmp_path / 'a', end=90, quality=False)
    with log.open('a') as file:
        file.write('{"loss": 0.')
    found = read(write_report(tmp_path / 'a'))
    assert 'stopped after 4.5 epochs' in found.text
    assert 'no checkpoint' in found.sections['neighbours']
    assert 'Nothing was recorded' in found.sections['quality']
    assert '--resume' in found.sections['next']
    assert 'evaluate' not in found.sections['next']


def test_a_log_alone_is_enough(tmp_path):
    """Of upstream's algorithms, from elsewhere, without its folder."""
    log = write_run(tmp_path / 'a', quality=False)
    alone = tmp_path / 'mine.json'
    shutil.copy(log, alone)
    found = read(write_report(alone, out=tmp_path / 'b' / 'page.html'))
    assert 'trained for 10 epochs' in found.text
    assert 'curves' in found.sections
    assert not found.dangers()


def test_a_long_run_is_a_small_page(tmp_path):
    write_run(tmp_path / 'a', end=20_000, every=1)
    write_pictures(tmp_path / 'a')
    assert write_report(tmp_path / 'a').stat().st_size < 3e6


def test_what_fails_does_not_cost_the_page(tmp_path, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError('<i>boom</i>')

    monkeypatch.setattr(curves, 'draw_curves', broken)
    write_run(tmp_path / 'a')
    said = []
    path = write_report(tmp_path / 'a', warn=said.append)
    found = read(path)
    sentence = 'Curves failed with RuntimeError: <i>boom</i>.'
    assert sentence in found.sections['curves']
    assert len(found.sections) > 5
    assert len(said) == 1
    assert sentence in said[0]
    path.unlink()
    monkeypatch.setenv('MMDCL_TRACEBACK', '1')
    with pytest.raises(RuntimeError):
        write_report(tmp_path / 'a')
    assert not path.exists()


def test_mistakes_are_one_sentence(tmp_path):
    with pytest.raises(UserError):
        write_report(tmp_path / 'nowhere')
    with pytest.raises(UserError):
        write_report(tmp_path)
    write_run(tmp_path / 'a')
    with pytest.raises(UserFileNotFoundError, match=r'epoch_9\.pth'):
        write_report(tmp_path / 'a', checkpoint='epoch_9.pth')
    tmp_path.joinpath('file').write_text('')
    with pytest.raises(UserError, match='--out'):
        write_report(tmp_path / 'a', out=tmp_path / 'file' / 'a.html')


def test_pictures_of_a_network_outlive_data_and_checkpoint(
    tmp_path, monkeypatch
):
    """Of a real run, written again where neither is."""
    run = runner(tmp_path / 'a', model=NNCLR)
    run.train()
    lines = []
    path = write_report(tmp_path / 'a', say=lines.append, warn=pytest.fail)
    first = read(path)
    names = ['neighbours', 'embedding', 'pairs']
    assert [x.split()[-1] for x in lines[1:]] == names
    assert {*names, 'support-set'} <= first.sections.keys()
    for name in names:
        assert 'Figure' in first.sections[name]
    # not trained with QualityHook: of the images that were asked about
    assert 'RankMe' in first.sections['quality']
    assert 'sha256' in first.sections['next']

    monkeypatch.setattr(material, 'gather_material', pytest.fail)
    again = read(write_report(tmp_path / 'a', warn=pytest.fail))
    assert again.sections.keys() == first.sections.keys()

    moved = shutil.move(tmp_path / 'a', tmp_path / 'b')
    for checkpoint in Path(moved).glob('*.pth'):
        checkpoint.unlink()
    copied = read(write_report(moved, warn=pytest.fail))
    for name in names:
        assert 'Figure' in copied.sections[name]


def test_a_folder_that_cannot_be_written_to_is_only_read(
    tmp_path, monkeypatch
):
    """Nothing is kept there; the page has its pictures all the same."""
    runner(tmp_path / 'a').train()
    (tmp_path / 'a' / 'report').write_text('in the way')
    before = sorted((tmp_path / 'a').rglob('*'))
    monkeypatch.setattr(network_pictures, 'NAMES', ('neighbours',))
    found = read(write_report(tmp_path / 'a', out=tmp_path / 'page.html'))
    assert 'Figure' in found.sections['neighbours']
    assert sorted((tmp_path / 'a').rglob('*')) == before


def test_why_the_network_was_not_asked_is_a_warning(tmp_path):
    runner(tmp_path / 'a').train()
    [path] = (tmp_path / 'a').glob('*.pth')
    said = []
    nowhere = tmp_path / 'nowhere'
    write_report(tmp_path / 'a', data_root=nowhere, warn=said.append)
    [sentence] = said
    assert str(nowhere) in sentence
    path.write_bytes(b'cut short')
    found = read(write_report(tmp_path / 'a', warn=said.append))
    [_, sentence] = said
    assert path.name in sentence
    for section in 'neighbours', 'next':
        assert sentence in found.sections[section]


def test_too_early_is_neither_good_nor_bad(tmp_path):
    write_run(tmp_path / 'a', end=10, quality=False)
    found = read(write_report(tmp_path / 'a'))
    kinds = [x.get('class') or '' for _, x in found.elements]
    assert 'verdict neutral' in kinds
    assert 'verdict good' not in kinds


def test_without_images_nothing_is_asked(tmp_path, monkeypatch):
    runner(tmp_path / 'a').train()
    monkeypatch.setattr(material, 'gather_material', pytest.fail)
    found = read(write_report(tmp_path / 'a', images=False))
    assert 'numbers and curves only' in found.sections['neighbours']


def test_text_is_readable_in_both_themes():
    """Contrast of at least 4.5, as WCAG asks, on all that it stands on."""
    style = (page._TEMPLATES / 'style.css').read_text()
    light, dark = (
        dict(re.findall(r'--([\w-]+): (#\w{6})', part))
        for part in style.split('prefers-color-scheme: dark')[:2]
    )
    dark = light | dict(
        re.findall(
            r'--([\w-]+): (#\w{6})',
            style.split('prefers-color-scheme: dark')[1].split('\n}\n')[0],
        )
    )
    for theme in light, dark:
        pairs = [
            (text, ground)
            for text in ('ink', 'soft', 'link')
            for ground in ('paper', 'panel')
        ]
        for level in ('good', 'warning', 'bad'):
            pairs += [(level, f'{level}-tint'), ('ink', f'{level}-tint')]
        for text, ground in pairs:
            assert contrast(theme[text], theme[ground]) >= 4.5, (text, ground)


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4
        for x in parts
    ]
    return sum(
        a * b for a, b in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
    )


@pytest.mark.parametrize(
    ('rate', 'images'), [(None, 500), (900, 500), (3, 240), (0.2, 64)]
)
def test_a_slow_network_is_asked_about_fewer_images(rate, images):
    assert network_pictures.affordable(rate) == images
