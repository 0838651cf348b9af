"""Images per second of a whole training step: ours, and peers'.

    pip install -c constraints.txt '.[onedl,bench]'
    python tools/speed/step.py --json step.json
    python tools/speed/step.py --backbone conv   # what frameworks cost

`mmdcl` and `mmpretrain` are SimCLR in mmengine's Runner by the configs
`configs/simclr_resnet50_8xb32.py` and the one of mmpretrain that it inherits,
with their hooks, logs and optimizers; `mmdcl fast` adds what `--fast` of
tools/train.py does; `lightly` is its SimCLR in a plain loop, as its examples
write it. `bare` is the backbone's forward and backward alone, on random
tensors in memory: the limit; `model` adds SimCLR's projection head, and what
a step costs beyond it is the framework's.

All have the same backbone and head, and images of uint8 in memory; making
batches of them is not counted (views.py does that). Each runs in a process of
its own; they take turns of a few steps, the first of which is not counted, as
caches hold what others did. All that is repeated with fresh processes, and
medians over all turns are shown. Time is CPU time of the process, on a GPU the
time between synchronisations. By `--peers` also `bare` with channels-last
weights, under bfloat16 autocast, both, and compiled.
"""

import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import torch
from measure import Table, available, flags
from torch.utils.data.dataloader import _BaseDataLoaderIter

from mmdcl.cli.configuration import fast_config

ROOT = Path(__file__).parent.parent.parent
UPSTREAM = 'mmpretrain::simclr/simclr_resnet50_8xb32-coslr-200e_in1k.py'
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
WIDTH = dict(resnet18=512, resnet50=2048, conv=64)
# Different images, which come again and again.
POOL = 64


class Turn:
    """Steps are counted, timed and held at the end of each turn."""

    def __init__(self, pipe, args) -> None:
        self.pipe, self.steps, self.device = pipe, args.steps, args.device
        self.count = self.start = 0
        fetch = _BaseDataLoaderIter.__next__

        def not_counted(batches):
            start = self.now()
            try:
                return fetch(batches)
            finally:
                self.start += self.now() - start

        _BaseDataLoaderIter.__next__ = not_counted

    def now(self) -> float:
        if self.device == 'cpu':
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def step(self) -> None:
        """Called before each step."""
        step = self.count % (1 + self.steps)
        if step == 0:
            self.pipe.send(self.now() - self.start)
            try:
                self.pipe.recv()
            except EOFError:  # enough
                sys.exit()
        elif step == 1:
            self.start = self.now()
        self.count += 1


def _backbone_config(name: str) -> dict:
    if name == 'conv':
        return dict(type='OneConvolution')
    return dict(type='ResNet', depth=int(name.removeprefix('resnet')))


def _backbone(name: str) -> torch.nn.Module:
    from mmpretrain.registry import MODELS

    return MODELS.build(_backbone_config(name))


def _register() -> None:
    from mmengine.registry import init_default_scope
    from mmpretrain.registry import DATASETS, MODELS
    from mmpretrain.structures import DataSample

    init_default_scope('mmpretrain')

    @MODELS.register_module()
    class OneConvolution(torch.nn.Module):
        """A backbone of negligible cost."""

        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(3, WIDTH['conv'], 4, stride=16)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
            return (self.conv(x),)

        def init_weights(self) -> None:
            pass

    @DATASETS.register_module()
    class InMemory(torch.utils.data.Dataset):
        """Two views of random pixels, as `PackInputs` would pack them."""

        def __init__(self, size: int, length: int) -> None:
            torch.manual_seed(0)
            self.length = length
            self.metainfo: dict = {}
            shape = (POOL, 2, 3, size, size)
            pool = torch.randint(0, 256, shape, dtype=torch.uint8)
            self.pool = [
                dict(inputs=list(views), data_samples=self.sample(number))
                for number, views in enumerate(pool)
            ]

        def sample(self, number: int) -> DataSample:
            sample = DataSample(metainfo=dict(sample_idx=number))
            return sample.set_gt_label(0)

        def __len__(self) -> int:
            return self.length

        def __getitem__(self, index: int) -> dict:
            return self.pool[index % POOL]


