"""From the first accuracy to the last, and where everything lies."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.dist import is_main_process, master_only
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop

from ..arguments import require_flag
from ..engine.model import model_of
from ..errors import UserError
from ..registry import HOOKS
from .pictures.trained_views import save_views
from .runs.folder import RunFolder, read_run
from .runs.gathering import gather, write_recipe

# Of a record in the log, beside what was measured.
_NO_METRICS = ('data_time', 'time', 'step')


@HOOKS.register_module()
class ProgressHook(Hook):
    """Say at the end what training changed, and leave pictures of it.

    Writes ``vis_data/recipe.json`` (what the run is made of) and
    ``views.png`` (views of the first batch) when training begins, and
    ``curves.png`` and ``report.html`` when it ends; logs the first and last
    value of each validation metric and where everything lies. What of this
    fails is a warning; training is the same, bit for bit, with or without.

    Args:
        val_before_train: Validate once before the first iteration, so that
            the starting point is known. Not repeated on resume.
        report: Write the page ``report.html`` at the end.
    """

    priority = 'LOWEST'

    def __init__(
        self, val_before_train: bool = False, report: bool = True
    ) -> None:
        require_flag('val_before_train', val_before_train)
        require_flag('report', report)
        self.val_before_train = val_before_train
        self.report = report
        self._unit = ''
        self._found: list[tuple[str, dict]] = []
        self._facts: dict = {}
        self._views = None

    def before_train(self, runner) -> None:
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        self._unit = 'epoch' if by_epoch else 'iteration'
        if is_main_process():
            with _at_most_a_warning(runner, 'recipe.json'):
                self._write_recipe(runner)
        if self.val_before_train and runner.iter == 0 and runner.val_loop:
            runner.logger.info('Validating before training ...')
            runner.val_loop.run()
        if is_main_process():
            with _at_most_a_warning(runner, 'views.png'):
                self._catch_views(runner)

    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        if not self._unit:  # validation on its own: nothing progresses
            return
        now = runner.epoch if self._unit == 'epoch' else runner.iter
        self._found.append((f'{self._unit} {now}', metrics or {}))

    @master_only
    def after_train(self, runner) -> None:
        if self._views is not None:
            self._views.remove()
        if self._facts:
            with _at_most_a_warning(runner, 'recipe.json'):
                write_recipe({**self._facts, 'finished': True}, _data(runner))
        run = None
        with _at_most_a_warning(runner, 'curves.png'):
            run = _read(runner)
        lines = self._metrics(run)
        pointer = Path(runner.work_dir, 'last_checkpoint')
        if pointer.is_file():
            lines.append(f'checkpoint: {pointer.read_text()}')
        log = Path(runner.log_dir, f'{runner.timestamp}.log')
        lines.append(f'log:        {log}')
        with _at_most_a_warning(runner, 'curves.png'):
            if run is not None:
                lines.append(f'plot:       {_draw(run)}')
        runner.logger.info('Done.\n  ' + '\n  '.join(lines))
        if self.report and run is not None:
            with _at_most_a_warning(runner, 'report.html'):
                _write_page(runner)

    def _write_recipe(self, runner) -> None:
        self._facts, failed = gather(runner)
        write_recipe(self._facts, _data(runner))
        if failed:
            why = '; '.join(f'{key}: {_line(x)}' for key, x in failed.items())
            runner.logger.warning(f'not in recipe.json: {why}')

    def _catch_views(self, runner) -> None:
        """Draw what the data preprocessor makes of the first batch."""
        preprocessor = model_of(runner).data_preprocessor
        path = Path(runner.work_dir, 'views.png')
        dataset = (runner.cfg.get('train_dataloader') or {}).get('dataset')

        def look(module, args, output) -> None:
            self._views.remove()
            with _at_most_a_warning(runner, 'views.png'):
                save_views(output['inputs'], module, dataset, path)

        self._views = preprocessor.register_forward_hook(look)

    def _metrics(self, run: RunFolder | None) -> list[str]:
        before = [
            (f'{self._unit} {record["step"]}', record)
            for record in (run.validation if run else [])
        ]
        ends = [*(before or self._found)[:1], *(self._found or before)[-1:]]
        last_time, last = ends[-1] if ends else ('', {})
        first_time, first = ends[0] if ends else ('', {})
        return [
            f'{name}: '
            + (
                f'{first[name]:.2f} ({first_time}) -> '
                if name in first and first_time != last_time
                else ''
            )
            + f'{value:.2f} ({last_time})'
            for name, value in last.items()
            if isinstance(value, (int, float)) and name not in _NO_METRICS
        ]


def _read(runner) -> RunFolder | None:
    try:
        return read_run(runner.work_dir)
    except UserError:  # nothing was logged
        return None


def _draw(run: RunFolder) -> Path:
    from .pictures.curves import draw_curves
    from .pictures.style import save

    [path] = save(draw_curves(run), run.path / 'curves.png')
    return path


def _write_page(runner) -> None:
    from .page.write import write_report

    runner.logger.info('Writing the report, which takes some seconds ...')
    path = write_report(
        runner.work_dir,
        trust=True,  # what was trained here
        warn=runner.logger.warning,
    )
    runner.logger.info(f'  report:     {path}')


def _data(runner) -> Path:
    return Path(runner.log_dir, 'vis_data')


@contextmanager
def _at_most_a_warning(runner, name: str) -> Iterator[None]:
    """No picture is worth a run."""
    try:
        yield
    except Exception as error:
        runner.logger.warning(f'{name} was not written: {_line(error)}')


def _line(error: Exception) -> str:
    text = ' '.join(str(error).split())
    return f'{type(error).__name__}: {text[:200]}'
