"""What a run is made of, each part in a few words; '' if it is not known."""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import EpochBasedTrainLoop
from mmpretrain.models import SimCLR as UpstreamSimCLR
from torch import nn

from ...engine.knn import KNNValLoop
from ...engine.micro_batches import MicroBatchHook
from ...engine.model import model_of
from ...models import NNCLR, DHELHead, MACLHead, SimCLR, SupCon
from .paths import path_from_here
from .view_count import count_views
from .words import POSITIVES

_IN_BATCH = (NNCLR, SimCLR, UpstreamSimCLR)  # where negatives are
_ENDLESS = 10**8  # upstream's schedules that never end have 10**9


def count(number: int, of: str, plural: str = 's') -> str:
    """``1 image``, ``1,438 images``."""
    return f'{number:,} {of}{plural * (number != 1)}'


def data(dataset: Any) -> str:
    names, inner, root, labelled = [], dataset, None, 0
    while inner is not None:
        name = type(inner).__name__
        names += [] if name.startswith('_') else [name]
        root = getattr(inner, 'data_root', None)
        labelled = getattr(inner, 'labelled', 0)
        inner = getattr(inner, 'dataset', None)
    text = ' of '.join(names) + (f' in {path_from_here(root)}' * bool(root))
    if hasattr(dataset, '__len__'):
        text += f', {count(len(dataset), "image")}'
    number = classes(dataset)
    text += f' of {count(number, "class", "es")}' if number else ''
    return text + (f', {labelled:,} with a label' if labelled else '')


def classes(dataset: Any) -> int:
    """How many it names; 0 if it names none."""
    about = getattr(dataset, 'metainfo', None)  # a list, of several datasets
    found = about.get('classes') if isinstance(about, Mapping) else None
    return len(found or ())


def bank(loop: Any) -> str:
    """The images whose labels a kNN evaluation looks up."""
    loader = getattr(loop, 'bank_loader', None)
    return '' if loader is None else data(loader.dataset)


def batch_size(loader: Any) -> int:
    """Images of a batch of this process; 0 if it is not known."""
    sampler = getattr(loader, 'batch_sampler', None)
    return loader.batch_size or getattr(sampler, 'batch_size', None) or 0


def micro_batches(runner: Any) -> str:
    """What the backbone computes at a time; '' if it is all at once."""
    size = getattr(model_of(runner), 'micro_batch', None)
    if size:
        return f'micro-batches of {size:,}'
    for hook in runner.hooks:
        if isinstance(hook, MicroBatchHook):
            return f'micro-batches of {count(hook.size, "row")}'
    return ''


def network(model: nn.Module, trained: bool = True) -> str:
    """Its kind, and how many parameters it has, or trains."""
    text = type(model).__name__
    backbone = getattr(model, 'backbone', None)
    if backbone is not None:
        depth = getattr(backbone, 'depth', '')
        text += f', {type(backbone).__name__} {depth}'.rstrip()
    counted = [x for x in model.parameters() if x.requires_grad or not trained]
    kind = 'trained parameters' if trained else 'parameters'
    return f'{text}, {sum(x.numel() for x in counted):,} {kind}'


def views(runner: Any) -> int:
    """Of each image that is trained on; 2 if it is not known."""
    return count_views(runner.cfg.get('train_dataloader')) or 2


def positives(model: nn.Module) -> str:
    """Of an anchor, where labels say which; '' elsewhere."""
    return POSITIVES.get(getattr(model, 'positives', ''), '')


def negatives(model: nn.Module, images: int, views: int = 2) -> str:
    """For each anchor, of so many images in all processes together."""
    some = 'both views' if views == 2 else f'all {views} views'
    if isinstance(model, SupCon):
        return f'{some} of images of other classes'
    number = count_negatives(model, images, views)
    if not number:
        return ''
    where = 'the queue'
    if not getattr(model, 'queue_len', None):
        some = some if all_views(model) else 'one view'
        where = f'{some} of the other images'
    return f'{number:,} for each anchor ({where})'


