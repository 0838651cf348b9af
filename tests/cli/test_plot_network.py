"""``mmdcl plot`` of what a network says of images, as it is typed."""

import subprocess
import sys

import pytest
from PIL import Image

from mmdcl.cli.main import main
from tests.report.checkpoints import checkpoint
from tests.runs import runner


@pytest.fixture(scope='module')
def work_dir(tmp_path_factory):
    """What a run leaves: its config and a checkpoint."""
    folder = tmp_path_factory.mktemp('there') / 'run'
    runner(folder).dump_config()
    checkpoint(folder)
    return folder


def check_picture(path):
    with Image.open(path) as image:
        image.load()
        assert min(image.size) > 200
        assert max(image.size) < 4000
        assert len(image.convert('RGB').getcolors(2**24)) > 20


def test_from_another_folder(work_dir, tmp_path):
    """Of all that others say as they are imported, nothing is seen."""
    words = ['plot', 'neighbors', str(work_dir), '--images', '60']
    done = subprocess.run(
        [sys.executable, '-m', 'mmdcl', *words],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    written = [work_dir / 'plots' / f'neighbours.{x}' for x in ('png', 'svg')]
    assert done.stdout.splitlines() == [str(path) for path in written]
    assert done.stderr == ''
    check_picture(written[0])
    assert '✓' in written[1].read_text()


def test_views_of_a_run(work_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ['views', str(work_dir), '--images', '2', '--out', 'a/v.png']
    main(words=['plot', *words])
    assert capsys.readouterr().out == 'a/v.png\n'
    check_picture(tmp_path / 'a' / 'v.png')


@pytest.mark.parametrize(
    ('words', 'name'),
    [
        (['embedding', '--method', 'pca', '--split', 'train'], 'embedding'),
        (['pairs', '--images', '20', '--seed', '3'], 'pairs'),
        (
            ['spectrum', '--cfg-options', 'val_dataloader.batch_size=2'],
            'spectrum',
        ),
    ],
)
def test_each_writes_its_picture(
    words, name, work_dir, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    kind, *flags = words
    file = str(work_dir / 'epoch_1.pth')
    main(words=['plot', kind, file, '--out', '.', *flags])
    assert capsys.readouterr().out == f'{name}.png\n{name}.svg\n'
    check_picture(tmp_path / f'{name}.png')


def test_several_checkpoints_are_drawn_here(
    work_dir, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    both = [str(work_dir), str(work_dir / 'epoch_1.pth')]
    main(words=['plot', 'spectrum', *both, '--images', '30'])
    assert 'plots/spectrum.png' in capsys.readouterr().out
    check_picture('plots/spectrum.png')


@pytest.mark.parametrize(
    ('words', 'match'),
    [
        (['embedding', 'a', '--images', '1'], '--images is at least 2, got 1'),
        (['views', 'a', '--images', '0'], '--images is at least 1, got 0'),
        (['neighbours', 'a', '--queries', '0'], '--queries is at least 1'),
        (['pairs', 'a', '--seed', '-1'], '--seed is at least 0, got -1'),
        (['pairs', 'a', '--out', 'a.jpg'], 'ends in .png or .svg'),
        (['pairs', 'a', '--imags', '3'], 'did you mean --images?'),
        (['embedding', 'a', '--method', 'som'], 'invalid choice'),
        (['embedding', 'gone.pth'], 'no checkpoint gone.pth'),
        (['views', 'gone.py'], 'no config gone.py'),
        (['pairs', 'RUN', '--split', 'val'], 'views of training images'),
        (['embedding', 'RUN', '--split', 'test'], 'no `test_dataloader`'),
        (
            ['embedding', 'RUN', '--cfg-options', 'val_dataloadr.a=1'],
            'nothing reads `val_dataloadr`',
        ),
        (['embedding', 'RUN', '--data-root', 'gone'], 'there is no folder'),
    ],
)
def test_mistakes_end_in_a_sentence(
    words, match, work_dir, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    words = [str(work_dir) if x == 'RUN' else x for x in words]
    with pytest.raises(SystemExit) as end:
        main(words=['plot', *words])
    code = end.value.code
    said = code if isinstance(code, str) else capsys.readouterr().err
    assert match in said
    assert said.startswith('error: ')
    assert list(tmp_path.iterdir()) == []
