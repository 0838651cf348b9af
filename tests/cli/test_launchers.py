"""Two trainings on one machine do not collide, and PORT is obeyed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

from mmdcl.cli.ranks import meeting_place
from mmdcl.cli.resuming import watch_training

pytestmark = pytest.mark.usefixtures('_interruptible')
ROOT = Path(__file__).parents[2]
# Stands for Python: prints what it is asked for, and starts nothing.
ECHO = '#!/bin/sh\necho "$MMDCL_COMMAND" "$MASTER_PORT" "$@"\n'


def asked(place, script, *words, **variables):
    """What the launcher runs."""
    for name in ('python', 'srun'):
        program = place / name
        program.write_text(ECHO)
        program.chmod(0o755)
    path = f'{place}{os.pathsep}{os.environ["PATH"]}'
    names = ('PORT', 'NNODES', 'MASTER_PORT', 'MMDCL_COMMAND')
    clean = {k: v for k, v in os.environ.items() if k not in names}
    return subprocess.run(
        ['bash', str(ROOT / 'tools' / script), *words],
        env={**clean, 'PATH': path, **variables},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_one_node_takes_a_free_port_unless_told(monkeypatch):
    for name in ('PORT', 'NNODES'):
        monkeypatch.delenv(name, raising=False)
    assert '--standalone' in meeting_place()
    monkeypatch.setenv('PORT', '1234')
    assert '--master_port=1234' in meeting_place()
    assert '--standalone' not in meeting_place()


def test_several_nodes_meet_where_they_are_told(monkeypatch):
    monkeypatch.delenv('PORT', raising=False)
    nodes = dict(NNODES='2', NODE_RANK='1', MASTER_ADDR='first')
    for name, value in nodes.items():
        monkeypatch.setenv(name, value)
    assert meeting_place() == [
        '--nnodes=2',
        '--node_rank=1',
        '--master_addr=first',
        '--master_port=29500',
    ]


def test_scripts_of_openmmlab_ask_for_the_same(tmp_path):
    said = asked(tmp_path, 'dist_train.sh', 'my c.py', '2', '--amp')
    assert 'tools/dist_train.sh my\\ c.py 2 --amp' in said
    assert said.strip().endswith('tools/train.py my c.py --gpus 2 --amp')
    said = asked(tmp_path, 'dist_test.sh', 'c', 'w', '2')
    assert said.strip().endswith('tools/test.py c w --gpus 2')


def test_slurm_jobs_on_one_node_have_different_ports(tmp_path):
    words = ['slurm_train.sh', 'partition', 'job', 'c', 'w']
    said = [asked(tmp_path, *words).split() for _ in range(9)]
    ports = {line[line.index('-p') - 1] for line in said}
    assert len(ports) > 6
    assert ' 1234 ' in asked(tmp_path, *words, PORT='1234')


RANKS = r"""
import os
import torch.distributed as dist
dist.init_process_group('gloo')
dist.barrier()
store = dist.distributed_c10d._get_default_store()
store.set(str(dist.get_rank()), 'here')
store.wait(['0', '1'])
dist.barrier()
# In one piece: both ranks write to one pipe, unbuffered in some shells.
os.write(1, f'met {dist.get_world_size()}\n'.encode())
"""


START = """
import sys
from mmdcl.cli.ending import ends_in_a_sentence
from mmdcl.cli.ranks import start_ranks
with ends_in_a_sentence():
    start_ranks(2, [sys.argv[1]])
"""


def started(tmp_path, text):
    """Two ranks of a script."""
    script = tmp_path / 'ranks.py'
    script.write_text(text)
    return subprocess.Popen(
        [sys.executable, '-c', START, str(script)],
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_at_a_time(tmp_path):
    for process in [started(tmp_path, RANKS) for _ in range(2)]:
        said, _ = process.communicate(timeout=200)
        assert process.returncode == 0
        assert said.count('met 2') == 2


@pytest.mark.parametrize(
    ('ends', 'code', 'words'),
    [
        ("with ends_in_a_sentence(): sys.exit('error: no images')", 1, ''),
        ('sys.exit(75)', 75, 'ended with code 75'),
        ('os.kill(os.getpid(), 9)', 137, 'ended by signal 9'),
    ],
)
def test_a_rank_that_fails_is_one_line(ends, code, words, tmp_path):
    text = 'import os, sys, time\n'
    text += 'from mmdcl.cli.ending import ends_in_a_sentence\n'
    text += "if os.environ['RANK'] == '0': time.sleep(60)\n"
    process = started(tmp_path, text + ends)
    _, said = process.communicate(timeout=200)
    assert process.returncode == code
    assert len(said.splitlines()) == 1
    assert (words or 'error: no images') in said


TOLD = """
import os, signal
from mmdcl.cli.ending import ends_with_a_word
with ends_with_a_word():
    os.kill(os.getpid(), signal.SIG{})
"""


@pytest.mark.parametrize('name', ['INT', 'TERM', 'USR1'])
def test_before_training_a_signal_ends_with_a_line(name):
    done = subprocess.run(
        [sys.executable, '-c', TOLD.format(name)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == -getattr(signal, f'SIG{name}')
    assert done.stderr == f'SIG{name}: ended\n'


def test_every_training_is_watched():
    cfg = Config(dict(custom_hooks=[dict(type='mmdcl.InterruptHook')]))
    watch_training(cfg)
    assert [hook.type for hook in cfg.custom_hooks] == [
        'mmdcl.HeartbeatHook',
        'mmdcl.InterruptHook',
    ]
