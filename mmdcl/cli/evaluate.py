"""``mmdcl evaluate``: what a backbone is worth, by the field's protocols.

Takes the network from the checkpoint (of mmdcl, of upstream's self-supervised
algorithms, or bare), refuses to start unless all of it is loaded, and adds a
line to OUT.jsonl and a row to OUT.md.
"""

import argparse
import sys
from importlib.util import find_spec

from mmengine.config import Config
from mmengine.dist import is_main_process

from ..checkpoints import read_checkpoint
from ..config_parts import datasets_in, part
from .backends import add_backends
from .configuration import finish_config, load_config, mixed_precision
from .evaluate_flags import DENSE, FROZEN
from .record import record
from .running import build_runner
from .splits import find_splits

_LOADERS = ('mmdcl.LoadImageFromFile', 'mmdcl.LoadMultichannelImage')


def _need(library: str) -> None:
    """Stop without the library; give mmcv its operators before it is used."""
    if find_spec(library) is None:
        extra = library.removeprefix('mm')
        sys.exit(
            f'error: this protocol needs {library}: pip install '
            f"'mmdcl[{extra}]', or 'mmdcl[{extra}-openmmlab]' beside the "
            'original mmengine'
        )
    from ..downstream.operators import stand_in

    stand_in()


def apply_flags(cfg: Config, args: argparse.Namespace) -> None:
    """What the flags of this tool change in a benchmark."""
    if args.amp:
        mixed_precision(cfg)
    if args.fraction is not None:
        cfg.train_dataloader.dataset.fraction = args.fraction
    if cfg.train_dataloader.dataset.get('type') == 'mmdcl.FewLabels':
        cfg.train_dataloader.dataset.seed = args.seed
    for key, value in (('k', args.k), ('temperature', args.temperature)):
        if value is not None:
            cfg.test_cfg[key] = value
    cfg.randomness = dict(seed=args.seed)


def stop_at_unreadable(cfg: Config) -> None:
    """No other image is tested on in place of one that cannot be read.

    Args:
        cfg: Of a benchmark that trains, changed in place.
    """
    for name in ('val_dataloader', 'test_dataloader'):
        for dataset in datasets_in(part(cfg, name, 'dataset')):
            for step in dataset.get('pipeline') or []:
                if step['type'] in _LOADERS:
                    step.setdefault('on_error', 'stop')


def chosen_settings(cfg: Config, protocol: str) -> dict:
    """What of the protocol's loop belongs beside its result."""
    if protocol == 'knn':
        names = ['k', 'temperature']
    else:
        names = [x for x in cfg.test_cfg if x not in ('type', 'fp16')]
    return {key: cfg.test_cfg[key] for key in names if key in cfg.test_cfg}


def run(args: argparse.Namespace) -> None:
    """Evaluate as the flags say; see ``mmdcl.cli.flags``."""
    if args.protocol in DENSE:
        _need(DENSE[args.protocol])
    trains = args.protocol not in ('knn', *FROZEN)
    checkpoint = read_checkpoint(args.checkpoint, args.trust)
    # Not before mmcv has its operators, and a checkpoint is there.
    from ..downstream.adoption import adopt_backbone
    from ..downstream.bands import adopt_bands
    from ..downstream.classes import fit_classes
    from ..downstream.labels import check_labels, check_parts
    from ..downstream.weights import WeightsCheck, no_other_weights
    from ..engine.resume import check_training
    from .resuming import prepare_training

    needs = 'train_cfg' if trains else 'test_cfg'
    cfg = load_config(args)
    check_parts(cfg, needs)
    adopt_bands(cfg, checkpoint)
    apply_flags(cfg, args)
    find_splits(cfg, args.data_root)
    finish_config(cfg, args)
    check_parts(cfg, needs)
    if trains:
        stop_at_unreadable(cfg)
    classes = fit_classes(cfg, args.cfg_options)
    if left_out := no_other_weights(cfg):
        of = 'random' if args.random_init else 'those of the checkpoint'
        print(f'left out, as all weights are {of}: {", ".join(left_out)}')
    adopted = adopt_backbone(
        cfg,
        checkpoint,
        args.prefix,
        args.cfg_options,
        args.trust,
        frozen=args.protocol == 'linear',
        pooled=trains,
    )
    check_labels(cfg, classifier=trains)
    if not args.random_init:
        hook = dict(
            type='mmdcl.PretrainedBackboneHook',
            checkpoint=args.checkpoint,
            prefix=args.prefix,
            trust=args.trust,
            fresh=adopted.fresh,
        )
        cfg.custom_hooks = [*cfg.custom_hooks, hook]
    settings = {}
    if not trains:
        cfg.train_cfg = cfg.optim_wrapper = cfg.param_scheduler = None
        bank, cfg.train_dataloader = cfg.train_dataloader, None
        bank.dataset.pipeline = cfg.test_dataloader.dataset.pipeline
        settings = chosen_settings(cfg, args.protocol)
        cfg.test_cfg.bank_dataloader = bank
    else:
        prepare_training(cfg, args.resume, trust=args.trust)
    add_backends(cfg, args.log)
    runner = build_runner(cfg)
    runner.register_hook(
        WeightsCheck(adopted.tensors, args.random_init, args.seed)
    )
    if trains:
        check_training(runner)
        runner.train()
    elif args.random_init:  # a test alone initialises nothing
        runner._init_model_weights()
    metrics = runner.test()
    if not metrics:
        sys.exit('error: no metric came of it, as the log explains; no row')
    if is_main_process():
        record(args, metrics, **settings, classes=classes)
