from dataclasses import replace

import pytest

from mmdcl.verdicts import verdicts
from tests.verdicts.courses import HEALTHY, between, named, spoilt

NEAR = between(0.98, 0.99)
POINT = {'projections/spread': 0.03}
LINE = {'features/rank_me': 2.0}


@pytest.mark.parametrize(
    ('facts', 'number', 'says'),
    [
        (
            spoilt(pos_cosine=NEAR, neg_cosine=[x - 0.01 for x in NEAR]),
            'cosines 0.990 and 0.980',
            'All images get the same embedding',
        ),
        (spoilt(POINT), 'spread 0.03', 'projections of all images'),
        (spoilt(LINE), 'RankMe 2.0', 'use 2.0 of 128 directions'),
    ],
)
def test_collapsed(facts, number, says):
    found = named(facts)['collapsed']
    assert found.level == 'bad'
    assert found.number.startswith(number)
    assert says in found.words
    assert 'optim_wrapper.optimizer.lr' in found.remedy
    begun = replace(facts, training=facts.training[:2], finished=False)
    assert not named(begun)  # as some networks begin
    begun = replace(facts, training=facts.training[:5], finished=False)
    assert 'collapsed' in named(begun)


@pytest.mark.parametrize(
    'facts',
    [
        spoilt(pos_cosine=0.99, neg_cosine=0.96),
        spoilt(pos_cosine=0.94, neg_cosine=0.93),
        spoilt({'projections/spread': 0.06}),
        spoilt({'features/rank_me': 4.0}),
        spoilt({'features/rank_me': 1.0, 'features/width': 2}),
        spoilt({'projections/spread': [0.9] * 8 + [0.01] * 2}),
    ],
)
def test_not_collapsed(facts):
    assert 'collapsed' not in named(facts)


def test_classes_may_be_few_and_points():
    facts = replace(spoilt(LINE), positives='view')
    assert 'collapsed' not in named(facts)
    facts = spoilt(POINT, pos_cosine=NEAR)
    facts = replace(facts, positives='class')
    assert list(named(facts)) == ['collapsed']  # and no word of views
    facts = replace(facts, positives='view')
    assert 'views too easy' in named(facts)


def test_without_negatives_collapse_has_other_reasons():
    facts = spoilt(POINT, pos_cosine=None, neg_cosine=None)
    assert 'predictor' not in named(facts)['collapsed'].remedy
    facts = replace(facts, negatives=None)
    assert 'predictor' in named(facts)['collapsed'].remedy
    facts = replace(facts, training=spoilt(POINT).training)
    assert 'predictor' not in named(facts)['collapsed'].remedy


Q = between(0.5, 0.04)


@pytest.mark.parametrize(
    'facts',
    [
        spoilt(npc_multiplier=Q),
        # The median over anchors is below their mean.
        spoilt({'coupling/q_p50': 0.05}, npc_multiplier=0.2),
    ],
)
def test_gradient_starved(facts):
    facts = replace(facts, loss='InfoNCE')
    found = named(facts)['gradient starved']
    assert found.number.startswith('q 0.0')
    assert 'model.head.type=mmdcl.DCLHead' in found.remedy
    assert 'it is 0.1' in found.remedy


def test_gradient_not_starved():
    for q in (between(0.5, 0.15), [0.5] * 48 + [0.01] * 2):
        facts = replace(spoilt(npc_multiplier=q), loss='InfoNCE')
        assert not named(facts)
    for loss in ('DCL', 'LatentPredictHead', None):
        facts = replace(spoilt(npc_multiplier=Q), loss=loss)
        assert not named(facts)


def test_views_too_easy():
    early = [0.99] * 15 + between(0.99, 0.8, 35)
    facts = replace(spoilt(pos_cosine=early), loss='InfoNCE')
    found = named(facts)['views too easy']
    assert found.number == 'cosine 0.990'
    assert 'crop_ratio_range' in found.remedy
    # Then q is small, too, and another loss would not help.
    starves = spoilt(pos_cosine=early, npc_multiplier=0.03)
    assert list(named(replace(starves, loss='InfoNCE'))) == ['views too easy']


@pytest.mark.parametrize(
    'facts',
    [
        spoilt(pos_cosine=between(0.4, 0.985)),  # in the end only
        spoilt(pos_cosine=0.99, neg_cosine=0.75),
        spoilt(pos_cosine=0.96, neg_cosine=0.1),
        spoilt(pos_cosine=[0.99] * 2 + [0.8] * 48),
    ],
)
def test_views_not_too_easy(facts):
    assert not named(facts)


@pytest.mark.parametrize(
    ('loss', 'chance'), [('DCL', 4.127), ('InfoNCE', 4.143)]
)
def test_views_too_hard(loss, chance):
    """Of 62 negatives; InfoNCE has the positive beside them."""
    falls = [6 - i * (6 - chance) / 20 for i in range(20)]
    facts = spoilt(
        loss=[*falls, *[chance - 0.05] * 30],
        pos_cosine=between(0.1, 0.12),
        neg_cosine=between(0.1, 0.06),
    )
    facts = replace(facts, loss=loss)
    found = named(facts)['views too hard']
    assert found.number == f'loss {chance - 0.05:.2f}'
    assert f'log(negatives) is {chance:.2f}' in found.words
    # Not in the first half, and not where its length is not known.
    half = replace(facts, training=facts.training[:24], finished=False)
    assert not named(half)
    assert not named(replace(half, planned=None))


def test_views_not_too_hard():
    def run(loss, gap, **facts):
        courses = dict(pos_cosine=0.1 + gap, neg_cosine=0.1)
        found = spoilt(loss=[5.0] * 20 + [loss] * 30, **courses)
        return replace(found, **facts)

    assert not named(run(4.127 - 0.15, 0.04))  # below chance
    assert not named(run(4.127, 0.15))  # apart, but for some negatives
    assert not named(run(4.127, 0.04, negatives=None))
    # A high temperature leaves little to win.
    assert named(run(4.127, 0.15, temperature=0.2))
    assert not named(run(4.127 - 0.05, 0.15, temperature=4.0))
    # Of heads that tell no cosines the loss alone counts.
    silent = run(4.127, 0)
    for record in silent.training:
        del record['neg_cosine'], record['pos_cosine']
    assert 'closer' not in named(silent)['views too hard'].words


def test_support_set_remembers_its_own_images():
    """Shares of batches are mostly zero; their mean counts."""
    facts = spoilt(same_image=[0.0, 0.0, 0.05] * 16 + [0.0, 0.05])
    facts = replace(facts, support_set=9000)
    found = named(facts)['support set remembers its own images']
    assert 'support set of 9,000 rows' in found.words
    # A power of two of at most 40 % of 10,000 images.
    assert 'model.support_set.size=2048' in found.remedy
    assert not named(spoilt(same_image=[0.0, 0.006] * 25))


def test_dcl_keeps_what_info_nce_would_starve():
    said = [x.name for x in verdicts(spoilt(npc_multiplier=Q))]
    assert said == ['learns', 'gradient kept']
    assert len(verdicts(spoilt(npc_multiplier=0.15))) == 1
    assert [x.name for x in verdicts(HEALTHY)] == ['learns']
