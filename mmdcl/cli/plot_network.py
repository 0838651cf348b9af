"""``mmdcl plot PICTURE`` of what a network makes of images, and of views."""

import argparse
import sys
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..checkpoints import read_checkpoint
from ..checkpoints.architecture import pretraining_config
from ..hub.addresses import is_address
from ..report.images.material import Material, gather_material
from ..report.images.network import find_checkpoint
from .configuration import option_values, read_config
from .plot_runs import write
from .settings import merge_options

_MANY = 1000  # images that take a while on a plane


def views(args: argparse.Namespace) -> None:
    """What the augmentations do."""
    from ..report.pictures.view_figure import draw_views
    from ..report.pictures.views import gather_views, run_config

    run = Path(args.config).is_dir()
    cfg = run_config(args.config) if run else read_config(args.config)
    merge_options(cfg, option_values(args.cfg_options) or {})
    viewed, total = gather_views(
        cfg, args.images, args.seed, args.data_root, trusted=not run
    )
    path = Path(args.config)
    name = path.resolve().name if run else path.stem
    _write(args, draw_views(viewed, name, total), Path())


def embedding(args: argparse.Namespace) -> None:
    """Features on a plane."""
    from ..report.pictures.embedding import draw_embedding
    from ..report.pictures.plane import METHODS

    material = _material(args, args.checkpoint)
    if len(material.features) > _MANY and args.method != 'pca':
        number = len(material.features)
        _tell(f'placing {number:,} images by {METHODS[args.method]}')
    fig = draw_embedding(material, args.method, args.seed)
    _write(args, fig, _place(args.checkpoint, material.checkpoint))


def neighbours(args: argparse.Namespace) -> None:
    """Images with their nearest."""
    from ..report.pictures.neighbours import draw_neighbours

    material = _material(args, args.checkpoint)
    fig = draw_neighbours(material, args.queries, args.seed)
    _write(args, fig, _place(args.checkpoint, material.checkpoint))


neighbors = neighbours


def pairs(args: argparse.Namespace) -> None:
    """Hardest negatives, easiest positives."""
    from ..report.pictures.pairs import draw_pairs, gather_pairs

    if args.split not in (None, 'train'):
        sys.exit(
            f'error: --split {args.split}: pairs are views of training '
            'images; leave it out'
        )
    found = gather_pairs(args.checkpoint, **_settings(args, args.checkpoint))
    if not found.projected:
        _tell(
            'the network has no neck that projects, or its weights are not '
            'in the checkpoint: pairs are compared by the features'
        )
    _write(args, draw_pairs(found), _place(args.checkpoint, found.checkpoint))


def spectrum(args: argparse.Namespace) -> None:
    """Singular values of one checkpoint or several."""
    from ..report.pictures.spectrum import draw_spectrum

    materials = [_material(args, x) for x in args.checkpoints]
    place = Path()
    if len(materials) == 1:
        place = _place(args.checkpoints[0], materials[0].checkpoint)
    _write(args, draw_spectrum(materials), place)


def _place(named: str, found: Path) -> Path:
    """Beside the checkpoint, unless that is in the cache of a hub."""
    return Path() if is_address(named) else found.parent


def _settings(args: argparse.Namespace, checkpoint: str) -> dict[str, Any]:
    options = option_values(args.cfg_options) or {}
    if options:  # refused if they would change nothing
        path = find_checkpoint(checkpoint, args.trust)
        cfg = (
            read_config(args.config)
            if args.config
            else Config(pretraining_config(read_checkpoint(path, args.trust)))
        )
        merge_options(cfg, options)
    return dict(
        config=args.config,
        images=args.images,
        seed=args.seed,
        data_root=args.data_root,
        options=options,
        trust=args.trust,
        tell=_tell,
    )


def _material(args: argparse.Namespace, checkpoint: str) -> Material:
    settings = _settings(args, checkpoint)
    material = gather_material(checkpoint, split=args.split, **settings)
    if material.left_out:
        _tell(f'left out {material.left_out} images that cannot be read')
    return material


def _write(args: argparse.Namespace, fig: Any, place: Path) -> None:
    kind = 'neighbours' if args.kind == 'neighbors' else args.kind
    write(fig, kind, args.out, place)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
