"""Who makes the steps that `step.py` measures."""

import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import torch
from jpegs import Jpegs
from torch.utils.data.dataloader import _BaseDataLoaderIter

from mmdcl.cli.configuration import fast_config

ROOT = Path(__file__).parent.parent.parent
OURS = str(ROOT / 'configs/simclr_resnet50_8xb32.py')
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
        self.by_clock = args.device != 'cpu' or args.workers > 0
        if args.jpegs:  # to wait for them counts
            return
        fetch = _BaseDataLoaderIter.__next__

        def not_counted(batches):
            start = self.now()
            try:
                return fetch(batches)
            finally:
                self.start += self.now() - start

        _BaseDataLoaderIter.__next__ = not_counted

    def now(self) -> float:
        if self.device != 'cpu':
            torch.cuda.synchronize()
        return time.perf_counter() if self.by_clock else time.process_time()

    def peak(self) -> float | None:
        """MiB."""
        if self.device == 'cpu':
            return None
        return round(torch.cuda.max_memory_allocated() / 2**20, 1)

    def step(self) -> None:
        """Called before each step."""
        step = self.count % (1 + self.steps)
        if step == 0:
            self.pipe.send((self.now() - self.start, self.peak()))
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


def _set_backbone(cfg, name: str) -> None:
    cfg.model.backbone = _backbone_config(name)
    cfg.model.neck.in_channels = WIDTH[name]
    cfg.model.neck.with_avg_pool = True


def _backbone(name: str) -> torch.nn.Module:
    from mmpretrain.registry import MODELS

    return MODELS.build(_backbone_config(name))


def register() -> None:
    from mmengine.dataset import Compose
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
    class JpegsOfFolder(Jpegs):
        """With a config of transforms."""

        def __init__(self, folder: str, length: int, pipeline: list) -> None:
            super().__init__(Path(folder), length, Compose(pipeline))

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


def _runner(
    config: str, args, turn: Turn, fast: bool = False, amp: bool = False
) -> None:
    from mmengine.config import Config
    from mmengine.hooks import Hook
    from mmengine.runner import Runner

    cfg = Config.fromstring(f'_base_ = {config!r}', '.py')
    if fast:
        fast_config(cfg)
        if not args.jpegs:
            cfg.default_hooks.pop('views')  # there are no files to read
    if amp:
        cfg.optim_wrapper.update(type='AmpOptimWrapper', dtype='bfloat16')
    _set_backbone(cfg, args.backbone)
    cfg.train_dataloader.update(
        batch_size=args.batch,
        num_workers=args.workers,
        persistent_workers=args.workers > 0,
        drop_last=True,
        pin_memory=args.device != 'cpu',
    )
    cfg.train_dataloader.collate_fn = dict(type='default_collate')
    pipeline = cfg.train_dataloader.dataset.pipeline
    cfg.train_dataloader.dataset = dict(
        type='InMemory', size=args.size, length=50 * args.batch
    )
    if args.jpegs:
        cfg.train_dataloader.dataset = dict(
            type='JpegsOfFolder',
            folder=str(args.jpegs),
            length=50 * args.batch,
            pipeline=pipeline,
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
    _runner(OURS, args, turn, fast)


def _lightly_jpegs(args) -> Jpegs:
    """Its transform, whose views are normalised, of what Pillow reads."""
    from lightly.transforms import SimCLRTransform
    from PIL import Image

    transform = SimCLRTransform()

    def pipeline(found: dict) -> dict:
        image = Image.open(found['img_path']).convert('RGB')
        return dict(inputs=transform(image))

    return Jpegs(args.jpegs, 50 * args.batch, pipeline)


def _two_views(items: list[dict]) -> list[torch.Tensor]:
    return [
        torch.stack([item['inputs'][view] for item in items])
        for view in range(2)
    ]


def _lightly(args, turn: Turn, amp: bool = False) -> None:
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
    memory = dict(type='InMemory', size=args.size, length=50 * args.batch)
    dataset = _lightly_jpegs(args) if args.jpegs else DATASETS.build(memory)
    mean = torch.tensor(MEAN, device=device).view(3, 1, 1)
    std = torch.tensor(STD, device=device).view(3, 1, 1)
    loader = torch.utils.data.DataLoader(
        dataset,
        args.batch,
        shuffle=True,
        drop_last=True,
        num_workers=args.workers,
        persistent_workers=args.workers > 0,
        # As mmengine's; the start method of this process is `spawn`.
        multiprocessing_context='fork' if args.workers else None,
        pin_memory=args.device != 'cpu',
        collate_fn=_two_views,
    )

    def projected(view: torch.Tensor) -> torch.Tensor:
        view = view.to(device, non_blocking=True)
        if view.dtype == torch.uint8:
            view = (view.float() - mean) / std
        return head(pool(backbone(view)[-1]).flatten(1))

    while True:
        for views in loader:
            turn.step()
            with torch.autocast(device.type, torch.bfloat16, enabled=amp):
                projections = [projected(view) for view in views]
                loss = criterion(*projections)
            loss.backward()
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


def _in_a_loop(
    args, turn: Turn, optimizer: bool = False, images: bool = False
) -> None:
    """What `mmdcl` trains, in a plain loop: with loss, and what is said."""
    from mmengine.config import Config
    from mmengine.optim import build_optim_wrapper
    from mmpretrain.registry import DATASETS, MODELS

    cfg = Config.fromfile(OURS)
    _set_backbone(cfg, args.backbone)
    preprocessor = MODELS.build(cfg.data_preprocessor).to(args.device)
    model = MODELS.build(cfg.model).to(args.device)
    model.init_weights()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    memory = dict(type='InMemory', size=args.size, length=args.batch)
    dataset = DATASETS.build(memory)
    items = [dataset[number] for number in range(args.batch)]
    batch = dict(inputs=_two_views(items))
    views = preprocessor(batch, training=True)['inputs']
    while True:
        turn.step()
        if images:
            views = preprocessor(batch, training=True)['inputs']
        loss = model.loss(views, None)['loss']
        if optimizer:
            wrapper.update_params(loss)
        else:
            loss.backward()
            model.zero_grad()


PEERS = {
    'mmdcl': _mmdcl,
    'mmdcl fast': partial(_mmdcl, fast=True),
    'mmpretrain': partial(_runner, UPSTREAM),
    'lightly': _lightly,
    'model': _model,
    'bare': _bare,
}
MORE = {
    'model+loss': _in_a_loop,
    'model+loss+optimizer': partial(_in_a_loop, optimizer=True),
    'model+loss+optimizer+images': partial(
        _in_a_loop, optimizer=True, images=True
    ),
    'mmpretrain amp': partial(_runner, UPSTREAM, amp=True),
    'lightly amp': partial(_lightly, amp=True),
    'bare channels last': partial(_bare, channels_last=True),
    'bare bfloat16': partial(_bare, bfloat16=True),
    'bare both': partial(_bare, channels_last=True, bfloat16=True),
    'bare compiled': partial(_bare, compiled=True),
}
