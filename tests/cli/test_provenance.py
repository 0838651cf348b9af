"""Which machine, which commit, and whether the code was that commit's."""

import os
import re
import shutil
import subprocess

import pytest

from mmdcl.cli import provenance as tool


@pytest.fixture
def git(tmp_path, monkeypatch):
    """A repository with code and results; returns git in it."""
    for name in ('tools', 'results'):
        tmp_path.joinpath(name).mkdir()
        tmp_path.joinpath(name, 'a.txt').write_text('first\n')
    monkeypatch.setattr(tool, '_PACKAGE', tmp_path / 'tools')
    who = ['-c', 'user.name=a', '-c', 'user.email=a@b']

    def git(*command):
        done = subprocess.run(
            ['git', *who, *command],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    git('init', '-q')
    git('add', '.')
    git('commit', '-q', '-m', 'first')
    return git


def test_commit_and_changes(git, tmp_path):
    commit = git('rev-parse', '--short', 'HEAD')
    assert tool.provenance()['commit'] == commit
    tmp_path.joinpath('results/a.txt').write_text('grows\n')
    tmp_path.joinpath('notes.txt').write_text('not tracked\n')
    assert tool.provenance()['commit'] == commit
    tmp_path.joinpath('tools/a.txt').write_text('changed\n')
    assert tool.provenance()['commit'] == f'{commit}+changes'
    git('commit', '-q', '-m', 'second', 'tools/a.txt')
    after = tool.provenance()['commit']
    assert after == git('rev-parse', '--short', 'HEAD') != commit


def test_machine(monkeypatch):
    answers = {'nvidia-smi': 'GPU A\nGPU B'}
    monkeypatch.setattr(
        tool, '_shell', lambda *command: answers.get(command[0], '')
    )
    found = tool.provenance()['machine']
    assert re.fullmatch(rf'.+, {os.cpu_count()} cores, GPU A, GPU B', found)
    answers.clear()
    assert tool.provenance()['machine'].endswith(' cores, no GPU')


def test_a_program_that_is_not_there(monkeypatch):
    monkeypatch.setattr(shutil, 'which', lambda name: None)
    assert tool.provenance()['commit'] == ''
