import subprocess
import sys

import pytest
from mmengine.registry import MODELS as ROOT_MODELS
from mmpretrain.registry import DATASETS
from mmpretrain.registry import MODELS as UPSTREAM

from mmdcl.registry import HOOKS, MODELS


@pytest.mark.parametrize('registry', [ROOT_MODELS, UPSTREAM, MODELS])
def test_prefixed_names_resolve_from_any_scope(registry):
    head = registry.build(dict(type='mmdcl.DCLHead', temperature=0.2))
    assert type(head).__module__ == 'mmdcl.models.heads'


@pytest.mark.parametrize(
    ('registry', 'wrong', 'right'),
    [
        (UPSTREAM, 'DCLHed', 'DCLHead'),
        (UPSTREAM, 'Simclr', 'SimCLR'),
        (DATASETS, 'Cifar10', 'CIFAR10'),
        (HOOKS, 'InvalidLosHook', 'InvalidLossHook'),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(registry, wrong, right):
    with pytest.raises(KeyError, match=f'did you mean {right}'):
        registry.build(dict(type=f'mmdcl.{wrong}'))
    assert wrong not in registry
    assert right in registry or f'mmdcl.{right}' in registry


def python(code):
    return subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True
    )


def test_without_openmmlab():
    """The ground floor works; the rest says in a sentence what to install."""
    block = "import sys; sys.modules['mmengine'] = None; "
    ok = python(block + 'import mmdcl; mmdcl.functional.dcl')
    assert ok.returncode == 0, ok.stderr
    for use in ('from mmdcl import DCLHead', 'import mmdcl.registry'):
        failed = python(block + use)
        assert "pip install 'mmdcl[onedl]'" in failed.stderr.splitlines()[-1]


def test_importing_the_package_imports_nothing_heavy():
    code = 'import sys, mmdcl; print(*sys.modules)'
    modules = python(code).stdout.split()
    assert not {'torch', 'mmengine', 'numpy'} & set(modules)
