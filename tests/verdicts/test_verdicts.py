import json
import re
from dataclasses import fields, replace
from math import nan
from pathlib import Path

import pytest

from mmdcl.verdicts import LEVELS, Facts, verdicts
from tests.verdicts.courses import HEALTHY, between, named, spoilt

RESULTS = Path(__file__).parents[2] / 'results'
LOGS = sorted(RESULTS.glob('cifar10_slim*/logs/*_cifar10_*.jsonl'))
LOGS += sorted(RESULTS.glob('bccd/logs/pretraining_*.jsonl'))


@pytest.mark.parametrize('log', LOGS, ids=lambda x: x.stem)
def test_no_false_alarm_of_real_runs(log):
    """They waited for images, on a core that did everything; all learned."""
    found = [json.loads(line) for line in log.read_text().splitlines()]
    training = [x for x in found if 'loss' in x]
    bccd = 'bccd' in str(log)
    temperature = re.search(r'_t([\d.]+)_', log.stem)
    nnclr = log.stem.startswith('nnclr')
    facts = Facts(
        training=training,
        validation=[x for x in found if 'loss' not in x],
        loss='DCL' if bccd or 'dcl' in log.stem else 'InfoNCE',
        temperature=float(temperature[1]) if temperature else 0.1,
        images=292 if bccd else 10_000,
        batch=32,
        negatives=31 if nnclr else 62,
        support_set=4096 if nnclr else None,
        planned=training[-1]['iter'],
        finished=True,
    )
    assert list(named(facts)) == ['bound by data']
    good = verdicts(facts)[-1]
    assert good.name == ('nothing wrong' if bccd else 'learns')
    # Nor at any time before.
    for share in (0.05, 0.2, 0.5, 0.8):
        until = max(1, int(share * len(training)))
        part = replace(facts, training=training[:until], finished=False)
        assert set(named(part)) <= {'bound by data'}


def test_there_are_logs():
    assert len(LOGS) > 30


def test_the_worst_comes_first():
    facts = spoilt(
        {'projections/spread': 0.01},
        data_time=0.5,
        npc_multiplier=between(0.5, 0.04),
    )
    facts = replace(facts, loss='InfoNCE')
    said = [x.name for x in verdicts(facts)]
    assert said == ['collapsed', 'gradient starved', 'bound by data']
    levels = [LEVELS.index(x.level) for x in verdicts(facts)]
    assert levels == sorted(levels)


def test_what_goes_well_is_said():
    (good,) = verdicts(HEALTHY)
    assert (good.name, good.level) == ('learns', 'good')
    assert good.number == '20.0 -> 39.0'
    assert 'kNN accuracy 20.0 -> 39.0' in good.words
    assert 'RankMe 60 of 128' in good.words
    assert good.remedy == ''
    # Slow, but it learns.
    slow = verdicts(spoilt(data_time=0.5))
    assert [x.name for x in slow] == ['bound by data', 'learns']
    (same,) = verdicts(replace(HEALTHY, validation=()))
    assert same.words.startswith('Nothing wrong: loss 5.40 -> ')


def test_too_early_to_say():
    for count in (0, 1, 4):
        begun = replace(HEALTHY, training=HEALTHY.training[:count])
        assert [x.name for x in verdicts(begun)] == ['too early']
    assert verdicts(Facts())[0].words == 'Too early to say: nothing is logged.'


@pytest.mark.parametrize('missing', [None, nan, 'absent', 'text', True])
def test_whatever_is_missing_or_odd(missing):
    """Each key by itself, in all records, and each fact."""

    def without(records, key):
        if missing == 'absent':
            return [{k: v for k, v in x.items() if k != key} for x in records]
        return [{**x, key: missing} for x in records]

    for kind in ('training', 'quality', 'validation'):
        records = getattr(HEALTHY, kind)
        for key in records[0]:
            if (kind, key) == ('training', 'loss') and missing is nan:
                continue  # which is a verdict
            odd = replace(HEALTHY, **{kind: without(records, key)})
            assert not named(odd), (kind, key)
    for fact in fields(Facts):
        if fact.name in ('loss', 'temperature', 'images', 'negatives'):
            assert not named(replace(HEALTHY, **{fact.name: None}))
        if fact.name in ('planned', 'schedule_end', 'batch', 'support_set'):
            assert not named(replace(HEALTHY, **{fact.name: None}))


def test_each_verdict_is_two_sentences():
    worst = spoilt(
        {'projections/spread': 0.01},
        data_time=0.5,
        lr=[0.1] * 20 + [0.0] * 30,
        loss=between(2, 6),
        same_image=0.1,
        npc_multiplier=0.01,
    )
    found = verdicts(replace(worst, loss='InfoNCE'))
    assert len(found) == 6
    for each in found:
        for sentence in (each.words, each.remedy):
            assert sentence[0].isupper() or sentence[0].isdigit()
            assert sentence.endswith('.')
            assert '. ' not in sentence


def test_a_run_that_ended_in_nan_at_once():
    facts = Facts(training=[dict(loss=nan, iter=4)], unit='epoch')
    assert [x.name for x in verdicts(facts)] == ['learning rate too high']
