"""Blocks of Python in the documentation mean what the pages say."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config

from mmdcl import config_path, functional
from mmdcl.cli.settings import check_settings
from tests.commands.documented import block

SEVEN = 'dcl_in_seven_lines'
OURS = 'import dcl, two_view_contrast'
IMPORTS = ['import torch', 'import torch.nn.functional as F']
READINGS = 'two_logs'


def execute(part: str, **known) -> dict:
    """The names that a documented block leaves."""
    names = dict(torch=torch, F=F, **known)
    exec(block(part), names)
    return names


@pytest.fixture
def views():
    return [
        torch.randn(6, 8, dtype=torch.float64, requires_grad=True)
        for _ in range(2)
    ]


@pytest.mark.parametrize('t', [0.1, 0.5])
def test_seven_lines_are_our_loss_and_its_gradient(views, t):
    z1, z2 = views
    plain = execute(SEVEN)['dcl_in_seven_lines'](z1, z2, t)
    pos, s, _ = functional.two_view_contrast(z1, z2, t)
    ours = functional.dcl(pos, s, t).mean()
    torch.testing.assert_close(plain, ours)
    for x, y in zip(
        torch.autograd.grad(plain, views),
        torch.autograd.grad(ours, views),
        strict=True,
    ):
        torch.testing.assert_close(x, y)


def test_seven_lines_are_seven_and_become_info_nce():
    text = block(SEVEN)
    *imports, seven = text.partition('def ')
    assert imports[0].split('\n')[:2] == IMPORTS
    assert len(seven.splitlines()) == 7
    *lines, last = text.splitlines()
    other = last.partition('# InfoNCE: ')[2]
    names = dict(torch=torch, F=F)
    exec('\n'.join([*lines, f'    return {other}']), names)
    z1, z2 = torch.randn(2, 5, 4)
    pos, s, _ = functional.two_view_contrast(z1, z2, 0.1)
    torch.testing.assert_close(
        names['dcl_in_seven_lines'](z1, z2),
        functional.info_nce(pos, s, 0.1).mean(),
    )


def test_the_block_with_our_functions_is_the_same(views):
    z1, z2 = views
    loss = execute(OURS, z1=z1, z2=z2)['loss']
    plain = execute(SEVEN)['dcl_in_seven_lines'](z1, z2)
    torch.testing.assert_close(loss, plain)


def test_q_is_as_small_as_the_page_says():
    found = execute('by_batch')
    q = [found['coupling'](n) for n in (32, 256, 4096) for _ in range(200)]
    small, middle, large = torch.stack(q).view(3, -1).mean(1)
    assert abs(small - 0.05) < 0.02
    assert abs(middle - 0.3) < 0.05
    assert abs(large - 0.9) < 0.05
    assert found['coupling'](32, t=0.5) > 0.85


def test_readings_of_one_loss():
    z1, z2 = F.normalize(torch.randn(2, 64, 32, dtype=torch.float64), dim=-1)
    found = execute(READINGS, z1=z1, z2=z2, t=0.1)
    there = execute(READINGS, z1=z2, z2=z1, t=0.1)
    both = (found['paper'] + there['paper']) / 2
    plain = execute(SEVEN)['dcl_in_seven_lines'](z1, z2)
    torch.testing.assert_close(both, plain)
    torch.testing.assert_close(
        found['summed'], found['paper'] * 64, rtol=1e-12, atol=0
    )
    torch.testing.assert_close(found['both_added'], 2 * found['paper'])
    # Twice the push: the gradient of a sum of logarithms.
    assert found['two_logs'] - found['paper'] > 1


# Of blocks that are configs: a part, a key, and what it is then.
CONFIGS = [
    ('save_best', 'default_hooks.checkpoint.save_best', 'auto'),
    ("mmdcl.LinearProbeHook')]", 'custom_hooks', 'LinearProbeHook'),
    ("type='mmdcl.VerdictHook'", 'custom_hooks.1.type', 'Verdict'),
    ("dict(type='mmdcl.SupCon')", 'model.head.type', 'mmdcl.DCLHead'),
    ('keep_others=True', 'train_dataloader.dataset.dataset.type', 'CIFAR10'),
    ('top_k=3', 'model.support_set.size', '16384'),
    ('TensorboardVisBackend', 'visualizer.type', 'UniversalVisualizer'),
    ("type='mmdcl.SimCLR',", 'model.type', 'mmdcl.SimCLR'),
    ("'mmdcl.ExactTrainLoop')", 'train_cfg.type', 'mmdcl.ExactTrainLoop'),
    ("checkpoint='epoch_200.pth'", 'custom_hooks.0.priority', None),
    ("type='mmdcl.DCLHead', temperature=0.1))", 'model.type', 'SimCLR'),
    ("config_path('dcl_resnet50_8xb32')\n", 'model.type', 'mmdcl.SimCLR'),
    ("'_base_/imagenet_knn'", 'val_cfg.type', 'mmdcl.KNNValLoop'),
    ("config_path('_base_/runtime')", 'custom_hooks.0.type', 'WorkDir'),
]


@pytest.mark.parametrize(('part', 'key', 'value'), CONFIGS)
def test_blocks_that_are_configs_are_taken(part, key, value, tmp_path):
    text = block(part)
    path = tmp_path / 'mine.py'
    if '_base_ =' not in text:
        base = (
            'nnclr_resnet50_8xb64' if 'top_k' in text else 'dcl_resnet50_8xb32'
        )
        text = f'_base_ = {config_path(base)!r}\n{text}'
    path.write_text(text)
    cfg = Config.fromfile(path)
    check_settings(cfg)
    for name in key.split('.'):
        cfg = cfg[int(name)] if name.isdigit() else cfg.get(name)
    assert value is None or value in str(cfg)
