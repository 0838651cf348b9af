import pytest
import torch
from mmengine.hooks import Hook

from mmdcl.models import DCLHead
from tests.runs import BACKBONE, SIMCLR, VIEWS, loader, runner

HOOKS = [
    dict(type='mmdcl.InvalidLossHook'),
    dict(type='mmdcl.CheckpointMatchHook'),
]


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_an_invalid_loss_stops_before_it_costs_a_checkpoint(
    value, tmp_path, monkeypatch
):
    """Finite for 6 of 8 iterations; a checkpoint every 2."""
    calls = []
    rows = DCLHead.rows

    def broken(self, pos, s):
        calls.append(1)
        return rows(self, pos, s) * (value if len(calls) > 6 else 1)

    monkeypatch.setattr(DCLHead, 'rows', broken)
    run = runner(
        tmp_path,
        custom_hooks=HOOKS[:1],
        train_cfg=dict(by_epoch=True, max_epochs=2),
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', interval=2, by_epoch=False)
        ),
    )
    match = r'iteration 7; training stopped in epoch 2.*iter_6\.pth'
    with pytest.raises(FloatingPointError, match=match):
        run.train()
    assert not tmp_path.joinpath('iter_8.pth').exists()
    last = torch.load(tmp_path / 'iter_6.pth', weights_only=False)
    assert all(t.isfinite().all() for t in last['state_dict'].values())


class Poison(Hook):
    def after_train_iter(self, runner, batch_idx, **kwargs):
        if runner.epoch == 1:
            runner.model.backbone.conv1.weight.data.fill_(torch.nan)


def test_bad_weights_do_not_cost_the_only_checkpoint(tmp_path):
    """Upstream removes the old checkpoint before it writes the new one."""
    run = runner(
        tmp_path,
        custom_hooks=HOOKS[:1],
        train_cfg=dict(by_epoch=True, max_epochs=2, val_begin=9),
        train_dataloader=dict(loader('train', VIEWS), num_batch_per_epoch=1),
        default_hooks=dict(
            checkpoint=dict(
                type='CheckpointHook', interval=1, max_keep_ckpts=1
            )
        ),
    )
    run.register_hook(Poison())
    match = r'backbone\.conv1\.weight is not finite.*epoch_1\.pth'
    with pytest.raises(FloatingPointError, match=match):
        run.train()
    assert tmp_path.joinpath('epoch_1.pth').is_file()


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path):
    run = runner(tmp_path)
    run.train()
    path = str(tmp_path / 'epoch_1.pth')

    same = runner(tmp_path, custom_hooks=HOOKS[1:], load_from=path)
    same.val()

    bare = {
        name.removeprefix('backbone.'): tensor
        for name, tensor in same.model.state_dict().items()
        if name.startswith('backbone.')
    }
    torch.save(bare, tmp_path / 'bare.pth')
    other = runner(
        tmp_path,
        custom_hooks=HOOKS[1:],
        load_from=str(tmp_path / 'bare.pth'),
    )
    with pytest.raises(ValueError, match='a backbone alone, and load_from'):
        other.val()

    wider = dict(SIMCLR, backbone=dict(BACKBONE, base_channels=8))
    other = runner(
        tmp_path, model=wider, custom_hooks=HOOKS[1:], load_from=path
    )
    match = r'(?s)another architecture.* of another shape: backbone\.layer1\.'
    with pytest.raises(ValueError, match=match):
        other.val()

    deeper = dict(SIMCLR, backbone=dict(BACKBONE, depth=34))
    other = runner(tmp_path / 'deeper', model=deeper)
    other.save_checkpoint(str(tmp_path), 'deeper.pth', save_optimizer=False)
    path = str(tmp_path / 'deeper.pth')  # has all that the other one needs
    same = runner(tmp_path, custom_hooks=HOOKS[1:], load_from=path)
    with pytest.raises(ValueError, match=r' unexpected: backbone\.layer1\.2'):
        same.val()
