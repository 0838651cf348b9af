import warnings

import pytest
import torch

with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    import mmdcl.mmcv_ops  # noqa: F401 - before anything imports mmdet


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)
