"""Change the mathematics in small ways, and see whether a test notices.

    python tools/mutate.py --jobs 2
    python tools/mutate.py --only functional/kernel models/heads

Each mutant is one change of one file: another comparison, operator, number or
truth value, a statement left out, two arguments exchanged. It is written into
a copy of the package, and the tests of that file run in a process forked from
one that has imported what is slow. A mutant that fails them, or takes longer
than `--timeout`, is killed; others go through the slower tests of several
processes. Survivors are listed; `results/mutants/explained.json` names those
that change nothing that anybody could see, and says why.

Writes `results/mutants/FILE.json`; exit code 1 if fewer than `--least` percent
are killed or explained.
"""

import argparse
import ast
import contextlib
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / 'results' / 'mutants'
FUNCTIONAL = 'tests/functional/test_'
# Quick tests of a file, and those that start processes.
TESTS = {
    'functional/losses': (['losses', 'contrast', 'properties'], []),
    'functional/unit': (['unit', 'neighbors', 'second_derivatives'], []),
    'functional/contrast': (
        ['contrast', 'kernel', 'second_derivatives', 'properties'],
        ['kernel', 'second_derivatives'],
    ),
    'functional/contrast_neighbors': (
        ['contrast', 'kernel', 'second_derivatives', 'properties'],
        ['../models/test_nnclr'],
    ),
    'functional/kernel': (
        ['kernel', 'second_derivatives', 'contrast', 'properties'],
        ['kernel', 'second_derivatives'],
    ),
    'functional/neighbors': (
        ['neighbors', 'properties', '../models/test_support_set'],
        [],
    ),
    'functional/derivatives': (['second_derivatives'], []),
    'functional/gather': (
        ['gather', 'contrast'],
        ['gather', 'kernel', 'second_derivatives'],
    ),
    'views/operators': (['../views/test_operators'], []),
    'models/heads': (
        ['../models/test_heads'],
        ['../models/test_heads', '../models/test_simclr'],
    ),
    'models/support_set': (
        ['../models/test_support_set'],
        ['../models/test_support_set'],
    ),
}
SLOW = 'ranks or process or hosts'
PRELOAD = (
    *(
        'torch',
        'numpy',
        'hypothesis',
        'pytest',
        'torch._functorch.eager_transforms',
    ),
    *('torch.distributed', 'torch.profiler', 'mmpretrain.models', 'PIL.Image'),
)

COMPARED = {
    ast.Lt: ('<=', '>='),
    ast.LtE: ('<', '>'),
    ast.Gt: ('>=', '<='),
    ast.GtE: ('>', '<'),
    ast.Eq: ('!=',),
    ast.NotEq: ('==',),
    ast.Is: ('is not',),
    ast.IsNot: ('is',),
    ast.In: ('not in',),
    ast.NotIn: ('in',),
}
OPERATORS = {
    ast.Add: '-',
    ast.Sub: '+',
    ast.Mult: '/',
    ast.Div: '*',
    ast.FloorDiv: '*',
    ast.Mod: '*',
    ast.Pow: '*',
    ast.LShift: '>>',
    ast.RShift: '<<',
    ast.BitAnd: '|',
    ast.BitOr: '&',
    ast.BitXor: '&',
}


class Mutant(NamedTuple):
    """One change: where, what was there, and what is there instead."""

    place: str
    line: int
    old: str
    new: str
    start: int
    stop: int
    number: int  # of those that read the same

    @property
    def name(self) -> str:
        again = f' #{self.number}' if self.number > 1 else ''
        return f'{self.place}: {self.old} -> {self.new}{again}'