def _runner(config: str, args, turn: Turn, fast: bool = False) -> None:
    from mmengine.config import Config
    from mmengine.hooks import Hook
    from mmengine.runner import Runner

    cfg = Config.fromstring(f'_base_ = {config!r}', '.py')
    if fast:
        fast_config(cfg)
        cfg.default_hooks.pop('views')  # there are no files to read
    backbone = _backbone_config(args.backbone)
    cfg.model.backbone = backbone
    cfg.model.neck.in_channels = WIDTH[args.backbone]
    cfg.model.neck.with_avg_pool = True
    cfg.train_dataloader.update(
        batch_size=args.batch,
        num_workers=0,
        persistent_workers=False,
        drop_last=True,
        pin_memory=args.device != 'cpu',
    )
    cfg.train_dataloader.collate_fn = dict(type='default_collate')
    cfg.train_dataloader.dataset = dict(
        type='InMemory', size=args.size, length=50 * args.batch
    )
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.test_cfg = cfg.test_dataloader = cfg.test_evaluator = None
    cfg.train_cfg.max_epochs = 10**6
    cfg.work_dir = tempfile.mkdtemp()
    cfg.log_level = 'ERROR'
    cfg.default_hooks.checkpoint.interval = 10**6
    cfg.visualizer = dict(type='Visualizer', vis_backends=[])
    cfg.randomness = dict(seed=0)

    class TurnHook(Hook):
        def before_train_iter(self, runner, batch_idx, data_batch=None):
            turn.step()

    runner = Runner.from_cfg(cfg)
    # First of all: fetching the next batch belongs to the step before.
    runner.register_hook(TurnHook(), 'HIGHEST')
    runner.train()


def _mmdcl(args, turn: Turn, fast: bool = False) -> None:
    config = str(ROOT / 'configs/simclr_resnet50_8xb32.py')
    _runner(config, args, turn, fast)


def _lightly(args, turn: Turn) -> None:
    from lightly.loss import NTXentLoss
    from lightly.models.modules import SimCLRProjectionHead
    from lightly.utils.lars import LARS
    from mmpretrain.registry import DATASETS

    width = WIDTH[args.backbone]
    device = torch.device(args.device)
    backbone = _backbone(args.backbone).to(device)
    head = SimCLRProjectionHead(width, 2048, 128).to(device)
    pool = torch.nn.AdaptiveAvgPool2d(1)
    criterion = NTXentLoss(temperature=0.1)
    parameters = [*backbone.parameters(), *head.parameters()]
    optimizer = LARS(parameters, lr=0.3, momentum=0.9, weight_decay=1e-6)
    dataset = DATASETS.build(
        dict(type='InMemory', size=args.size, length=50 * args.batch)
    )
    mean = torch.tensor(MEAN, device=device).view(3, 1, 1)
    std = torch.tensor(STD, device=device).view(3, 1, 1)
    loader = torch.utils.data.DataLoader(
        dataset,
        args.batch,
        shuffle=True,
        drop_last=True,
        pin_memory=args.device != 'cpu',
        collate_fn=lambda items: [
            torch.stack([item['inputs'][view] for item in items])
            for view in range(2)
        ],
    )
    while True:
        for views in loader:
            turn.step()
            projections = [
                head(pool(backbone(x)[-1]).flatten(1))
                for x in (
                    (view.to(device, non_blocking=True).float() - mean) / std
                    for view in views
                )
            ]
            criterion(*projections).backward()
            optimizer.step()
            optimizer.zero_grad()


def _alone(
    model: torch.nn.Module, args, turn: Turn, bfloat16: bool = False
) -> None:
    """Forward and backward of random tensors in memory, nothing else."""
    model = model.to(args.device)
    shape = (2 * args.batch, 3, args.size, args.size)
    views = torch.randn(shape, device=args.device)
    while True:
        turn.step()
        model.zero_grad()
        with torch.autocast(args.device, torch.bfloat16, enabled=bfloat16):
            features = model(views)[-1]
        features.float().mean().backward()


