import subprocess
import sys

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.runner import Runner
from mmpretrain.registry import DATASETS
from mmpretrain.registry import MODELS as UPSTREAM

from mmdcl.registry import HOOKS, MODELS
from tests.runs import PLAIN, loader


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


@pytest.mark.parametrize('workers', [0, 1])
def test_batches_are_made_as_an_inherited_config_says(tmp_path, workers):
    """mmengine alone hands the mark of inheritance to the function."""
    path = tmp_path / 'mine.py'
    name = 'simclr/simclr_resnet50_8xb32-coslr-200e_in1k.py'
    path.write_text(f"_base_ = 'mmpretrain::{name}'")
    inherited = Config.fromfile(path).train_dataloader.collate_fn
    assert inherited == dict(type='default_collate', _scope_='mmpretrain')
    one = loader('test', PLAIN, collate_fn=inherited, num_workers=workers)
    if workers:
        one['multiprocessing_context'] = 'spawn'
    batch = next(iter(Runner.build_dataloader(one, seed=0)))
    assert batch['inputs'].shape == (64, 3, 16, 16)


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
