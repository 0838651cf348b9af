"""Hubs of models: mmpretrain's index, and what ``hf://`` means."""

import json

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmpretrain.models import ResNet
from safetensors.torch import save_file

from mmdcl.checkpoints.metadata import as_metadata
from tests.commands.documented import block, run, typed
from tests.hub.conftest import hub  # noqa: F401
from tests.hub.server import TOKEN

SMALL = dict(type='ResNet', depth=18, base_channels=8, stem_channels=8)
REPO = {'USER/REPO': 'me/net'}


def exported(folder):
    """As ``mmdcl export --style timm-hub`` writes one; and its network."""
    network = ResNet(18, base_channels=8, stem_channels=8)
    folder.mkdir()
    weights = folder / 'model.safetensors'
    save_file(dict(network.state_dict()), weights, as_metadata(SMALL))
    folder.joinpath('config.json').write_text('{}')
    folder.joinpath('README.md').write_text('# A network')
    return network


def test_the_hub_knows_our_configs(tmp_path):
    text = block('ModelHub.register_model_index')
    ask = f'{text}print(type(model).__module__, model.backbone.depth)'
    said = run(['python', '-W', 'ignore', '-c', ask], tmp_path)
    assert said.splitlines()[-1] == 'mmdcl.models.simclr 50'


def test_pushed_and_evaluated(place, tmp_path, hub, monkeypatch):  # noqa: F811
    exported(tmp_path / 'folder')
    here = {**REPO, 'FOLDER': 'folder'}
    said = typed('--dry-run', tmp_path, instead=here)
    assert 'model.safetensors  ' in said
    assert not hub.repos
    monkeypatch.setenv('HF_TOKEN', TOKEN)
    said = typed('--private', tmp_path, instead=here)
    commit = hub.repos['me/net'].branches['main']
    assert said.endswith(f'by hf://me/net@{commit}\n')
    assert TOKEN not in said
    said = typed(
        'hf://USER/REPO --protocol knn',
        place,
        '--data-root',
        'data/cifar10',
        '--cfg-options',
        'test_cfg.k=[1]',
        'train_dataloader.num_workers=0',
        'test_dataloader.num_workers=0',
        instead=REPO,
    )
    assert 'backbone: all 120 tensors come from hf://me/net' in said
    book = place.joinpath('work_dirs/evaluate.jsonl').read_text()
    row = json.loads(book.splitlines()[-1])
    assert row['checkpoint'] == 'hf://me/net'
    assert row['checkpoint_commit'] == commit
    assert row['log'] == 'work_dirs/knn_cifar10/me_net_s0'


def test_init_cfg_of_any_config(tmp_path, hub):  # noqa: F811
    network = exported(tmp_path / 'folder')
    hub.add(
        'USER/REPO',
        {
            'model.safetensors': (
                tmp_path / 'folder/model.safetensors'
            ).read_bytes()
        },
    )
    cfg = Config.fromstring(block("checkpoint='hf://USER/REPO')"), '.py')
    init_default_scope('mmpretrain')
    backbone = MODELS.build({**cfg.model.backbone, **SMALL})
    backbone.init_weights()
    for name, tensor in network.state_dict().items():
        assert torch.equal(backbone.state_dict()[name], tensor)
