"""What the numbers of a run mean, in words, with what to do about it.

Pure functions of records: whoever has some, live or from a log, gets the same
verdicts. Each threshold is named, with where it comes from, at the head of
``embeddings`` and ``course``.
"""

from .course import (
    accuracy_key,
    bound_by_data,
    knn_falls,
    learning_rate_too_high,
    schedule_ends_early,
)
from .embeddings import (
    collapsed,
    gradient_kept,
    gradient_starved,
    remembers_its_own_images,
    views_too_easy,
    views_too_hard,
)
from .facts import LEVELS, Facts, Verdict
from .windows import now, series, values

__all__ = ['LEVELS', 'Facts', 'Verdict', 'verdicts']

# Of one level, what comes first is more urgent.
_JUDGES = (
    learning_rate_too_high,
    collapsed,
    views_too_hard,
    views_too_easy,
    gradient_starved,
    knn_falls,
    remembers_its_own_images,
    schedule_ends_early,
    bound_by_data,
    gradient_kept,
)
# What costs time, and says nothing against what is learned.
_OF_SPEED = ('bound by data', 'schedule ends early')
_LEAST = 5  # records of training, to say anything good


def verdicts(facts: Facts) -> list[Verdict]:
    """All that can be said of a run, the worst first.

    Args:
        facts: What is known; keys, records and facts may be missing.

    Returns:
        At least one: where nothing is wrong with what is learned, that is
        said, too.
    """
    found = [x for x in (judge(facts) for judge in _JUDGES) if x is not None]
    if all(x.level == 'good' or x.name in _OF_SPEED for x in found):
        found.insert(0, _well(facts))
    return sorted(found, key=lambda x: LEVELS.index(x.level))


def _well(facts: Facts) -> Verdict:
    losses = values(facts.training, 'loss')
    key = accuracy_key(facts.validation)
    accuracy = series(facts.validation, key, 'step') if key else []
    parts = []
    number = ''
    if len(accuracy) > 1:
        number = f'{accuracy[0][1]:.1f} -> {accuracy[-1][1]:.1f}'
        parts.append(f'kNN accuracy {number}')
    elif accuracy:
        parts.append(f'kNN accuracy {accuracy[0][1]:.1f}')
    if losses:
        parts.append(f'loss {losses[0]:.2f} -> {losses[-1]:.2f}')
    ranks = values(facts.quality, 'features/rank_me')
    used = ranks[-1] if ranks else None
    width = now(facts.quality, 'features/width')
    rows = now(facts.quality, 'features/rows')
    if used and width and rows:
        parts.append(f'RankMe {used:.0f} of {min(width, rows):.0f}')
    known = ', '.join(parts)
    if len(losses) < _LEAST:
        words = f'Too early to say: {known or "nothing is logged"}.'
        return Verdict('too early', 'good', number, words, '')
    rises = len(accuracy) > 1 and accuracy[-1][1] > accuracy[0][1] + 1
    name = 'learns' if rises else 'nothing wrong'
    words = f'{name.capitalize()}: {known}.'
    return Verdict(name, 'good', number, words, '')
