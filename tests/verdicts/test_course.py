from dataclasses import replace
from math import inf, nan

import pytest

from tests.verdicts.courses import (
    HEALTHY,
    between,
    named,
    records,
    spoilt,
)


def test_bound_by_data():
    found = named(spoilt(data_time=between(0.3, 0.3)))['bound by data']
    assert found.number.endswith('% waiting')
    assert '--fast' in found.remedy
    assert 'train_dataloader.num_workers' in found.remedy
    # Of the hook alone, where the log has no times.
    waits = spoilt({'training/data_wait': 0.4}, time=None, data_time=None)
    assert named(waits)['bound by data'].number == '40 % waiting'


def test_not_bound_by_data():
    assert not named(spoilt(data_time=0.09))
    # Workers that start, and a disk that is slow now and then.
    begins = replace(HEALTHY, training=HEALTHY.training[:5], finished=False)
    begins.training[0]['data_time'] = 50
    assert not named(begins)
    slow = [0.01, 0.01, 0.01, 0.8, 0.01] * 10
    assert not named(spoilt(data_time=slow))
    # Half of a step, but half a minute of the whole training.
    assert not named(spoilt(time=0.1, data_time=0.05))


@pytest.mark.parametrize(
    ('facts', 'number'),
    [
        (spoilt(loss=[*between(5, 2, 49), nan]), 'loss nan'),
        (spoilt(loss=between(5, 2, 25) + between(2, 4.5, 25)), 'loss 2.'),
        (
            spoilt({'training/gradient_norm': [5.0] * 7 + [80, inf, 90]}),
            'gradient norm 90',
        ),
        (
            spoilt({'training/gradient_norm': [5.0] * 7 + [inf, nan, 6]}),
            'gradient norm inf',
        ),
    ],
)
def test_learning_rate_too_high(facts, number):
    found = named(facts)['learning rate too high']
    assert found.level == 'bad'
    assert found.number.startswith(number)
    assert 'optim_wrapper.optimizer.lr' in found.remedy


@pytest.mark.parametrize(
    'facts',
    [
        # As a queue or a support set fills.
        spoilt(loss=between(3, 9, 5) + between(9, 7, 45)),
        # A warm restart of the schedule.
        spoilt(loss=between(6, 2, 40) + between(2.8, 2.5, 10)),
        # One bad batch, one overflow of a scaler.
        spoilt(loss=[*between(5.4, 2, 49), 9.0]),
        spoilt({'training/gradient_norm': [5.0] * 8 + [inf, 5.0]}),
        # Noise around a loss that falls no more.
        spoilt(loss=[5.0] * 4 + between(2, 2.01, 46)),
    ],
)
def test_learning_rate_not_too_high(facts):
    assert not named(facts)


def test_a_loss_that_rises_is_judged_after_a_fifth():
    of_rise = records(100, loss=between(2, 6, 100))
    rises = replace(HEALTHY, training=of_rise)
    assert named(rises)
    for count, wrong in ((19, False), (30, True)):
        part = replace(rises, training=rises.training[:count], finished=False)
        assert bool(named(part)) == wrong


def test_half_of_what_was_won_may_be_lost():
    """Of 3, from 5 to 2; the noise is 0.05."""
    smooth = [5 - x / 8 for x in range(25)]
    for last, wrong in ((3.4, False), (3.7, True)):
        facts = spoilt(loss=[*smooth, *[last] * 25])
        assert bool(named(facts)) == wrong


def test_schedule_ends_early():
    short = spoilt(lr=between(0.1, 0.001, 30) + [0.0] * 20)
    short = replace(short, schedule_end=None)
    found = named(short)['schedule ends early']
    assert found.number == '310 of 500 iterations'
    assert 'param_scheduler.0.T_max' in found.remedy
    known = replace(short, schedule_end=300)
    assert named(known)['schedule ends early'].number.startswith('300 ')
    # A cosine by epochs stops short of nothing: where it ends is known.
    coarse = spoilt(lr=between(0.1, 0.01, 30) + [0.004] * 20)
    coarse = replace(coarse, schedule_end=320)
    high = spoilt(lr=between(0.1, 0.02, 30) + [0.012] * 20)
    assert not named(replace(high, schedule_end=320))
    assert named(coarse)['schedule ends early'].number.startswith('320 ')
    assert not named(replace(coarse, schedule_end=None))
    assert not named(replace(coarse, schedule_end=490))
    # Training that goes on beyond what is logged so far.
    going = replace(short, training=short.training[:31], finished=False)
    assert not named(going)


@pytest.mark.parametrize(
    'rates',
    [
        [0.1] * 20 + [0.01] * 20 + [0.001] * 10,  # steps
        [0.0] * 3 + [0.1] * 47,  # a warm-up
        between(0.1, 0.001, 48) + [0.0] * 2,  # a cosine's last moments
        [0.1] * 49 + [0.0],
        [0.1] * 30 + [2e-4] * 20,  # low, but not nothing
        between(0.1, 0.001, 47) + [0.0] * 3,  # 5 %
    ],
)
def test_schedule_does_not_end_early(rates):
    assert not named(spoilt(lr=rates))


def validated(*accuracies: float, key: str = 'accuracy/top1') -> list[dict]:
    return [{key: x, 'step': i} for i, x in enumerate(accuracies)]


RISE = (20, 26, 30, 33, 35, 36)


def test_knn_falls_while_the_loss_falls():
    falls = replace(HEALTHY, validation=validated(*RISE, 34, 33, 31, 30, 29))
    found = named(falls)['kNN falls while the loss falls']
    assert found.number == '36.0 -> 29.0'
    assert '(epoch 5)' in found.words
    assert 'save_best' in found.remedy
    # Training that makes it worse from the beginning.
    worse = replace(HEALTHY, validation=validated(60, 50, 49, 48, 47))
    assert '(epoch 0)' in named(worse)['kNN falls while the loss falls'].words
    # In iterations.
    by_iter = [dict(x, step=x['step'] * 50) for x in falls.validation]
    by_iter = replace(falls, validation=by_iter, unit='iteration')
    assert named(by_iter)['kNN falls while the loss falls']


@pytest.mark.parametrize(
    'accuracies',
    [
        (*RISE, 36, 35.5, 36, 34.8, 34.5),  # by less than 2 points
        (*RISE, 29),  # once
        (*RISE, 36, 29, 36),
        (20, 40, 25, 41, 24, 39, 30, 33),  # as noisy as that
        (),
        (40,),
    ],
)
def test_knn_does_not_fall(accuracies):
    assert not named(replace(HEALTHY, validation=validated(*accuracies)))


def test_knn_that_falls_with_the_loss_up_is_another_matter():
    falls = validated(*RISE, 34, 33, 31, 30, 29)
    rises = spoilt(loss=between(5.4, 2, 25) + between(2, 4.5, 25))
    assert list(named(replace(rises, validation=falls))) == [
        'learning rate too high'
    ]
    alone = replace(HEALTHY, training=records(lr=0.1), validation=falls)
    assert not named(alone)