def count_negatives(model: nn.Module, images: int, views: int = 2) -> int:
    """As :func:`negatives`; 0 if it is not known, or there are none."""
    queue = getattr(model, 'queue_len', None)
    if queue:
        return int(queue)
    if not images or not isinstance(model, _IN_BATCH):
        return 0
    return (views if all_views(model) else 1) * (images - 1)


def all_views(model: nn.Module) -> bool:
    """Whether an anchor's negatives are of all views of an image."""
    if isinstance(getattr(model, 'head', None), DHELHead):
        return False
    return getattr(model, 'negatives', 'both_views') == 'both_views'


def loss(head: Any) -> str:
    if head is None:
        return ''
    names = [head, getattr(head, 'loss_module', None)]
    text = ', '.join(type(x).__name__ for x in names if x is not None)
    if isinstance(head, MACLHead):
        at = f'{head.initial:g} at an alignment of {head.alignment:g}'
        return f'{text}, temperature {at}, higher above it'
    temperature = getattr(head, 'temperature', None)
    if isinstance(temperature, (int, float)):
        text += f', temperature {temperature:g}'
    return text


def optimizer(wrapper: Any) -> str:
    """Of one optimizer, with the rates that its schedules start from."""
    if not _is_one(wrapper):
        return ''
    groups = wrapper.optimizer.param_groups
    rates = [group.get('initial_lr', group['lr']) for group in groups]
    text = f'{type(wrapper.optimizer).__name__}, lr {max(rates):.4g}'
    if min(rates) != max(rates):
        text += f' (some parameters {min(rates):.4g})'
    for name in ('momentum', 'weight_decay'):
        most = max(group.get(name) or 0 for group in groups)
        if most:
            text += f', {name} {most:.4g}'
    return text


def _is_one(wrapper: Any) -> bool:
    several = isinstance(wrapper, OptimWrapperDict)
    return isinstance(wrapper, OptimWrapper) and not several


def schedule(runner: Any) -> str:
    """Kinds, and when each begins and ends, in epochs if training is."""
    found = runner.param_schedulers or []
    if isinstance(found, dict):
        found = [x for some in found.values() for x in some]
    batches = epoch_length(runner)
    texts = []
    for each in found:
        text = type(each).__name__
        if each.end < _ENDLESS:
            length = batches if batches and not each.by_epoch else 1
            unit = 'epochs' if batches or each.by_epoch else 'iterations'
            begin, end = each.begin / length, each.end / length
            text += f' over {unit} {begin:g} to {end:g}'
        texts.append(text)
    return ', then '.join(texts) or 'constant'


def epoch_length(runner: Any) -> int:
    """Iterations; 0 if training is not counted in epochs."""
    by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
    return len(runner.train_dataloader) if by_epoch else 0


def length(runner: Any) -> str:
    batches = epoch_length(runner)
    if not batches:
        return count(runner.max_iters, 'iteration')
    of = count(batches, 'iteration')
    return f'{count(runner.max_epochs, "epoch")} of {of}'


def progress(runner: Any) -> str:
    """What is trained already."""
    done = count(runner.iter, 'iteration')
    if not epoch_length(runner):
        return done
    return f'{count(runner.epoch, "epoch")}, {done}'


def precision(runner: Any) -> str:
    """What a product of matrices is computed in, in a training step."""
    if not _is_one(runner.optim_wrapper):
        return ''
    ones = torch.ones(8, 8, device=next(runner.model.parameters()).device)
    with torch.no_grad(), runner.optim_wrapper.optim_context(runner.model):
        kind = (ones @ ones).dtype
    text = str(kind).removeprefix('torch.')
    return text if kind == torch.float32 else f'{text} (autocast)'


def validation(runner: Any) -> str:
    loop = runner.val_loop
    if loop is None:
        return ''
    unit = 'epoch' if epoch_length(runner) else 'iteration'
    every = count(runner.val_interval, unit).removeprefix('1 ')
    text = f'{count(len(loop.dataloader.dataset), "image")}, every {every}'
    if isinstance(loop, KNNValLoop):
        ks = ', '.join(map(str, loop.ks))
        text = f'kNN, k {ks}, temperature {loop.temperature:g}, {text}'
    return text
