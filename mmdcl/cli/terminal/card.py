"""The recipe card: what a run is, in some twenty lines, before it starts."""

from pathlib import Path
from typing import Any

from mmengine.dist import get_world_size

from ... import __version__
from ...engine.model import model_of
from ...report.runs import machine, recipe
from ...report.runs.recipe import count, path_from_here
from .layout import fold

Row = tuple[str, str]
_LABEL = 12  # columns


def card_of_training(runner: Any, note: str) -> str:
    """What is about to be trained.

    Args:
        runner: With everything built.
        note: On what the log file has beside its lines.
    """
    loader, model = runner.train_dataloader, model_of(runner)
    processes, here = get_world_size(), recipe.batch_size(loader)
    images = here * processes
    each = f'{count(processes, "process", "es")} x {here}'
    each = ', '.join(filter(None, [each, recipe.micro_batches(runner)]))
    return _card(
        *_config(runner),
        ('data', recipe.data(loader.dataset)),
        ('model', recipe.network(model)),
        ('batch', f'{count(images, "image")} ({each})' if images else ''),
        ('positives', recipe.positives(model)),
        ('negatives', recipe.negatives(model, images, recipe.views(runner))),
        ('loss', recipe.loss(getattr(model, 'head', None))),
        ('optimizer', recipe.optimizer(runner.optim_wrapper)),
        ('schedule', recipe.schedule(runner)),
        ('length', recipe.length(runner)),
        ('validation', recipe.validation(runner)),
        ('precision', recipe.precision(runner)),
        *_machine(runner),
        ('start', _start(runner)),
        ('work_dir', path_from_here(runner.work_dir)),
        _log(runner, note),
    )


def card_of_test(runner: Any, note: str) -> str:
    """What is about to be tested; as :func:`card_of_training`."""
    return _card(
        *_config(runner),
        ('checkpoint', path_from_here(runner.cfg.get('load_from'))),
        ('data', recipe.data(runner.test_dataloader.dataset)),
        ('bank', recipe.bank(runner.test_loop)),
        ('model', recipe.network(model_of(runner), trained=False)),
        *_machine(runner),
        _log(runner, note),
    )


def _card(*rows: Row) -> str:
    indent = ' ' * (_LABEL + 2)
    lines = [
        fold(text, f'  {label:{_LABEL}}', indent)
        for label, text in rows
        if text
    ]
    return '\n'.join([f'mmdcl {__version__}', *lines])


def _config(runner: Any) -> list[Row]:
    name = runner.cfg.filename
    if not name:
        return []
    dump = Path(runner.work_dir, Path(name).name)
    return [
        ('config', path_from_here(name)),
        ('as it runs', path_from_here(dump)),
    ]


def _start(runner: Any) -> str:
    path = path_from_here(runner.cfg.get('load_from'))
    if runner.iter:
        return f'resumed from {path} after {recipe.progress(runner)}'
    return f'weights of {path}' if path else ''


def _log(runner: Any, note: str) -> Row:
    path = Path(runner.log_dir, f'{runner.timestamp}.log')
    return 'log', f'{path_from_here(path)} ({note})'


def _machine(runner: Any) -> list[Row]:
    fixed = ', deterministic' if runner.deterministic else ''
    return [
        ('device', machine.device(runner)),
        ('seed', f'{runner.seed}{fixed}'),
        ('versions', machine.versions(runner)),
    ]
