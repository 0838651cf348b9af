"""What ``--resume`` takes, refuses and says."""

import pytest
import torch
from mmengine.config import Config

from mmdcl.cli.resuming import checkpoint_to_resume, resume
from tests.checkpoints.test_newest import broken, point, save


@pytest.fixture
def said():
    return []


def ask(folder, said, *args, **kwargs):
    return checkpoint_to_resume(folder, *args, say=said.append, **kwargs)


def test_the_newest_good_one_is_resumed_and_said(tmp_path, said):
    first = save(tmp_path / 'epoch_1.pth', 10, 1)
    last = save(tmp_path / 'epoch_2.pth', 20, 2)
    point(tmp_path, last)
    assert ask(tmp_path, said) == str(last)
    assert said == [f'--resume: resuming {last}, the newest good checkpoint']
    said.clear()
    broken(last, 'truncated')
    assert ask(tmp_path, said) == str(first)
    assert said[0].startswith(f'--resume: passed over: {last} is cut short')
    assert said[1].startswith(f'--resume: resuming {first}')


def test_nothing_to_resume_is_said(tmp_path, said):
    assert ask(tmp_path, said) is None
    (line,) = said
    assert f'nothing to resume in {tmp_path}; training starts anew' in line


def test_training_does_not_start_anew_over_broken_checkpoints(tmp_path, said):
    broken(save(tmp_path / 'epoch_1.pth', 10, 1), 'garbage')
    with pytest.raises(ValueError, match=r'no checkpoint in .*\n.*epoch_1'):
        ask(tmp_path, said)
    tmp_path.joinpath('epoch_1.pth').unlink()
    point(tmp_path, '/gone/epoch_1.pth')
    with pytest.raises(ValueError, match=r'names /gone/epoch_1\.pth, which'):
        ask(tmp_path, said)


def test_a_bad_path_is_refused_and_the_good_one_named(tmp_path, said):
    folder = tmp_path / 'run'
    folder.mkdir()
    good = save(folder / 'epoch_1.pth', 10, 1)
    bad = save(folder / 'epoch_2.pth', 20, 2)
    broken(bad, 'flipped')
    hint = f'The newest good one is {good}: --resume {good}'
    with pytest.raises(ValueError, match=f'{bad} is .*{hint}'):
        ask(folder, said, str(bad))
    with pytest.raises(FileNotFoundError, match=f'no checkpoint x.*{hint}'):
        ask(folder, said, 'x.pth')
    with pytest.raises(FileNotFoundError, match=r'no checkpoint x\.pth$'):
        ask(tmp_path, said, 'x.pth')
    assert ask(folder, said, str(good)) == str(good)
    with pytest.raises(ValueError, match='is an address'):
        ask(folder, said, 's3://epoch_2.pth')


def test_weights_alone_are_not_resumed(tmp_path, said):
    path = tmp_path / 'weights.pth'
    torch.save(dict(state_dict=dict(w=torch.ones(1))), path)
    with pytest.raises(ValueError, match=f'load_from={path}'):
        ask(tmp_path, said, str(path))


@pytest.mark.parametrize(
    ('options', 'asked', 'found'),
    [
        (dict(), None, None),
        (dict(), 'auto', 'epoch_2.pth'),
        (dict(), 'epoch_1.pth', 'epoch_1.pth'),
        (dict(resume=True), None, 'epoch_2.pth'),
        (dict(resume=True, load_from='epoch_1.pth'), None, 'epoch_1.pth'),
        (dict(load_from='epoch_1.pth'), 'auto', 'epoch_1.pth'),
    ],
)
def test_what_options_and_flag_mean_together(
    options, asked, found, tmp_path, capsys
):
    for i in (1, 2):
        save(tmp_path / f'epoch_{i}.pth', i, i)
    options = {
        k: str(tmp_path / v) if k == 'load_from' else v
        for k, v in options.items()
    }
    if asked and asked != 'auto':
        asked = str(tmp_path / asked)
    cfg = Config(dict(work_dir=str(tmp_path), launcher='none', **options))
    resume(cfg, asked)
    assert cfg.get('load_from') == (found and str(tmp_path / found))
    assert bool(cfg.get('resume')) == (found is not None)
    said = capsys.readouterr().out
    assert ('has checkpoints of an earlier run' in said) == (not found)


def test_only_the_first_process_talks(tmp_path, capsys, monkeypatch):
    cfg = Config(dict(work_dir=str(tmp_path), launcher='pytorch'))
    for rank, lines in (('1', 0), ('0', 1)):
        monkeypatch.setenv('RANK', rank)
        resume(cfg, 'auto')
        assert capsys.readouterr().out.count('\n') == lines
        assert not cfg.resume
