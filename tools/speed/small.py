"""Small runs: what `mmdcl train` on CIFAR-10 costs beside its network.

    pip install -c constraints.txt '.[onedl,bench]'
    python tools/speed/small.py --data-root data/cifar10 --json small.json

`mmdcl` is the whole command with `configs/simclr_slimr18_1xb32_cifar10.py`:
images, views, preprocessing, hooks, logging, optimizer; `fast` with `--fast`;
`per image` with `--fast` as it was before `mmdcl.BatchViewsHook`. `model` is
the network of that config alone on random tensors in memory: forward, its
loss, backward and optimizer, `model fast` with channels-last weights and
bfloat16 autocast. `lightly` trains the same backbone with its own transform,
head and loss in a loop as its examples write it, on the same images in
memory, in float32; `lightly worker` with one worker in its loader.

Each runs in a process of its own, whose network has one thread; they take
turns of some steps, by the clock. Medians over the turns; the first is not
counted. Where there is a second core, mmdcl makes views on it, as lightly's
worker does; `taskset -c 0 python tools/speed/small.py ...` shows what all of
it costs on one. CPU time and page faults of a step, of all threads and no
workers, are in the JSON.
"""

import argparse
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import torch
from measure import Table, available, flags

from mmdcl.provenance import cores

ROOT = Path(__file__).parent.parent.parent
CONFIG = str(ROOT / 'configs' / 'simclr_slimr18_1xb32_cifar10.py')


class Turn:
    """Counts steps; at the end of each turn it says how long it was."""

    def __init__(self, pipe, steps: int) -> None:
        self.pipe, self.steps, self.count = pipe, steps, 0
        self.start = self._clocks()

    @staticmethod
    def _clocks() -> tuple[float, float, int]:
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        return time.perf_counter(), time.process_time(), faults

    def step(self) -> None:
        """Called before each step."""
        if self.count % self.steps == 0:
            now = self._clocks()
            self.pipe.send(
                [b - a for a, b in zip(self.start, now, strict=True)]
            )
            try:
                self.pipe.recv()
            except EOFError:  # enough
                os._exit(0)
            self.start = self._clocks()
        self.count += 1


def _mmdcl(args, turn: Turn, *more: str, **settings: object) -> None:
    from mmengine.runner import EpochBasedTrainLoop

    from mmdcl.cli.main import main

    whole = EpochBasedTrainLoop.run_iter

    def counted(loop, idx, data_batch) -> None:
        turn.step()
        whole(loop, idx, data_batch)

    EpochBasedTrainLoop.run_iter = counted
    settings |= {
        'train_cfg.max_epochs': 10**6,
        'train_dataloader.batch_size': args.batch,
        'default_hooks.checkpoint.interval': 10**6,
    }
    options = [f'{name}={value}' for name, value in settings.items()]
    sys.argv = ['mmdcl', 'train', CONFIG, '--no-validate', '--no-report']
    sys.argv += ['--data-root', args.data_root, *more]
    sys.argv += ['--work-dir', tempfile.mkdtemp(), '--cfg-options', *options]
    with open(os.devnull, 'w') as nothing:  # its progress
        os.dup2(nothing.fileno(), 1)
    main()


def _config():
    from mmengine.config import Config
    from mmengine.registry import init_default_scope

    init_default_scope('mmpretrain')
    return Config.fromfile(CONFIG)


def _model(args, turn: Turn, fast: bool = False) -> None:
    from mmpretrain.registry import MODELS

    from mmdcl.engine.bfloat16 import computes_bfloat16

    low = fast and computes_bfloat16('cpu')
    cfg = _config()
    cfg.model.channels_last = fast
    cfg.model.data_preprocessor = None
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.train()
    settings = dict(cfg.optim_wrapper.optimizer)
    settings.pop('type')
    optimizer = torch.optim.SGD(model.parameters(), **settings)
    views = [torch.randn(args.batch, 3, 32, 32) for _ in range(2)]
    while True:
        turn.step()
        with torch.autocast('cpu', torch.bfloat16, enabled=low):
            loss = model.loss(views, None)['loss']
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def _lightly(args, turn: Turn, workers: int = 0) -> None:
    from lightly.loss import NTXentLoss
    from lightly.models.modules import SimCLRProjectionHead
    from lightly.transforms import SimCLRTransform
    from mmpretrain.registry import DATASETS, MODELS
    from PIL import Image

    cfg = _config()
    settings = cfg.train_dataloader.dataset
    settings.update(data_root=args.data_root, pipeline=[])
    dataset = DATASETS.build(settings)
    images = [dataset.get_data_info(i)['img'] for i in range(len(dataset))]
    transform = SimCLRTransform(input_size=32, gaussian_blur=0.0)

    class InMemory(torch.utils.data.Dataset):
        """As torchvision's CIFAR10 gives images to a transform."""

        def __len__(self) -> int:
            return len(images)

        def __getitem__(self, index: int) -> tuple[list, int]:
            return transform(Image.fromarray(images[index])), 0

    loader = torch.utils.data.DataLoader(
        InMemory(),
        args.batch,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        multiprocessing_context='fork' if workers else None,
    )
    backbone = MODELS.build(cfg.model.backbone)
    neck = cfg.model.neck
    head = SimCLRProjectionHead(
        neck.in_channels, neck.hid_channels, neck.out_channels
    )
    pool = torch.nn.AdaptiveAvgPool2d(1)
    criterion = NTXentLoss(temperature=0.1)
    parameters = [*backbone.parameters(), *head.parameters()]
    optimizer = torch.optim.SGD(
        parameters, lr=0.015, momentum=0.9, weight_decay=5e-4
    )
    while True:
        for views, _ in loader:
            turn.step()
            projections = [
                head(pool(backbone(view)[-1]).flatten(1)) for view in views
            ]
            criterion(*projections).backward()
            optimizer.step()
            optimizer.zero_grad()


