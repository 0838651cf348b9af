import pickle

import pytest
import torch
from huggingface_hub import constants, utils
from safetensors.torch import save

from mmdcl.checkpoints import read_checkpoint
from mmdcl.checkpoints.architecture import pretrained_backbone
from mmdcl.checkpoints.metadata import as_metadata
from mmdcl.errors import UserError
from mmdcl.hub.download import local_file
from tests.checkpoints.test_reading import Harm

TENSORS = {'w': torch.arange(3000.0).view(30, 100)}  # 12 kB: as git-lfs has
SMALL = {'w': torch.arange(3.0)}  # as git has it
RESNET = dict(type='ResNet', depth=18, out_indices=[3])


def test_the_same_bits_once_and_then_from_the_cache(hub, monkeypatch):
    named = as_metadata(RESNET, dict(type='SelfSupDataPreprocessor'))
    first = hub.add('me/net', {'model.safetensors': save(TENSORS, named)})
    hub.add('me/net', {'sub/b.safetensors': save(SMALL)}, 'dev')
    found = read_checkpoint('hf://me/net')
    assert torch.equal(found['state_dict']['w'], TENSORS['w'])
    assert pretrained_backbone(found) == RESNET
    assert local_file('hf://me/net').commit == first
    small = read_checkpoint('hf://me/net/sub/b.safetensors@dev')
    assert torch.equal(small['state_dict']['w'], SMALL['w'])

    hub.add('me/net', {'model.safetensors': save(SMALL)})
    assert local_file('hf://me/net').commit == first  # of this process
    old = read_checkpoint(f'hf://me/net@{first}')
    assert torch.equal(old['state_dict']['w'], TENSORS['w'])

    hub.stop()
    asked = len(hub.asked)
    local_file.cache_clear()
    again = read_checkpoint('hf://me/net')
    assert torch.equal(again['state_dict']['w'], TENSORS['w'])
    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', True)
    local_file.cache_clear()
    assert local_file('hf://me/net').commit == first
    assert len(hub.asked) == asked


def test_what_is_not_there_is_said_in_one_sentence(hub, monkeypatch):
    hub.add('me/net', {'a.safetensors': b'', 'b.pth': b'', 'c.txt': b''})
    hub.add('me/private', {'model.safetensors': b''}, private=True)
    hub.add('me/gated', {'model.safetensors': b''}, gated=True)

    def said(address):
        with pytest.raises(UserError) as caught:
            read_checkpoint(address)
        assert '\n' not in str(caught.value)
        return str(caught.value)

    there = 'hf://me/net/FILE: a.safetensors, b.pth'
    both = 'no model.safetensors or backbone.safetensors; name one'
    assert both in said('hf://me/net')
    assert said('hf://me/net').endswith(there)
    assert f'no x.pth; name one of its files, as in {there}' in said(
        'hf://me/net/x.pth'
    )
    assert 'no branch, tag or commit v9' in said('hf://me/net@v9')
    assert f'{hub.url} has no me/none, or not for you' in said('hf://me/none')
    assert 'if it is private, log in' in said('hf://me/private')
    assert 'choose who may have it; ask for it' in said('hf://me/gated')

    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', True)
    assert 'not in the cache' in said('hf://me/other')
    assert '(HF_HUB_OFFLINE is set)' in said('hf://me/other')
    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', False)
    hub.stop()
    monkeypatch.setattr(utils._http.time, 'sleep', lambda _: None)
    assert 'Connection refused' in said('hf://me/other')


def test_no_code_of_a_hub_is_run(hub, tmp_path):
    mark = tmp_path / 'ran'
    bad = pickle.dumps({'state_dict': {'w': Harm(mark)}})
    hub.add('me/net', {'a.pth': bad})
    with pytest.raises(ValueError, match=r'^hf://me/net/a\.pth holds more'):
        read_checkpoint('hf://me/net/a.pth')
    assert not mark.exists()
    read_checkpoint('hf://me/net/a.pth', trust=True)
    assert mark.exists()


def test_files_that_are_cut_or_changed(hub, monkeypatch):
    whole = save(TENSORS)
    hub.add('me/net', {'model.safetensors': whole, 'cut.safetensors': whole})
    hub.add('me/net', {'short.safetensors': whole[:-100]})
    hub.cut.add('cut.safetensors')
    with pytest.raises(ValueError, match=r'^hf://me/net/short\S+ is cut'):
        read_checkpoint('hf://me/net/short.safetensors')

    monkeypatch.setattr('time.sleep', lambda _: None)
    with pytest.raises(OSError, match=r'closed connection|IncompleteRead'):
        local_file('hf://me/net/cut.safetensors')
    hub.cut.clear()
    local_file('hf://me/net/cut.safetensors')  # what was cut is not kept

    blob = local_file('hf://me/net').path.resolve()
    blob.write_bytes(whole[:-1] + b'!')
    local_file.cache_clear()
    with pytest.raises(ValueError, match='damaged in the cache') as caught:
        local_file('hf://me/net')
    assert str(blob) in str(caught.value)
    blob.unlink()
    assert local_file('hf://me/net').path.read_bytes() == whole
