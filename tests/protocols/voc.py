"""Drawn images of cats and dogs in the layout of VOC2007."""

from pathlib import Path

import cv2
import numpy as np

# Of image after image: what is there, and whether it is difficult to see.
_OBJECTS = (
    [('cat', 0)],
    [('dog', 0)],
    [('cat', 0), ('dog', 0), ('dog', 1)],
    [('cat', 1), ('dog', 0)],
)
_COLORS = {'cat': (40, 40, 220), 'dog': (220, 40, 40)}


def draw_voc(folder: Path, sizes: dict[str, int]) -> None:
    """So many images of each split: a red cat, a blue dog, both, or one."""
    for name in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
        folder.joinpath(name).mkdir(parents=True)
    generator = np.random.default_rng(0)
    for split, count in sizes.items():
        names = [f'{split}_{i}' for i in range(count)]
        for i, name in enumerate(names):
            image = generator.integers(90, 130, (40, 60, 3), np.uint8)
            objects = _OBJECTS[i % len(_OBJECTS)]
            for kind, _ in objects:
                left = 5 if kind == 'cat' else 35
                image[5:30, left : left + 20] = _COLORS[kind]
            cv2.imwrite(str(folder / 'JPEGImages' / f'{name}.jpg'), image)
            text = ''.join(
                f'<object><name>{kind}</name><difficult>{hard}</difficult>'
                '</object>'
                for kind, hard in objects
            )
            path = folder / 'Annotations' / f'{name}.xml'
            path.write_text(f'<annotation>{text}</annotation>')
        listed = folder / 'ImageSets/Main' / f'{split}.txt'
        listed.write_text('\n'.join(names))
