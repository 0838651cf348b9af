"""What measures a GPU goes through without one, and takes no number of it."""

import json
import subprocess
import sys

import pytest
import torch

from tests.commands.documented import ROOT, run, typed

# What other parts start, test_docs_commands.py starts, too.
PARTS = ['tests', 'loss']
BEGIN, END = 'Written by tools/speed/gpu_section.py', '... to here.'
PAGE = ROOT / 'docs/performance.md'


@pytest.fixture
def page(tmp_path):
    """Ours, without what may have been measured since."""
    text = PAGE.read_text()
    head, _, rest = text.partition(BEGIN)
    copy = tmp_path / 'page.md'
    copy.write_text(
        f'{head}{BEGIN} from here ... -->\n<!-- {END}' + rest.partition(END)[2]
    )
    return copy


def write(results, page, code=0):
    options = ['--results', str(results), '--page', str(page)]
    return typed(
        'tools/speed/gpu_section.py', page.parent, *options, code=code
    )


def test_it_goes_through_on_a_cpu(tmp_path, page):
    before = page.read_text()
    options = ['--device', 'cpu', '--quick', '--out', 'measured', *PARTS]
    instead = {' --jpegs FOLDER_OF_JPEGS': ''}
    typed('speed/gpu.sh', tmp_path, *options, instead=instead)
    found = tmp_path / 'measured'
    names = sorted(path.name for path in found.iterdir())
    assert names == sorted(f'gpu_{part}.json' for part in PARTS)
    for path in found.iterdir():
        rows = json.loads(path.read_text())
        assert {row['device'] for row in rows} == {'cpu'}
        assert all(row['machine'] and row['commit'] for row in rows)
    assert 'not measured on a CUDA device' in write(found, page, code=1)
    assert page.read_text() == before


def test_mistakes(tmp_path):
    script = ROOT / 'tools/speed/gpu.sh'
    said = run([script, '--fast'], tmp_path, code=2)
    assert 'Parts: tests, loss, knn, views, step' in said
    if not torch.cuda.is_available():
        said = run([script, 'knn'], tmp_path, code=1)
        assert 'torch sees no CUDA device' in said


MACHINE = 'a processor, 16 cores, NVIDIA'
ROWS = dict(
    tests=[dict(name='pytest -m gpu', passed=9, failed=1, skipped=2)
           | dict(failures=['a::b'])],
    loss=[
        dict(name=name, n_images=4096, ms=ms, peak_mib=peak, width=128)
        | dict(grad_error=None)
        for name, ms, peak in (('mmdcl', 2.0, 30.0), ('dense', 8.0, 900.0))
    ]
    + [dict(name='dense', n_images=65536, ms=None, peak_mib=None)
       | dict(grad_error=None)],
    knn=[dict(name='mmdcl', k=20, samples_per_second=5.0, accuracy=7.0)
         | dict(bank=50000, width=512)],
    views=[dict(name='mmdcl', ms=2.0), dict(name='device', ms=0.1)],
    step=[dict(name='mmdcl', ms=None, images_per_second=None, of_bare=None)
          | dict(peak_mib=None, backbone='resnet50', size=224, batch=64)
          | dict(images='9 JPEGs', workers=16)],
)  # fmt: skip
LINES = [
    '`pytest -m gpu`: 9 passed, 1 failed, 2 skipped.',
    '- failed: `a::b`',
    '| 4096 | dense | 8.0 | 4.0 | 900 |  |',
    '| 65536 | dense | out of memory |  |  |  |',
    '| mmdcl | cuda | 20 | 5.0 | 7.0 |',
    '| device | cuda | 0.100 |',
    'A step of resnet50, 224 px, 64 images, 9 JPEGs, 16 workers:',
    '| mmdcl | out of memory |  |  |  |',
    f'Commit abc, torch 2; {MACHINE}.',
]


def test_the_section_is_what_the_files_say(tmp_path, page):
    more = dict(device='cuda', machine=MACHINE, commit='abc', torch='2')
    for part, rows in ROWS.items():
        text = json.dumps([row | more for row in rows])
        tmp_path.joinpath(f'gpu_{part}.json').write_text(text)
    old = page.read_text()
    write(tmp_path, page)
    once = page.read_text()
    assert [x for x in LINES if x not in once.splitlines()] == []
    write(tmp_path, page)
    assert page.read_text() == once
    for path in tmp_path.glob('gpu_*.json'):
        path.unlink()
    write(tmp_path, page)
    text = page.read_text()
    assert 'Nothing has been measured on a GPU yet.' in text
    for side in (0, 2):
        outside = [
            x.partition(BEGIN if side == 0 else END)[side] for x in (old, text)
        ]
        assert outside[0] == outside[1]


def test_the_page_is_up_to_date(tmp_path):
    """What stands there is what results/speed says."""
    copy = tmp_path / 'page.md'
    copy.write_text(PAGE.read_text())
    write(ROOT / 'results/speed', copy)
    assert copy.read_text() == PAGE.read_text()


FULL = """
import sys
sys.path.insert(0, {folder!r})
import loss, measure, torch
def full():
    def no(*_): raise torch.cuda.OutOfMemoryError('full')
    return no
torch.cuda.empty_cache = lambda: None
loss.PEERS['dense'] = full
sys.argv = ['loss.py', '--images', '8', '--rounds', '1', '--no-memory']
sys.argv += ['--peers', 'mmdcl', 'dense', '--json', 'loss.json']
loss.main()
"""


def test_out_of_memory_is_a_row(tmp_path):
    code = FULL.format(folder=str(ROOT / 'tools/speed'))
    words = [sys.executable, '-c', code]
    subprocess.run(words, cwd=tmp_path, check=True)
    rows = json.loads(tmp_path.joinpath('loss.json').read_text())
    assert [row['name'] for row in rows] == ['mmdcl', 'dense']
    assert rows[0]['ms'] > 0
    assert rows[1]['ms'] is rows[1]['peak_mib'] is None
