"""One process with NCCL, alone in its group, is a process without a group.

What travels between cards needs two of them; `tests/functional/test_gather.py`
and its kin have several processes, with gloo. Here is what one card can say:
that NCCL takes the tensors it is given.
"""

import copy

import pytest
import torch
import torch.distributed as dist
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmengine.runner import FlexibleRunner
from mmpretrain.registry import MODELS

from mmdcl.functional import dcl, gather, view_contrast
from tests.models.test_on_a_card import NORMALISED
from tests.runs import NNCLR, SIMCLR, VIEWS, loader

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.usefixtures('deterministic'),
]


@pytest.fixture
def group(device, tmp_path, monkeypatch):
    """Returns when this process is alone in a group; on a CPU, by gloo."""
    monkeypatch.setenv('LOCAL_RANK', '0')  # as launchers do

    def start():
        dist.init_process_group(
            'nccl' if device.type == 'cuda' else 'gloo',
            init_method=f'file://{tmp_path}/rendezvous',
            rank=0,
            world_size=1,
        )

    yield start
    if dist.is_initialized():
        dist.destroy_process_group()


def trained(model, device):
    """Three steps; what is then known."""
    torch.manual_seed(1)
    sgd = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    wrapper, log = OptimWrapper(sgd), {}
    for _ in range(3):
        pixels = torch.randint(0, 256, (2, 8, 3, 16, 16), dtype=torch.uint8)
        data = dict(inputs=list(pixels.to(device)), data_samples=None)
        log = model.train_step(data, wrapper)
    return log, getattr(model, 'module', model).state_dict()


@pytest.mark.parametrize('cfg', [SIMCLR, NNCLR], ids=['SimCLR', 'NNCLR'])
def test_a_group_of_one_trains_as_none(cfg, device, group):
    init_default_scope('mmpretrain')
    cfg = dict(cfg, data_preprocessor=NORMALISED)
    model = MODELS.build(cfg).train().to(device)
    wanted = trained(copy.deepcopy(model), device)
    group()
    devices = [0] if device.type == 'cuda' else None
    ours = MMDistributedDataParallel(module=model, device_ids=devices)
    torch.testing.assert_close(trained(ours, device), wanted)


def test_what_is_gathered_is_what_was_sent(device, group):
    """The way of several processes, by one."""
    group()
    assert gather._all_sizes(5) == [5]  # by way of the host
    peers = gather.Peers(5)
    peers.alone = False
    x = torch.randn(5, 3, device=device, requires_grad=True)
    for of in (
        lambda: gather.gather_without_gradient(x, peers),
        lambda: gather.gather_with_gradient(x, peers),
        lambda: gather._Sum.apply(x),
    ):
        assert torch.equal(of(), x)
    host = gather.gather_without_gradient(torch.arange(5), peers, host=True)
    assert host.tolist() == [*range(5)]
    back = gather.gather_with_gradient(x, peers) * torch.arange(3.0).to(device)
    (grad,) = torch.autograd.grad(back.sum(), x)
    assert grad.tolist() == [[0, 1, 2]] * 5


@pytest.mark.parametrize('tile', [0, 8])
def test_the_loss_by_the_way_of_several(tile, device, group):
    group()
    found = []
    z = torch.randn(2, 20, 8, device=device).requires_grad_()
    for alone in (True, False):
        peers = gather.Peers(20)
        peers.alone = alone
        pos, s, _ = view_contrast(tuple(z), 0.1, tile, peers=peers)
        loss = dcl(pos, s, 0.1).mean()
        found.append((loss, *torch.autograd.grad(loss, z)))
    torch.testing.assert_close(*found)


@pytest.mark.parametrize('cfg', [SIMCLR, NNCLR], ids=['SimCLR', 'NNCLR'])
def test_fsdp_of_mmengine_trains_as_none(cfg, device, group, tmp_path):
    """Two steps of mmengine's strategy, whose weights are the plain ones."""

    def weights(name, **kwargs):
        train = loader('train', VIEWS, batch_size=16)
        train['dataset']['indices'] = 32
        runner = FlexibleRunner(
            model=dict(cfg),
            work_dir=str(tmp_path / name),
            train_dataloader=train,
            train_cfg=dict(by_epoch=True, max_epochs=1),
            optim_wrapper=dict(
                type='OptimWrapper', optimizer=dict(type='SGD', lr=0.05)
            ),
            default_scope='mmpretrain',
            randomness=dict(seed=0),
            log_level='WARNING',
            experiment_name=name,
            env_cfg=dict(dist_cfg=dict(backend='nccl')),
            **kwargs,
        )
        runner.train()
        assert runner.iter == 2
        path = tmp_path / name / 'epoch_1.pth'
        return torch.load(path, weights_only=False)['state_dict']

    wanted = weights('plain')
    group()
    wrapper = dict(type='MMFullyShardedDataParallel', device_id=device)
    wrapper |= dict(use_orig_params=True)
    strategy = dict(type='FSDPStrategy', state_dict_cfg='full')
    strategy |= dict(model_wrapper=wrapper)
    found = weights('sharded', strategy=strategy, launcher='pytorch')
    assert found.keys() == wanted.keys()
    for name, x in wanted.items():
        torch.testing.assert_close(found[name].cpu(), x.cpu())