class Mutator(ast.NodeVisitor):
    """All mutants of a file; messages, docstrings and types are left alone."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.starts = [0]
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.place: list[str] = []
        self.found: list[Mutant] = []
        self.visit(ast.parse(source))

    def span(self, node: ast.AST) -> tuple[int, int]:
        return (
            self.starts[node.lineno - 1] + node.col_offset,
            self.starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def text(self, node: ast.AST) -> str:
        return self.source[slice(*self.span(node))]

    def add(self, node: ast.AST, new: str) -> None:
        start, stop = self.span(node)
        old = ' '.join(self.source[start:stop].split())
        place = '.'.join(self.place) or 'module'
        new = ' '.join(new.split())
        number = 1 + sum(
            (m.place, m.old, m.new) == (place, old, new) for m in self.found
        )
        self.found.append(
            Mutant(place, node.lineno, old, new, start, stop, number)
        )

    def generic_visit(self, node: ast.AST) -> None:
        for name, value in ast.iter_fields(node):
            if name in ('annotation', 'returns', 'type_params'):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    self.visit(child)

    def _inside(self, node) -> None:
        self.place.append(node.name)
        for decorator in node.decorator_list:
            if 'no_grad' in self.text(decorator):
                self.add(decorator, '(lambda f: f)')
        for child in (getattr(node, 'args', None), *node.body):
            if child is not None:
                self.visit(child)
        self.place.pop()

    visit_FunctionDef = visit_ClassDef = _inside  # noqa: N815

    def visit_JoinedStr(self, node) -> None:
        return

    def visit_Raise(self, node) -> None:
        self.add(node, 'pass')

    def visit_Expr(self, node) -> None:
        if isinstance(node.value, ast.Constant):
            return
        if isinstance(node.value, ast.Call):
            self.add(node, 'pass')
        self.generic_visit(node)

    def visit_AugAssign(self, node) -> None:
        self.add(node, 'pass')
        self.generic_visit(node)

    def visit_Assign(self, node) -> None:
        first = node.targets[0]
        name = first.id if isinstance(first, ast.Name) else ''
        if name == '__all__' or (name.isupper() and 'if' in self.text(node)):
            return
        if isinstance(first, ast.Subscript):
            self.add(node, 'pass')
        self.generic_visit(node)

    def visit_Compare(self, node) -> None:
        if len(node.ops) == 1:
            left, right = self.text(node.left), self.text(node.comparators[0])
            for symbol in COMPARED[type(node.ops[0])]:
                self.add(node, f'({left} {symbol} {right})')
        self.generic_visit(node)

    def visit_BinOp(self, node) -> None:
        symbol = OPERATORS.get(type(node.op))
        if symbol:
            left, right = self.text(node.left), self.text(node.right)
            self.add(node, f'({left} {symbol} {right})')
        self.generic_visit(node)

    def visit_BoolOp(self, node) -> None:
        word = ' or ' if isinstance(node.op, ast.And) else ' and '
        self.add(
            node, f'({word.join(f"({self.text(x)})" for x in node.values)})'
        )
        self.generic_visit(node)

    def visit_UnaryOp(self, node) -> None:
        self.add(node, f'({self.text(node.operand)})')
        self.generic_visit(node)

    def _condition(self, node) -> None:
        if not isinstance(node.test, (ast.Compare, ast.BoolOp, ast.UnaryOp)):
            self.add(node.test, f'(not ({self.text(node.test)}))')
        self.generic_visit(node)

    visit_If = visit_IfExp = visit_While = _condition  # noqa: N815

    def visit_Constant(self, node) -> None:
        value = node.value
        if isinstance(value, bool):
            self.add(node, str(not value))
        elif isinstance(value, (int, float)):
            self.add(node, f'({value!r} + 1)')

    def visit_keyword(self, node) -> None:
        if node.arg != 'strict':  # of `zip`: lengths are equal
            self.generic_visit(node)

    def visit_Call(self, node) -> None:
        given = node.args
        plain = not any(isinstance(x, ast.Starred) for x in given[:2])
        # Their arguments have no order.
        either = ('max', 'min', 'maximum', 'minimum', 'transpose')
        plain &= not self.text(node.func).endswith(either)
        if len(given) > 1 and plain:
            rest = [self.text(x) for x in (*given[2:], *node.keywords)]
            swapped = [self.text(given[1]), self.text(given[0]), *rest]
            if swapped[0] != swapped[1]:
                text = f'{self.text(node.func)}({", ".join(swapped)})'
                self.add(node, text)
        self.generic_visit(node)


def _child(folder: Path, tests: list[str], expression: str, log: Path) -> int:
    """Exit code of the tests, in the copy of the package in ``folder``."""
    os.setsid()
    sys.dont_write_bytecode = True
    os.environ['PYTHONDONTWRITEBYTECODE'] = '1'
    with log.open('w') as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(folder)
    sys.path[:] = [str(folder), *(x for x in sys.path if x != str(ROOT))]
    import hypothesis
    import pytest

    # The first failure will do: no search for the simplest.
    once = [hypothesis.Phase.generate]
    hypothesis.settings.register_profile('once', phases=once)
    hypothesis.settings.load_profile('once')
    options = ['-x', '-q', '-p', 'no:cacheprovider', '--tb=line']
    return int(pytest.main([*options, '-k', expression, *tests]))


class Running(NamedTuple):
    index: int
    slow: bool
    until: float
    folder: Path


def _paths(names: list[str]) -> list[str]:
    return [
        os.path.normpath(f'{FUNCTIONAL}{x}.py'.replace('test_../', '../'))
        for x in names
    ]


class Forge:
    """Runs mutants of one file, a few at a time."""

    def __init__(self, name: str, folders: list[Path], timeout: int) -> None:
        self.name, self.timeout = name, timeout
        self.path = Path('mmdcl', f'{name}.py')
        self.source = (ROOT / self.path).read_text()
        self.mutants = Mutator(self.source).found
        self.free = list(folders)
        self.running: dict[int, Running] = {}

    def _start(self, index: int, slow: bool) -> None:
        folder = self.free.pop()
        text = self.source
        if index >= 0:
            m = self.mutants[index]
            text = text[: m.start] + m.new + text[m.stop :]
        (folder / self.path).write_text(text)
        tests = TESTS[self.name][slow]
        expression = SLOW if slow else f'not ({SLOW})'
        pid = os.fork()
        if pid == 0:
            code = 99
            try:
                code = _child(
                    folder, _paths(tests), expression, folder / 'log'
                )
            finally:
                os._exit(code)
        until = time.monotonic() + self.timeout
        self.running[pid] = Running(index, slow, until, folder)

    def _ended(self) -> Iterator[tuple[Running, str]]:
        while True:
            for pid, run in list(self.running.items()):
                done, status = os.waitpid(pid, os.WNOHANG)
                late = time.monotonic() > run.until
                if not done and not late:
                    continue
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)  # of ranks, too
                if not done:
                    os.waitpid(pid, 0)
                del self.running[pid]
                self.free.append(run.folder)
                code = os.waitstatus_to_exitcode(status) if done else None
                found = 'killed' if done else 'timeout'
                yield run, 'survived' if code in (0, 5) else found
                return
            time.sleep(0.01)

    def run(self) -> list[str]:
        for slow in (False, True):  # without a change they must pass
            if TESTS[self.name][slow]:
                self._start(-1, slow)
                run, found = next(self._ended())
                if found != 'survived':
                    log = (run.folder / 'log').read_text()[-3000:]
                    sys.exit(f'error: tests of {self.name} fail:\n{log}')
        results = ['survived'] * len(self.mutants)
        waiting = [(i, False) for i in range(len(self.mutants))]
        while waiting or self.running:
            while waiting and self.free:
                self._start(*waiting.pop(0))
            run, found = next(self._ended())
            results[run.index] = found
            if found == 'survived' and not run.slow and TESTS[self.name][1]:
                waiting.append((run.index, True))
        return results


def report(name: str, mutants: list[Mutant], results: list[str]) -> tuple:
    """Write and print what became of the mutants of a file."""
    explained = {}
    if (RESULTS / 'explained.json').exists():
        explained = json.loads((RESULTS / 'explained.json').read_text())
    reasons = explained.get(name, {})
    rows = [
        dict(line=m.line, mutant=m.name, result=result)
        for m, result in zip(mutants, results, strict=True)
    ]
    for row in rows:
        if row['result'] == 'survived' and row['mutant'] in reasons:
            row['result'] = 'explained'
            row['reason'] = reasons[row['mutant']]
    counts = Counter(row['result'] for row in rows)
    killed = counts['killed'] + counts['timeout']
    summary = dict(
        file=f'mmdcl/{name}.py',
        mutants=len(rows),
        killed=killed,
        explained=counts['explained'],
        survived=counts['survived'],
        percent=round(
            100 * killed / max(1, len(rows) - counts['explained']), 1
        ),
    )
    left = [row for row in rows if row['result'] in ('survived', 'explained')]
    path = RESULTS / f'{name.replace("/", "_")}.json'
    path.write_text(json.dumps(dict(**summary, left=left), indent=1) + '\n')
    print(json.dumps(summary), flush=True)
    for row in left:
        if row['result'] == 'survived':
            print(f'  {row["line"]}: {row["mutant"]}', flush=True)
    return killed, len(rows) - counts['explained']


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--only', nargs='+', choices=TESTS, default=list(TESTS)
    )
    parser.add_argument('--jobs', type=int, default=1)
    parser.add_argument('--timeout', type=int, default=90, help='seconds')
    parser.add_argument('--least', type=float, default=95, help='percent')
    args = parser.parse_args()
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    sys.path[:] = [x for x in sys.path if Path(x or '.').resolve() != ROOT]
    for module in PRELOAD:
        importlib.import_module(module)
    assert 'mmdcl' not in sys.modules, 'mutants must be imported afresh'
    RESULTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(scratch, str(i)) for i in range(args.jobs)]
        for folder in folders:
            for part in ('mmdcl', 'tests', 'tools', 'configs'):
                shutil.copytree(
                    ROOT / part,
                    folder / part,
                    ignore=shutil.ignore_patterns('__pycache__'),
                )
            shutil.copy(ROOT / 'pyproject.toml', folder)
        killed = total = 0
        for name in args.only:
            forge = Forge(name, folders, args.timeout)
            found = report(name, forge.mutants, forge.run())
            for folder in folders:
                (folder / forge.path).write_text(forge.source)
            killed, total = killed + found[0], total + found[1]
    percent = 100 * killed / max(1, total)
    print(f'{killed} of {total} mutants killed: {percent:.1f} %')
    if percent < args.least:
        sys.exit(f'error: fewer than {args.least:g} % were killed')


if __name__ == '__main__':
    main()
