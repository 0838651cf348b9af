"""What is known of a run: its recipe, or else what its config says."""

import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ...verdicts import Facts
from .config_facts import facts_of_config, number_or_none, whole_or_none
from .extent import setting

if TYPE_CHECKING:
    from .folder import RunFolder


def known(run: 'RunFolder') -> dict[str, Any]:
    """Keys as in ``recipe.json``; what the config says fills its gaps.

    Args:
        run: As ``read_run`` found it; runs without our hooks have no recipe.
    """
    found = facts_of_config(run.config) if run.config else {}
    found |= {key: x for key, x in run.recipe.items() if x not in (None, '')}
    if (run.config or {}).get('launcher') == 'none':  # one process
        found.setdefault('batch', found.get('batch_of_a_process'))
    return found


def facts_of(run: 'RunFolder') -> Facts:
    """What verdicts are made from."""
    found = known(run)
    return Facts(
        training=run.training,
        quality=run.quality,
        validation=run.validation,
        unit=run.unit,
        loss=found.get('loss'),
        positives=found.get('positives'),
        finished=run.finished,
        temperature=number_or_none(found.get('temperature')),
        **{
            key: whole_or_none(found.get(key))
            for key in (
                'images',
                'batch',
                'negatives',
                'classes',
                'support_set',
                'planned',
                'schedule_end',
            )
        },
    )


def trained(run: 'RunFolder') -> float:
    """Epochs, or iterations of runs that are not counted in epochs.

    The last ones are often not logged, but a run that is finished did them.
    """
    length = run.epoch_length or 1
    logged = [0, *(x['iter'] for x in run.training)]
    done = logged[-1] / length
    key = 'max_epochs' if run.epoch_length else 'max_iters'
    planned = number_or_none(known(run).get('planned'))
    last = number_or_none(setting(run.config, 'train_cfg', key))
    last = last or (planned or 0) / length
    unlogged = max((b - a for a, b in pairwise(logged)), default=0) / length
    # Further away it was stopped early, on purpose.
    near = done < last <= done + unlogged
    return last if run.finished and near else done


def images_a_second(run: 'RunFolder') -> float | None:
    """Of the median step that was logged, all processes together."""
    batch = number_or_none(known(run).get('batch'))
    steps = [number_or_none(x.get('time')) for x in run.training]
    steps = [x for x in steps if x and x > 0]
    return batch / statistics.median(steps) if batch and steps else None


def accuracy_keys(records: Sequence[Mapping]) -> list[str]:
    """Validation metrics in percent, kNN's first."""
    keys = {
        key
        for record in records
        for key, value in record.items()
        if number_or_none(value) is not None
        and ('accuracy' in key or key == 'probe/top1')
    }
    return sorted(keys, key=lambda key: ('probe' in key, key))


def accuracies(run: 'RunFolder') -> list[dict[str, Any]]:
    """First, best and last of each metric in percent, and when.

    Returns:
        ``name``, ``key``, ``first``, ``best``, ``last``, and ``began`` and
        ``ended``, the ``step`` of first and last; ``untrained`` says that
        the first is of the network before training, which is never the best
        if there are others.
    """
    rows = []
    for key in accuracy_keys(run.validation):
        records = [
            x for x in run.validation if number_or_none(x.get(key)) is not None
        ]
        first, last = records[0], records[-1]
        untrained = first.get('step') == 0
        trained = records[1:] if untrained else records
        rows.append(
            dict(
                key=key,
                name=accuracy_name(key),
                first=first[key],
                last=last[key],
                best=max(x[key] for x in trained or records),
                began=first.get('step'),
                ended=last.get('step'),
                untrained=untrained,
            )
        )
    return rows


def accuracy_name(key: str) -> str:
    """``kNN``, ``kNN, k 20``, ``linear probe``: as a reader says it."""
    if key.startswith('probe'):
        return 'linear probe'
    k = key.partition('/')[0]
    if key.endswith('accuracy/top1'):
        named = k[:1] == 'k' and k[1:].isdigit()
        return f'kNN, k {k[1:]}' if named else 'kNN'
    return key
