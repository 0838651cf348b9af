"""Who imports whom (CONTRIBUTING.md), read from the code."""

import ast
import re
import sys
from pathlib import Path

import pytest

import mmdcl

PACKAGE = Path(__file__).parent.parent / 'mmdcl'
UPSTREAM = {'mmengine', 'mmcv', 'mmpretrain'}
MAY_IMPORT = {
    'functional': {'torch', 'mmdcl.functional'},
    'registry.py': {'mmengine', 'mmdcl.errors', 'mmdcl.checkpoints'},
    'models': {'torch', 'mmdcl.functional', 'mmdcl.registry', 'mmdcl.models'}
    | {'timm'}  # whose networks can be the backbone
    | UPSTREAM,
    'engine': {
        'torch',
        'numpy',
        'mmdcl.functional',
        'mmdcl.checkpoints',
        'mmdcl.registry',
        'mmdcl.engine',
    }
    | UPSTREAM,
    'datasets': {'torch', 'numpy', 'cv2', 'PIL', 'sklearn', 'mmdcl.registry'}
    | {'tifffile'}
    | {'mmdcl.datasets'}
    | UPSTREAM,
    'checkpoints': {'torch', 'numpy', 'safetensors', 'mmengine'}
    | {'mmdcl.checkpoints', 'mmdcl.hub'},
    'hub': {'huggingface_hub', 'safetensors', 'mmdcl.errors', 'mmdcl.hub'}
    | {'mmdcl', 'mmdcl.weights'}
    | {'torch', 'timm', 'jinja2'},  # a folder for timm, and its card
    'views': {'torch', 'numpy', 'cv2', 'mmdcl.registry', 'mmdcl.views'}
    | {'mmdcl.provenance'}  # how many cores there are
    | UPSTREAM,
    'protocols': {'torch', 'numpy', 'sklearn', 'joblib'}
    | {f'mmdcl.{x}' for x in ('checkpoints', 'engine', 'functional')}
    | {'mmdcl.registry', 'mmdcl.protocols'}
    | UPSTREAM,
    'downstream': {'torch', 'torchvision', 'mmdcl.downstream'}
    | {'timm'}  # which of a checkpoint's networks are timm's own
    | {f'mmdcl.{x}' for x in ('checkpoints', 'constructors', 'engine')}
    | {'mmdcl.registry'}
    | UPSTREAM,
    'cli': {'torch', 'mmdcl', 'mmdcl.cli', 'mmdcl.configs', 'mmdcl.command'}
    | {'torchvision', 'timm', 'detectron2'}  # what weights are exported for
    | {f'mmdcl.{x}' for x in ('checkpoints', 'engine', 'registry')}
    | {f'mmdcl.{x}' for x in ('constructors', 'datasets', 'downstream')}
    | {f'mmdcl.{x}' for x in ('functional', 'models')}
    | {'rich', 'mmdcl.report', 'mmdcl.provenance', 'mmdcl.hub'}
    | {'mmdcl.protocols', 'mmdcl.feature_files'}
    | UPSTREAM,
    'report': {'torch', 'numpy', 'matplotlib', 'jinja2', 'sklearn', 'umap'}
    | {'scipy'}
    | {'PIL', 'cv2', 'mmdcl', 'mmdcl.report', 'mmdcl.provenance'}
    | {f'mmdcl.{x}' for x in ('checkpoints', 'configs', 'command')}
    | {f'mmdcl.{x}' for x in ('engine', 'functional', 'models', 'views')}
    | {f'mmdcl.{x}' for x in ('downstream', 'registry', 'verdicts', 'hub')}
    | UPSTREAM,
    'constructors.py': {'torch', 'mmengine'},
    'configs.py': {'mmdcl.errors'},
    'command.py': set(),
    'arguments.py': {'mmdcl.errors'},
    'config_parts.py': set(),
    'errors.py': set(),
    'weights': {'mmdcl.errors'},
    'handlers.py': set(),
    'sync_bn.py': {'torch', 'mmengine'},
    'provenance.py': set(),
    'feature_files.py': {'numpy', 'safetensors', 'mmdcl.errors'},
    'verdicts': {'mmdcl.verdicts'},
    '__main__.py': {'mmdcl.cli'},
    '__init__.py': set(),
}
# Rooms whose processes agree on what to do.
AGREE = ('engine', 'cli', 'report')
STANDARD = sys.stdlib_module_names
for room in ('models', 'engine', 'datasets', 'cli', 'views', 'report'):
    MAY_IMPORT[room] = MAY_IMPORT[room] | {'mmdcl.arguments', 'mmdcl.errors'}
