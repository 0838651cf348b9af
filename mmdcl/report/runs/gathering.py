"""Facts of a run, gathered where it starts: ``vis_data/recipe.json``."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine.dist import get_world_size
from mmpretrain.models import SimCLR as UpstreamSimCLR

from ... import provenance
from ...command import typed
from ...engine.model import model_of
from ...engine.schedule import optimizers, over_after
from ...models import NNCLR, SimCLR, SupCon
from . import machine, recipe
from .config_changes import config_changes
from .config_facts import LOSSES
from .records import RECIPE

_OURS = (NNCLR, SimCLR, SupCon)
# Upstream's heads that are InfoNCE, with cross entropy.
_SOFTMAX = ('ContrastiveHead', 'MoCoV3Head')


def gather(runner: Any) -> tuple[dict[str, Any], dict[str, Exception]]:
    """What is known of a run that is about to train.

    Returns:
        Plain values by name; None where nothing is known. And what went
        wrong, by name.
    """
    found, failed = {}, {}
    for name, fact in _FACTS.items():
        try:
            found[name] = fact(runner)
            json.dumps(found[name])
        except Exception as error:  # of whatever a config may hold
            found[name], failed[name] = None, error
    return found, failed


def write_recipe(facts: dict[str, Any], folder: Path) -> None:
    """Into ``vis_data`` of a run, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f'.{RECIPE}.part'
    part.write_text(json.dumps(facts, indent=1) + '\n', encoding='utf-8')
    part.replace(folder / RECIPE)


def loss_name(head: Any) -> str | None:
    """``DCL``, ``DCLW`` or ``InfoNCE``; else names of classes."""
    if head is None:
        return None
    kind, module = type(head).__name__, getattr(head, 'loss_module', None)
    inner = '' if module is None else type(module).__name__
    if kind in _SOFTMAX and inner == 'CrossEntropyLoss':
        return 'InfoNCE'
    return ', '.join(filter(None, [LOSSES.get(kind, kind), inner]))


def _head(runner: Any) -> Any:
    return getattr(model_of(runner), 'head', None)


def _temperature(runner: Any) -> float | None:
    found = getattr(_head(runner), 'temperature', None)
    return found if isinstance(found, (int, float)) else None


def _batch(runner: Any) -> int:
    return recipe.batch_size(runner.train_dataloader) * get_world_size()


def _negatives(runner: Any) -> int | None:
    model, views = model_of(runner), recipe.views(runner)
    return recipe.count_negatives(model, _batch(runner), views) or None


def _lr(runner: Any) -> float | None:
    """Effective: after scaling by the batch, before any schedule."""
    groups = [
        x for _, each, _ in optimizers(runner) for x in each.param_groups
    ]
    return max((x.get('initial_lr', x['lr']) for x in groups), default=None)


def _gradient(runner: Any) -> str:
    model, processes = model_of(runner), get_world_size()
    if isinstance(model, _OURS):
        return 'exact over processes'
    partial = isinstance(model, UpstreamSimCLR) and processes > 1
    return f'1/{processes} of the true one' if partial else ''


def _logits(runner: Any) -> str:
    """Type of the numbers that the loss takes the exponential of."""
    if type(_head(runner)).__name__ in LOSSES:
        return 'float32'
    contrasts = _negatives(runner)
    return recipe.precision(runner).split(' ')[0] if contrasts else ''


def _schedule_end(runner: Any) -> int | None:
    found = [schedulers for _, _, schedulers in optimizers(runner)]
    if len(found) != 1:
        return None
    epochs = runner.max_epochs if recipe.epoch_length(runner) else 0
    return over_after(found[0], epochs, runner.max_iters)


def _images(runner: Any) -> int | None:
    dataset = runner.train_dataloader.dataset
    return len(dataset) if hasattr(dataset, '__len__') else None


def _classes(runner: Any) -> int | None:
    return recipe.classes(runner.train_dataloader.dataset) or None


def _support_set(runner: Any) -> int | None:
    support_set = getattr(model_of(runner), 'support_set', None)
    size = getattr(support_set, 'size', None)
    return size if isinstance(size, int) else None


def _positives(runner: Any) -> str | None:
    found = getattr(model_of(runner), 'positives', None)
    return found if isinstance(found, str) else None


def _config(runner: Any) -> str:
    return Path(runner.cfg.filename or '').name


def _unit(runner: Any) -> str:
    return 'epoch' if recipe.epoch_length(runner) else 'iteration'


_FACTS: dict[str, Callable[[Any], Any]] = {
    'config': _config,
    'changes': lambda runner: config_changes(runner.cfg),
    'data': lambda runner: recipe.data(runner.train_dataloader.dataset),
    'images': _images,
    'classes': _classes,
    'batch': lambda runner: _batch(runner) or None,
    'micro_batches': recipe.micro_batches,
    'processes': lambda runner: get_world_size(),
    'negatives': _negatives,
    'negatives_text': lambda runner: recipe.negatives(
        model_of(runner), _batch(runner), recipe.views(runner)
    ),
    'support_set': _support_set,
    'positives': _positives,
    'loss': lambda runner: loss_name(_head(runner)),
    'temperature': _temperature,
    'optimizer': lambda runner: recipe.optimizer(runner.optim_wrapper),
    'lr': _lr,
    'gradient': _gradient,
    'logits': _logits,
    'schedule': recipe.schedule,
    'schedule_end': _schedule_end,
    'length': recipe.length,
    'planned': lambda runner: runner.max_iters,
    'unit': _unit,
    'epoch_length': lambda runner: recipe.epoch_length(runner) or None,
    'begin': lambda runner: runner.iter,
    'begin_epoch': lambda runner: runner.epoch,
    'validation': recipe.validation,
    'precision': recipe.precision,
    'model': lambda runner: recipe.network(model_of(runner)),
    'seed': lambda runner: runner.seed,
    'deterministic': lambda runner: runner.deterministic,
    'commit': lambda runner: provenance.commit(provenance.PACKAGE),
    'machine': lambda runner: provenance.machine(),
    'device': machine.device,
    'versions': machine.versions,
    'command': lambda runner: shlex.join(typed() or []),
}
