"""Forward in bfloat16, weights and losses in float32, no state."""

import pytest
import torch

from mmdcl.engine import bfloat16
from tests.runs import SIMCLR, runner

OPTIMIZER = dict(type='SGD', lr=0.1)


@pytest.mark.parametrize(
    ('computes', 'dtype'), [(True, torch.bfloat16), (False, torch.float32)]
)
def test_trains_under_autocast(computes, dtype, tmp_path, monkeypatch):
    monkeypatch.setattr(
        bfloat16, '_computes_bfloat16', lambda device: computes
    )
    run = runner(
        tmp_path,
        model=SIMCLR,
        optim_wrapper=dict(
            type='mmdcl.BFloat16OptimWrapper', optimizer=OPTIMIZER
        ),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        val_cfg=None,
        val_dataloader=None,
        val_evaluator=None,
    )
    seen = set()
    run.model.backbone.conv1.register_forward_hook(
        lambda module, inputs, output: seen.add(output.dtype)
    )
    before = run.model.backbone.conv1.weight.detach().clone()
    run.train()
    after = run.model.backbone.conv1.weight
    assert seen == {dtype}
    assert after.dtype == torch.float32
    assert not torch.equal(after, before)
    assert run.message_hub.get_scalar('train/loss').current() > 0
