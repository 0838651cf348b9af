"""What a run left behind, read from its folder: no code of it is run."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ...checkpoints import newest_good
from ...checkpoints.config_text import as_data, assignments
from ...errors import UserFileNotFoundError, UserValueError
from .evaluations import evaluations_of
from .extent import (
    epoch_length,
    is_finished,
    seconds,
    setting,
    started,
    unit_of,
)
from .records import RECIPE, Record, Records, is_number, join, read_object

LOG = Path('vis_data', 'scalars.json')


@dataclass(frozen=True)
class RunFolder:
    """A run, also one that was killed, copied, or is of others' algorithms.

    Attributes:
        path: Its work_dir.
        name: The folder's, by which a user knows the run.
        training: Records with ``loss``, ``lr``, ... and ``iter``, in order;
            of a resumed run joined.
        quality: Records of ``mmdcl.QualityHook``, with ``iter``.
        validation: Records of validations, with ``step``.
        histograms: Lines of ``quality.json``, with ``iter``.
        unit: Of ``step`` in ``validation``: ``epoch`` or ``iteration``.
        epoch_length: Iterations in an epoch, where training is counted in
            epochs; estimated from the log of runs that do not say it.
        config: As it ran, read as data; None if there is none.
        recipe: Facts that ``mmdcl.ProgressHook`` wrote; may be empty.
        finished: Training reached its end.
        started: When, in the time of that machine.
        seconds: Of training, as logged: without validation.
        evaluations: Lines of ``mmdcl evaluate`` about its checkpoints.
    """

    path: Path
    name: str
    training: list[Record]
    quality: list[Record]
    validation: list[Record]
    histograms: list[Record] = field(repr=False)
    unit: str
    epoch_length: float | None
    config: Config | None = field(repr=False)
    recipe: dict[str, Any]
    finished: bool
    started: datetime | None
    seconds: float | None
    evaluations: list[Record]

    @property
    def checkpoint(self) -> Path | None:
        """The newest that can be read as a whole, which takes a while."""
        return self._newest[0]

    @property
    def unreadable(self) -> str:
        """Why there is no good checkpoint among those that are there."""
        path, passed = self._newest
        if path or not passed or not any(self.path.glob('*.pth')):
            return ''
        return passed[-1]

    @cached_property
    def _newest(self) -> tuple[Path | None, list[str]]:
        return self.newest()

    def newest(self, trust: bool = False) -> tuple[Path | None, list[str]]:
        """As ``newest_good`` has it, in all folders of the run."""
        if not self.path.is_dir():
            return None, []
        out_dir = setting(
            self.config, 'default_hooks', 'checkpoint', 'out_dir'
        )
        return newest_good(self.path, trust, out_dir)

    @property
    def metrics(self) -> list[str]:
        """What validations measured: accuracies first, the probe's last."""
        names = {
            key: None
            for record in self.validation
            for key, value in record.items()
            if is_number(value) and key not in ('step', 'data_time', 'time')
        }
        return sorted(names, key=lambda x: ('accuracy' not in x, 'probe' in x))

    def series(self, key: str) -> tuple[list[float], list[float]]:
        """How a number went, of the first kind of record that has it.

        Args:
            key: In a record of training, quality or validation.

        Returns:
            Where, in epochs, or in iterations if training is counted so, and
            the finite values; both empty if it was not logged.
        """
        for records, place in (
            (self.training, 'iter'),
            (self.quality, 'iter'),
            (self.validation, 'step'),
        ):
            found = [x for x in records if is_number(x.get(key))]
            if found:
                length = self.epoch_length if place == 'iter' else None
                xs = [x[place] / (length or 1) for x in found]
                return xs, [float(x[key]) for x in found]
        return [], []


def read_run(path: str | Path) -> RunFolder:
    """Read the work_dir of a run; a ``scalars.json`` alone does, too.

    Raises:
        UserFileNotFoundError: There is none, or no log in it.
        UserValueError: Nothing was logged.
    """
    path = Path(path)
    logs = _logs(path)
    parts = [Records.of(log) for log in logs]
    used = [(log, part) for log, part in zip(logs, parts, strict=True) if part]
    if not used:
        raise UserValueError(
            f'{logs[-1]} holds no line of a log: the run had logged nothing '
            'before it ended'
        )
    folder = path if path.is_dir() else None
    config, recipe = _config(logs, folder), _recipe(logs)
    unit = unit_of(config, recipe, parts)
    records = join([part for _, part in used], unit)
    named = path.resolve()
    return RunFolder(
        path=path,
        name=named.stem if named.is_file() else named.name,
        training=records.training,
        quality=records.quality,
        validation=records.validation,
        histograms=records.histograms,
        unit=unit,
        epoch_length=epoch_length(records, recipe)
        if unit == 'epoch'
        else None,
        config=config,
        recipe=recipe,
        finished=is_finished(records, recipe, config, unit, folder),
        started=started(used, records),
        seconds=seconds(records.training),
        evaluations=evaluations_of(folder) if folder else [],
    )


def _logs(path: Path) -> list[Path]:
    """Of all processes that trained in this folder, oldest first."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UserFileNotFoundError(
            f'{path} does not exist; give the work_dir of a training'
        )
    alone = path / LOG
    if alone.is_file():  # the folder of one process
        return [alone]
    found = sorted(path.glob(f'*/{LOG}'))
    if not found:
        deeper = sorted({x.parents[2].name for x in path.glob(f'*/*/{LOG}')})
        hint = f' as {path / deeper[0]} is' if deeper else ''
        raise UserFileNotFoundError(
            f'{path} holds no log of a run (<time>/{LOG}); give the work_dir '
            f'of a training,{hint}'.rstrip(',')
        )
    return found


def _recipe(logs: Sequence[Path]) -> dict[str, Any]:
    found = (read_object(log.with_name(RECIPE)) for log in reversed(logs))
    return next(filter(None, found), {})


def _config(logs: Sequence[Path], folder: Path | None) -> Config | None:
    """As data, with the name of the file that was run."""
    found = folder.glob('*.py') if folder else ()
    dumps = sorted(
        filter(Path.is_file, found), key=lambda x: x.stat().st_mtime
    )
    name = dumps[-1] if dumps else None
    beside = [log.with_name('config.py') for log in reversed(logs)]
    for each in [*beside, *reversed(dumps)]:
        try:
            nodes = assignments(each.read_text(encoding='utf-8'))
            data = {key: as_data(x, ast.unparse) for key, x in nodes.items()}
            return Config(data, filename=str(name or each))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
    return None
