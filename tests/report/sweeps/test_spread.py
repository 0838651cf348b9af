"""The best of a grid, and how much accuracy moves with each setting."""

from mmdcl.report.sweeps.spread import spread_table
from tests.report.sweeps.rows import cells, trained


def column(rows, name):
    head, _, *lines = cells(spread_table(rows))
    return [line[head.index(name)] for line in lines]


def test_the_best_of_the_grid_is_chosen_by_validation():
    rows = [
        trained(loss, batch, temperature=t, val=val, test=val - 10 * batch)
        for loss, batch, t, val in (
            *(('DCL', 32, 0.1, 60), ('DCL', 64, 0.1, 70)),
            *(('DCL', 64, 0.2, 65), ('InfoNCE', 32, 0.1, 50)),
        )
    ]
    assert column(rows, 'best batch') == ['64', '32']
    assert column(rows, 'best temperature') == ['0.1', '0.1']
    assert column(rows, 'validation') == ['70.00', '50.00']
    assert column(rows, 'top1') == ['-570.00', '-270.00']


def test_a_spread_is_of_one_axis_while_the_others_stay():
    """Batches move by 4 at 0.1 and by 8 at 0.2; temperatures by 1 and 5."""
    tests = {(16, 0.1): 20, (128, 0.1): 24, (16, 0.2): 21, (128, 0.2): 29}
    rows = [
        trained('DCL', batch, temperature=t, seed=seed, test=test + seed)
        for (batch, t), test in tests.items()
        for seed in (0, 2)
    ]
    rows.append(trained('InfoNCE', 16, test=5))
    assert column(rows, 'spread over batch') == ['6.00 (16 to 128)', '']
    assert column(rows, 'spread over temperature') == ['3.00 (0.1 to 0.2)', '']


def test_a_spread_is_of_what_was_run_at_the_most_values():
    """At 0.2 two batches differ by less, as they are nearer to each other."""
    tests = {(16, 0.1): 20, (32, 0.1): 23, (128, 0.1): 27}
    tests |= {(32, 0.2): 24, (128, 0.2): 25}
    rows = [
        trained('DCL', batch, temperature=t, test=test)
        for (batch, t), test in tests.items()
    ]
    assert column(rows, 'spread over batch') == ['7.00 (16 to 128)']


def test_spreads_over_other_values_stand_apart():
    """One batch was run at a lower rate, the other at a higher one."""
    tests = {(256, 0.125): 20, (256, 1.0): 23, (32, 1.0): 25, (32, 8.0): 24}
    rows = [
        trained('DCL', batch, lr_factor=factor, test=test)
        for (batch, factor), test in tests.items()
    ]
    assert column(rows, 'spread over lr') == [
        '3.00 (x0.125 to x1), 1.00 (x1 to x8)'
    ]


def test_a_spread_is_of_the_seeds_that_all_have():
    """Seed 7, of one learning rate alone, would make it wider."""
    rows = [
        trained('DCL', lr_factor=factor, seed=seed, test=test)
        for factor, seed, test in ((1.0, 0, 20), (8.0, 0, 22), (8.0, 7, 90))
    ]
    assert column(rows, 'spread over lr') == ['2.00 (x1 to x8)']


def test_without_a_test_it_is_of_validation():
    rows = [trained('DCL', batch, val=batch) for batch in (16, 32)]
    rows[0]['test'] = {}
    assert column(rows, 'spread over batch') == ['16.00 (16 to 32)']


def test_lines_of_older_sweeps_do_not_say_their_batch():
    rows = [trained('DCL', batch, test=batch) for batch in (16, 32)]
    older = trained('DCL', test=90, temperature=0.2)
    rows.append(older | dict(batch=None, batch_size=None))
    rows.append(rows[-1] | dict(temperature=0.1, seed=1))
    assert column(rows, 'spread over batch') == ['16.00 (16 to 32)']


def test_one_setting_has_no_spread():
    assert spread_table([trained('DCL'), trained('InfoNCE', 64)]) is None
