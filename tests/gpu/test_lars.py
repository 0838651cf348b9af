"""LARS in float32 is upstream's in float64 on the host, up to rounding."""

import copy

import pytest
import torch

from tests.engine.test_lars import network, train, wrapped

pytestmark = pytest.mark.gpu
STEPS = 5
SETTINGS = [
    dict(momentum=0.9),
    dict(momentum=0.9, nesterov=True),
    dict(momentum=0.9, dampening=0.3, eta=0.02),
    dict(),
]


class There(torch.nn.Module):
    """A network of some device and precision, for inputs of the host."""

    def __init__(self, net, device):
        super().__init__()
        self.net, self.device = net.float().to(device), device

    def __getitem__(self, number):
        return self.net[number]

    def forward(self, x):
        return self.net(x.float().to(self.device))


@pytest.mark.parametrize('settings', SETTINGS, ids=str)
def test_equals_upstreams_in_float64(settings, device):
    known = network()
    ours = There(copy.deepcopy(known), device)
    start = copy.deepcopy(known.state_dict())
    train(wrapped('mmpretrain.LARS', known, **settings), known, STEPS)
    train(wrapped('mmdcl.LARS', ours, **settings), ours, STEPS)
    moved = 0.0
    for name, wanted in known.state_dict().items():
        found = ours.net.state_dict()[name]
        assert found.device.type == device.type
        moved = max(moved, float((wanted - start[name]).norm()))
        # Each step rounds the weight once; gradients come after five layers.
        room = 8 * STEPS * torch.finfo(torch.float32).eps
        off = (found.double().cpu() - wanted).norm()
        assert off <= room * max(float(wanted.norm()), 1e-3)
    assert moved > 1e-2
