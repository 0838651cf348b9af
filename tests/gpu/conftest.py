"""One device for all of these tests.

pytest -m gpu                         on the first card; skipped without
MMDCL_GPU_TESTS_ON=cpu pytest -m gpu  the same on the CPU, but for what
                                      only CUDA has
"""

import os

import pytest
import torch

# Without it cuBLAS refuses to be deterministic; it is read at the first use.
os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
ON = os.environ.get('MMDCL_GPU_TESTS_ON', 'cuda')


@pytest.fixture
def device():
    """Where to calculate."""
    if ON == 'cpu':
        return torch.device('cpu')
    if not torch.cuda.is_available():
        pytest.skip(
            'no CUDA device; MMDCL_GPU_TESTS_ON=cpu runs this on the CPU'
        )
    return torch.device('cuda', 0)


@pytest.fixture
def card(device):
    """The same, for what a CPU has not."""
    if device.type != 'cuda':
        pytest.skip('only a CUDA device has what this is about')
    return device


@pytest.fixture
def deterministic():
    """No kernel whose result depends on the order of threads."""
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark
    cudnn.deterministic, cudnn.benchmark = True, False
    yield
    torch.use_deterministic_algorithms(False)  # mmengine may have set it
    cudnn.deterministic, cudnn.benchmark = before
