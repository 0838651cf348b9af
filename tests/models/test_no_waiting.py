"""Hardly anything in a training step asks an accelerator for a number.

Seen on a CPU in two ways: by what a step there asks for, and by a step on
the meta device, whose tensors have no numbers, so that asking is an error.
"""

import traceback
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch.utils._python_dispatch import TorchDispatchMode

import mmdcl
from mmdcl.models.heads import ContrastiveRowHead
from tests.runs import NNCLR, SIMCLR

PACKAGE = Path(mmdcl.__file__).parent
# Their result, or its shape, depends on numbers; the first is `.item()`.
WAITING = ('_local_scalar_dense', 'nonzero', 'masked_select', '_unique2')
WAITING += ('equal', 'nonzero_static', 'repeat_interleave')
# Who asks on a CPU, where nobody is waited for: of an accelerator the first
# does not, the second does every twentieth step, the third has labels on the
# host.
UNIT, SET = 'functional/unit.py', 'models/support_set.py'
LABELS = 'functional/contrast_classes.py'
ASKS_ON_CPU = {
    'SimCLR in tiles': {UNIT},
    'NNCLR': {SET},
    'NNCLR in tiles': {UNIT, SET},
    'NNCLR of 3 nearest': {SET, 'functional/neighbors.py'},
    'MACL': {'models/rivals.py'},
    'SupCon': {LABELS},
    'SupCon in tiles': {UNIT, LABELS},
    "upstream's SimCLR": {'masked_select'},
}
# Who asks any device, and what for: of ours `nearest` for ties among many,
# and MACL for the mean that its temperature follows.
ASKS_ANY = {
    'MACL': 'item',
    'NNCLR of 3 nearest': 'nonzero',
    "upstream's SimCLR": 'masked_select',
}
SMALL_TILES = dict(size=100, dim=8, tile=32)
DCLW_LOSS = dict(type='mmdcl.WeightedDecoupledCrossEntropyLoss')
STEPS = {
    'InfoNCEHead': dict(type='mmdcl.InfoNCEHead'),
    'DCLHead': dict(type='mmdcl.DCLHead'),
    'DCLWHead': dict(type='mmdcl.DCLWHead', detach=False),
    'DCL loss': dict(type='mmdcl.DecoupledCrossEntropyLoss'),
    'DCLW loss': dict(DCLW_LOSS, temperature=0.2),
    'SimCLR': dict(SIMCLR, tile=0),
    'SimCLR in tiles': dict(SIMCLR, tile=2),
    'NNCLR': dict(NNCLR, tile=0, head=dict(type='mmdcl.DCLWHead')),
    'NNCLR in tiles': dict(NNCLR, tile=2, support_set=SMALL_TILES),
    'NNCLR of 3 nearest': dict(NNCLR, tile=0, top_k=3),
    'micro-batches': dict(SIMCLR, tile=0, micro_batch=2),
    'DHEL': dict(SIMCLR, head=dict(type='mmdcl.DHELHead')),
    'MACL': dict(SIMCLR, head=dict(type='mmdcl.MACLHead')),
    'SupCon': dict(SIMCLR, type='mmdcl.SupCon', tile=0),
    'SupCon in tiles': dict(SIMCLR, type='mmdcl.SupCon', tile=2),
    "upstream's SimCLR": dict(SIMCLR, type='mmpretrain.SimCLR'),
}


class Asked(TorchDispatchMode):
    """Which files of ours ask the device for a number."""

    def __init__(self):
        super().__init__()
        self.by = set()

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        name = operator.overloadpacket.__name__
        indices = args[1] if name.startswith(('index', '_index')) else ()
        masks = isinstance(indices, (list, tuple)) and any(
            x is not None and x.dtype in (torch.bool, torch.uint8)
            for x in indices
        )
        if name in WAITING or masks:
            files = [Path(x.filename) for x in traceback.extract_stack()]
            ours = [x for x in files if x.is_relative_to(PACKAGE)]
            place = ours[-1].relative_to(PACKAGE).as_posix() if ours else name
            self.by.add(place)
        return operator(*args, **(kwargs or {}))


def build(name, device):
    init_default_scope('mmpretrain')
    return MODELS.build(STEPS[name]).train().to(device)


def train(model, device):
    """Three steps, forward and backward."""
    samples = [DataSample(sample_idx=i).set_gt_label(i % 2) for i in range(4)]
    for _ in range(3):
        if hasattr(model, 'backbone'):
            views = torch.rand(2, 4, 3, 16, 16, device=device).unbind()
            loss = model.loss(list(views), samples)['loss']
        else:
            logits = torch.rand(4, 7, device=device, requires_grad=True)
            if isinstance(model, ContrastiveRowHead):
                loss = model.loss(logits[:, :1], logits[:, 1:])
            else:
                loss = model(logits, torch.arange(4, device=device))
        loss.backward()


def asked(name):
    model = build(name, 'cpu')
    with Asked() as found:
        train(model, 'cpu')
    return found.by


@pytest.mark.parametrize('name', STEPS)
def test_who_asks_on_a_cpu_is_known(name):
    assert asked(name) == ASKS_ON_CPU.get(name, set())


@pytest.fixture
def _meta(monkeypatch):
    """Autocast does not know the meta device."""
    monkeypatch.setattr(torch, 'autocast', lambda *_, **__: nullcontext())


@pytest.mark.usefixtures('_meta')
@pytest.mark.parametrize('name', sorted(set(STEPS) - set(ASKS_ANY)))
def test_without_numbers_a_step_goes_through(name):
    train(build(name, 'meta'), 'meta')


@pytest.mark.usefixtures('_meta')
@pytest.mark.parametrize('name', ASKS_ANY)
def test_asking_is_noticed(name):
    with pytest.raises(RuntimeError, match=ASKS_ANY[name]):
        train(build(name, 'meta'), 'meta')