BEFORE = {'default_hooks.views.batched': False}
BATCHED = {'default_hooks.views.type': 'mmdcl.BatchViewsHook'}
# Names that begin alike are compared with the model of the same precision.
PEERS = {
    'model fast': partial(_model, fast=True),
    'mmdcl fast': lambda args, turn: _mmdcl(args, turn, '--fast'),
    'per image fast': lambda args, turn: _mmdcl(
        args, turn, '--fast', **BEFORE
    ),
    'model': _model,
    'mmdcl': lambda args, turn: _mmdcl(args, turn, **BATCHED),
    'lightly': _lightly,
    'lightly worker': partial(_lightly, workers=1),
}
LIGHTLY = ('lightly', 'lightly worker')


def _work(name: str, pipe, args: argparse.Namespace, steps: int) -> None:
    os.environ['CUDA_VISIBLE_DEVICES'] = ''
    torch.set_num_threads(1)
    import mmdcl.datasets
    import mmdcl.models
    import mmdcl.views  # noqa: F401 - of which the registries know

    PEERS[name](args, Turn(pipe, steps))


def _told(pipe, name: str, order: str | None = None) -> list[float]:
    try:
        if order:
            pipe.send(order)
        return pipe.recv()
    except (EOFError, OSError):
        sys.exit(f'error: {name} stopped; its own message is above')


def _turns(names: list[str], args, steps: int) -> dict[str, list]:
    """Seconds of a step by the clock and of the CPU, and page faults."""
    context = multiprocessing.get_context('spawn')
    with ExitStack() as stack:  # whose pipe is closed ends
        pipes = {}
        for name in names:
            ours, theirs = context.Pipe()
            pipes[name] = stack.enter_context(ours)
            work = (name, theirs, args, steps)
            context.Process(target=_work, args=work).start()
            theirs.close()
        for name, pipe in pipes.items():
            _told(pipe, name)  # it is ready
        seconds: dict[str, list] = {name: [] for name in names}
        for turn in range(args.rounds + 1):
            for name, pipe in pipes.items():
                found = [x / steps for x in _told(pipe, name, 'go')]
                if turn:
                    seconds[name].append(found)
    return seconds


def main() -> None:
    parser = flags(__doc__, rounds=9)
    parser.add_argument('--data-root', required=True, help='of CIFAR-10')
    parser.add_argument('--batches', type=int, nargs='+', default=[32, 256])
    parser.add_argument('--peers', nargs='+', choices=PEERS)
    args = parser.parse_args()
    names = args.peers or available(PEERS, **dict.fromkeys(LIGHTLY, 'lightly'))
    table = Table('batch', '', 'ms a step', 'images/s', 'of its model')
    for batch in args.batches:
        args.batch = batch
        # Many times what is made at once, of which a thread or a worker has
        # something ready when a turn begins.
        steps = max(16, 2048 // batch)
        ms, cpu, faults, turns = {}, {}, {}, {}
        for name, found in _turns(names, args, steps).items():
            turns[name], spent, faulted = zip(*found, strict=True)
            ms[name] = 1e3 * statistics.median(turns[name])
            cpu[name] = 1e3 * statistics.median(spent)
            faults[name] = statistics.median(faulted)
        for name in names:
            alone = 'model fast' if name.endswith('fast') else 'model'
            row = dict(
                name=name,
                ms=round(ms[name], 2),
                images_per_second=round(1e3 * batch / ms[name], 1),
                of_model=alone in ms and round(ms[alone] / ms[name], 3),
                cpu_ms=round(cpu[name], 2),
                page_faults=round(faults[name]),
                cores=cores(),
                batch=batch,
                threads=1,
                steps=steps,
                turns=[round(1e3 * x, 2) for x in turns[name]],
            )
            cells = ('name', 'ms', 'images_per_second', 'of_model')
            table.add(row, batch, *(row[x] for x in cells))
    table.write(args.json)


if __name__ == '__main__':
    main()
