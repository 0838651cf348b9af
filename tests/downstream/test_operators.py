"""Operators of detectors, against their definition and the compiled ones."""

import importlib
import json
import subprocess
import sys
import warnings
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

import pytest
import torch
from torchvision.ops import roi_align as reference_align

from mmdcl.downstream import operators, python_operators

with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    operators.stand_in()

ops = importlib.import_module('mmcv.ops')  # after the stand-in is there


def boxes(count: int) -> torch.Tensor:
    corner = torch.rand(count, 2) * 40
    return torch.cat([corner, corner + torch.rand(count, 2) * 30], 1)


def nms_by_definition(boxes, scores, threshold, offset):
    kept = []
    for i in scores.argsort(descending=True).tolist():
        for j in kept:
            low = torch.maximum(boxes[i, :2], boxes[j, :2])
            high = torch.minimum(boxes[i, 2:], boxes[j, 2:])
            both = (high - low + offset).clamp(min=0).prod()
            area = [(boxes[k, 2:] - boxes[k, :2] + offset) for k in (i, j)]
            if both / (area[0].prod() + area[1].prod() - both) > threshold:
                break
        else:
            kept.append(i)
    return kept


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('threshold', [0.3, 0.7])
@pytest.mark.parametrize('count', [0, 1, 60])
def test_nms(count, threshold, offset):
    torch.manual_seed(count)
    found, scores = boxes(count), torch.rand(count)
    wanted = nms_by_definition(found, scores, threshold, offset)
    _, kept = ops.nms(found, scores, threshold, offset=offset)
    assert kept.tolist() == wanted
    stood_in = operators.nms(found, scores, threshold, offset)
    assert stood_in.tolist() == wanted


@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('sampling', [0, 2])
def test_roi_align(sampling, aligned):
    torch.manual_seed(0)
    features = torch.randn(2, 3, 20, 24, requires_grad=True)
    rois = torch.cat([torch.tensor([[0.0], [1], [1], [0], [0]]), boxes(5)], 1)
    args = (0.25, sampling)
    ours = ops.RoIAlign(7, *args, pool_mode='avg', aligned=aligned)
    theirs = reference_align(features, rois, 7, *args, aligned)
    weight = torch.randn_like(theirs)
    wanted = torch.autograd.grad((theirs * weight).sum(), features)[0]
    pooled = ours(features, rois)
    found = torch.autograd.grad((pooled * weight).sum(), features)[0]
    assert torch.allclose(pooled, theirs, atol=1e-6)
    assert torch.allclose(found, wanted, atol=1e-5)


def test_multi_scale_deformable_attention():
    """As a GPU calls it: a function with its own gradient."""
    torch.manual_seed(0)
    module = importlib.import_module('mmcv.ops.multi_scale_deform_attn')
    shapes = torch.tensor([[4, 5], [2, 3]])
    value = torch.randn(2, 26, 4, 8, dtype=torch.float64)
    places = torch.rand(2, 3, 4, 2, 2, 2, dtype=torch.float64)
    weights = torch.rand(2, 3, 4, 2, 2, dtype=torch.float64)
    inputs = [x.requires_grad_() for x in (value, places, weights)]
    wanted = module.multi_scale_deformable_attn_pytorch(
        value, shapes, places, weights
    )
    first = torch.tensor([0, 20])
    if operators.stand_in():
        found = module.MultiScaleDeformableAttnFunction.apply(
            value, shapes, first, places, weights, 64
        )
    else:
        found = python_operators.ms_deform_attn_forward(
            value, shapes, first, places, weights, 64
        )
    assert torch.equal(found, wanted)
    along = torch.randn_like(wanted)
    into = [torch.zeros_like(x) for x in inputs]
    python_operators.ms_deform_attn_backward(
        value, shapes, first, places, weights, along, *into, 64
    )
    gradients = torch.autograd.grad(found, inputs, along, allow_unused=True)
    for x, y, z in zip(
        torch.autograd.grad(wanted, inputs, along),
        gradients,
        into,
        strict=True,
    ):
        torch.testing.assert_close(y, x)
        torch.testing.assert_close(z, x)


def test_sigmoid_focal_loss():
    """Against mmdet's own, which it takes on a CPU."""
    focal = pytest.importorskip('mmdet.models.losses.focal_loss')
    torch.manual_seed(0)
    logits = 3 * torch.randn(9, 4, dtype=torch.float64)
    logits.requires_grad_()
    target = torch.randint(5, (9,))  # 4 is the background
    one_hot = torch.eye(5, dtype=torch.float64)[target, :4]
    wanted = focal.py_sigmoid_focal_loss(
        logits, one_hot, gamma=1.5, alpha=0.3, reduction='sum'
    )
    output, gradient = torch.zeros_like(logits), torch.zeros_like(logits)
    none = torch.empty(0)
    how = dict(gamma=1.5, alpha=0.3)
    loss = python_operators
    loss.sigmoid_focal_loss_forward(logits, target, none, output, **how)
    loss.sigmoid_focal_loss_backward(logits, target, none, gradient, **how)
    torch.testing.assert_close(output.sum(), wanted)
    torch.testing.assert_close(
        gradient, torch.autograd.grad(wanted, logits)[0]
    )
    with pytest.raises(NotImplementedError, match='weight of each class'):
        loss.sigmoid_focal_loss_forward(
            logits, target, torch.ones(4), output, **how
        )


