"""What watching costs: `mmdcl.QualityHook`'s share of training.

    python tools/speed/quality.py --json results/speed/quality.json

Trains by our configs on scikit-learn's digits, as large as the config wants
its images. CPU time inside of the hook, and inside of what it hangs onto the
network, over all of the CPU time between the first step and the last, loading
images included. Both are of the same run, so that a noisy machine does not
matter much; medians over `--rounds` runs in processes of their own.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import wraps
from multiprocessing import get_context
from typing import Any

from measure import Table, flags

# Steps of each config. The demo's epochs are of 11 steps, each with a look.
DEMO = 'dcl_resnet18_1xb128_digits'
STEPS = {DEMO: 165, 'dcl_slimr18_1xb32_cifar10': 400}


def counted(spent: list[float], function: Callable) -> Callable:
    """The function, and its seconds added to the last of ``spent``."""

    @wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            spent[-1] += time.process_time() - start

    return timed


def train(config: str, steps: int, threads: int) -> dict[str, float]:
    """Seconds in the hook, of training, and how often it looked."""
    import torch
    from mmengine.config import Config
    from mmengine.hooks import Hook
    from mmengine.runner import Runner

    from mmdcl.configs import config_path
    from mmdcl.engine.capture import Capture
    from mmdcl.engine.quality import QualityHook

    torch.set_num_threads(threads)
    spent, span, looks = [0.0], [0.0, 0.0], [0]
    for kind, names in (
        (QualityHook, ('before_train_iter', 'after_train_iter')),
        (QualityHook, ('_see_gradient',)),
        (Capture, ('_hear_views', '_hear_backbone', '_hear_neck')),
        (Capture, ('_hear_rows',)),
    ):
        for name in names:
            setattr(kind, name, counted(spent, getattr(kind, name)))

    class Span(Hook):
        priority = 'VERY_LOW'

        def after_train_iter(self, runner, **kwargs) -> None:
            if runner.iter == 0:  # the first step compiles and allocates
                spent[0], span[0] = 0.0, time.process_time()
            span[1] = time.process_time()

        def after_quality(self, runner, record: dict) -> None:
            looks[0] += 1

    cfg = Config.fromfile(config_path(config))
    cfg.train_dataloader.collate_fn = dict(type='default_collate')
    dataset = cfg.train_dataloader.dataset
    if dataset.type != 'mmdcl.Digits':
        pipeline = [x for x in dataset.pipeline if x.get('order') != 'rgb']
        cfg.train_dataloader.dataset = dict(
            type='mmdcl.Digits', split='train', pipeline=pipeline
        )
    if config == DEMO:
        cfg.train_cfg.max_epochs = -(-steps // 11)
    else:
        cfg.train_dataloader.sampler = dict(type='InfiniteSampler')
        cfg.train_cfg = dict(
            type='IterBasedTrainLoop', max_iters=steps, val_interval=10**9
        )
        cfg.param_scheduler = []
        cfg.default_hooks.checkpoint = None
        cfg.train_dataloader.num_workers = 0
        cfg.train_dataloader.persistent_workers = False
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.test_cfg = cfg.test_dataloader = cfg.test_evaluator = None
    cfg.custom_hooks = [dict(type='mmdcl.QualityHook')]
    cfg.log_level = 'ERROR'
    with tempfile.TemporaryDirectory() as folder:
        cfg.work_dir = folder
        runner = Runner.from_cfg(cfg)
        runner.register_hook(Span())
        runner.train()
    return dict(
        hook=spent[0],
        training=span[1] - span[0],
        looks=looks[0],
        steps=runner.iter - 1,
    )


def main() -> None:
    parser = flags(__doc__, rounds=3)
    parser.add_argument(
        '--configs', nargs='+', choices=STEPS, default=list(STEPS)
    )
    parser.add_argument('--steps', type=int, help='instead of theirs')
    args = parser.parse_args()
    table = Table('config', 'steps', 'looks', 'ms a step', 'ms a look', '%')
    context = get_context('spawn')
    for config in args.configs:
        steps = args.steps or STEPS[config]
        with context.Pool(1, maxtasksperchild=1) as pool:
            given = [(config, steps, args.threads)] * args.rounds
            found = pool.starmap(train, given, chunksize=1)
        share = statistics.median(x['hook'] / x['training'] for x in found)
        step = statistics.median(x['training'] / x['steps'] for x in found)
        look = statistics.median(x['hook'] / x['looks'] for x in found)
        row = dict(
            config=config,
            steps=found[0]['steps'],
            looks=found[0]['looks'],
            seconds_a_step=step,
            seconds_a_look=look,
            share=share,
            threads=args.threads,
        )
        table.add(
            row,
            config,
            row['steps'],
            row['looks'],
            f'{1e3 * step:.1f}',
            f'{1e3 * look:.1f}',
            f'{100 * share:.2f}',
        )
    table.write(args.json)


if __name__ == '__main__':
    main()
