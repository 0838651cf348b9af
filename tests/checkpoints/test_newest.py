"""Which checkpoint of a folder is resumed."""

import os

import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmdcl.checkpoints import newest_good


def save(path, iteration, epoch=0, time='', **more):
    meta = dict(iter=iteration, epoch=epoch, time=time)
    hub = dict(log_scalars=dict(loss=HistoryBuffer([1.0], [1])))
    weights = dict(w=torch.arange(3000.0))
    torch.save(dict(meta=meta, state_dict=weights, message_hub=hub), path)
    return path


def point(folder, content):
    folder.joinpath('last_checkpoint').write_bytes(
        content if isinstance(content, bytes) else str(content).encode()
    )


def broken(path, how):
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(
        {
            'empty': b'',
            'garbage': os.urandom(len(content)),
            'truncated': content[:-100],
            'flipped': content[:half]
            + bytes([content[half] ^ 1])
            + content[half + 1 :],
        }[how]
    )


def test_the_iteration_inside_decides(tmp_path):
    """Not the name, the date of the file, or the order of the alphabet."""
    assert newest_good(tmp_path) == (None, [])
    assert newest_good(tmp_path / 'missing') == (None, [])
    for name, iteration in [
        ('iter_48.pth', 48),
        ('iter_9.pth', 9),
        ('iter_45.pth', 45),
        ('best_accuracy_iter_99.pth', 99),
        ('other.pth', 99),
    ]:
        os.utime(save(tmp_path / name, iteration), (iteration, iteration))
    os.utime(tmp_path / 'iter_45.pth')
    assert newest_good(tmp_path) == (tmp_path / 'iter_48.pth', [])
    save(tmp_path / 'iter_280.pth', 280)
    save(tmp_path / 'epoch_3.pth', 300, epoch=3)
    assert newest_good(tmp_path)[0] == tmp_path / 'epoch_3.pth'
    tmp_path.joinpath('epoch_3.pth').rename(tmp_path / 'epoch_1.pth')
    assert newest_good(tmp_path)[0] == tmp_path / 'epoch_1.pth'


@pytest.mark.parametrize('how', ['empty', 'garbage', 'truncated', 'flipped'])
def test_broken_ones_are_passed_over_with_a_word(how, tmp_path):
    first = save(tmp_path / 'epoch_1.pth', 10, epoch=1)
    last = save(tmp_path / 'epoch_2.pth', 20, epoch=2)
    point(tmp_path, last)
    assert newest_good(tmp_path) == (last, [])
    broken(last, how)
    good, (phrase,) = newest_good(tmp_path)
    assert good == first
    assert str(last) in phrase
    broken(first, how)
    good, phrases = newest_good(tmp_path)
    assert good is None
    assert len(phrases) == 2


def test_what_is_no_checkpoint_is_passed_over(tmp_path):
    torch.save(dict(w=torch.ones(2)), tmp_path / 'epoch_1.pth')
    torch.save([torch.ones(2)], tmp_path / 'epoch_2.pth')
    tmp_path.joinpath('epoch_3.pth').mkdir()
    tmp_path.joinpath('epoch_4.pth').symlink_to(tmp_path / 'gone')
    os.mkfifo(tmp_path / 'epoch_5.pth')
    good, phrases = newest_good(tmp_path)
    assert good is None
    for i, phrase in enumerate(phrases, 1):
        assert f'epoch_{i}.pth' in phrase
    assert len(phrases) == 5


def test_nothing_in_a_file_is_run_to_look_at_it(tmp_path):
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'trace'),)

    meta = dict(iter=Harm(), epoch=1)
    torch.save(dict(meta=meta, x=Harm()), tmp_path / 'epoch_1.pth')
    assert newest_good(tmp_path)[0] is None
    meta = dict(iter=5, epoch=1)
    torch.save(dict(meta=meta, x=Harm()), tmp_path / 'epoch_1.pth')
    good, (phrase,) = newest_good(tmp_path)
    assert good is None
    assert 'could run code' in phrase
    assert not tmp_path.joinpath('trace').exists()
    good, _ = newest_good(tmp_path, trust=True)
    assert good == tmp_path / 'epoch_1.pth'
    assert tmp_path.joinpath('trace').exists()


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        (b'\xff\xfe\x00epoch_9.pth', 'is not UTF-8'),
        (b'a' * 5000, 'holds no path'),
        (b'a\nb', 'holds no path'),
        (b'a\x00b', 'holds no path'),
        (b'/' + b'a' * 3000, 'outside of this folder'),
        (b'/etc/passwd', 'outside of this folder'),
        (b's3://bucket/epoch_9.pth', 'outside of this folder'),
        (b'{}/../epoch_9.pth', 'outside of this folder'),
        (b'{}/epoch_9.pth', 'does not exist'),
        (b'', None),
        (b' \n', None),
    ],
)
def test_a_bad_pointer_is_ignored_with_a_word(content, said, tmp_path):
    folder = tmp_path / 'run'
    folder.mkdir()
    save(tmp_path / 'epoch_9.pth', 90)
    point(folder, content.replace(b'{}', str(folder).encode()))
    good, phrases = newest_good(folder)
    assert good is None
    assert len(phrases) == (said is not None)
    assert said is None or said in phrases[0]
    path = save(folder / 'epoch_1.pth', 10)
    assert newest_good(folder) == (path, phrases)


def test_the_pointer_finds_other_names_and_moved_folders(tmp_path):
    other = save(tmp_path / 'checkpoint-30.pth', 30)
    assert newest_good(tmp_path)[0] is None
    for named in (other, '/moved/checkpoint-30.pth', f'{tmp_path}//{other}'):
        point(tmp_path, named)
        assert newest_good(tmp_path)[0] == other
    newer = save(tmp_path / 'iter_40.pth', 40)  # killed before the pointer
    assert newest_good(tmp_path)[0] == newer


def test_an_earlier_run_in_the_same_folder_is_not_resumed(tmp_path):
    save(tmp_path / 'epoch_99.pth', 990, 99, time='20260101_000000')
    last = save(tmp_path / 'epoch_2.pth', 20, 2, time='20260102_000000')
    point(tmp_path, last)
    good, (phrase,) = newest_good(tmp_path)
    assert good == last
    assert 'epoch_99.pth (iteration 990) is of an earlier run' in phrase
    newer = save(tmp_path / 'epoch_3.pth', 30, 3, time='20260102_000001')
    assert newest_good(tmp_path)[0] == newer


def test_the_hooks_own_folder_is_looked_at(tmp_path):
    work_dir, out_dir = tmp_path / 'work' / 'run', tmp_path / 'out'
    out_dir.joinpath('run').mkdir(parents=True)
    work_dir.mkdir(parents=True)
    path = save(out_dir / 'run' / 'epoch_1.pth', 10)
    assert newest_good(work_dir)[0] is None
    point(work_dir, path)
    assert newest_good(work_dir, out_dir=out_dir) == (path, [])


def test_tensors_of_older_checkpoints_are_not_read(tmp_path, monkeypatch):
    from mmdcl.checkpoints import newest

    read = []
    strict = newest.read_checkpoint
    monkeypatch.setattr(
        newest,
        'read_checkpoint',
        lambda path, trust: read.append(path) or strict(path, trust),
    )
    paths = [save(tmp_path / f'iter_{i}.pth', i) for i in range(1, 6)]
    assert newest_good(tmp_path)[0] == paths[-1]
    assert read == paths[-1:]
