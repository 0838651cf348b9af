"""A folder for timm, as the page on other libraries has it, and its card."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

from tests.commands.documented import block, command_with, run, split, typed

BEFORE = """
import sys
import torch
from PIL import Image
images, wanted = torch.load('asked.pt')
image = Image.new('RGB', (300, 200), 'red')
"""
AFTER = """
with torch.no_grad():
    found = model(images)
assert torch.equal(found, wanted), (found - wanted).abs().max()
assert not {'mmdcl', 'mmpretrain', 'mmengine'} & sys.modules.keys()
"""


@pytest.fixture(scope='module')
def asked(place, resnet50):
    """Images, and what mmpretrain makes of them, in ``asked.pt``."""
    init_default_scope('mmpretrain')
    network = MODELS.build(dict(type='ResNet', depth=50))
    state = torch.load(place / resnet50, weights_only=False)['state_dict']
    state = {
        name.removeprefix('backbone.'): tensor
        for name, tensor in state.items()
        if name.startswith('backbone.')
    }
    network.load_state_dict(state)
    network.eval()
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        features = network(images)[-1].mean((2, 3))
    torch.save((images, features), place / 'asked.pt')


@pytest.fixture(scope='module')
def folder(place, resnet50):
    said = typed('dcl-resnet50 --style', place, instead={'$C': resnet50})
    assert 'the same features to the last bit' in said
    return place / 'dcl-resnet50'


def test_others_read_the_folder(place, folder, asked):
    """By the page and by the card, where nothing of OpenMMLab is imported."""
    text = (folder / 'README.md').read_text()
    blocks = re.findall(r'```python\n(.*?)```', text, re.S)
    [ours] = [x for x in blocks if 'mmpretrain' in x]
    blocks.remove(ours)
    assert len(blocks) == 2
    page = block("'local-dir:dcl-resnet50'")
    page += 'assert config["input_size"] == (3, 224, 224)\n'
    script = BEFORE + ''.join(f'{x}{AFTER}' for x in [page, *blocks])
    run(['python', '-W', 'ignore', '-c', script], place)

    ours = ours.replace('dcl-resnet50/', f'{folder}/')
    images, wanted = torch.load(place / 'asked.pt')
    names = dict(images=images)
    exec(ours, names)
    assert torch.equal(names['features'], wanted)


def test_the_card_leads_to_detectron2(place, folder):
    text = (folder / 'README.md').read_text()
    [command] = re.findall(r'```bash\n(.*?)\n```', text, re.S)
    words, _ = split(command)
    documented, _ = split(command_with('--style detectron2'), {'$C': words[2]})
    assert words == documented
    said = run(words, place)
    assert 'resnet50.pkl: all 265 tensors' in said


def test_what_is_pushed_is_what_is_there(folder, place):
    """The card is of this run, and names nothing of this machine."""
    text = (folder / 'README.md').read_text()
    assert 'license: apache-2.0' in text
    assert '| these weights | epoch 1 of 1 |' in text
    assert '| config | dcl_resnet50_8xb32.py |' in text
    assert str(place) not in text
    assert str(Path.home()) not in text
