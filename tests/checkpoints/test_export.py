import pickle

import pytest
import torch
from torchvision.models import resnet18

from mmdcl.checkpoints import find_backbone, read_checkpoint
from mmdcl.checkpoints.export import rename, write_backbone

STATE = resnet18().state_dict()
STATE = {k: x for k, x in STATE.items() if not k.startswith('fc')}


def test_names_of_detectron2():
    names = set(rename(STATE, 'detectron2'))
    assert len(names) == 100
    assert names >= {
        'stem.conv1.weight',
        'stem.conv1.norm.running_var',
        'res2.0.conv1.weight',
        'res5.1.conv2.norm.bias',
        'res3.0.shortcut.weight',
        'res3.0.shortcut.norm.weight',
    }


@pytest.mark.parametrize(
    ('style', 'name', 'prefix'),
    [
        ('mmpretrain', 'a.pth', 'backbone.'),
        ('mmpretrain', 'a.safetensors', 'backbone.'),
        ('torchvision', 'a.pth', ''),
        ('timm', 'a.safetensors', ''),
        ('detectron2', 'a.pkl', ''),
    ],
)
def test_written_files_are_read_again(style, name, prefix, tmp_path):
    write_backbone(STATE, tmp_path / name, style)
    checkpoint = read_checkpoint(tmp_path / name, trust=style == 'detectron2')
    found = find_backbone(checkpoint, STATE)
    assert found.prefix == prefix
    for name, tensor in STATE.items():
        if style != 'detectron2' or not name.endswith('batches_tracked'):
            assert torch.equal(found.tensors[name], tensor)


def test_detectron2_gets_arrays(tmp_path):
    write_backbone(STATE, tmp_path / 'a.pkl', 'detectron2')
    with tmp_path.joinpath('a.pkl').open('rb') as file:
        found = pickle.load(file)
    assert found['matching_heuristics']
    assert found['model']['stem.conv1.weight'].shape == (64, 3, 7, 7)


def test_errors():
    with pytest.raises(ValueError, match=r'a\.pkl: style timm is written to'):
        write_backbone(STATE, 'a.pkl', 'timm')
    with pytest.raises(ValueError, match=r'`style` must be .*got .caffe'):
        rename(STATE, 'caffe')
    with pytest.raises(ValueError, match=r'no names of timm.*has cls_token'):
        rename({'cls_token': torch.zeros(1)}, 'timm')
