import json
import re

import pytest
import torch
from matplotlib import pyplot
from mmengine.hooks import Hook

from mmdcl.models import DCLHead
from tests.runs import BACKBONE, NNCLR, SIMCLR, VIEWS, loader, runner

HOOKS = [
    dict(type='mmdcl.InvalidLossHook'),
    dict(type='mmdcl.CheckpointMatchHook'),
    dict(type='mmdcl.ProgressHook', val_before_train=True),
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

    same = runner(tmp_path, custom_hooks=HOOKS[1:2], load_from=path)
    same.val()

    wider = dict(SIMCLR, backbone=dict(BACKBONE, base_channels=8))
    other = runner(
        tmp_path, model=wider, custom_hooks=HOOKS[1:2], load_from=path
    )
    match = r'(?s)another architecture.* of another shape: backbone\.layer1\.'
    with pytest.raises(ValueError, match=match):
        other.val()

    deeper = dict(SIMCLR, backbone=dict(BACKBONE, depth=34))
    other = runner(tmp_path / 'deeper', model=deeper)
    other.save_checkpoint(str(tmp_path), 'deeper.pth', save_optimizer=False)
    path = str(tmp_path / 'deeper.pth')  # has all that the other one needs
    same = runner(tmp_path, custom_hooks=HOOKS[1:2], load_from=path)
    with pytest.raises(ValueError, match=r' unexpected: backbone\.layer1\.2'):
        same.val()


def test_progress_shows_the_way_and_draws_the_curves(
    tmp_path, capsys, monkeypatch
):
    figures = []
    monkeypatch.setattr(pyplot, 'close', figures.append)
    every = dict(logger=dict(type='LoggerHook', interval=1))
    run = runner(
        tmp_path,
        model=NNCLR,
        custom_hooks=HOOKS[2:],
        default_hooks=every,
        log_level='INFO',
    )
    run.train()
    said = ''.join(capsys.readouterr())
    assert '(epoch 0) -> ' in said
    assert f'checkpoint: {tmp_path}/epoch_1.pth' in said
    assert f'plot:       {tmp_path}/curves.png' in said
    assert tmp_path.joinpath('curves.png').stat().st_size > 10_000

    [log] = tmp_path.glob('*/vis_data/scalars.json')
    records = list(map(json.loads, log.read_text().splitlines()))
    train = [record for record in records if 'loss' in record]
    assert [record['iter'] for record in train] == [1, 2, 3, 4]
    assert len({record['loss'] for record in train}) == 4
    [figure] = figures
    drawn = {
        ax.get_title(): {
            line.get_label(): line.get_xydata().tolist() for line in ax.lines
        }
        for ax in figure.axes
    }

    def logged(*keys):
        return {key: [[r['iter'], r[key]] for r in train] for key in keys}

    accuracy = [
        [epoch, record['accuracy/top1']]
        for epoch, record in enumerate(r for r in records if 'loss' not in r)
    ]
    assert len(accuracy) == 2
    assert drawn == {
        'loss': logged('loss'),
        'cosine': logged('pos_cosine', 'neg_cosine', 'neighbor_cosine'),
        'negative-positive-coupling multiplier q': logged('npc_multiplier'),
        'neighbour accuracy (%)': logged('neighbor_accuracy'),
        'neighbour age (steps)': logged('neighbor_age'),
        'learning rate': logged('lr'),
        'kNN accuracy (%)': {'accuracy/top1': accuracy},
    }
    assert figure.axes[0].get_xlabel() == 'iteration'
    assert figure.axes[-1].get_xlabel() == 'epoch'


def test_progress_begins_where_the_resumed_run_began(tmp_path, capsys):
    setting = dict(custom_hooks=HOOKS[2:], log_level='INFO')
    runner(tmp_path, **setting).train()
    twice = dict(by_epoch=True, max_epochs=2)
    run = runner(tmp_path, train_cfg=twice, resume=True, **setting)
    capsys.readouterr()
    run.train()
    said = ''.join(capsys.readouterr())
    assert re.search(r'accuracy/top1: [\d.]+ \(epoch 0\) -> .*epoch 2', said)
