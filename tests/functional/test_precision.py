"""What rounding leaves of a gradient where q is near 1, and near 1e-6."""

import sys
from importlib import import_module

import pytest
import torch

from tests.commands.documented import ROOT


@pytest.fixture(scope='module')
def tools():
    """`tools/exact/precision.py`, and real features that it sharpened."""
    folder = str(ROOT / 'tools/exact')
    sys.path.insert(0, folder)
    try:
        module = import_module('precision')
        features = import_module('features')
    finally:
        sys.path.remove(folder)
    views, _ = features.embeddings(features.DIGITS, images=48)
    return module, module.sharpened(views, 0.5)


def ends(tools, form, precision):
    """Median errors of gradient and pull: q above .9, q about 1e-6."""
    module, views = tools
    if not module.computable(precision):
        pytest.skip(f'this torch computes no loss in {precision} here')
    found = []
    for temperatures, least, most in (
        ([0.4], 0.9, 1),
        ([0.01, 0.012, 0.015], 2e-7, 5e-6),
    ):
        kept = []
        for t in temperatures:
            q = module.multipliers(views, t)
            errors = torch.stack(module.errors(views, t, form, precision))
            kept.append(errors[:, (q > least) & (q < most)])
        each = torch.cat(kept, dim=1)
        assert each.shape[1] >= 5
        found.append(each.median(dim=1).values.tolist())
    return found


HALVES = 'bfloat16', 'float16', 'float16 without loss scaling'


@pytest.mark.parametrize('precision', ['float32', *HALVES])
def test_near_one_all_agree_and_dcl_does_at_either_end(tools, precision):
    bound = 1e-5 if precision == 'float32' else 0.05
    for form in tools[0].FORMS:
        near, small = ends(tools, form, precision)
        assert max(near) < bound, form
        if form.startswith('DCL'):
            assert max(small) < bound, form


@pytest.mark.parametrize('precision', HALVES)
def test_cross_entropy_of_rounded_logits_loses_its_gradient(tools, precision):
    _, (gradient, pull) = ends(tools, 'InfoNCE, cross-entropy', precision)
    assert pull == 1  # none is left
    assert gradient > 0.3


def test_in_float32_it_depends_on_how_info_nce_is_written(tools):
    _, lost = ends(tools, 'InfoNCE, logsumexp - positive', 'float32')
    _, kept = ends(tools, 'InfoNCE, cross-entropy', 'float32')
    _, ours = ends(tools, 'InfoNCE, mmdcl', 'float32')
    assert lost[1] > 0.5 > 0.2 > kept[1] > 1e-3 > 1e-5 > ours[1]


def test_ours_keeps_it_in_half_precision(tools):
    form = 'InfoNCE, mmdcl'
    assert max(ends(tools, form, 'bfloat16')[1]) < 0.3
    assert max(ends(tools, form, 'float16')[1]) < 0.05
    assert max(ends(tools, 'DCL, mmdcl', 'bfloat16')[1]) < 0.015
