"""Pairs with InfoNCE, seed by seed."""

import math

import pytest

from mmdcl.report.pictures.sweep import draw_sweep
from mmdcl.report.sweeps.gaps import Gain, gap_table, gaps
from tests.report.sweeps.rows import cells, row, trained

SEEDS = (0, 1, 2)


def pair(batch=32, gain=(1.0, 2.0, 3.0), **more):
    """InfoNCE is at 20 plus ten times its seed: only pairs tell."""
    rows = []
    for seed in SEEDS:
        q = [0.1, 0.2, 0.6, 0.3]
        same = dict(batch=batch, seed=seed, q=q, **more)
        val = 20.0 + 10 * seed
        rows.append(trained('InfoNCE', val=val, test=val, **same))
        val += gain[seed]
        rows.append(trained('DCL', val=val, test=val - 1, **same))
    return rows


def test_a_gap_is_of_seeds_in_pairs():
    [gap] = gaps(pair())
    assert (gap.loss, gap.batch, gap.seeds) == ('DCL', 32, SEEDS)
    assert gap.val.mean == pytest.approx(2)
    assert gap.tests['top1'].mean == pytest.approx(1)
    # Student's t of 2 degrees: 4.3027 deviations of the mean, 1 / sqrt(3).
    half = pytest.approx(4.3027 / math.sqrt(3), rel=1e-4)
    assert gap.val.high - gap.val.mean == half
    assert gap.val.mean - gap.val.low == half
    assert gap.coupling == pytest.approx(0.7)
    assert gap.below == 0.5  # 0.3 is not below 0.3
    line = cells(gap_table([gap]))[2]
    assert line[2:] == [
        *('32', 'x1', '0.1', '0, 1, 2', '0.70', '50 %'),
        *('+2.00 (-0.48 to +4.48)', '+1.00 (-1.48 to +3.48)'),
    ]


def test_all_settings_of_two_configs_have_a_line_together():
    """Of 1, 2, 3 and 7, 8, 9: five degrees, t is 2.5706."""
    found = gaps([*pair(32), *pair(128, (7.0, 8.0, 9.0))])
    *_, line = cells(gap_table(found))
    assert line[2:6] == ['all', '', '', '6 pairs']
    variance = sum((x - 5) ** 2 for x in (1, 2, 3, 7, 8, 9)) / 5
    half = 2.5706 * math.sqrt(variance / 6)
    assert line[8] == f'+5.00 ({5 - half:+.2f} to {5 + half:+.2f})'


def test_a_metric_that_some_lack_is_of_the_others():
    rows = pair()
    for loss, seed, value in (
        *(('InfoNCE', 0, 10.0), ('InfoNCE', 1, 20.0), ('InfoNCE', 2, 30.0)),
        *(('DCL', 0, 12.0), ('DCL', 2, 36.0)),
    ):
        [one] = [x for x in rows if (x['loss'], x['seed']) == (loss, seed)]
        one['test'] = one['test'] | {'linear': value}
    table = cells(gap_table(gaps([*rows, *pair(64)])))
    # Of 2 and 6: one degree, t is 12.7062, the error of the mean 2.
    said = '+4.00 (-21.41 to +29.41), 2 of them'
    assert [line[-1] for line in table[2:]] == [said, '', said]


def test_one_seed_has_no_interval():
    [gap] = gaps(pair()[:2])
    assert gap.val == Gain(1.0)
    assert str(gap.val) == '+1.00'


@pytest.mark.parametrize(
    'other',
    [
        dict(batch=64),
        dict(temperature=0.2),
        dict(lr_factor=8.0),
        dict(seed=7),
        dict(recipe='of more epochs'),
    ],
)
def test_what_is_set_otherwise_is_no_pair(other):
    rows = [trained('InfoNCE', val=10), trained('DCL', val=20) | other]
    assert gaps(rows) == []


