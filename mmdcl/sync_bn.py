"""SyncBN runs on GPUs only, and is the default of upstream's necks."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

# As registries know it, mmcv's own included, with a scope or without.
_REGISTERED = re.compile(r'(?P<scope>(\w+\.)*)(MM)?SyncBN')


def without_sync_bn(network: Any) -> Any:
    """BN for SyncBN, in a network or at any depth of a config of one.

    Args:
        network: A module, whose layers are exchanged; or what a config is made
            of, which is copied.
    """
    if isinstance(network, nn.Module):
        from mmengine.model import revert_sync_batchnorm

        return revert_sync_batchnorm(network)
    if isinstance(network, (list, tuple)):
        return type(network)(map(without_sync_bn, network))
    if not isinstance(network, Mapping):
        return network
    parts = {key: without_sync_bn(part) for key, part in network.items()}
    kind = str(parts.get('type'))
    if match := _REGISTERED.fullmatch(kind):
        parts['type'] = f'{match["scope"]}BN'
    elif kind.endswith('.SyncBatchNorm'):
        parts['type'] = 'BN'
    return parts


def runnable_here(network: Any) -> Any:
    """:func:`without_sync_bn` where there is no GPU."""
    return network if torch.cuda.is_available() else without_sync_bn(network)
