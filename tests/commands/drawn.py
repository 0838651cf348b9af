"""Small images of several classes in the layouts that people have."""

import json
from pathlib import Path

import cv2
import numpy as np
import tifffile

IMAGENET = tuple(f'n0144076{i}' for i in range(4))
CIFAR10 = ('airplane', 'automobile', 'bird', 'cat', 'deer')
CIFAR10 += ('dog', 'frog', 'horse', 'ship', 'truck')


def image(label: int, size: int, generator: np.random.Generator) -> np.ndarray:
    """``(size, size, 3)``: the label's hue, a stripe and noise."""
    hue = np.full((size, size, 1), 25 * label % 180, np.uint8)
    rest = generator.integers(120, 250, (size, size, 2), np.uint8)
    drawn = cv2.cvtColor(np.concatenate([hue, rest], 2), cv2.COLOR_HSV2BGR)
    drawn[:, size // (label + 2)] = 255
    return drawn


def classes(
    folder: Path,
    names: tuple[str, ...],
    each: int,
    size: int,
    suffix: str,
    seed: int = 0,
) -> None:
    """``folder/<class>/<number><suffix>``."""
    generator = np.random.default_rng(seed)
    for label, name in enumerate(names):
        folder.joinpath(name).mkdir(parents=True)
        for i in range(each):
            path = folder / name / f'{i}{suffix}'
            cv2.imwrite(str(path), image(label, size, generator))


def cifar10(folder: Path) -> None:
    """``train`` with 12 images of each class, ``test`` with 4."""
    classes(folder / 'train', CIFAR10, 12, 32, '.png', 0)
    classes(folder / 'test', CIFAR10, 4, 32, '.png', 1)


def imagenet(folder: Path) -> None:
    """Four classes, ``train`` with 4 images of each, ``val`` with 2."""
    classes(folder / 'train', IMAGENET, 4, 96, '.JPEG', 0)
    classes(folder / 'val', IMAGENET, 2, 96, '.JPEG', 1)


def bccd(folder: Path, sizes: dict[str, int] | None = None) -> None:
    """Cells as bright boxes, in BCCD's layout of VOC."""
    generator = np.random.default_rng(0)
    for name in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
        folder.joinpath(name).mkdir(parents=True)
    for split, count in (sizes or {'trainval': 8, 'test': 4}).items():
        names = [f'{split}_{i}' for i in range(count)]
        for name in names:
            image, boxes = cells(generator)
            cv2.imwrite(str(folder / 'JPEGImages' / f'{name}.jpg'), image)
            path = folder.joinpath('Annotations', f'{name}.xml')
            path.write_text(voc_annotation(boxes, 160, 120))
        listed = folder / 'ImageSets/Main' / f'{split}.txt'
        listed.write_text('\n'.join(names))


def cells(generator: np.random.Generator) -> tuple[np.ndarray, list[tuple]]:
    """``(120, 160, 3)``, and ``(class, x1, y1, x2, y2)`` of each cell."""
    colors = dict(
        RBC=(60, 60, 200), WBC=(200, 60, 60), Platelets=(60, 200, 60)
    )
    drawn = np.full((120, 160, 3), 40, np.uint8)
    boxes = []
    for i, (kind, color) in enumerate(colors.items()):
        x = int(generator.integers(5, 20)) + 50 * i
        y = int(generator.integers(5, 75))
        drawn[y : y + 35, x : x + 30] = color
        boxes.append((kind, x + 1, y + 1, x + 30, y + 35))
    return drawn, boxes


def coco(folder: Path, **splits: int) -> None:
    """Cells in COCO's format: ``images/``, and a file for each split."""
    generator = np.random.default_rng(0)
    folder.joinpath('images').mkdir(parents=True)
    kinds = ['RBC', 'WBC', 'Platelets']
    categories = [dict(id=i, name=name) for i, name in enumerate(kinds, 1)]
    for split, count in splits.items():
        found = dict(images=[], annotations=[], categories=categories)
        for i in range(count):
            image, boxes = cells(generator)
            name = f'{split}_{i}.jpg'
            cv2.imwrite(str(folder / 'images' / name), image)
            size = dict(width=160, height=120)
            found['images'].append(dict(id=i, file_name=name, **size))
            for kind, x1, y1, x2, y2 in boxes:
                found['annotations'].append(
                    dict(
                        id=len(found['annotations']),
                        image_id=i,
                        category_id=1 + kinds.index(kind),
                        bbox=[x1, y1, x2 - x1, y2 - y1],
                        area=(x2 - x1) * (y2 - y1),
                        iscrowd=0,
                        segmentation=[[x1, y1, x2, y1, x2, y2, x1, y2]],
                    )
                )
        folder.joinpath(f'{split}.json').write_text(json.dumps(found))


def voc_annotation(boxes: list[tuple], width: int, height: int) -> str:
    """Of ``(class, x1, y1, x2, y2)`` in an image of that size."""
    objects = ''
    for kind, *corners in boxes:
        names = ('xmin', 'ymin', 'xmax', 'ymax')
        each = zip(names, corners, strict=True)
        box = ''.join(f'<{key}>{value}</{key}>' for key, value in each)
        objects += f'<object><name>{kind}</name><difficult>0</difficult>'
        objects += f'<bndbox>{box}</bndbox></object>'
    size = f'<size><width>{width}</width><height>{height}</height></size>'
    return f'<annotation>{size}{objects}</annotation>'


def multichannel(folder: Path) -> None:
    """Two classes of 5 channels and 16 bits, one brighter in the last.

    ``train`` with 24 images of each, ``val`` with 16.
    """
    generator = np.random.default_rng(0)
    for split, each in (('train', 24), ('val', 16)):
        for label, name in enumerate(('forest', 'water')):
            folder.joinpath(split, name).mkdir(parents=True)
            for i in range(each):
                values = generator.normal(9000, 800, (40, 40, 5))
                values[..., 4] += 6000 * label
                tifffile.imwrite(
                    folder / split / name / f'{i}.tif',
                    values.astype(np.uint16),
                    photometric='minisblack',
                    planarconfig='contig',
                )
