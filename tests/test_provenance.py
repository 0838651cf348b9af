"""Which machine, which commit, and whether the code was that commit's."""

import os
import re
import subprocess

import pytest

from mmdcl import __version__
from mmdcl.provenance import commit, machine


@pytest.fixture
def git(tmp_path):
    """A repository with code and results; returns git in it."""
    for name in ('tools', 'results'):
        tmp_path.joinpath(name).mkdir()
        tmp_path.joinpath(name, 'a.txt').write_text('first\n')
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
    package = tmp_path / 'tools'
    first = git('rev-parse', '--short', 'HEAD')
    assert commit(package) == first
    tmp_path.joinpath('results/a.txt').write_text('grows\n')
    tmp_path.joinpath('notes.txt').write_text('not tracked\n')
    assert commit(package) == first
    tmp_path.joinpath('tools/a.txt').write_text('changed\n')
    assert commit(package) == f'{first}+changes'
    git('commit', '-q', '-m', 'second', 'tools/a.txt')
    assert commit(package) == git('rev-parse', '--short', 'HEAD') != first


def test_what_is_installed_has_a_version(git, tmp_path):
    """Also in an environment below somebody's repository."""
    installed = tmp_path / 'venv/site-packages/mmdcl'
    installed.mkdir(parents=True)
    assert commit(installed) == f'mmdcl {__version__}'


def test_machine(tmp_path, monkeypatch):
    program = tmp_path / 'nvidia-smi'
    program.write_text('#!/bin/sh\necho GPU A\necho GPU B\n')
    program.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path))
    assert re.fullmatch(
        rf'.+, {os.cpu_count()} cores, GPU A, GPU B', machine()
    )
    program.unlink()
    assert machine().endswith(' cores, no GPU')


def test_a_program_that_is_not_there(git, tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', '')
    assert commit(tmp_path / 'tools') == ''