def _bare(
    args,
    turn: Turn,
    channels_last: bool = False,
    bfloat16: bool = False,
    compiled: bool = False,
) -> None:
    backbone = _backbone(args.backbone)
    if channels_last:
        backbone.to(memory_format=torch.channels_last)
    if compiled:
        backbone.compile()
    _alone(backbone, args, turn, bfloat16)


def _model(args, turn: Turn) -> None:
    from mmpretrain.registry import MODELS

    width = WIDTH[args.backbone]
    neck = dict(type='NonLinearNeck', in_channels=width, hid_channels=2048)
    neck |= dict(out_channels=128, norm_cfg=dict(type='BN1d'))
    parts = [_backbone(args.backbone), MODELS.build(neck)]
    _alone(torch.nn.Sequential(*parts), args, turn)


PEERS = {
    'mmdcl': _mmdcl,
    'mmdcl fast': partial(_mmdcl, fast=True),
    'mmpretrain': partial(_runner, UPSTREAM),
    'lightly': _lightly,
    'model': _model,
    'bare': _bare,
}
MORE = {
    'bare channels last': partial(_bare, channels_last=True),
    'bare bfloat16': partial(_bare, bfloat16=True),
    'bare both': partial(_bare, channels_last=True, bfloat16=True),
    'bare compiled': partial(_bare, compiled=True),
}


def _work(name: str, pipe, args) -> None:
    if args.device == 'cpu':  # where the Runner would take a GPU
        os.environ['CUDA_VISIBLE_DEVICES'] = ''
    torch.set_num_threads(args.threads)
    sys.argv = sys.argv[:1]
    _register()
    (PEERS | MORE)[name](args, Turn(pipe, args))


def _told(pipe, name: str, order: str | None = None):
    """What a process answers, if it lives."""
    try:
        if order:
            pipe.send(order)
        return pipe.recv()
    except (EOFError, OSError):
        sys.exit(f'error: {name} stopped; its own message is above')


def _turns(names: list[str], args) -> dict[str, list[float]]:
    """Seconds of a step in each turn, of processes that take turns."""
    context = multiprocessing.get_context('spawn')
    pipes = {}
    for name in names:
        pipes[name], theirs = context.Pipe()
        work = (name, theirs, args)
        context.Process(target=_work, args=work, daemon=True).start()
        theirs.close()
    for name, pipe in pipes.items():
        _told(pipe, name)  # it is ready
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(args.rounds + 1):
        for name, pipe in pipes.items():
            found = _told(pipe, name, 'go') / args.steps
            if turn:
                seconds[name].append(found)
    for pipe in pipes.values():
        pipe.close()
    return seconds


def main() -> None:
    parser = flags(__doc__, rounds=5)
    parser.add_argument('--backbone', choices=WIDTH, default='resnet18')
    parser.add_argument('--size', type=int, default=32, help='pixels')
    parser.add_argument('--batch', type=int, default=64, help='images')
    parser.add_argument('--steps', type=int, default=2, help='in a turn')
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--peers', nargs='+', choices=PEERS | MORE)
    args = parser.parse_args()
    names = args.peers or available(PEERS, lightly='lightly')
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(args.repeats):
        for name, found in _turns(names, args).items():
            seconds[name] += found
    middle = {name: statistics.median(x) for name, x in seconds.items()}
    print(
        f'{args.backbone}, {args.size} px, batch {args.batch}, '
        f'{args.device}, {args.threads} threads'
    )
    table = Table('', 'ms a step', 'beyond the model', 'images/s', 'of bare')
    bare, model = (middle.get(name) for name in ('bare', 'model'))
    for name, step in middle.items():
        row = dict(
            name=name,
            ms=round(1e3 * step, 2),
            ms_beyond_model=model and round(1e3 * (step - model), 2),
            images_per_second=round(args.batch / step, 1),
            of_bare=bare and round(bare / step, 3),
            backbone=args.backbone,
            size=args.size,
            batch=args.batch,
            threads=args.threads,
            device=args.device,
            turns=len(seconds[name]),
            steps=args.steps,
        )
        table.add(
            row,
            name,
            f'{row["ms"]:.1f}',
            row['ms_beyond_model'],
            f'{row["images_per_second"]:.1f}',
            row['of_bare'],
        )
    table.write(args.json)


if __name__ == '__main__':
    main()