MAY_IMPORT['protocols'] |= {'mmdcl.arguments', 'mmdcl.errors'}
MAY_IMPORT['downstream'] |= {'mmdcl.arguments', 'mmdcl.errors', 'mmdcl.hub'}
MAY_IMPORT['checkpoints'] = MAY_IMPORT['checkpoints'] | {'mmdcl.errors'}
for room in ('models', 'engine', 'cli', 'checkpoints'):
    MAY_IMPORT[room] = MAY_IMPORT[room] | {'mmdcl.sync_bn'}
for room in ('checkpoints', 'downstream', 'cli', 'report'):
    MAY_IMPORT[room] = MAY_IMPORT[room] | {'mmdcl.config_parts'}
MAY_IMPORT['engine'] = MAY_IMPORT['engine'] | {'mmdcl.verdicts'}
for room in ('engine', 'cli'):
    MAY_IMPORT[room] = MAY_IMPORT[room] | {'mmdcl.command'}
    MAY_IMPORT[room] = MAY_IMPORT[room] | {'mmdcl.handlers'}


def imports(path: Path) -> set[str]:
    room = path.relative_to(PACKAGE.parent).with_suffix('').parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = '.'.join(room[: -node.level])
            names = (
                [node.module]
                if node.module
                else [
                    alias.name
                    for alias in node.names
                    if alias.name != '__version__'
                ]
            )
            found |= {f'{base}.{name}' for name in names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
    return found


@pytest.mark.parametrize('room', MAY_IMPORT)
def test_doors(room):
    place = PACKAGE / room
    files = [place] if place.is_file() else sorted(place.rglob('*.py'))
    assert files
    for path in files:
        for name in imports(path):
            parts = name.split('.')
            door = '.'.join(parts[: 2 if parts[0] == 'mmdcl' else 1])
            assert door in MAY_IMPORT[room] | STANDARD, (
                f'{path.name} imports {name}'
            )


def test_every_room_has_its_doors():
    rooms = {p.name for p in PACKAGE.iterdir() if p.name != '__pycache__'}
    assert rooms - {'py.typed', '.mim'} == set(MAY_IMPORT)


def distribution(source: str) -> set[str]:
    """What of a source knows that there are several processes."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        names = [getattr(node, key, None) for key in ('id', 'attr', 'arg')]
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            module = getattr(node, 'module', None) or ''
            names += [module, *(f'{module}.{name}' for name in names)]
        words = {word for name in names if name for word in name.split('.')}
        found |= words & {'distributed', 'dist', 'world_size', 'rank'}
        found |= words & {'get_rank', 'get_world_size', 'get_dist_info'}
    return found


@pytest.mark.parametrize(
    'source',
    [
        'import torch.distributed as d',
        'from torch import distributed',
        'from torch.distributed import all_reduce',
        'from mmengine.dist import get_world_size',
        'from mmengine import dist',
        'torch.distributed.barrier()',
        'def mean(x, world_size): ...',
        'n = runner.world_size',
    ],
)
def test_who_knows_of_processes_is_found(source):
    assert distribution(source)
    assert not distribution(f'x = 1  # {source}')


def test_ranks_are_known_in_one_place():
    """Of what computes; what runs may agree on when to stop, say."""
    for path in PACKAGE.rglob('*.py'):
        if path != PACKAGE / 'functional' / 'gather.py':
            found = distribution(path.read_text())
            room = path.relative_to(PACKAGE).parts[0]
            assert not found or room in AGREE, path


def test_only_commands_exit():
    """Others raise, for whoever calls them to decide."""
    for path in PACKAGE.rglob('*.py'):
        exits = re.search(r'\b(sys\.exit|quit|exit)\(', path.read_text())
        room = path.relative_to(PACKAGE).parts[0]
        assert not exits or room == 'cli', path


def test_the_map_is_complete():
    """`help(mmdcl)` names each room, and no other."""
    words = [line.split() for line in mmdcl.__doc__.splitlines()]
    on_map = {x[0] for x in words if len(x) > 2 and x[0].islower()}
    rooms = {Path(name).stem for name in MAY_IMPORT} - {'__init__', '__main__'}
    assert rooms <= on_map
    for name in mmdcl.__all__:
        assert getattr(mmdcl, name) is not None


def test_a_newcomers_path_is_short():
    """From the equation to a config, with all that is on the way."""
    root = PACKAGE.parent
    sections = root.joinpath('README.md').read_text().split('\n## ')
    [equation] = [x for x in sections if x.startswith('The equation\n')]
    lines = {'README.md': equation.count('\n')}
    for name in (
        'mmdcl/functional/losses.py',
        'mmdcl/functional/contrast.py',
        'mmdcl/models/heads.py',
        'configs/dcl_resnet50_8xb32.py',
    ):
        lines[name] = root.joinpath(name).read_text().count('\n')
    assert sum(lines.values()) <= 480, lines
