"""No command and no block of Python that no test runs."""

import ast
import re
from pathlib import Path

from tests.commands.documented import blocks, documented, meant

_INSTALLS = 'installs from the package index, as `make setup` does'
# Commands that no test types, and why.
LEFT_OUT = {
    "pip install '.[onedl,demo]'": _INSTALLS,
    "pip install 'mmdcl[onedl,demo]'": _INSTALLS,
    "pip install 'mmdcl[det]' 'mmdcl[seg]'": _INSTALLS,
    "pip install -c constraints.txt '.[bench]'": _INSTALLS,
    "pip install 'mmdcl[multichannel]'": _INSTALLS,
    'make demo': 'is `mmdcl demo` in an environment of its own',
    'make test': 'is what runs this',
    'bash tools/build_mmcv.sh': 'compiles for a quarter of an hour',
}


def words() -> set[str]:
    """Strings in the tests of commands, but for plain words and this file."""
    return {
        node.value
        for path in Path(__file__).parent.glob('*.py')
        if path != Path(__file__)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and not re.fullmatch('[a-z]+', node.value)
    }


def named(texts: list[str]) -> set[str]:
    """Those that a string of the tests means."""
    return {
        found
        for word in words()
        if len(word) > 6 and (found := meant(word, texts))
    }


def test_every_documented_command_is_typed():
    commands = documented()
    assert len(commands) > 30
    assert set(LEFT_OUT) <= set(commands)
    missing = set(commands) - set(LEFT_OUT) - named(commands)
    assert not missing


def test_every_block_of_python_is_used():
    texts = blocks('python')
    assert len(texts) > 10
    assert len(set(texts)) == len(texts)
    assert not set(texts) - named(texts)
