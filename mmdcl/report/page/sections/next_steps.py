"""What to do with a run next, as commands that can be pasted."""

import shlex
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....command import resumed
from ...runs.extent import setting
from ...runs.facts import known
from ...runs.paths import path_from_here
from .section import Section, Source

if TYPE_CHECKING:
    from ...runs.folder import RunFolder

_USUAL = {'depth': (18, 34, 50, 101, 152), 'base_channels': (64,)}
_USUAL |= {'stem_channels': (64,)}
# Datasets that protocols of ours are for.
_BENCHMARKS = {
    'CIFAR10': 'cifar10',
    'CIFAR100': 'cifar100',
    'ImageNet': 'imagenet',
    'STL10': 'stl10',
}


@dataclass(frozen=True)
class Step:
    """Why, and what to type; '' where nothing fits."""

    why: str
    command: str = ''


def what_next(source: Source) -> Section:
    run, path = source.run, source.checkpoint
    content = dict(
        steps=next_steps(run, path),
        checkpoint=path.name if path else '',
        sha256=source.sha256,
        size=path.stat().st_size / 1e6 if path else 0,
    )
    none = source.unreadable or 'There is no checkpoint in this folder.'
    lead = '' if path else none
    return Section('next', 'What next', lead, content=content)


def next_steps(run: 'RunFolder', checkpoint: Path | None) -> list[Step]:
    """Resume or repeat it, find out what the features are worth, use them."""
    steps = [_again(run)] if run.path.is_dir() else []
    if checkpoint is None:
        return [x for x in steps if x]
    at = shlex.quote(path_from_here(checkpoint))
    of_data = str(known(run).get('data', ''))
    style = _style(run.config)
    return [
        *[x for x in steps if x],
        _linear(at, run),
        _detection(at, _backbone(run.config), of_data),
        Step(
            f'The backbone for other code, in the names of {style}.',
            f'mmdcl export {at} backbone.pth --style {style}',
        ),
    ]


def _again(run: 'RunFolder') -> Step | None:
    words = _command(run)
    if not words:
        return None
    if not run.finished:
        return Step(
            'Go on where it ended, from the newest good checkpoint.',
            resumed(words),
        )
    seed = known(run).get('seed')
    other = seed + 1 if isinstance(seed, int) else 1
    folder = f'{path_from_here(run.path)}_seed{other}'
    options = f'--cfg-options randomness.seed={other}'
    return Step(
        'The same once more from another seed, to see what is chance.',
        f'{shlex.join(_without(words))} --work-dir {shlex.quote(folder)} '
        f'{options}',
    )


def _command(run: 'RunFolder') -> list[str]:
    """How it was started; where the folder was moved, how it can be."""
    typed = str(known(run).get('command') or '')
    there = (run.config or {}).get('work_dir')
    stays = there and Path(str(there)).resolve() == run.path.resolve()
    if stays and (words := _words(typed)):
        return words
    name = (run.config or {}) and Path(str(run.config.filename or '')).name
    config = run.path / str(name)
    if not name or not config.is_file():
        return []
    at = path_from_here(run.path)
    return ['mmdcl', 'train', path_from_here(config), '--work-dir', at]


def _without(words: list[str]) -> list[str]:
    """A command without its folder, seed and what it resumed."""
    kept, skip = [], False
    for word in words:
        flag = word.partition('=')[0]
        if word.startswith('-'):
            skip = flag in ('--work-dir', '--resume') and '=' not in word
            if flag in ('--work-dir', '--resume'):
                continue
        elif skip:
            skip = False
            continue
        kept.append(word)
    return kept


def _linear(at: str, run: 'RunFolder') -> Step:
    """On the images of the run, where we have a config for such."""
    found = known(run)
    kind = str(found.get('data', '')).partition(' in ')[0].partition(',')[0]
    kind = kind.rpartition(' of ')[2]
    root = _data_root(run)
    name = _BENCHMARKS.get(kind)
    if kind == 'CustomDataset' and found.get('classes') and root:
        name = 'folder'
    why = 'What a linear classifier makes of the frozen features'
    if name is None:
        return Step(
            f'{why}: `mmdcl evaluate --protocol linear --config` with a '
            'config that has your labelled images.'
        )
    command = f'mmdcl evaluate {at} --protocol linear --dataset {name}'
    if root:
        return Step(f'{why}.', f'{command} --data-root {shlex.quote(root)}')
    return Step(f'{why}; --data-root says where the images lie.', command)


def _data_root(run: 'RunFolder') -> str:
    """Where the images of the training lie; '' if it is not known."""
    words = _words(str(known(run).get('command') or ''))
    for word, after in pairwise([*words, '']):
        flag, _, value = word.partition('=')
        if flag == '--data-root':
            return value or after
    dataset = setting(run.config, 'train_dataloader', 'dataset')
    while setting(dataset, 'dataset'):  # repeats, say
        dataset = dataset['dataset']
    return str(setting(dataset, 'data_root') or '')


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []


def _detection(at: str, backbone: Any, of_data: str) -> Step:
    kind = str(backbone.get('type') or '').rpartition('.')[2]
    if kind not in ('', 'ResNet'):
        return Step(
            f'Our configs of detectors are for a ResNet, and this is a {kind}:'
            ' a detector starts from it by `mmdcl evaluate --protocol '
            'detection --config` with a config that has one.'
        )
    boxes = 'bccd' if 'bccd' in of_data.lower() else 'coco-fpn'
    return Step(
        'A detector that starts from this backbone, to compare with the same '
        'command and --random-init.',
        f'mmdcl evaluate {at} --protocol detection --dataset {boxes}',
    )


def _backbone(config: Any) -> Any:
    return ((config or {}).get('model') or {}).get('backbone') or {}


def _style(config: Any) -> str:
    """Others' names fit ResNets of the usual widths only."""
    backbone = _backbone(config)
    usual = str(backbone.get('type')).endswith('ResNet') and all(
        backbone.get(key, values[0]) in values
        for key, values in _USUAL.items()
    )
    return 'torchvision' if usual else 'mmpretrain'
