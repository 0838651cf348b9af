"""``mmdcl test CONFIG CHECKPOINT``: the test loop of a config."""

import argparse
import sys

import mmengine
from mmengine.dist import is_main_process
from mmengine.evaluator import DumpResults

from .configuration import finish_config, load_config, load_from
from .running import build_runner


def run(args: argparse.Namespace) -> None:
    """Test as the flags say; see ``mmdcl.cli.flags``."""
    cfg = load_config(args)
    load_from(cfg, args.checkpoint, args.trust)
    cfg.resume = False
    if cfg.get('test_cfg') is None:
        sys.exit(f'error: {args.config} has no `test_cfg`')
    if args.amp:
        cfg.test_cfg.fp16 = True
    finish_config(cfg, args)
    predictions = args.out and args.out_item == 'pred'
    if predictions and not isinstance(cfg.test_cfg.get('k', 1), int):
        sys.exit(
            'error: predictions of several k; choose one, for instance '
            '--cfg-options test_cfg.k=20'
        )
    runner = build_runner(cfg)
    if predictions:
        runner.test_evaluator.metrics.append(DumpResults(args.out))
    metrics = runner.test()
    if not is_main_process():
        return
    for name, value in metrics.items():
        number = isinstance(value, float)
        print(f'{name}: {value:.4f}' if number else f'{name}: {value}')
    if args.out and not predictions:
        mmengine.dump(metrics, args.out)
    if args.out:
        print(f'written to {args.out}')
