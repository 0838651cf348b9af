"""What a pretrained backbone is worth, by one of the field's protocols.

    python tools/evaluate.py CHECKPOINT --protocol linear --dataset cifar10

Takes the network from the checkpoint (of mmdcl, of upstream's self-supervised
algorithms, or bare), refuses to start unless all of it is loaded, and adds a
line to OUT.jsonl and a row to OUT.md.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from launch import (
    ROOT,
    add_common_flags,
    build_runner,
    finish_config,
    load_config,
    run,
)
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpretrain.registry import DATASETS, MODELS
from provenance import provenance

from mmdcl.checkpoints import find_backbone, read_checkpoint
from mmdcl.checkpoints.architecture import plain_backbone, pretraining_config
from mmdcl.engine.features import image_features

PROTOCOLS = ('knn', 'linear', 'few-labels', 'finetune')
# Of the benchmark's backbone, not of the pretrained one.
KEPT = ('frozen_stages', 'norm_eval', 'out_indices', 'drop_path_rate')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('checkpoint', help='.pth or .safetensors')
    parser.add_argument('--protocol', choices=PROTOCOLS, required=True)
    parser.add_argument(
        '--dataset',
        choices=['cifar10', 'imagenet'],
        default='cifar10',
        help='default: cifar10',
    )
    parser.add_argument(
        '--config',
        help='another config than configs/benchmarks/PROTOCOL_DATASET.py; '
        'its backbone gives way to the one of the checkpoint',
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
    name = f'{args.protocol}_{args.dataset}.py'
    args.config = args.config or str(ROOT / 'configs' / 'benchmarks' / name)
    if not args.work_dir:
        args.work_dir = str(
            Path('work_dirs', f'{args.protocol}_{args.dataset}')
            / '_'.join(Path(args.checkpoint).with_suffix('').parts[-2:])
        )
    return args


def adopt_backbone(cfg: Config, checkpoint: dict, args) -> None:
    """Give the benchmark the checkpoint's network, and check that it fits."""
    pretraining = pretraining_config(checkpoint)
    theirs = (pretraining.get('model') or {}).get('backbone')
    ours = cfg.model.backbone
    if theirs:
        named = [
            f'{x.get("type")} {x.get("depth", "")}' for x in (theirs, ours)
        ]
        if named[0] != named[1]:
            print(f'network of the checkpoint: {named[0]}, not {named[1]}')
        kept = {key: ours[key] for key in KEPT if key in ours}
        theirs.pop('init_cfg', None)
        theirs.pop('frozen_stages', None)
        cfg.model.backbone = {**theirs, **kept}
        cfg.merge_from_dict(
            {
                key: value
                for key, value in (args.cfg_options or {}).items()
                if key.startswith('model.backbone.')
            }
        )
    ours = cfg.model.backbone
    ours.pop('init_cfg', None)
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    backbone = MODELS.build(plain_backbone(ours))
    find_backbone(checkpoint, backbone.state_dict(), args.prefix)
    backbone.eval()
    with torch.no_grad():
        features = image_features(backbone(torch.zeros(1, 3, 64, 64)))
    cfg.model.head.in_channels = features.shape[1]
    _compare_preprocessing(pretraining, cfg)


def _compare_preprocessing(pretraining: dict, cfg: Config) -> None:
    theirs = (pretraining.get('model') or {}).get('data_preprocessor')
    theirs = theirs or pretraining.get('data_preprocessor') or {}
    ours = cfg.model.get('data_preprocessor') or cfg.get('data_preprocessor')
    for key in ('mean', 'std'):
        if key in theirs and list(theirs[key]) != list((ours or {})[key]):
            print(
                f'beware: pretrained with {key} {theirs[key]}, evaluated '
                f'with {ours[key]}'
            )


def check_labels(cfg: Config) -> None:
    """Stop at a split without images or labels, or of other classes."""
    wanted = cfg.model.head.get('num_classes')
    for name in ('train_dataloader', 'test_dataloader'):
        where = f'{name}.dataset ({cfg[name].dataset.type})'
        try:
            dataset = DATASETS.build(cfg[name].dataset)
        except ValueError as error:
            if 'at least one array' in str(error):  # mmengine packs nothing
                sys.exit(f'error: {where} is empty')
            raise
        labels = [
            dataset.get_data_info(i).get('gt_label')
            for i in range(len(dataset))
        ]
        if any(label is None for label in labels):
            sys.exit(
                f'error: {where} has images without labels; this protocol '
                'needs them (`with_label=True`, or an `ann_file` with labels)'
            )
        if wanted and len(set(labels)) < wanted:
            print(
                f'beware: {where} has images of {len(set(labels))} of '
                f'{wanted} classes only (`indices` takes the first images)'
            )
        if wanted and max(labels) >= wanted:
            sys.exit(
                f'error: {where} has label {max(labels)}, but the classifier '
                f'has {wanted} classes; set --cfg-options '
                f'model.head.num_classes={max(labels) + 1}'
            )
        classes = dataset.metainfo.get('classes')
        if wanted and classes and len(classes) != wanted:
            sys.exit(
                f'error: {where} has {len(classes)} classes, but the '
                f'classifier has {wanted}; set --cfg-options '
                f'model.head.num_classes={len(classes)}'
            )


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
    head = ['checkpoint', 'weights', 'protocol', 'dataset', 'fraction']
    head += ['seed', 'options', 'result']
    found = ', '.join(f'{k} {v:.2f}' for k, v in row['metrics'].items())
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


def main() -> None:
    args = parse_args()
    checkpoint = read_checkpoint(args.checkpoint, args.trust)
    cfg = load_config(args)
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
    record(args, runner.test())


if __name__ == '__main__':
    run(main)
