"""What a network might have said of images that nobody has."""

from pathlib import Path

import numpy as np
import torch

from mmdcl.report.images.material import Material


def material(
    images: int, classes: int = 0, features: torch.Tensor | None = None
) -> Material:
    """Images in clusters far from each other, one for each class."""
    generator = torch.Generator().manual_seed(0)
    label = torch.arange(images) % max(classes, 1)
    if features is None:
        centres = 10 * torch.randn(max(classes, 1), 16, generator=generator)
        noise = torch.randn(images, 16, generator=generator)
        features = centres[label] + noise
    return Material(
        checkpoint=Path('work_dirs/run/epoch_1.pth'),
        sha256='0' * 64,
        name='run',
        thumbnails=[
            np.full((16, 12, 3), 20 * i % 256, np.uint8) for i in range(images)
        ],
        features=features,
        projections=features[:, :4].clone(),
        labels=label if classes else None,
        classes=tuple(f'class {i}' for i in range(classes)) or None,
        files=[f'folder/image_{i}.png' for i in range(images)],
        total=10 * images,
        split='val',
    )
