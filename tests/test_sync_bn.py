"""SyncBN becomes BN, in networks and in configs, and nothing else does."""

import pytest
import torch
from mmengine.config import ConfigDict
from torch import nn

from mmdcl.sync_bn import runnable_here, without_sync_bn


@pytest.mark.parametrize(
    ('kind', 'expected'),
    [
        *(('SyncBN', 'BN'), ('mmpretrain.SyncBN', 'mmpretrain.BN')),
        *(('MMSyncBN', 'BN'), ('torch.nn.SyncBatchNorm', 'BN')),
        *(('BN1d', 'BN1d'), ('MySyncBN', 'MySyncBN'), ('ResNet', 'ResNet')),
    ],
)
def test_of_a_config_at_any_depth(kind, expected):
    def config(kind):
        norm = dict(type=kind, requires_grad=True)
        return dict(type='SimCLR', necks=[(dict(norm_cfg=norm), 'SyncBN')])

    given = ConfigDict(config(kind))
    assert without_sync_bn(given) == config(expected)
    assert given == config(kind)  # a copy was changed


def test_of_a_network_whose_weights_stay():
    network = nn.Sequential(nn.Linear(3, 4), nn.SyncBatchNorm(4))
    before = {name: x.clone() for name, x in network.state_dict().items()}
    weight = network[1].weight
    network = without_sync_bn(network).eval()
    assert not isinstance(network[1], nn.SyncBatchNorm)
    assert network[1].weight is weight
    torch.testing.assert_close(dict(network.state_dict()), before)
    assert network(torch.randn(2, 3)).shape == (2, 4)


@pytest.mark.parametrize(('gpu', 'kind'), [(True, 'SyncBN'), (False, 'BN')])
def test_where_there_is_no_gpu(gpu, kind, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
    assert runnable_here(dict(type='SyncBN')) == dict(type=kind)