def test_recipes_and_options_of_a_head_stand_apart():
    """Two recipes of one loss at the same settings are two pairs."""
    rows = []
    for recipe, gain in (('mild', 3.0), ('usual', 1.0)):
        rows.append(trained('InfoNCE', recipe=recipe, val=10))
        rows[-1]['config'] = f'simclr_{recipe}.py'
        for sigma in (1, 2):
            rows.append(trained('DCLW', recipe=recipe, val=10 + sigma * gain))
            rows[-1]['config'] = f'dclw_{recipe}.py'
            rows[-1]['options'] = [f'model.head.sigma={sigma}']
    rows.append(trained('InfoNCE', recipe='usual', seed=1))
    rows[-1]['config'] = 'simclr_usual.py'
    found = gaps(rows)
    assert [(x.reference, x.val.mean) for x in found] == [
        *(('simclr_mild', 3), ('simclr_mild', 6)),
        *(('simclr_usual', 1), ('simclr_usual', 2)),
    ]
    assert cells(gap_table(found))[2][:2] == [
        *('dclw_mild model.head.sigma=1', 'simclr_mild')
    ]
    fig = draw_sweep([x | dict(q=[0.5]) for x in rows])
    names = [x.get_text() for x in fig.axes[0].get_legend().get_texts()]
    assert names == ['DCLW, mild', 'DCLW']  # of the most runs


def test_the_algorithm_of_most_runs_needs_no_name():
    rows = pair()
    for number, names in (
        (6, ['SimCLR, InfoNCE', 'SimCLR, DCL', 'NNCLR, InfoNCE']),
        (2, ['InfoNCE', 'DCL', 'NNCLR, InfoNCE']),
    ):
        others = [
            trained('InfoNCE', algorithm='NNCLR', seed=seed, q=[0.5])
            for seed in range(number)
        ]
        fig = draw_sweep([*rows, *others])
        said = fig.axes[-1].get_legend().get_texts()
        told = {f'{name}, batch 32' for name in names}
        assert {x.get_text() for x in said} == told


def test_recipes_are_called_by_what_the_usual_one_does_not_say():
    usual = 'simclr_conv4_1xb32_cifar100.py'
    option = 'optim_wrapper.type=OptimWrapper'
    rows = [
        trained('InfoNCE', seed=seed, q=[0.5]) | dict(config=usual)
        for seed in range(3)
    ]
    for config, options in (('simclr_mild.py', []), (usual, [option])):
        other = trained('InfoNCE', recipe=f'{config} {options}', q=[0.5])
        rows.append(other | dict(config=config, options=options))
    fig = draw_sweep(rows)
    said = [x.get_text() for x in fig.axes[-1].get_legend().get_texts()]
    assert said == [
        *('InfoNCE, batch 32', 'InfoNCE, mild, batch 32'),
        'InfoNCE, type=OptimWrapper, batch 32',
    ]


def test_lines_of_older_sweeps_have_no_gap():
    assert gaps([row(), row(seed=1)]) == []


def test_the_figure_shows_accuracy_by_batch_gain_and_q():
    fig = draw_sweep([*pair(32), *pair(128, (0.0, 0.1, 0.2))])
    by_batch, by_coupling, over_training = fig.axes
    means = {
        line.get_label(): [*line[0].get_ydata()]
        for line in by_batch.containers
    }
    assert means == {
        'InfoNCE': pytest.approx([30, 30]),
        'DCL': pytest.approx([31, 29.1]),
    }
    points = by_coupling.get_lines()[1]
    assert [*points.get_ydata()] == pytest.approx([1, -0.9])
    assert [*points.get_xdata()] == pytest.approx([0.7, 0.7])
    curve = over_training.get_lines()[0]
    assert [*curve.get_ydata()] == pytest.approx([0.1, 0.2, 0.6, 0.3])
    assert [*curve.get_xdata()] == [12.5, 37.5, 62.5, 87.5]


def test_points_say_their_batch_and_what_is_set_otherwise():
    rows = [*pair(32), *pair(128), *pair(16, temperature=0.2)]
    fig = draw_sweep([*rows, *pair(64, lr_factor=8.0)])
    panel = fig.axes[1]
    lines = {}
    for text in panel.texts:
        lines.setdefault(text.get_position()[1], []).append(text.get_text())
    assert [*lines.values()] == [
        *(['t 0.1', '32', '128'], ['t 0.2', '16'], ['lr x8', '64'])
    ]
    full, others = panel.get_lines()[1:3]
    assert (len(full.get_xdata()), len(others.get_xdata())) == (2, 2)
    assert others.get_markerfacecolor() == 'none'


def test_the_figure_takes_the_setting_that_validation_chose():
    rows = [
        trained('DCL', batch, temperature=t, val=val, test=test)
        for batch in (32, 64)
        for t, val, test in ((0.1, 50.0, 10.0), (0.2, 40.0, 90.0))
    ]
    fig = draw_sweep(rows)
    [drawn] = fig.axes[0].containers
    assert [*drawn[0].get_ydata()] == [10, 10]


def test_nothing_to_draw():
    assert draw_sweep([row(), row(seed=1)]) is None
