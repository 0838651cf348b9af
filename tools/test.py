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
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = load_config(args)
    load_from(cfg, args.checkpoint)
    if not cfg.get('test_cfg'):
        sys.exit(f'error: {args.config} has no `test_cfg`')
    if args.amp:
        cfg.test_cfg.fp16 = True
    finish_config(cfg, args)
    runner = build_runner(cfg)
    if args.out and args.out_item == 'pred':
        runner.test_evaluator.metrics.append(DumpResults(args.out))
    metrics = runner.test()
    if args.out and args.out_item == 'metrics':
        mmengine.dump(metrics, args.out)


if __name__ == '__main__':
    run(main)
