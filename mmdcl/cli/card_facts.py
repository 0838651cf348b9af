"""What the card of a model tells of its training, out of run and config."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checkpoints.architecture import pretraining_config
from ..checkpoints.inputs import steps_of
from ..config_parts import part, short_name
from ..errors import UserError
from ..hub.addresses import is_address
from ..hub.results import is_private, results_of
from ..report.page.sections.card import card, changes
from ..report.runs.config_facts import (
    facts_of_config,
    number_or_none,
    whole_or_none,
)
from ..report.runs.facts import known
from ..report.runs.folder import read_run
from .card_results import lines_about, while_training

if TYPE_CHECKING:
    from ..report.runs.folder import RunFolder

_LOSSES = {
    'DCL': 'the decoupled contrastive loss (DCL)',
    'DCLW': 'the weighted decoupled contrastive loss (DCLW)',
}
_VIEWS = {
    'RandomResizedCrop': 'crops',
    'RandomFlip': 'flips',
    'Rotate': 'rotations',
    'ColorJitter': 'changes of colour',
    'RandomGrayscale': 'loss of colour',
    'GaussianBlur': 'blur',
    'Solarize': 'solarisation',
}
_LONGEST = 60  # letters of a setting
_MOST = 30  # settings
_LEFT_OUT = ('command', 'validation', 'gradient', 'dtype of logits')
_LEFT_OUT += ('images', 'classes')  # of the data, which say it
_OF_CONFIG = {
    'config': 'config',
    'model': 'model',
    'loss': 'loss',
    'temperature': 'temperature',
    'batch_of_a_process': 'batch of each process',
    'micro_batches': 'computed in',
    'optimizer': 'optimizer',
    'lr': 'learning rate',
    'length': 'length',
    'seed': 'seed',
}


def training_facts(
    args: argparse.Namespace, checkpoint: Mapping[str, Any]
) -> dict[str, Any]:
    """Of the run that wrote a checkpoint, or else of the config in it.

    No place on this machine is told: a card is published. Nothing is told of
    a checkpoint that does not say itself that it was trained so: a config
    that fits, or a run that lies beside it, may be another's.

    Args:
        args: ``checkpoint``, its file; ``run``, the work_dir, by default the
            folder of the file; ``results``, a file of ``mmdcl evaluate``, by
            default what is found about the run; ``prefix``.
        checkpoint: What is in the file.

    Returns:
        Arguments of :class:`mmdcl.hub.card.Facts`.

    Raises:
        UserError: The run or the results that were asked for are not there.
    """
    config = pretraining_config(checkpoint)
    run = _run(args, 'train_dataloader' in config)
    found = known(run) if run else facts_of_config(config)
    kind = str(found.get('data') or '').partition(',')[0].partition(' in ')[0]
    images = found.get('images')
    data = f'{images:,} images ({kind})' if images else kind
    rows = card(run) if run else _config_rows(found)
    told = {label: text for label, text in rows if label not in _LEFT_OUT}
    told |= {'data': data, 'these weights': _done(checkpoint, found)}
    changed = changes(run)[:_MOST] if run else []
    steps = steps_of(part(config, 'train_dataloader', 'dataset'))
    seen = {short_name(step.get('type')) for step in steps}
    return dict(
        method=_method(config, found),
        data=data,
        dataset=kind.rpartition(' of ')[2],
        recipe=[(label, text) for label, text in told.items() if text],
        changes=[
            (key, *map(_setting, values))
            for key, *values in changed
            if not key.endswith('seed')
        ],
        results=results_of(lines_about(args, run)),
        validation=while_training(run, checkpoint, found) if run else {},
        ignored=_listed([x for name, x in _VIEWS.items() if name in seen]),
    )


def _run(args: argparse.Namespace, trained: bool) -> 'RunFolder | None':
    if args.run:
        return read_run(args.run)
    if is_address(args.checkpoint) or not trained:
        return None
    try:
        return read_run(Path(args.checkpoint).parent)
    except UserError:
        return None


def _config_rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (label, str(found[key]))
        for key, label in _OF_CONFIG.items()
        if key in found
    ]


def _method(config: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """How it learned; '' of what is no self-supervised algorithm."""
    from mmpretrain.models import selfsup

    from .. import models

    kind = short_name(part(config, 'model').get('type'))
    if not hasattr(selfsup, kind) and not hasattr(models, kind):
        return ''
    loss = str(found.get('loss') or '').partition(',')[0]
    return f'{kind} with {_LOSSES.get(loss, loss)}' if loss else kind


def _done(checkpoint: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """How far the training was when it wrote these weights."""
    meta = part(checkpoint, 'meta')
    place = {'epoch': meta.get('epoch'), 'iteration': meta.get('iter')}
    unit = str(found.get('unit') or 'epoch')
    done = whole_or_none(place.get(unit))
    if not done:
        return ''
    planned = number_or_none(found.get('planned'))
    length = number_or_none(found.get('epoch_length')) or 1
    of = f' of {planned / length:,.0f}' if planned else ''
    return f'{unit} {done:,}{of}'


def _setting(value: Any) -> str:
    text = str(value)
    return '...' if is_private(text) or len(text) > _LONGEST else text


def _listed(words: list[str]) -> str:
    """``a, b and c``."""
    *most, last = words or ['']
    return f'{", ".join(most)} and {last}' if most else last