@pytest.mark.filterwarnings('ignore:torchvision.s roi_pool')
def test_roi_pool_of_whole_boxes_by_definition():
    torch.manual_seed(0)
    features = torch.randn(2, 3, 16, 16, requires_grad=True)
    rois = torch.tensor([[0.0, 1, 2, 9, 13], [1, 0, 0, 7, 15]])
    wanted = torch.zeros(2, 3, 2, 4)
    for n, (image, x1, y1, x2, y2) in enumerate(rois.int().tolist()):
        height, width = (y2 + 1 - y1) / 2, (x2 + 1 - x1) / 4
        for i in range(2):
            for j in range(4):
                top, left = y1 + i * height, x1 + j * width
                rows = slice(int(top), -int(-(top + height) // 1))
                columns = slice(int(left), -int(-(left + width) // 1))
                cell = features[image, :, rows, columns]
                wanted[n, :, i, j] = cell.amax((1, 2))
    pooled = torch.zeros(2, 3, 2, 4)
    argmax = torch.zeros(2, 3, 2, 4, dtype=torch.int)
    size = dict(pooled_height=2, pooled_width=4, spatial_scale=1.0)
    with torch.no_grad():
        operators.roi_pool_forward(features, rois, pooled, argmax, **size)
    assert torch.equal(pooled, wanted)
    gradient = torch.autograd.grad(wanted.sum(), features)[0]
    found = torch.zeros_like(features)
    weight = torch.ones_like(pooled)
    operators.roi_pool_backward(weight, rois, argmax, found, **size)
    assert torch.equal(found, gradient)


@pytest.mark.skipif(not operators.stand_in(), reason='mmcv is compiled')
def test_what_is_missing_fails_when_it_is_called():
    with pytest.raises(NotImplementedError, match=r'softnms .*build_mmcv'):
        ops.soft_nms(boxes(3), torch.rand(3))
    layer = ops.RoIAlign(2, pool_mode='max')
    with pytest.raises(NotImplementedError, match='pool_mode'):
        layer(torch.randn(1, 1, 4, 4), torch.zeros(1, 5))
    with pytest.warns(match='rounds boxes'):
        ops.RoIPool(2)(torch.randn(1, 1, 4, 4), torch.zeros(1, 5))


def test_a_real_extension_is_never_replaced(monkeypatch, recwarn):
    real = ModuleType('mmcv._ext')
    real.__spec__ = ModuleSpec('mmcv._ext', None)
    monkeypatch.setitem(sys.modules, 'mmcv._ext', real)
    assert not operators.stand_in()
    assert sys.modules['mmcv._ext'] is real
    assert not recwarn


def test_it_warns_once(monkeypatch, recwarn):
    monkeypatch.delitem(sys.modules, 'mmcv._ext', raising=False)
    monkeypatch.setattr(operators, 'find_spec', sys.modules.get)
    monkeypatch.setattr(operators, 'catch_up', list)
    assert operators.stand_in()
    assert operators.stand_in()
    (warning,) = recwarn
    assert 'stand in for them' in str(warning.message)


# What others import is imported once; of OpenMMLab nothing is there yet.
SCRIPT = """
import contextlib, importlib, json, os, sys

def bring(*names):
    for name in names:
        with contextlib.suppress(ImportError):  # mmdet's, without operators
            importlib.import_module(name)

def operators():
    import mmdcl.downstream.with_operators
    import mmdet.models
    import mmpretrain.models.utils
    import mmseg.models
    from mmdet.registry import MODELS
    assert MODELS.get('ResLayerExtraNorm')
    assert mmpretrain.models.utils.ResLayerExtraNorm
    return sorted({
        f'{name}.{own}: {value.__module__}.{value.__qualname__}'
        for name, module in list(sys.modules.items())
        if name.startswith(('mmdet.', 'mmseg.', 'mmpretrain.'))
        for own, value in list(vars(module).items())
        if str(getattr(value, '__module__', '')).startswith('mmcv.ops.')
    })

bring('torchvision', 'timm', 'scipy.stats', 'sklearn.metrics', 'sympy')
bring('matplotlib.pyplot', 'cv2')
assert not {'mmcv', 'mmdet', 'mmengine', 'mmseg'} & sys.modules.keys()
for order in json.loads(sys.argv[1]):
    child = os.fork()
    if child == 0:
        bring(*order)
        print(json.dumps(operators()), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, order
"""
ORDERS = (
    [],
    ['mmdcl.engine'],
    ['mmpretrain.models', 'mmdcl.engine'],
    ['mmdet.models', 'mmseg.models', 'mmpretrain.models'],
)


@pytest.mark.skipif(
    not all(map(find_spec, ('mmdet', 'mmseg'))), reason='needs mmdet, mmseg'
)
def test_it_does_not_matter_what_was_imported_before(tmp_path):
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', SCRIPT, json.dumps(ORDERS)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [x for x in done.stdout.splitlines() if x.startswith('["')]
    wanted, *others = map(json.loads, lines)
    assert len(wanted) > 40
    nms = 'mmdet.models.layers.bbox_nms.batched_nms: mmcv.ops.nms.batched_nms'
    assert nms in wanted
    assert len(others) == len(ORDERS) - 1
    for order, found in zip(ORDERS[1:], others, strict=True):
        assert found == wanted, order
