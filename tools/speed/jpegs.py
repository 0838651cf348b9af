"""JPEGs to measure with: those of a folder, or drawn ones.

    python tools/speed/jpegs.py FOLDER --number 512

draws as many, of the size and about the bytes that photographs of ImageNet
have. They are no photographs, and a row that was measured with them says so.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.data import Dataset

SUFFIXES = {'.jpg', '.jpeg'}
WIDTH, HEIGHT = 500, 375
# Beside drawn images, for who reads the folder.
MARK = 'drawn.txt'


def jpegs_in(folder: Path) -> list[Path]:
    """At any depth, in order; ends the program where there is none."""
    found = sorted(
        path for path in folder.rglob('*') if path.suffix.lower() in SUFFIXES
    )
    if not found:
        sys.exit(f'error: no .jpg or .jpeg in {folder}')
    return found


def described(folder: Path | None) -> str:
    """What a row says of its images."""
    if folder is None:
        return 'random pixels in memory'
    drawn = 'drawn ' if folder.joinpath(MARK).is_file() else ''
    return f'{len(jpegs_in(folder))} {drawn}JPEGs'


class Jpegs(Dataset):
    """Files, each of them as often as the length asks for.

    Args:
        folder: With JPEGs.
        length: Images of an epoch.
        pipeline: What makes an item of ``dict(img_path=..., gt_label=0)``.
    """

    def __init__(self, folder: Path, length: int, pipeline: Callable) -> None:
        self.paths = [str(path) for path in jpegs_in(folder)]
        self.length, self.pipeline = length, pipeline
        self.metainfo: dict = {}

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Any:
        path = self.paths[index % len(self.paths)]
        given = dict(img_path=path, gt_label=0, sample_idx=index)
        return self.pipeline(given)


def draw(folder: Path, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for i in range(number):
        # Large and small shapes, and the noise of a sensor.
        image = random.normal(0, 12, (HEIGHT, WIDTH, 3))
        for cells in (4, 16, 64):
            coarse = random.integers(0, 256, (cells, cells, 3), np.uint8)
            size = WIDTH, HEIGHT
            image += np.array(Image.fromarray(coarse).resize(size)) / 3.0
        pixels = image.clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f'{i}.jpg', quality=90)
    folder.joinpath(MARK).write_text('Drawn by tools/speed/jpegs.py.\n')


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('folder', type=Path)
    parser.add_argument('--number', type=int, default=512)
    args = parser.parse_args()
    draw(args.folder, args.number)
    size = sum(path.stat().st_size for path in jpegs_in(args.folder))
    print(f'{args.number} JPEGs, {size / args.number / 1024:.0f} KiB each')


if __name__ == '__main__':
    main()
