"""No command is in the documentation that no test types."""

import ast
from pathlib import Path

from tests.commands.documented import documented

# Named here with the reason why it is not typed.
LEFT_OUT = {
    'bash tools/build_mmcv.sh': 'compiles for a quarter of an hour',
}


def words() -> set[str]:
    """Every string in the tests of commands."""
    return {
        node.value
        for path in Path(__file__).parent.glob('*.py')
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_documented_command_is_typed():
    commands = documented()
    assert len(commands) > 10
    named = set(LEFT_OUT)
    for word in words():
        holds = [command for command in commands if word in command]
        ends = [command for command in holds if command.endswith(word)]
        if 1 in (len(holds), len(ends)) and len(word) > 6:
            named |= {*holds} if len(holds) == 1 else {*ends}
    assert set(commands) <= named, set(commands) - named
