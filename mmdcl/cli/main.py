"""``mmdcl COMMAND ...``, ``python -m mmdcl COMMAND ...`` and ``tools/*.py``.

Nothing slow is imported before what was typed is known to make sense.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NoReturn

from .. import __version__
from ..configs import find_config
from .ending import ends_in_a_sentence
from .flags import CHECKS, COMMANDS
from .ranks import start_ranks, without_gpus
from .terminal.quiet import active, quiet

# Commands that are another with settings of its own.
_ROOM = {'demo': 'train'}
# Which end well by writing a file: what others said is of no interest then.
_WRITES = ('export', 'features', 'plot', 'report', 'push')


class Parser(argparse.ArgumentParser):
    """Takes whole flags only; what it refuses it says in two lines."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_abbrev=False, **kwargs)

    def error(self, message: str) -> NoReturn:
        self.exit(
            2,
            f'error: {message}\n`{self.prog} --help` shows what there is\n',
        )


def _near(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, known, 1)
    return f'; did you mean {near[0]}?' if near else ''


def _choose(words: list[str]) -> str:
    """Which command it is; removes its name from ``words``."""
    width = max(map(len, COMMANDS))
    lines = [f'  {x:{width}}  {text}' for x, (text, _) in COMMANDS.items()]
    parser = Parser(
        prog='mmdcl',
        usage='mmdcl COMMAND ...',
        description='Decoupled contrastive learning for OpenMMLab.',
        epilog='commands:\n'
        + '\n'.join(lines)
        + '\n\n`mmdcl COMMAND --help` has the flags of each.',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--version', action='version', version=f'mmdcl {__version__}'
    )
    if not words:
        parser.print_help()
        sys.exit(2)
    if words[0].startswith('-'):
        parser.parse_args(words[:1])
    command = words.pop(0)
    if command not in COMMANDS:
        parser.error(
            f'there is no command {command!r}' + _near(command, COMMANDS)
        )
    return command


def _actions(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> list[argparse.Action]:
    """Those of the command, and of the picture that was chosen."""
    found = list(parser._actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found += action.choices[args.kind]._actions
    return found


def parse(
    command: str, words: Sequence[str], prog: str | None = None
) -> argparse.Namespace:
    """The flags of a command, checked as far as is possible at once.

    Args:
        command: One of ``COMMANDS``.
        words: After it.
        prog: How the command is called in messages.

    Raises:
        SystemExit: They make no sense; with a usage message.
        OSError: There is no such config.
    """
    text, add_flags = COMMANDS[command]
    parser = Parser(
        prog=prog or f'mmdcl {command}',
        description=f'{text[0].upper()}{text[1:]}.',
    )
    add_flags(parser)
    args, unknown = parser.parse_known_args(words)
    if unknown:
        known = [x for a in _actions(parser, args) for x in a.option_strings]
        hint = _near(unknown[0].partition('=')[0], known)
        if command == 'sweep' and '--cfg-options' in unknown:
            hint = '; to set or compare options, use --grid KEY=VALUE,VALUE'
        parser.error(f'nothing takes {" ".join(unknown)}{hint}')
    if getattr(args, 'gpus', None) and args.launcher != 'none':
        parser.error(
            f'--gpus {args.gpus} starts the processes; leave out '
            f'--launcher {args.launcher}'
        )
    if command in CHECKS:
        CHECKS[command](parser, args)
    config = getattr(args, 'config', None)
    of_run = getattr(args, 'kind', '') == 'views' and os.path.isdir(config)
    if config and not of_run:
        args.config = find_config(config)
    return args


def main(
    command: str | None = None, words: Sequence[str] | None = None
) -> None:
    """Run a command.

    Args:
        command: Its name; default: the first word.
        words: What was typed after it; default: those of this process.
    """
    rest = list(sys.argv[1:] if words is None else words)
    prog = None if command is None else sys.argv[0]
    with ends_in_a_sentence():
        command = command or _choose(rest)
        args = parse(command, rest, prog)
        if getattr(args, 'gpus', None) is not None:
            same = [command, *without_gpus(rest), '--launcher', 'pytorch']
            start_ranks(args.gpus, ['--module', 'mmdcl', *same])
        if command == 'demo':  # several threads would wait for each other
            os.environ.setdefault('OMP_NUM_THREADS', '1')
        with quiet(not getattr(args, 'verbose', True)):
            import_module(f'mmdcl.cli.{_ROOM.get(command, command)}').run(args)
            kept = active()
            if kept and command in _WRITES:
                kept.forget()
