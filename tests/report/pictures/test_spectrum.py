import numpy as np
import torch

from mmdcl.report.pictures.spectrum import draw_spectrum
from tests.report.materials import material


def test_lines_are_the_singular_values():
    narrow = torch.randn(30, 3, generator=torch.Generator().manual_seed(1))
    made = [material(30, 3), material(30, features=narrow @ narrow.T[:, :8])]
    fig = draw_spectrum(made)
    features, projections = fig.axes
    for i, each in enumerate(made):
        for ax, rows in (
            (features, each.features),
            (projections, each.projections),
        ):
            wanted = np.linalg.svd(rows.double().numpy(), compute_uv=False)
            x, y = ax.lines[i].get_data()
            assert list(x) == list(range(1, len(wanted) + 1))
            wanted = np.maximum(wanted / wanted[0], 1e-6)
            assert np.allclose(y, wanted, atol=2e-6)
    assert features.get_yscale() == 'log'
    [_, text] = features.get_legend().get_texts()
    values = np.linalg.svd(made[1].features.numpy(), compute_uv=False)[:3]
    share = values / values.sum()
    rank = np.exp(-(share * np.log(share)).sum())
    assert f'RankMe {rank:.3g}, effective rank' in text.get_text()
    assert text.get_text().endswith('of 8')


def test_projections_are_drawn_only_where_all_have_some():
    bare = material(10)
    object.__setattr__(bare, 'projections', None)
    assert len(draw_spectrum([material(10), bare]).axes) == 1
