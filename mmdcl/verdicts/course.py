"""Of how training goes: data, learning rate, schedule, accuracy.

Thresholds, and where they come from:

- bound by data: waiting for more than 10 % of the median step, and more than a
  minute of the whole training. Chosen here.
- learning rate too high: a loss that is no number; or one that, after a fifth
  of training, has lost more than half of what it had won since its beginning,
  by more than 4 times its noise; or a gradient norm 10 times the median of
  what was before. Chosen here. The first tenth of training is left out, as
  queues and support sets fill in it, at which losses rise.
- kNN falls: the last two validations are below the best by 2 points and by 4
  times the noise, and the loss is below what it was then. Chosen here; 2
  points are three standard errors of 5,000 images at 40 %.
- schedule ends early: a learning rate below a thousandth of its peak, or below
  a tenth and after the end of a schedule that leads to nothing, for more than
  5 % of the planned training. Chosen here: a cosine is there for 2 %.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import takewhile
from statistics import median

from .facts import Facts, Verdict
from .windows import (
    done,
    medians,
    noise,
    now,
    number,
    recent,
    series,
    share_done,
    values,
    window,
)


def bound_by_data(facts: Facts) -> Verdict | None:
    # Without the first one, in which workers start.
    shares = [
        x / y
        for record in facts.training[1:]
        if (x := number(record.get('data_time'))) is not None
        and (y := number(record.get('time')))
    ]
    waits = recent(shares)
    if waits is None:
        waits = now(facts.quality, 'training/data_wait')
    seconds = now(facts.training[1:], 'data_time')
    if seconds is not None:
        seconds *= facts.planned or done(facts)
    if waits is None or waits <= 0.1 or (seconds or math.inf) < 60:
        return None
    return Verdict(
        'bound by data',
        'warning',
        f'{100 * waits:.0f} % waiting',
        f'{100 * waits:.0f} % of a step is spent waiting for images.',
        'Give it workers, `--cfg-options train_dataloader.num_workers=N`, up '
        'to as many as there are cores, or `--fast`, which moves flips, '
        'colours and blur to the training device.',
    )


def learning_rate_too_high(facts: Facts) -> Verdict | None:
    found = _no_number(facts) or _rises(facts) or _explodes(facts)
    if found is None:
        return None
    rate = now(facts.training, 'lr')
    lower = f' (it is {rate:.2g})' if rate else ''
    return Verdict(
        'learning rate too high',
        *found,
        f'Lower `optim_wrapper.optimizer.lr`{lower}, warm up longer, or clip '
        'gradients by `optim_wrapper.clip_grad=dict(max_norm=1)`; after NaN '
        'resume the last good checkpoint with `--resume-with-changes`.',
    )


def _no_number(facts: Facts) -> tuple[str, str, str] | None:
    last = window(facts.training) or facts.training[-1:]
    losses = [(x.get('iter', 'unknown'), x.get('loss')) for x in last]
    for where, loss in losses:
        if isinstance(loss, float) and not math.isfinite(loss):
            return (
                'bad',
                f'loss {loss:g}',
                f'The loss is no number any more at iteration {where}.',
            )
    return None


def _rises(facts: Facts) -> tuple[str, str, str] | None:
    share, planned = share_done(facts), facts.planned or done(facts)
    found = series(facts.training, 'loss')
    later = [y for x, y in found if x > 0.1 * planned]
    if share is None or share < 0.2 or len(later) < 10:
        return None
    smooth = medians(later)
    best = min(smooth)
    begin = median([y for _, y in found[:3]])
    before = max(begin, *smooth[: smooth.index(best) + 1])
    last = recent(later) or 0.0
    least = max(0.5 * (before - best), 4 * noise(later))
    if last - best <= least:
        return None
    return (
        'bad',
        f'loss {best:.2f} -> {last:.2f}',
        f'The loss has risen from {best:.2f} to {last:.2f}: NaN may be ahead.',
    )


def _explodes(facts: Facts) -> tuple[str, str, str] | None:
    norms = [
        math.inf if x != x else float(x)
        for record in facts.quality
        if isinstance(x := record.get('training/gradient_norm'), (int, float))
    ]
    last = norms[-3:]
    before = [x for x in norms[len(norms) // 10 : -3] if math.isfinite(x)]
    if len(before) < 5 or median(last) <= 10 * median(before):
        return None
    return (
        'bad',
        f'gradient norm {median(last):.2g}',
        f'The gradient norm has risen to {median(last):.2g}, from '
        f'{median(before):.2g} before: NaN may be ahead.',
    )


def schedule_ends_early(facts: Facts) -> Verdict | None:
    rates = series(facts.training, 'lr')
    planned = facts.planned or (done(facts) if facts.finished else 0)
    if not planned or not rates:
        return None
    peak, (last, rate) = max(y for _, y in rates), rates[-1]
    lowest = max(rate, 1e-3 * peak)
    floor = [x for x, _ in takewhile(lambda x: x[1] <= lowest, rates[::-1])]
    if rate >= 1e-3 * peak:
        if not facts.schedule_end or rate > 0.1 * peak:
            return None
        floor = [x for x in floor if x >= facts.schedule_end]
    end = min([*floor[-1:], facts.schedule_end or last])
    if len(floor) < 3 or last - end <= 0.05 * planned:
        return None
    return Verdict(
        'schedule ends early',
        'warning',
        f'{end:,.0f} of {planned:,.0f} iterations',
        f'The learning rate is at its end since iteration {end:,.0f} of '
        f'{planned:,.0f}: it stays at {rate:.2g}, of {peak:.2g} at its peak.',
        'Set `param_scheduler.0.T_max` and `param_scheduler.0.end` to the '
        'length of training (`train_cfg.max_epochs`), or train no longer '
        'than the schedule.',
    )


def knn_falls(facts: Facts) -> Verdict | None:
    key = accuracy_key(facts.validation)
    found = series(facts.validation, key, 'step') if key else []
    best = max(found, key=lambda x: x[1], default=(0.0, 0.0))
    after = [y for x, y in found if x > best[0]]
    if len(after) < 2:
        return None
    last = max(after[-2:])
    if best[1] - last <= max(2.0, 4 * noise([y for _, y in found])):
        return None
    then, loss = _loss_at(facts, best[0]), now(facts.training, 'loss')
    if then is None or loss is None or loss >= then:
        return None
    return Verdict(
        'kNN falls while the loss falls',
        'warning',
        f'{best[1]:.1f} -> {after[-1]:.1f}',
        f'kNN accuracy has fallen from {best[1]:.1f} ({facts.unit} '
        f'{best[0]:g}) to {after[-1]:.1f} ({facts.unit} {found[-1][0]:g}), '
        f'while the loss went from {then:.2f} to {loss:.2f}: views are told '
        'apart by something that classes are not.',
        'Keep the best by `default_hooks.checkpoint.save_best=auto`, and see '
        'by `mmdcl plot views CONFIG` what all views of an image share beside '
        'its object: colours need `ColorJitter`, and small crops the lower '
        'end of `crop_ratio_range`.',
    )


def accuracy_key(validation: Sequence[Mapping]) -> str | None:
    """Of kNN: the first that was logged; the probe's only if it is alone."""
    keys = [
        key
        for record in validation
        for key, value in record.items()
        if key.endswith('top1') and number(value) is not None
    ]
    return next((x for x in keys if 'probe' not in x), (keys or [None])[0])


def _loss_at(facts: Facts, step: float) -> float | None:
    """What the loss was at a validation: the median of 5 records there."""
    place = 'epoch' if facts.unit == 'epoch' else 'iter'
    upto = [y for x, y in series(facts.training, 'loss', place) if x <= step]
    if not upto:  # of the untrained network
        upto = values(facts.training, 'loss')[:5]
    last = upto[-5:]
    return median(last) if last else None
