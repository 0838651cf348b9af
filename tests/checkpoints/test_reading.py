import os
import pickle
import zipfile

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


@pytest.fixture(params=['torch', 'old torch'])
def reader(request, monkeypatch):
    """That of torch, and the one for torch without ``safe_globals``."""
    if request.param == 'old torch':
        monkeypatch.delattr(torch.serialization, 'safe_globals', False)


@pytest.mark.usefixtures('reader')
def test_mmengines_own_values_are_made_without_its_pickles(tmp_path):
    logged = np.array([1.5, np.nan, 2.0], np.float32)
    values = dict(
        scalar=np.float64(3),
        whole=np.int64(-7),
        yes=np.bool_(True),
        big_endian=np.arange(3, dtype='>i4'),
        by_column=np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        names=np.array(['a', 'bcd']),
        empty=np.zeros((0, 2), np.uint8),
    )
    shared = [values['scalar']]
    hub = dict(log_scalars=dict(loss=HistoryBuffer(logged, [1, 2, 3], 5)))
    content = dict(message_hub=hub, meta=values, twice=(shared, [shared]))
    torch.save({**WEIGHTS, **content, np.int64(4): 4}, tmp_path / 'a.pth')
    found = read_checkpoint(tmp_path / 'a.pth')
    assert torch.equal(found['state_dict']['w'], torch.arange(3.0))
    loss = found['message_hub']['log_scalars']['loss']
    assert type(loss) is HistoryBuffer
    assert loss.max_length == 5
    assert loss.statistics('current') == 2
    assert np.array_equal(loss.data[0], logged, equal_nan=True)
    assert loss.data[0].dtype == np.float32
    assert loss.data[1].tolist() == [1, 2, 3]
    for name, value in values.items():
        theirs = found['meta'][name]
        assert type(theirs) is type(value)
        assert theirs.dtype == value.dtype
        assert np.array_equal(theirs, value)
        if isinstance(value, np.ndarray):
            assert theirs.flags.f_contiguous == value.flags.f_contiguous
            theirs.fill(0)  # their own memory
    assert found[4] == 4
    assert found['twice'][0] is found['twice'][1][0]
    assert found['twice'][0] == [3]


def test_every_flipped_bit_is_noticed_or_does_not_matter(tmp_path):
    path = tmp_path / 'a.pth'
    torch.save({**WEIGHTS, 'x': [1, 'y']}, path)
    whole = path.read_bytes()
    noticed = []
    for at in range(0, len(whole), 3):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        path.write_bytes(flipped)
        try:
            found = read_checkpoint(path)
        except ValueError as error:
            noticed.append(str(error))
        else:
            assert found['state_dict']['w'].tolist() == [0, 1, 2]
            assert found['x'] == [1, 'y']
    assert len(noticed) > 100
    assert all('damaged' in x or 'cut short' in x for x in noticed)
    at = whole.index(torch.arange(3.0).numpy().tobytes())
    path.write_bytes(whole[:at] + b'\x01' + whole[at + 1 :])
    for trust in (False, True):
        with pytest.raises(ValueError, match=r'damaged.*checksum of a/data/0'):
            read_checkpoint(path, trust=trust)


@pytest.mark.usefixtures('reader')
def test_archives_that_torch_does_not_write(tmp_path):
    source = tmp_path / 'a.pth'
    torch.save(WEIGHTS, source)

    def write(name, kind=zipfile.ZIP_STORED, change=lambda name, x: (name, x)):
        path = tmp_path / name
        with (
            zipfile.ZipFile(source) as old,
            zipfile.ZipFile(path, 'w', kind) as new,
        ):
            for record in old.namelist():
                new.writestr(*change(record, old.read(record)))
            new.writestr(*change('a/zeros', bytes(1_000_000)))
        return path

    read_checkpoint(write('stored.pth'))
    bomb = write('bomb.pth', zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match=r'bomb\.pth is no file .*compressed'):
        read_checkpoint(bomb)
    for name in ('../a/zeros', '/a/zeros'):
        where = write(
            'x.pth',
            change=lambda n, x, to=name: (to if n == 'a/zeros' else n, x),
        )
        with pytest.raises(ValueError, match=rf"record is named '{name}'"):
            read_checkpoint(where)
    shorter = write(
        'y.pth', change=lambda n, x: (n, x[:-4] if n == 'a/data/0' else x)
    )
    with pytest.raises(ValueError, match='cut short'):
        read_checkpoint(shorter)
    # Two records in the same bytes: more to read than the file has.
    overlap = tmp_path / 'z.pth'
    with zipfile.ZipFile(overlap, 'w') as new:
        new.writestr('a', bytes(1000))
        new.filelist.append(new.filelist[0])
    with pytest.raises(ValueError, match='a is said to have 1,000 bytes'):
        read_checkpoint(overlap)


@pytest.mark.usefixtures('reader')
def test_values_without_end_and_arrays_of_objects(tmp_path):
    path = tmp_path / 'a.pth'
    data = b'\x80\x02}X\x01\x00\x00\x00x' + b']' * 9**5 + b'a' * (9**5 - 1)
    with zipfile.ZipFile(path, 'w') as new:
        new.writestr('a/data.pkl', data + b's.')
        new.writestr('a/version', '3')
    with pytest.raises(ValueError, match='nested too deep'):
        read_checkpoint(path)
    many = 'laugh'
    for _ in range(60):
        many = [many, many]
    torch.save(dict(many=many), path)
    read_checkpoint(path)
    torch.save(dict(x=np.array([Harm(tmp_path / 'trace')])), path)
    with pytest.raises(ValueError, match='could run code'):
        read_checkpoint(path)
    torch.save(dict(x=np.array([1, 'a'], object)), path)
    with pytest.raises(ValueError, match=r'an array of object.*--trust'):
        read_checkpoint(path)
    assert not (tmp_path / 'trace').exists()


@pytest.mark.parametrize(
    'header',
    [
        b'\xff' * 8,
        b'\x10' + bytes(7) + b'{"w":{}}        ',
        b'\x3c'
        + bytes(7)
        + b'{"w":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}     ',
        b'\x3c'
        + bytes(7)
        + b'{"w":{"dtype":"F32","shape":[9],"data_offsets":[-9,27]}}    ',
        b'\x10' + bytes(7) + b'[' * 16,
        b'',
    ],
)
def test_headers_of_safetensors(header, tmp_path):
    path = tmp_path / 'a.safetensors'
    path.write_bytes(header)
    with pytest.raises(ValueError, match=r'a\.safetensors is cut short'):
        read_checkpoint(path)


@pytest.mark.usefixtures('reader')
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
    with pytest.raises(ValueError, match=r'https://x/a\.pth is an address'):
        read_checkpoint('https://x/a.pth')
