import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmdcl.checkpoints import read_checkpoint

WEIGHTS = {'state_dict': {'w': torch.arange(3.0)}}


class Harm:
    """A pickle that leaves a trace when it is run."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


class Method:
    """A pickle that fetches a function, for the next to call."""

    def __call__(self):
        pass

    def __reduce__(self):
        return getattr, (HistoryBuffer, '_set_default_statistics')


class Call:
    def __reduce__(self):
        return Method(), (HistoryBuffer(),)


def test_mmengines_own_files_are_read_without_their_classes(tmp_path):
    history = HistoryBuffer([1.0, 2.0], [1, 1])
    hub = dict(log_scalars=dict(loss=history), count=np.float64(3))
    torch.save({**WEIGHTS, 'message_hub': hub}, tmp_path / 'a.pth')
    found = read_checkpoint(tmp_path / 'a.pth')
    assert torch.equal(found['state_dict']['w'], torch.arange(3.0))
    loss = found['message_hub']['log_scalars']['loss']
    assert not isinstance(loss, HistoryBuffer)


def test_code_is_run_only_in_trusted_files(tmp_path):
    trace = tmp_path / 'trace'
    for name, content in (('a.pth', Harm(trace)), ('b.pth', Call())):
        torch.save({**WEIGHTS, 'x': content}, tmp_path / name)
        with pytest.raises(ValueError, match=r'could run code.*--trust'):
            read_checkpoint(tmp_path / name)
    assert not trace.exists()
    read_checkpoint(tmp_path / 'a.pth', trust=True)
    assert trace.exists()

    with (tmp_path / 'c.pkl').open('wb') as file:
        pickle.dump(WEIGHTS, file)
    with pytest.raises(ValueError, match=r'plain pickle.*--trust'):
        read_checkpoint(tmp_path / 'c.pkl')
    assert 'state_dict' in read_checkpoint(tmp_path / 'c.pkl', trust=True)


def test_broken_files(tmp_path):
    whole = tmp_path / 'whole.pth'
    torch.save({'w': torch.zeros(5000)}, whole)
    broken = dict(
        cut=whole.read_bytes()[:9000], empty=b'', text=b'hello', html=b'<!D'
    )
    for name, content in broken.items():
        path = tmp_path / f'{name}.pth'
        path.write_bytes(content)
        size = f'{len(content):,} bytes'
        with pytest.raises(ValueError, match=rf'{name}\.pth is cut .*{size}'):
            read_checkpoint(path)
    torch.save([1], tmp_path / 'list.pth')
    with pytest.raises(ValueError, match='holds a list, expected a dict'):
        read_checkpoint(tmp_path / 'list.pth')
    with pytest.raises(FileNotFoundError, match=r'no checkpoint .*gone\.pth'):
        read_checkpoint(tmp_path / 'gone.pth')
