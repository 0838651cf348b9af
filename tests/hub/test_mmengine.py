import io

import pytest
import torch
from mmengine.model import PretrainedInit
from mmengine.runner.checkpoint import CheckpointLoader
from mmpretrain.models import ResNet
from safetensors.torch import save
from torch import nn

from mmdcl.checkpoints import load_backbone, read_checkpoint
from mmdcl.checkpoints.metadata import as_metadata
from mmdcl.checkpoints.strict import only_strict
from mmdcl.cli.main import parse
from mmdcl.cli.resuming import checkpoint_to_resume
from mmdcl.downstream.pretrained import PretrainedBackboneHook
from mmdcl.errors import UserError
from mmdcl.hub.download import local_file
from mmdcl.report.images.network import find_checkpoint, open_network


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Linear(3, 2)


def saved(content):
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def test_whatever_mmengine_loads_may_be_on_a_hub(hub, monkeypatch):
    theirs = Net()
    hub.add('me/net', {'model.safetensors': save(theirs.state_dict())})
    weight = theirs.backbone.weight

    ours = nn.Linear(3, 2)  # as init_cfg has it, in a plain config
    PretrainedInit('hf://me/net', prefix='backbone.')(ours)
    assert torch.equal(ours.weight, weight)

    upstream = CheckpointLoader.load_checkpoint
    monkeypatch.setattr(CheckpointLoader, 'load_checkpoint', upstream)
    only_strict()  # as our commands do
    found = CheckpointLoader.load_checkpoint('hf://me/net')['state_dict']
    assert torch.equal(found['backbone.weight'], weight)
    with pytest.raises(UserError, match=r'^https://me/net is an address'):
        CheckpointLoader.load_checkpoint('https://me/net')

    model = Net()
    load_backbone(model.backbone, 'hf://me/net')
    assert torch.equal(model.backbone.weight, weight)
    path = local_file('hf://me/net').path
    assert find_checkpoint('hf://me/net') == path
    PretrainedBackboneHook(checkpoint='hf://me/net')
    with pytest.raises(UserError, match='has no me/none'):
        PretrainedBackboneHook(checkpoint='hf://me/none')


def test_an_exported_backbone_takes_images_from_files(hub):
    """By its own mean, and turned to the order of channels it was for."""
    arguments = dict(depth=18, base_channels=8, stem_channels=8)
    theirs = ResNet(**arguments)
    theirs.eval()  # gives nothing back in mmpretrain
    backbone, mean = dict(type='ResNet', **arguments), [1.0, 2.0, 3.0]
    inputs = dict(type='mmdcl.ViewDataPreprocessor', mean=mean, std=[4.0] * 3)
    metadata = as_metadata(backbone, inputs, 'rgb')
    weights = save(dict(theirs.state_dict()), metadata)
    hub.add('me/net', {'model.safetensors': weights})
    network = open_network('hf://me/net')
    assert network.name == 'me/net'
    images = torch.rand(2, 3, 32, 32) * 255  # BGR
    features, _ = network.features(images)
    seen = (images.flip(1) - torch.tensor(mean).view(3, 1, 1)) / 4
    with torch.no_grad():
        wanted = theirs(seen)[-1].mean((2, 3))
    torch.testing.assert_close(features, wanted)


def test_training_goes_on_from_a_hub(hub, tmp_path):
    """From the file in the cache; what is no state of training is not."""
    state = dict(state_dict={}, meta=dict(iter=3, epoch=1, config='raise'))
    weights = dict(state_dict={'w': torch.zeros(3)})
    files = {'epoch_1.pth': saved(state), 'w.pth': saved(weights)}
    hub.add('me/net', files)
    said = []
    address = 'hf://me/net/epoch_1.pth'
    found = checkpoint_to_resume(tmp_path, address, say=said.append)
    assert found == str(local_file(address).path)
    assert said == [f'--resume: {address} is {found}']
    assert read_checkpoint(found)['meta']['iter'] == 3
    assert 'config' not in CheckpointLoader.load_checkpoint(address)['meta']
    with pytest.raises(UserError, match='no state of training'):
        checkpoint_to_resume(tmp_path, 'hf://me/net/w.pth')


def test_a_repository_names_the_work_dir():
    words = ['hf://me/net@v1', '--protocol', 'knn', '--dataset', 'cifar10']
    args = parse('evaluate', words)
    assert args.work_dir == 'work_dirs/knn_cifar10/me_net_v1_s0'
    with pytest.raises(UserError, match='no name on a hub'):
        parse('evaluate', ['hf://me', *words[1:]])
