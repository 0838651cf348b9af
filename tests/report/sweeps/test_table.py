"""What is chosen, by what, and how it is told."""

import pytest

from mmdcl.report.sweeps.table import table
from tests.report.sweeps.rows import cells, row, trained


def test_the_best_is_chosen_by_validation_and_not_by_the_test():
    rows = [
        row(temperature=0.1, val=60, test=90),
        row(temperature=0.2, val=70, test=10),
        row(config='b.py', temperature=0.1, val=80, test=20),
        row(config='b.py', temperature=0.2, val=10, test=95),
    ]
    head, _, *lines = cells(table(rows))
    assert head == ['config', 'temperature', 'seeds', 'validation', 'top1']
    assert [line[:2] for line in lines] == [
        ['a', '0.1'],
        ['a', '**0.2**'],
        ['b', '**0.1**'],
        ['b', '0.2'],
    ]
    assert lines[1] == ['a', '**0.2**', '0', '70.00', '10.00']


def test_mean_and_standard_deviation_of_the_sample():
    """Of 60, 62, 67: mean 63, deviation sqrt((9 + 1 + 16) / 2)."""
    rows = [
        row(seed=seed, val=val, test=val + 1)
        for seed, val in enumerate((60, 62, 67))
    ]
    line = cells(table(rows))[2]
    assert line == ['a', '**0.1**', '0, 1, 2', '63.00 ± 3.61', '64.00 ± 3.61']


def test_the_best_is_that_of_the_mean_over_seeds():
    rows = [row(seed=0, val=99), row(seed=1, val=1)]
    rows += [row(temperature=0.2, seed=seed, val=51) for seed in (0, 1)]
    assert cells(table(rows))[3][1] == '**0.2**'


@pytest.mark.parametrize(
    ('seeds', 'said'), [(1, '0.2'), (2, '0.2'), (3, '**0.2**')]
)
def test_the_best_of_fewer_seeds_takes_three(seeds, said):
    rows = [row(seed=seed, val=50) for seed in range(5)]
    rows += [row(temperature=0.2, seed=x, val=60) for x in range(seeds)]
    assert cells(table(rows))[3][1] == said


def test_before_training_and_other_options_have_their_lines():
    rows = [
        row(options=['model.x=1'], seed=0) | dict(val_start=20.0),
        row(options=['model.x=2'], seed=0) | dict(val_start=20.0),
        row(options=['model.x=2'], seed=1) | dict(val_start=30.0),
    ]
    _, _, start, *lines = cells(table(rows))
    assert start == ['before training', '', '0, 1', '25.00 ± 7.07', '']
    assert [line[0] for line in lines] == ['a model.x=1', 'a model.x=2']


def test_each_batch_has_its_best_of_rates_and_temperatures():
    rows = [
        trained('DCL', batch, lr_factor=factor, lr=factor * batch, val=val)
        for batch, factor, val in (
            *((128, 1.0, 60), (128, 8.0, 70)),
            *((32, 1.0, 55), (32, 8.0, 40)),
        )
    ]
    head, _, *lines = cells(table(rows))
    assert head[1:4] == ['batch', 'lr', 'temperature']
    assert [line[1:4] for line in lines] == [
        ['32', '32', '**0.1**'],
        ['32', '256', '0.1'],
        ['128', '128', '0.1'],
        ['128', '1024', '**0.1**'],
    ]


def test_one_batch_is_one_line_however_it_was_set():
    rows = [trained('DCL', 32, seed=seed, lr=0.03) for seed in (0, 1)]
    rows[0]['batch_size'] = None  # the config's own
    rows.append(trained('DCL', 32, seed=2, lr=0.06))
    _, _, *lines = cells(table(rows))
    assert [line[2] for line in lines] == ['0, 1', '2']


def test_a_test_that_some_runs_lack_is_counted():
    rows = [row(seed=0), row(seed=1)]
    rows[0]['test'] = {'top1': 50.0, 'linear/top1': 40.0}
    line = cells(table(rows))[2]
    assert line[-1] == '40.00 (1)'
