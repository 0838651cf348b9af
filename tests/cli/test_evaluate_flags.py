import pytest

from mmdcl.cli.evaluate_flags import FROZEN
from mmdcl.cli.main import parse


@pytest.mark.parametrize(
    ('flags', 'said'),
    [
        (['--gpus', '2'], 'runs in one process; leave out --gpus'),
        (['--launcher', 'slurm'], 'runs in one process; leave out --gpus'),
        (['--resume'], '--resume is for protocols that train, retrieval does'),
        (['--k', '3'], '--k is for --protocol knn'),
        (['--dataset', 'bccd'], 'or --dataset cifar10 or'),
    ],
)
def test_what_trains_nothing_takes_fewer_flags(flags, said, capsys):
    words = ['a.pth', '--protocol', 'retrieval', '--dataset', 'cifar10']
    with pytest.raises(SystemExit):
        parse('evaluate', [*words, *flags])
    assert said in capsys.readouterr().err


@pytest.mark.parametrize('protocol', FROZEN)
def test_each_has_a_config(protocol):
    dataset = 'voc07' if protocol == 'low-shot' else 'cifar10'
    words = ['a.pth', '--protocol', protocol, '--dataset', dataset]
    args = parse('evaluate', words)
    assert args.config.endswith(f'benchmarks/{protocol}_{dataset}.py')
    assert args.work_dir == f'work_dirs/{protocol}_{dataset}/a_s0'
