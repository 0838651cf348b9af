"""Training that is told to end saves all, and says how to go on."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmengine.dist import barrier, get_world_size, is_main_process
from mmengine.hooks import CheckpointHook, EMAHook, Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from ..command import how_to_resume
from ..handlers import say
from ..registry import HOOKS
from .any_rank import AnyRank
from .checkpoint import AtomicCheckpointHook
from .signals import Signals, shield

EXIT_CODE = 75  # EX_TEMPFAIL of sysexits.h: try again


class Interrupted(SystemExit):
    """Ends the process with exit code 75: all is saved, start it again."""

    def __init__(self) -> None:
        super().__init__(EXIT_CODE)


@HOOKS.register_module()
class InterruptHook(Hook):
    """SIGTERM, SIGINT, SIGUSR1 or SIGHUP: finish the step, save, and end.

    Saves ``iter_N.pth`` where and as the run's ``CheckpointHook`` does, logs
    how to go on, and ends with exit code 75, on all ranks at the same
    iteration, whichever of them got the signal (on GPUs one iteration later).
    A second signal ends at once. Launchers have codes of their own:
    torchrun's is 1.

    A validation is given up and made up for on resume; with several ranks, or
    an ``EMAHook``, it is finished first (with several ranks the state is
    saved before, so that nothing is lost if they are killed meanwhile).
    Before the end of the first step there is nothing to save: it ends at
    once. Workers started before training (by upstream's
    ``IterBasedTrainLoop`` of mmengine 0.10.7) or not by fork may still die of
    SIGTERM to the whole process group.

    Once training that was resumed saves a newer checkpoint, ``iter_N.pth`` is
    removed, if there is a ``max_keep_ckpts`` and it is not among those.

    Raises:
        Interrupted: The process ends; a ``SystemExit``.
    """

    priority = 'LOWEST'  # after the step's last change and the checkpoint

    def __init__(self) -> None:
        self._signals: Signals | None = None
        self._loaded: dict = {}

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        self._loaded = checkpoint.get('meta') or {}

    def before_train(self, runner) -> None:
        self._saved_at = -1
        self._stepped = False
        self._any_rank = AnyRank()
        self._saver = next(
            (x for x in runner.hooks if isinstance(x, CheckpointHook)), None
        )
        if self._saver is None:
            self._saver = AtomicCheckpointHook(interval=-1)
            self._saver.before_train(runner)
        self._outdated = self._resumed_from(runner)
        self._signals = Signals(runner.train_loop, self._asked)
        self._signals.install()
        shield(runner.train_dataloader)

    def before_val(self, runner) -> None:
        for name in ('dataloader', 'bank_loader'):
            shield(getattr(runner.val_loop, name, None))

    def after_train_iter(self, runner, *args, **kwargs) -> None:
        self._stepped = True
        self._remove_outdated(runner)
        if self._agreed():
            self._end(runner, epoch=runner.epoch, iter=runner.iter + 1)

    def after_train_epoch(self, runner) -> None:
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            self._remove_outdated(runner)
            if self._agreed(late=False):
                self._end(runner, epoch=runner.epoch + 1, iter=runner.iter)

    def after_bank_iter(self, runner, *args, **kwargs) -> None:
        self._in_validation(runner)

    def after_val_iter(self, runner, *args, **kwargs) -> None:
        self._in_validation(runner)

    def after_val(self, runner) -> None:
        if self._signals is None or runner.iter >= runner.max_iters:
            return
        if self._agreed(late=False):
            self._end(runner, epoch=runner.epoch, iter=runner.iter)

    def after_train(self, runner) -> None:
        if self._signals is not None:
            self._signals.restore()
            self._signals = None

    def _asked(self, name: str) -> None:
        """What happens at once; called within a signal handler."""
        if not self._stepped:
            if is_main_process():
                say(self._nothing_new())
            self._signals.restore()
            raise Interrupted
        if is_main_process():
            say(
                f'{name}: finishing this step (or validation), then saving '
                'and ending; once more ends at once'
            )

    def _nothing_new(self) -> str:
        name = self._signals.asked or 'a signal'
        return (
            f'{name} before the first step: ending, there is nothing new to '
            f'save; start again by\n  {how_to_resume()}'
        )

    def _in_validation(self, runner) -> None:
        signals = self._signals
        if signals is None or not signals.asked or not self._stepped:
            return
        swapped = any(isinstance(hook, EMAHook) for hook in runner.hooks)
        if swapped or not isinstance(runner, Runner):
            return
        place = dict(epoch=runner.epoch, iter=runner.iter)
        if get_world_size() == 1:
            self._end(runner, **place, validation_left=True)
        if self._saved_at != runner.iter and is_main_process():
            self._save(runner, **place, validation_left=True)

    def _agreed(self, late: bool = True) -> bool:
        return self._any_rank(bool(self._signals.asked), late)

    def _end(self, runner, **place: Any) -> None:
        name = self._signals.asked or 'a signal to another process'
        if self._stepped:
            path = self._save(runner, **place)
            text = (
                f'{name}: training ends after iteration {place["iter"]} of '
                f'{runner.max_iters}, saved in {path}. Go on by\n  '
                f'{how_to_resume()}'
            )
            barrier()  # launchers kill the others when one has ended
        else:
            text = self._nothing_new()
        if is_main_process():
            runner.logger.warning(text)
        self._signals.restore()
        raise Interrupted

    def _save(self, runner, **place: Any) -> str:
        saver = self._saver
        inside = saver.by_epoch and place['iter'] > runner.iter
        regular = saver.filename_tmpl.format(
            place['epoch' if saver.by_epoch else 'iter']
        )
        if not inside and Path(saver.last_ckpt or '').name == regular:
            return str(saver.last_ckpt)  # just now, by the hook
        name = f'iter_{place["iter"]}.pth'
        runner.save_checkpoint(
            saver.out_dir,
            name,
            saver.file_client_args,
            meta=dict(place, interrupted=True),
            by_epoch=False,
            backend_args=saver.backend_args,
            **saver.args,
        )
        path = saver.file_backend.join_path(saver.out_dir, name)
        if is_main_process():
            Path(runner.work_dir, 'last_checkpoint').write_text(path)
        self._saved_at = place['iter']
        return path

    def _resumed_from(self, runner) -> Path | None:
        """The file of an interruption that is superfluous soon."""
        saver = self._saver
        if self._loaded.get('interrupted') is not True or (
            saver.max_keep_ckpts < 1 or '://' in str(saver.out_dir)
        ):
            return None
        # By number in our folder; what was loaded must be that very file.
        path = Path(saver.out_dir, f'iter_{runner.iter}.pth')
        resumed = runner._load_from or ''
        if not resumed:
            with suppress(OSError, UnicodeDecodeError):
                pointer = Path(runner.work_dir, 'last_checkpoint')
                resumed = pointer.read_text()[:4096]
        same = os.path.realpath(resumed) == os.path.realpath(path)
        return path if same else None

    def _remove_outdated(self, runner) -> None:
        if self._outdated is None or self._saver.last_ckpt is None:
            return
        kept = [
            self._saver.filename_tmpl.format(step)
            for step in self._saver.keep_ckpt_ids
        ]
        if is_main_process() and self._outdated.name not in kept:
            self._outdated.unlink(missing_ok=True)
        self._outdated = None
