"""The picture of pairs says what they are."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from mmpretrain.registry import MODELS

from mmdcl.report.pictures.pairs import Pairs, _negatives, draw_pairs
from mmdcl.report.pictures.style import COLOURS
from tests.runs import SIMCLR


def pairs(images, labels=None, **kwargs):
    generator = torch.Generator().manual_seed(0)
    thumbnails = [np.full((8, 8, 3), i % 256, np.uint8) for i in range(images)]
    return Pairs(
        **{
            'checkpoint': Path('run/epoch_1.pth'),
            'sha256': '0' * 64,
            'name': 'run',
            'thumbnails': (thumbnails, thumbnails),
            'vectors': torch.randn(2, images, 6, generator=generator),
            'projected': True,
            'temperature': 0.1,
            'negatives': 62,
            'labels': labels,
            'classes': None,
            'files': [f'a/image_{i}.png' for i in range(images)],
            'total': 100,
        }
        | kwargs
    )


@pytest.mark.parametrize('images', [2, 9, 40])
def test_false_negatives_are_marked(images):
    labels = torch.zeros(images, dtype=torch.long)
    fig = draw_pairs(pairs(images, labels))
    first, easiest, hardest = fig.axes[:3]
    count = min(8, images // 2)
    assert len(first.texts) == len(first.patches) == count
    assert all('✗ class 0' in text.get_text() for text in first.texts)
    assert 'For 100% of all views' in first.get_title('left')
    assert len(easiest.texts) == len(hardest.texts) == count
    assert not easiest.patches
    assert f'{images} of 100 train images' in first.get_title('left')


def test_without_labels_files_are_named():
    fig = draw_pairs(pairs(10, temperature=None, projected=False))
    [first, *_] = fig.axes
    assert not first.patches
    assert 'image_' in first.texts[0].get_text()
    assert 'features, without a neck' in fig.get_suptitle()
    assert fig.axes[-1].get_xlabel().endswith('temperature 0.1 (as if)')


def test_positives_are_blue_as_elsewhere():
    steps = draw_pairs(pairs(10)).axes[3].patches
    found = {x.get_label(): to_hex(x.get_edgecolor()).upper() for x in steps}
    assert found == {'positives': COLOURS[0], 'negatives': COLOURS[1]}


@pytest.mark.parametrize(
    ('head', 'wanted'), [('mmdcl.DCLHead', 62), ('mmdcl.DHELHead', 31)]
)
def test_q_is_against_the_negatives_of_training(head, wanted):
    model = MODELS.build(dict(SIMCLR, head=dict(type=head)))
    config = dict(train_dataloader=dict(batch_size=32))
    network = SimpleNamespace(model=model, config=config)
    assert _negatives(network) == wanted
