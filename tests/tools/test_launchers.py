"""Two trainings on one machine do not collide, and PORT is obeyed."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

from mmdcl.cli.ending import watch_training

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


def test_one_node_takes_a_free_port_unless_told(tmp_path):
    for script, words in (('dist_train.sh', ['c', '2']),):
        said = asked(tmp_path, script, *words)
        assert '--standalone' in said
        assert '29500' not in said
        said = asked(tmp_path, script, *words, PORT='1234')
        assert '--master_port=1234' in said
        assert '--standalone' not in said
    said = asked(tmp_path, 'dist_test.sh', 'c', 'w', '2')
    assert '--standalone' in said


def test_several_nodes_meet_where_they_are_told(tmp_path):
    nodes = dict(NNODES='2', NODE_RANK='1', MASTER_ADDR='first')
    said = asked(tmp_path, 'dist_train.sh', 'c', '2', **nodes)
    for word in ('nnodes=2', 'node_rank=1', 'addr=first', 'port=29500'):
        assert word in said
    assert '--standalone' not in said


def test_the_command_is_known_to_what_it_starts(tmp_path):
    said = asked(tmp_path, 'dist_train.sh', 'my c.py', '2', '--amp')
    assert 'tools/dist_train.sh my\\ c.py 2 --amp' in said


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


def test_two_at_a_time(tmp_path):
    """As typed, but for what they train."""
    for name in ('dist_train.sh', 'torchrun.sh'):
        shutil.copy(ROOT / 'tools' / name, tmp_path)
    (tmp_path / 'train.py').write_text(RANKS)
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    both = [
        subprocess.Popen(
            ['bash', str(tmp_path / 'dist_train.sh'), 'c', '2'],
            env={**os.environ, 'PATH': path, 'OMP_NUM_THREADS': '1'},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in both:
        said, _ = process.communicate(timeout=200)
        assert process.returncode == 0
        assert said.count('met 2') == 2


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
