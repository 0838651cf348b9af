"""What is alike lies together."""

import sys

import numpy as np
import pytest
import torch

from mmdcl.errors import UserModuleNotFoundError
from mmdcl.report.pictures.embedding import draw_embedding, spread_out
from mmdcl.report.pictures.plane import plane
from tests.report.materials import material


@pytest.mark.parametrize('method', ['tsne', 'pca'])
def test_two_clusters_are_two(method):
    made = material(60, classes=2)
    points, said = plane(made.features, method)
    assert said.startswith({'tsne': 't-SNE', 'pca': 'PCA'}[method])
    groups = [points[made.labels.numpy() == i] for i in (0, 1)]
    middles = [group.mean(0) for group in groups]
    apart = np.linalg.norm(middles[0] - middles[1])
    within = max(
        np.linalg.norm(group - middle, axis=1).max()
        for group, middle in zip(groups, middles, strict=True)
    )
    assert apart > 1.5 * within


def test_pca_is_that_of_the_normalised_features():
    made = material(40, classes=3)
    points, said = plane(made.features, 'pca')
    rows = torch.nn.functional.normalize(made.features.double()).numpy()
    rows = rows - rows.mean(0)
    variance = np.linalg.svd(rows, compute_uv=False) ** 2
    assert np.allclose((points**2).sum(0), variance[:2])
    assert f'{variance[:2].sum() / variance.sum():.0%}' in said


@pytest.mark.parametrize('images', [2, 4, 10])
@pytest.mark.parametrize('classes', [0, 2])
def test_few_images_are_enough(images, classes):
    fig = draw_embedding(material(images, classes))
    assert len(fig.axes) == 1 + bool(classes)
    assert len(fig.axes[-1].images) == 1


def test_collapsed_features_are_said_to_be():
    points, said = plane(torch.ones(20, 8), 'tsne')
    assert 'all features are the same' in said
    assert np.isfinite(points).all()


def test_ten_of_many_classes_have_a_look_of_their_own():
    made = material(60, classes=12)
    fig = draw_embedding(made, 'pca')
    assert fig.axes[0].get_title().startswith('60 of 600 val images')
    [legend] = fig.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ['2 other classes'] + [f'class {i}' for i in range(10)]
    looks = {
        (
            tuple(points.get_facecolor()[0]),
            points.get_paths()[0].vertices.tobytes(),
        )
        for points in fig.axes[0].collections[1:]
    }
    assert len(looks) == 10


def test_thumbnails_do_not_overlap_and_leave_no_hole():
    points = np.random.default_rng(0).random((500, 2))
    chosen = points[spread_out(points, 0.08, 400)]
    apart = np.abs(chosen[:, None] - chosen[None]).max(2)
    np.fill_diagonal(apart, 1)
    assert apart.min() >= 0.08
    to_chosen = np.abs(points[:, None] - chosen[None]).max(2).min(1)
    assert to_chosen.max() < 0.08
    assert len(spread_out(points, 0.08, 5)) == 5


def test_without_umap_there_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, 'umap', None)
    with pytest.raises(UserModuleNotFoundError, match=r'mmdcl\[umap\]'):
        plane(material(20).features, 'umap')


def test_without_scikit_learn_it_is_pca_and_says_so(monkeypatch):
    monkeypatch.setattr(
        'mmdcl.report.pictures.plane.find_spec', lambda name: None
    )
    _, said = plane(material(20).features, 'tsne')
    assert said.startswith('PCA (')
    assert said.endswith('as t-SNE needs scikit-learn')
