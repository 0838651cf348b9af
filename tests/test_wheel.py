"""The package as it is built, installed and typed, far from its checkout."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import mmdcl
from mmdcl import weights
from mmdcl.configs import names
from tests.commands.documented import ROOT, logged, run

pytestmark = pytest.mark.slow

DIGITS = 'dcl_resnet18_1xb128_digits'
MINE = f"_base_ = __import__('mmdcl').config_path({DIGITS!r})\n"
MINE += 'model = dict(head=dict(temperature=0.2))\n'
SMALL = ['train_cfg.max_epochs=1', 'train_dataloader.dataset.indices=256']
SMALL += ['default_hooks.logger.interval=1']
SMALL += ['default_hooks.checkpoint.interval=1']


def uv(*words: object) -> None:
    """Run uv, from its cache if that is enough."""
    command = ['uv', *map(str, words)]
    for more in (['--offline'], []):
        done = subprocess.run(
            [*command, *more], capture_output=True, text=True
        )
        if not done.returncode:
            return
    raise AssertionError(f'{" ".join(command)}\n{done.stderr[-3000:]}')


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    """The wheel, the sdist, and the wheel that the sdist builds."""
    folder = tmp_path_factory.mktemp('dist')
    uv('build', '--wheel', '--out-dir', folder, ROOT)
    uv('build', '--sdist', '--out-dir', folder, ROOT)
    (wheel,) = folder.glob('*.whl')
    (sdist,) = folder.glob('*.tar.gz')
    uv('build', '--wheel', '--out-dir', folder / 'again', sdist)
    (again,) = folder.glob('again/*.whl')
    return wheel, sdist, again


@pytest.fixture(scope='module')
def shell(built, tmp_path_factory):
    """Types in an empty folder, in an environment with the wheel alone."""
    wheel = built[0]
    environment = tmp_path_factory.mktemp('environment')
    uv('venv', '--clear', '--python', sys.executable, environment)
    python = environment / 'bin/python'
    limits = ['--constraint', ROOT / 'constraints.txt']
    wanted = f'mmdcl[onedl,demo] @ {wheel.as_uri()}'
    uv('pip', 'install', '--python', python, *limits, wanted)
    ours = str(Path(sys.executable).parent)
    path = [x for x in os.environ['PATH'].split(os.pathsep) if x != ours]

    def type_in(place: Path, *words: object) -> str:
        return run(
            [*words],
            place,
            PATH=os.pathsep.join([str(environment / 'bin'), *path]),
            VIRTUAL_ENV=str(environment),
            OMP_NUM_THREADS='1',  # other tests run beside these
        )

    where = 'import mmdcl; print(mmdcl.__file__)'
    elsewhere = tmp_path_factory.mktemp('elsewhere')
    said = type_in(elsewhere, 'python', '-c', where)
    assert said.startswith(str(environment))
    return type_in


def files(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {x: archive.read(x) for x in archive.namelist()}


def test_what_the_wheel_carries(built):
    found = files(built[0])
    for name in names():
        assert f'mmdcl/.mim/configs/{name}.py' in found
    for name in ('model-index.yml', 'configs/metafile.yml', 'tools/train.py'):
        assert f'mmdcl/.mim/{name}' in found
    for name in weights.names():
        assert f'mmdcl/weights/{name}.safetensors' in found
    tops = {x.partition('/')[0] for x in found}
    assert tops == {'mmdcl', f'mmdcl-{mmdcl.__version__}.dist-info'}
    assert not [x for x in found if 'tests' in x or '__pycache__' in x]
    assert not [x for x in found if '/speed/' in x]


def test_the_sdist_builds_the_same_wheel(built):
    wheel, sdist, again = built
    assert files(again) == files(wheel)
    with tarfile.open(sdist) as archive:
        found = archive.getnames()
    for name in ('tests/test_wheel.py', 'docs/performance.md', 'LICENSE'):
        assert f'{sdist.name.removesuffix(".tar.gz")}/{name}' in found


def test_the_demo(shell, tmp_path):
    said = shell(tmp_path, 'mmdcl', 'demo')
    # mmdcl's own word is seen, also where it is installed beside others.
    for ours in ('negatives   254', 'kNN: ', '\nDone.\n  accuracy/top1: '):
        assert ours in said, said
    assert len(said.splitlines()) < 60
    assert [x.name for x in tmp_path.iterdir()] == ['work_dirs']
    work_dir = tmp_path / 'work_dirs' / DIGITS
    assert work_dir.joinpath('epoch_15.pth').is_file()
    found = [x['accuracy/top1'] for x in logged(work_dir, 'accuracy/top1')]
    assert found[0] < 80  # before training
    assert found[-1] >= 95


def test_the_small_commands(shell, tmp_path):
    version = f'mmdcl {mmdcl.__version__}'
    assert shell(tmp_path, 'mmdcl', '--version').strip() == version
    said = shell(tmp_path, 'python', '-m', 'mmdcl', '--version')
    assert said.strip() == version
    listed = shell(tmp_path, 'mmdcl', 'configs')
    assert set(names()) <= set(re.findall(r'^\S+', listed, re.M))
    shell(tmp_path, 'mmdcl', 'configs', '--copy', 'dcl_resnet50_8xb32')
    copy = tmp_path.joinpath('dcl_resnet50_8xb32.py').read_text()
    assert 'simclr_resnet50_8xb32' in copy
    said = shell(tmp_path, 'mmdcl', 'doctor')  # exit code 0
    assert re.search(r'^training .* works', said, re.M)


@pytest.mark.parametrize('by', ['mmdcl', 'mmpretrain'])
def test_a_project_inherits_a_config(shell, tmp_path, by):
    tmp_path.joinpath('mine.py').write_text(MINE)
    words = ['mmdcl', 'train']
    if by == 'mmpretrain':
        find = 'import mmpretrain; print(mmpretrain.__path__[0])'
        found = shell(tmp_path, 'python', '-W', 'ignore', '-c', find)
        tool = Path(found.splitlines()[-1], '.mim/tools/train.py')
        words = ['python', tool]
    shell(tmp_path, *words, 'mine.py', '--cfg-options', *SMALL)
    work_dir = tmp_path / 'work_dirs/mine'
    assert len(logged(work_dir, 'npc_multiplier')) == 2  # 256 images of 128
    assert work_dir.joinpath('epoch_1.pth').is_file()
    assert 'temperature=0.2' in work_dir.joinpath('mine.py').read_text()
