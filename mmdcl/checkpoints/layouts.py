"""How others nest and name the tensors of the same network."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from .export import from_detectron2

_CONTAINERS = ('state_dict', 'model', 'model_state_dict', 'ema_state_dict')
_WRAPPERS = re.compile(r'^(?:module\.|_orig_mod\.)+|(?<=\.)_orig_mod\.')
_DEEPEST = 12
# A block in a numbered stage, and a part of the stem, of an nn.Sequential.
_STAGE = re.compile(r'(|.*\.)(\d+)\.(\d+\.(?:conv|bn|downsample|shortcut).*)')
_STEM = re.compile(r'(|.*\.)(\d+)\.(\w+)')
_BLOCKS = {
    ((2, 2, 2, 2), 2): 18,
    ((3, 4, 6, 3), 2): 34,
    ((3, 4, 6, 3), 3): 50,
    ((3, 4, 23, 3), 3): 101,
    ((3, 8, 36, 3), 3): 152,
}


def _leaves(
    part: Mapping[Any, Any], before: str = '', depth: int = 0
) -> Iterator[tuple[str, Tensor]]:
    for key, x in part.items():
        name = before + _WRAPPERS.sub('', str(key))
        if isinstance(x, Tensor):
            yield name, x
        elif isinstance(x, Mapping) and depth < _DEEPEST:
            yield from _leaves(x, f'{name}.', depth + 1)


def named_tensors(part: Mapping[Any, Any]) -> dict[str, Tensor]:
    """All tensors, by the path to them without what wrappers put into it.

    ``{'teacher': {'module.backbone.conv1.weight': ...}}`` holds
    ``teacher.backbone.conv1.weight``.
    """
    state = dict(_leaves(part))
    if any('stem.conv1.norm.' in name for name in state):
        return {from_detectron2(name): x for name, x in state.items()}
    return state


def main_tensors(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """Those of the part that is the model, or all if none says so."""
    for name in _CONTAINERS:
        if isinstance(checkpoint.get(name), Mapping):
            state = named_tensors(checkpoint[name])
            if state:
                return state
    return named_tensors(checkpoint)


def numbered_as_resnet(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A ResNet that was put into an ``nn.Sequential``, by its own names.

    Its children are numbered then, and which are there differs: lightly's
    ResNets have no layer for activation and pooling, torchvision's do.
    """
    stages: dict[str, list[int]] = {}
    for name in state:
        if match := _STAGE.fullmatch(name):
            numbers = stages.setdefault(match[1], [])
            if int(match[2]) not in numbers:
                numbers.append(int(match[2]))
    renamed = {}
    for name, tensor in state.items():
        stage, stem = _STAGE.fullmatch(name), _STEM.fullmatch(name)
        if stage and len(stages[stage[1]]) == 4:
            number = sorted(stages[stage[1]]).index(int(stage[2])) + 1
            rest = stage[3].replace('shortcut.', 'downsample.')
            name = f'{stage[1]}layer{number}.{rest}'
        elif stem and len(stages.get(stem[1], ())) == 4:
            convolution = tensor.ndim == 4
            name = f'{stem[1]}{"conv1" if convolution else "bn1"}.{stem[3]}'
        renamed[name] = tensor
    return renamed


def describe(tensors: Mapping[str, Tensor]) -> str:
    """What network these are the tensors of, in words; '' if unknown.

    Args:
        tensors: By the names of the backbone itself.
    """
    blocks = [
        {name.split('.')[1] for name in tensors if name.startswith(stage)}
        for stage in ('layer1.', 'layer2.', 'layer3.', 'layer4.')
    ]
    stem = tensors.get('conv1.weight')
    inner = tensors.get('layer1.0.conv1.weight')
    if stem is None or inner is None or stem.ndim != 4 or inner.ndim != 4:
        return ''
    deep = 3 if 'layer1.0.conv3.weight' in tensors else 2
    depth = _BLOCKS.get((tuple(map(len, blocks)), deep))
    if depth is None:
        return ''
    small = stem.shape[2] == 3
    width = inner.shape[0]
    return (
        f'{"ResNet_CIFAR" if small else "ResNet"} of depth={depth}'
        + (f', base_channels={width}' if width != 64 else '')
        + f' (first convolution {stem.shape[2]}x{stem.shape[3]})'
    )
