"""What a pretrained backbone is worth, by one of the field's protocols.

    python tools/evaluate.py CHECKPOINT --protocol linear --dataset cifar10

Takes the network from the checkpoint (of mmdcl, of upstream's self-supervised
algorithms, or bare), refuses to start unless all of it is loaded, and adds a
line to OUT.jsonl and a row to OUT.md.
"""

import argparse
import json
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from downstream import adopt_backbone, check_labels
from launch import (
    ROOT,
    add_common_flags,
    build_runner,
    finish_config,
    load_config,
    run,
)
from mmengine.dist import is_main_process
from provenance import provenance

from mmdcl.checkpoints import read_checkpoint

BENCHMARKS = ROOT / 'configs' / 'benchmarks'
PROTOCOLS = ('knn', 'linear', 'few-labels', 'finetune')
DENSE = {'detection': 'mmdet', 'segmentation': 'mmseg'}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'checkpoint', help='.pth, .safetensors, or .pkl of detectron2'
    )
    parser.add_argument(
        '--protocol', choices=[*PROTOCOLS, *DENSE], required=True
    )
    parser.add_argument(
        '--dataset',
        help='one of configs/benchmarks/PROTOCOL_DATASET.py, such as cifar10, '
        'imagenet, coco-fpn',
    )
    parser.add_argument(
        '--config',
        help='another config instead; its backbone gives way to the one of '
        'the checkpoint',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='of training, and of the few labels drawn; default: 0',
    )
    parser.add_argument(
        '--fraction', type=float, help='few-labels: share of the labels'
    )
    parser.add_argument('--k', type=int, nargs='+', help='knn: neighbours')
    parser.add_argument('--temperature', type=float, help='knn: of the vote')
    parser.add_argument('--prefix', help='which backbone of the checkpoint')
    parser.add_argument(
        '--random-init',
        action='store_true',
        help='the control: the same network with random weights',
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('work_dirs/evaluate'),
        help='adds to OUT.jsonl and OUT.md; default: work_dirs/evaluate',
    )
    add_common_flags(parser)
    args = parser.parse_args()
    if not args.config:
        there = {
            path.stem.partition('_')[2]: str(path)
            for path in sorted(BENCHMARKS.glob(f'{args.protocol}_*.py'))
        }
        if args.dataset not in there:
            parser.error(
                f'--protocol {args.protocol} needs --config, or --dataset '
                f'{" or ".join(there)}; got {args.dataset}'
            )
        args.config = there[args.dataset]
    if not args.work_dir:
        name = '_'.join(Path(args.checkpoint).with_suffix('').parts[-2:])
        name += '_random' if args.random_init else ''
        args.work_dir = str(
            Path('work_dirs', Path(args.config).stem, f'{name}_s{args.seed}')
        )
    return args


def record(args: argparse.Namespace, metrics: dict) -> dict:
    """Append the result to OUT.jsonl and OUT.md; returns the line."""
    row = dict(
        protocol=args.protocol,
        dataset=args.dataset,
        checkpoint=args.checkpoint,
        weights='random' if args.random_init else 'pretrained',
        config=str(Path(args.config).name),
        options=args.cfg_options or {},
        fraction=args.fraction,
        seed=args.seed,
        metrics={k: round(float(v), 4) for k, v in metrics.items()},
        log=args.work_dir,
        **provenance(),
    )
    row = {key: value for key, value in row.items() if value is not None}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with args.out.with_suffix('.jsonl').open('a') as lines:
        print(json.dumps(row), file=lines)
    head = ['checkpoint', 'weights', 'protocol', 'config', 'fraction']
    head += ['seed', 'options', 'result']
    found = ', '.join(f'{k} {v:.4g}' for k, v in row['metrics'].items())
    options = ', '.join(f'{k}={v}' for k, v in row['options'].items())
    cells = [str(row.get(key, '')) for key in head[:-2]] + [options, found]
    table = args.out.with_suffix('.md')
    text = (
        table.read_text()
        if table.is_file()
        else (f'| {" | ".join(head)} |\n|{" --- |" * len(head)}\n')
    )
    table.write_text(f'{text}| {" | ".join(cells)} |\n')
    print(f'{found}\nadded to {table} and {table.with_suffix(".jsonl")}')
    return row


def _need(library: str) -> None:
    """Stop without the library; give mmcv its operators before it is used."""
    if find_spec(library) is None:
        extra = library.removeprefix('mm')
        sys.exit(
            f'error: this protocol needs {library}: pip install '
            f"'mmdcl[{extra}]', or 'mmdcl[{extra}-openmmlab]' beside the "
            'original mmengine'
        )
    import_module('mmdcl.mmcv_ops')


def main() -> None:
    args = parse_args()
    if args.protocol in DENSE:
        _need(DENSE[args.protocol])
    checkpoint = read_checkpoint(args.checkpoint, args.trust)
    cfg = load_config(args)
    if args.amp and args.protocol == 'knn':
        sys.exit('error: --amp is for protocols that train, knn does not')
    if args.amp:
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    if args.fraction is not None:
        if args.protocol != 'few-labels':
            sys.exit('error: --fraction is for --protocol few-labels')
        cfg.train_dataloader.dataset.fraction = args.fraction
    if cfg.train_dataloader.dataset.type == 'mmdcl.FewLabels':
        cfg.train_dataloader.dataset.seed = args.seed
    for key, value in (('k', args.k), ('temperature', args.temperature)):
        if value is not None:
            if args.protocol != 'knn':
                sys.exit(f'error: --{key} is for --protocol knn')
            cfg.test_cfg[key] = value
    cfg.randomness = dict(seed=args.seed)
    finish_config(cfg, args)
    cfg.load_from, cfg.resume = None, False  # all weights are the checkpoint's
    adopt_backbone(cfg, checkpoint, args)
    check_labels(cfg)
    if not args.random_init:
        hook = dict(
            type='mmdcl.PretrainedBackboneHook',
            checkpoint=args.checkpoint,
            prefix=args.prefix,
            trust=args.trust,
        )
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), hook]
    if args.protocol == 'knn':
        cfg.train_cfg = cfg.optim_wrapper = cfg.param_scheduler = None
        bank, cfg.train_dataloader = cfg.train_dataloader, None
        bank.dataset.pipeline = cfg.test_dataloader.dataset.pipeline
        cfg.test_cfg.bank_dataloader = bank
    runner = build_runner(cfg)
    if args.protocol != 'knn':
        runner.train()
    metrics = runner.test()
    if is_main_process():
        record(args, metrics)


if __name__ == '__main__':
    run(main)
