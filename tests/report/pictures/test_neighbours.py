"""The nearest images, themselves left out."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from mmdcl.report.pictures.neighbours import (
    agreement,
    chance,
    draw_neighbours,
    other_nearest,
)
from mmdcl.report.pictures.style import COLOURS
from tests.report.materials import material


def test_nearest_of_points_on_a_circle():
    """At 0, 10, 30, 70 and 150 degrees, whatever their lengths."""
    angle = torch.tensor([0.0, 10, 30, 70, 150]).deg2rad()
    points = torch.stack([angle.cos(), angle.sin()], 1)
    points *= torch.tensor([1.0, 5, 0.1, 3, 2])[:, None]
    cosines, found = other_nearest(points, 2)
    assert found.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1], [3, 2]]
    wanted = torch.tensor(
        [[10.0, 30], [10, 20], [20, 30], [40, 60], [80, 120]]
    )
    assert torch.allclose(cosines, wanted.deg2rad().cos(), atol=1e-6)


def test_an_image_is_not_its_own_neighbour_among_equal_ones():
    cosines, found = other_nearest(torch.ones(6, 3), 2)
    assert torch.allclose(cosines, torch.ones(6, 2))
    assert not (found == torch.arange(6)[:, None]).any()


def test_agreement_and_chance():
    found = torch.tensor([[1, 2], [0, 2], [0, 1], [0, 1]])
    labels = torch.tensor([0, 0, 1, 0])
    assert agreement(found, labels) == pytest.approx(4 / 8)
    # Of the twelve ordered pairs of different images six are alike.
    assert chance(labels) == pytest.approx(6 / 12)


@pytest.mark.parametrize('images', [2, 10, 30])
def test_right_and_wrong_are_marked_by_more_than_colour(images):
    made = material(images, classes=2)
    fig = draw_neighbours(made, queries=3)
    [ax] = fig.axes
    k = min(10, images - 1)
    rows = min(3, images)
    assert len(ax.patches) == rows * k
    said = [text.get_text() for text in ax.texts]
    right = sum(text.startswith('✓') for text in said)
    wrong = sum(text.startswith('✗') for text in said)
    assert right + wrong == rows * k
    solid = [patch.get_linestyle() in ('-', 'solid') for patch in ax.patches]
    blue = [
        to_hex(patch.get_edgecolor()).upper() == COLOURS[0]
        for patch in ax.patches
    ]
    assert solid == blue
    assert sum(solid) == right
    assert sum(text.startswith('query') for text in said) == rows


def test_without_labels_nothing_is_right_or_wrong():
    fig = draw_neighbours(material(12), queries=2)
    [ax] = fig.axes
    assert not ax.patches
    said = ' '.join(text.get_text() for text in ax.texts)
    assert '✓' not in said
    assert '✗' not in said
    [picture] = ax.images
    assert np.asarray(picture.get_array())[..., 3].any()
