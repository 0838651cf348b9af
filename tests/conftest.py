import warnings

import pytest
import torch
from mmengine.registry import init_default_scope

with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    import mmdcl.mmcv_ops  # noqa: F401 - before anything imports mmdet


@pytest.fixture(autouse=True)
def _fresh():
    """No test depends on what another left behind."""
    torch.manual_seed(0)
    init_default_scope('mmpretrain')
