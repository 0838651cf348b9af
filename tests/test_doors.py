"""Who imports whom (CONTRIBUTING.md), read from the code."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / 'mmdcl'
UPSTREAM = {'mmengine', 'mmcv', 'mmpretrain'}
MAY_IMPORT = {
    'functional': {'torch', 'mmdcl.functional'},
    'registry.py': {'mmengine'},
    'models': {'torch', 'mmdcl.functional', 'mmdcl.registry', 'mmdcl.models'}
    | UPSTREAM,
    'engine': {
        'torch',
        'numpy',
        'matplotlib',
        'mmdcl.functional',
        'mmdcl.checkpoints',
        'mmdcl.registry',
        'mmdcl.engine',
    }
    | UPSTREAM,
    'datasets': {'torch', 'numpy', 'cv2', 'sklearn', 'mmdcl.registry'}
    | {'mmdcl.functional'}
    | {'mmdcl.datasets'}
    | UPSTREAM,
    'checkpoints': {'torch', 'numpy', 'safetensors', 'mmengine'}
    | {'mmdcl.checkpoints'},
    'cli': {'torch', 'mmdcl.checkpoints', 'mmdcl.cli'} | UPSTREAM,
    'mmcv_ops.py': {'torch', 'torchvision'},
    '__init__.py': set(),
}
STANDARD = {
    'abc',
    'ast',
    'enum',
    'collections',
    'contextlib',
    'unittest',
    'zipfile',
    'copy',
    'difflib',
}
STANDARD |= {
    'functools',
    'hashlib',
    'inspect',
    'importlib',
    'itertools',
    'json',
    'logging',
    'math',
    'os',
}
STANDARD |= {'pathlib', 'pickle', 'random', 're', 'struct', 'sys', 'time'}
STANDARD |= {'types', 'typing', 'warnings'}


def imports(path: Path) -> set[str]:
    room = path.relative_to(PACKAGE.parent).with_suffix('').parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = '.'.join(room[: -node.level])
            found.add(f'{base}.{node.module}')
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
    assert rooms - {'py.typed'} == set(MAY_IMPORT)


def test_ranks_are_known_in_one_place():
    for path in PACKAGE.rglob('*.py'):
        if path.name != 'gather.py':
            text = path.read_text()
            assert 'torch.distributed' not in text, path
            assert 'get_rank' not in text, path
            assert 'world_size' not in text.replace('world size', ''), path
