"""Small trainings on digits, forked from a process that knows it all."""

import atexit
import os
import runpy
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIG = """
_base_ = {base!r}
_backbone = dict(base_channels=4, stem_channels=4)
_neck = dict(in_channels=32, hid_channels=16, out_channels=8)
model = dict(type={model!r}, backbone=_backbone, neck=_neck)
"""
NNCLR = """
_predictor = dict(in_channels=8, hid_channels=16, out_channels=8)
model.update(
    support_set=dict(size=200, dim=8), top_k=3,
    predictor=dict(type='NonLinearNeck', with_last_bn=False,
                   with_avg_pool=False, **_predictor))
"""
OPTIONS = ['train_cfg.max_epochs=4', 'train_cfg.val_interval=1']
OPTIONS += ['train_dataloader.dataset.indices=192']
OPTIONS += [f'param_scheduler.0.{x}=4' for x in ('T_max', 'end')]
OPTIONS += ['default_hooks.logger.interval=1', 'log_level=INFO']
OPTIONS += [f'default_hooks.checkpoint.{x}' for x in ('interval=4',)]
OPTIONS += ['default_hooks.checkpoint.by_epoch=False']
LAST = 'iter_24.pth'  # 4 epochs of 6 batches


def write_configs(folder: Path) -> None:
    base = str(ROOT / 'configs/dcl_resnet18_1xb128_digits.py')
    for model, more in (('SimCLR', ''), ('NNCLR', NNCLR)):
        text = CONFIG.format(base=base, model=f'mmdcl.{model}')
        (folder / f'{model}.py').write_text(text + more)


class Run:
    """One command, on one or two ranks."""

    def __init__(self, folder: Path, setting: tuple, *flags: str) -> None:
        model, ranks, workers = setting
        self.folder, self.said = folder, folder / 'said.txt'
        folder.mkdir(exist_ok=True)
        self.said.write_text('')
        words = ['tools/train.py', str(folder.parent / f'{model}.py')]
        # What is read below is upstream's word, which else is in the log.
        words += ['--verbose', '--work-dir', str(folder), *flags]
        words += ['--launcher', 'pytorch'] if ranks == 2 else []
        words += ['--cfg-options', *OPTIONS]
        words += [f'train_dataloader.batch_size={32 // ranks}']
        words += [f'train_dataloader.num_workers={workers}']
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        self.pids = [self._fork(words, i, ranks, port) for i in range(ranks)]
        self.codes: dict[int, int] = {}

    def _fork(self, words: list, rank: int, ranks: int, port: int) -> int:
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            os.setsid()
            said = os.open(self.said, os.O_WRONLY | os.O_APPEND)
            os.dup2(said, 1)
            os.dup2(said, 2)
            where = dict(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE=ranks)
            where |= dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=port)
            if ranks > 1:
                os.environ.update({k: str(v) for k, v in where.items()})
            sys.argv = words
            runpy.run_path(str(ROOT / 'tools/train.py'), run_name='__main__')
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
            if not isinstance(end.code, int):
                print(end.code, flush=True)
        except BaseException:
            traceback.print_exc()
        finally:
            atexit._run_exitfuncs()
            sys.stdout.flush()
            os._exit(code)

    def alive(self) -> bool:
        for pid in self.pids:
            if pid not in self.codes:
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    self.codes[pid] = os.waitstatus_to_exitcode(status)
        return len(self.codes) < len(self.pids)

    def wait(self, seconds: float) -> bool:
        """Whether it ended by itself."""
        end = time.monotonic() + seconds
        while self.alive() and time.monotonic() < end:
            time.sleep(0.01)
        for pid in set(self.pids) - set(self.codes):
            os.killpg(pid, signal.SIGKILL)
        ended = not self.alive()
        while self.alive():
            time.sleep(0.01)
        return ended

    def until(
        self, condition: Callable[[], bool], seconds: float = 120
    ) -> bool:
        end = time.monotonic() + seconds
        while self.alive() and time.monotonic() < end:
            if condition():
                return True
            time.sleep(0.002)
        return False

    def started(self) -> bool:
        return 'Checkpoints will be saved' in self.said.read_text()

    def validating(self) -> bool:
        """All of an epoch is trained, and it is not validated yet."""
        lines = self.said.read_text().splitlines()
        marks = [x for x in lines if '6/6]' in x or 'Epoch(val)' in x]
        return bool(marks) and '6/6]' in marks[-1]
