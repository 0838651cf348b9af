"""Evaluate: python tools/test.py CONFIG CHECKPOINT."""

import argparse
import sys

import mmengine
from launch import (
    base_parser,
    build_runner,
    finish_config,
    load_config,
    load_from,
    run,
)
from mmengine.dist import is_main_process
from mmengine.evaluator import DumpResults


def parse_args() -> argparse.Namespace:
    parser = base_parser('Evaluate a checkpoint by the test loop of a config')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', help='file for results: .json, .yaml or .pkl')
    parser.add_argument(
        '--out-item',
        choices=['metrics', 'pred'],
        default='metrics',
        help='what to write to --out; predictions need .pkl',
    )
    args = parser.parse_args()
    kinds = {'metrics': ('.json', '.yaml', '.yml', '.pkl'), 'pred': ('.pkl',)}
    if args.out and not args.out.endswith(kinds[args.out_item]):
        parser.error(
            f'--out {args.out}: {args.out_item} are written to '
            f'{", ".join(kinds[args.out_item])}'
        )
    for key in ('load_from', 'resume'):
        if key in (args.cfg_options or {}):
            parser.error(
                f'{key}={args.cfg_options[key]}: what is tested is '
                f'{args.checkpoint}; leave out the option'
            )
    return args


def main() -> None:
    args = parse_args()
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
    if args.out and not predictions and is_main_process():
        mmengine.dump(metrics, args.out)


if __name__ == '__main__':
    run(main)
