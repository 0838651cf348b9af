"""``mmdcl export --style timm-hub``: the folder of a model, and its card."""

import argparse
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .. import __version__
from ..checkpoints import read_checkpoint
from ..checkpoints.architecture import pretraining_config
from ..checkpoints.channels import trained_order
from ..checkpoints.inputs import inputs_of
from ..checkpoints.metadata import as_metadata
from ..config_parts import preprocessor_of, short_name
from ..errors import UserModuleNotFoundError
from ..hub.card import Facts, check_license, write_card
from ..hub.timm_folder import (
    CARD,
    check_place,
    whole,
    write_config,
    write_weights,
)
from .card_facts import training_facts
from .configuration import read_config
from .export import load
from .proof import exact_gap, features
from .rounding import halved, round_network
from .timm_network import TimmNetwork, as_timm, import_timm, is_resnet

_IMAGES = 4  # that both networks are asked about
# Arguments of a backbone that change no feature in evaluation.
_ASIDE = {'type', 'norm_cfg', 'norm_eval', 'frozen_stages', 'with_cp'}
_ASIDE |= {'zero_init_residual', 'drop_path_rate', '_scope_'}


def write_folder(args: argparse.Namespace) -> None:
    """Write the folder; see ``mmdcl.cli.flags``."""
    out = Path(args.out)
    check_license(args.license)
    check_place(out, args.force)
    _check_packages()
    checkpoint = read_checkpoint(args.checkpoint, args.trust)
    config = _config(checkpoint, args.config)
    ours = load(checkpoint, args)
    theirs, backbone = as_timm(ours, config['model']['backbone'])
    inputs = inputs_of(config, theirs.arguments.get('in_chans', 3))
    told = training_facts(args, checkpoint)
    with whole(out) as part:
        size = write_config(theirs.network, theirs.arguments, inputs, part)
        images = torch.randn(_IMAGES, *size)
        gap = ''
        tensors = theirs.tensors
        if args.half:
            tensors = {name: halved(x) for name, x in tensors.items()}
            gap = round_network(ours, images)
        metadata = as_metadata(
            backbone, preprocessor_of(config), trained_order(config)
        )
        write_weights(tensors, metadata, part)
        width, proof = _prove(ours, part, images)
        facts = Facts(
            name=out.name,
            network=_in_words(ours, theirs),
            width=width,
            inputs=inputs,
            version=__version__,
            mmpretrain=_mmpretrain(backbone),
            torchvision=_torchvision(ours, theirs),
            stem=theirs.stem,
            half=args.half,
            gap=gap,
            license=args.license,
            **told,
        )
        (part / CARD).write_text(write_card(facts), encoding='utf-8')
    size = sum(x.stat().st_size for x in out.iterdir() if x.is_file())
    print(
        f'{out}: all {len(tensors)} tensors, {size / 1e6:.1f} MB, {proof} as '
        f"timm.create_model('local-dir:{out}', pretrained=True)"
    )
    if gap:
        print(f'half precision changes features by {gap} of their length')
    if theirs.stem:
        print(
            f'its stem of {theirs.stem} channels is one of 64 with zeros '
            'there, as timm has no other'
        )
    for missing, how, there in (
        ('licence', '--license', args.license),
        ('results', '`mmdcl evaluate` first', facts.results),
    ):
        if not there:
            print(f'{out / CARD} names no {missing}: {how}')


def _check_packages() -> None:
    """Before any work: timm asks for some of them in its midst."""
    import_timm()
    for name in ('huggingface_hub', 'safetensors', 'jinja2'):
        try:
            import_module(name)
        except ImportError as error:
            raise UserModuleNotFoundError(
                f'--style timm-hub needs {name}: pip install {name}'
            ) from error


def _config(checkpoint: dict, path: str | None) -> Mapping[str, Any]:
    if path:
        return read_config(path).to_dict()
    return pretraining_config(checkpoint)


def _prove(ours: nn.Module, folder: Path, images: Tensor) -> tuple[int, str]:
    """Load the folder as anybody would; the same features or an error."""
    import timm

    theirs = timm.create_model(f'local-dir:{folder}', pretrained=True)
    mine, found = features(ours, images), features(theirs, images)
    width = mine.shape[1]
    if torch.equal(mine, found):
        return width, 'the same features to the last bit'
    rounding = (mine - found).abs().max().item()
    exact_gap(ours, theirs, images)
    return width, f'the same features but for rounding ({rounding:.0e})'


def _in_words(ours: nn.Module, theirs: TimmNetwork) -> str:
    counted = f'{sum(x.numel() for x in ours.parameters()):,} parameters'
    if not is_resnet(ours):
        return f'{theirs.name} of timm, {counted}'
    first, last = (
        len(theirs.tensors[f'layer{i}.0.conv1.weight']) for i in (1, 4)
    )
    return f'ResNet-{ours.depth}, {first} to {last} channels, {counted}'


def _mmpretrain(backbone: Mapping[str, Any]) -> dict[str, str]:
    kind = short_name(backbone['type'])
    rest = {k: x for k, x in backbone.items() if k not in _ASIDE}
    plain = all(
        isinstance(x, (int, float)) or str(x).isidentifier()
        for x in rest.values()
    )
    if kind != 'ResNet' or not plain:
        return {}
    arguments = ', '.join(f'{k}={x!r}' for k, x in rest.items())
    return dict(kind=kind, arguments=arguments)


def _torchvision(ours: nn.Module, theirs: TimmNetwork) -> str:
    usual = is_resnet(ours) and not theirs.arguments and not theirs.stem
    return f'resnet{ours.depth}' if usual else ''
