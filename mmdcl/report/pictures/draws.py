"""What the transforms of a pipeline draw, seen while they run.

Nothing is drawn anew: upstream's transforms draw in methods that they mark as
random, and these are listened to. Of a transform that draws in another way it
is only seen that it did.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from .captions import SIGMA, TIMES


@dataclass
class Draw:
    """One transform, as it ran on one image.

    Attributes:
        transform: Itself.
        shape: Height and width of the image before.
        values: What its random methods answered, by their names.
        random: Random numbers were drawn while it ran.
    """

    transform: Any
    shape: tuple[int, int]
    values: dict[str, Any] = field(default_factory=dict)
    random: bool = False

    @property
    def name(self) -> str:
        inner = getattr(self.transform, 't', self.transform)  # torchvision's
        return type(inner).__name__


@contextmanager
def followed(pipeline: Any) -> Iterator[list[Draw]]:
    """Meanwhile what the transforms inside of a pipeline draw is noted.

    Args:
        pipeline: Built, such as one of a ``MultiView``; as it was again
            afterwards.

    Yields:
        A draw for each transform that ran, in their order.
    """
    draws: list[Draw] = []
    with ExitStack() as undo:
        for transforms in _lists(pipeline):
            before = list(transforms)
            undo.callback(transforms.__setitem__, slice(None), before)
            for i, transform in enumerate(before):
                if not _inner(transform):
                    transforms[i] = _noted(transform, draws)
        yield draws


def _inner(part: Any) -> Any:
    return getattr(part, 'transforms', None)


def _lists(part: Any) -> Iterator[list]:
    """All lists of transforms, at any depth; each once."""
    inner = _inner(part)
    while inner is not None and not isinstance(inner, list):
        inner = _inner(inner)
    if inner is not None:
        yield inner
        for transform in {id(x): x for x in inner}.values():
            yield from _lists(transform)


def _noted(transform: Any, draws: list[Draw]) -> Callable[[dict], Any]:
    def run(results: dict) -> Any:
        draw = Draw(transform, _shape(results.get('img')))
        draws.append(draw)
        before = _states()
        with ExitStack() as undo:
            methods = getattr(transform, '_methods_with_randomness', ())
            for name in dict.fromkeys(methods):  # some are there twice
                if hasattr(transform, name):
                    _listen(transform, name, draw, undo)
            done = transform(results)
        draw.random = before != _states()
        return done

    return run


def _listen(transform: Any, name: str, draw: Draw, undo: ExitStack) -> None:
    method = getattr(transform, name)

    def heard(*args: Any, **kwargs: Any) -> Any:
        draw.values[name] = method(*args, **kwargs)
        return draw.values[name]

    setattr(transform, name, heard)
    undo.callback(delattr, transform, name)


def _shape(image: Any) -> tuple[int, int]:
    if isinstance(image, np.ndarray):
        return image.shape[0], image.shape[1]
    size = getattr(image, 'size', None)  # of Pillow: width first
    return (size[1], size[0]) if isinstance(size, tuple) else (0, 0)


def _states() -> tuple:
    kind, keys, place, has_gauss, gauss = np.random.get_state()
    of_torch = torch.get_rng_state().numpy().tobytes()
    ours = (kind, keys.tobytes(), place, has_gauss, gauss)
    return ours, random.getstate(), of_torch


def words(draw: Draw) -> list[str]:
    """What a transform did to its image; nothing if it did nothing random.

    The name alone of one whose parameters are not known.
    """
    if not draw.random:
        return []
    drawn = draw.values
    if drawn.get('random_disable'):
        return []
    describe = _WORDS.get(draw.name)
    if describe is not None and drawn:
        return describe(draw.transform, draw)
    # Rotate, Shear, Posterize, ...: signed where they have a sign.
    value = drawn.get('random_negative', drawn.get('random_magnitude'))
    if isinstance(value, (int, float)):
        return [f'{draw.name} {value:.3g}']
    return [draw.name]


def crop_box(draw: Draw) -> tuple[int, int, int, int] | None:
    """Top, left, height and width in pixels, if it is a crop."""
    box = draw.values.get('rand_crop_params')
    whole = isinstance(box, tuple) and len(box) == 4
    return box if whole and 'Resized' in draw.name else None


def _crop(transform: Any, draw: Draw) -> list[str]:
    _, _, height, width = draw.values['rand_crop_params']
    area = height * width / (draw.shape[0] * draw.shape[1])
    return [f'crop {area:.0%}', f'aspect {width / height:.2f}']


def _flip(transform: Any, draw: Draw) -> list[str]:
    direction = draw.values.get('_choose_direction')
    if not direction:
        return []
    return ['flip' if direction == 'horizontal' else f'flip {direction}']


def _jitter(transform: Any, draw: Draw) -> list[str]:
    order, *factors = draw.values['_rand_params']
    texts = ('brightness', 'contrast', 'saturation', 'hue')
    return [
        f'hue {round(factors[i] * 360):+d}°'
        if i == 3
        else f'{texts[i]} {TIMES} {factors[i]:.2f}'
        for i in order
        if factors[i] is not None
    ]


def _grayscale(transform: Any, draw: Draw) -> list[str]:
    gray = draw.values.get('_random_prob', 1) < transform.prob
    return ['gray'] if gray else []


def _blur(transform: Any, draw: Draw) -> list[str]:
    sigma = draw.values.get('random_magnitude', transform.radius)
    return [f'blur {SIGMA} {sigma:.2f} px']


def _solarize(transform: Any, draw: Draw) -> list[str]:
    lowest = draw.values.get('random_magnitude', transform.thr)
    return [f'solarize from {lowest:.0f}']


def _rotate(transform: Any, draw: Draw) -> list[str]:
    return [f'rotate {round(draw.values["random_negative"]):+d}°']


def _bands(transform: Any, draw: Draw) -> list[str]:
    if draw.values.get('random_gains') is None:
        return []
    gains, offsets = draw.values['random_gains']
    texts = []
    for word, values in ((f'bands {TIMES}', gains), ('offset', offsets)):
        low, high = min(values), max(values)
        upper = '' if f'{low:.2f}' == f'{high:.2f}' else f' to {high:.2f}'
        texts.append(f'{word} {low:.2f}{upper}')
    return texts


def _quarters(transform: Any, draw: Draw) -> list[str]:
    quarters = draw.values['random_quarters']
    return [f'rotate {90 * quarters}°'] if quarters else []


_WORDS: dict[str, Callable[[Any, Draw], list[str]]] = {
    'ColorJitter': _jitter,
    'EfficientNetRandomCrop': _crop,
    'GaussianBlur': _blur,
    'RandomBandJitter': _bands,
    'RandomFlip': _flip,
    'RandomGrayscale': _grayscale,
    'RandomResizedCrop': _crop,
    'RandomRotate90': _quarters,
    'Rotate': _rotate,
    'Solarize': _solarize,
}
