"""Of what the network makes of images: collapse, q, views, the support set.

Thresholds, and where they come from:

- collapsed: RankMe at 2 % of what is possible, a spread of 0.05, or negatives
  above a cosine of 0.95 and positives no more than 0.02 closer. Chosen here:
  untrained ResNet-50 and DeiT-S have 20 to 80 % and 0.6; what collapsed in
  our trials had spreads below 0.09 and cosines above 0.98. Not before 5 % of
  training, as some networks begin so.
- gradient starved: a median q below 0.1, a tenth of the gradient. Chosen
  here; Yeh et al., ECCV 2022, arXiv 2110.06848, say what q does, not how
  small is too small.
- views too easy: positives at a cosine of 0.97 in the first 30 % of training,
  with negatives at least 0.3 further. Chosen here: identical views are at 1,
  CIFAR-10 stays below 0.93.
- views too hard: half of training is over and the loss is within 0.1 of
  chance, the logarithm of the number of negatives (of InfoNCE, and 1), and
  positives are closer than negatives by less than the temperature: they
  weigh less than e times as much. Chosen here.
- remembers its own images: 1 % of the neighbours. Chosen here: at most 0.6 %
  in `results/cifar10_slim_support_set`.
"""

import math

from .facts import Facts, Verdict
from .windows import early, first_known, last_values, now, share_done

_OURS = ('DCL', 'DCLW', 'DHEL')
_NAMED = {'projections': 'The projections', 'features': 'The features'}


def collapsed(facts: Facts) -> Verdict | None:
    share = share_done(facts)
    if share is not None and share < 0.05:
        return None
    found = _same_cosine(facts) or _point_or_line(facts)
    if found is None:
        return None
    contrasts = facts.negatives or last_values(facts.training, 'neg_cosine')
    remedy = (
        'Lower `optim_wrapper.optimizer.lr` or warm up longer, and see by '
        '`mmdcl plot views CONFIG` whether two views of an image still show '
        'the same thing.'
        if contrasts
        else 'Lower `optim_wrapper.optimizer.lr`, and check the predictor, '
        'its stopped gradient and the last batch norm of the neck, which '
        'keep a loss without negatives from collapse.'
    )
    return Verdict('collapsed', 'bad', *found, remedy)


def _same_cosine(facts: Facts) -> tuple[str, str] | None:
    pos = now(facts.training, 'pos_cosine')
    neg = now(facts.training, 'neg_cosine')
    if pos is None or neg is None or neg < 0.95 or pos - neg > 0.02:
        return None
    return (
        f'cosines {pos:.3f} and {neg:.3f}',
        'All images get the same embedding: positives have a cosine of '
        f'{pos:.3f}, negatives of {neg:.3f}.',
    )


def _point_or_line(facts: Facts) -> tuple[str, str] | None:
    for place, name in _NAMED.items():
        spread = now(facts.quality, f'{place}/spread')
        if spread is not None and spread < 0.05:
            return (
                f'spread {spread:.2g}',
                f'{name} of all images are nearly the same: their spread is '
                f'{spread:.2g}, where 1 is a sphere and 0 a point.',
            )
        if facts.positives:  # classes end as points, and may be few
            continue
        used = now(facts.quality, f'{place}/rank_me')
        sizes = [now(facts.quality, f'{place}/{x}') for x in ('width', 'rows')]
        if used is None or None in sizes:
            continue
        possible = min(x for x in sizes if x is not None)
        if possible >= 4 and used - 1 <= 0.02 * (possible - 1):
            return (
                f'RankMe {used:.1f}',
                f'{name} use {used:.1f} of {possible:.0f} directions '
                '(RankMe).',
            )
    return None


def _q(facts: Facts) -> float | None:
    """The median over anchors, else the mean, which is hardly below it."""
    return first_known(
        [
            now(facts.quality, 'coupling/q_p50'),
            now(facts.training, 'npc_multiplier'),
        ]
    )


def gradient_starved(facts: Facts) -> Verdict | None:
    q = _q(facts)
    if q is None or q >= 0.1 or facts.loss != 'InfoNCE':
        return None
    if views_too_easy(facts):  # which is why
        return None
    tau = f' (it is {facts.temperature:g})' if facts.temperature else ''
    return Verdict(
        'gradient starved',
        'warning',
        f'q {q:.2g}',
        f'InfoNCE multiplies the gradient by q, which is {q:.2g} for the '
        'median anchor.',
        'Use DCL, `--cfg-options model.head.type=mmdcl.DCLHead`, which does '
        f'not, or a higher `model.head.temperature`{tau}, or a larger batch.',
    )


def gradient_kept(facts: Facts) -> Verdict | None:
    q = _q(facts)
    if q is None or q >= 0.1 or facts.loss not in _OURS:
        return None
    if views_too_easy(facts):
        return None
    return Verdict(
        'gradient kept',
        'good',
        f'q {q:.2g}',
        f'{facts.loss} keeps the gradient that InfoNCE would shrink to '
        f'{q:.2g} of it (q of the median anchor).',
        '',
    )


def views_too_easy(facts: Facts) -> Verdict | None:
    if facts.positives == 'class':  # then positives are not views
        return None
    first = early(facts, 0.3)
    pos, neg = now(first, 'pos_cosine'), now(first, 'neg_cosine')
    if pos is None or neg is None or pos < 0.97 or pos - neg < 0.3:
        return None
    return Verdict(
        'views too easy',
        'warning',
        f'cosine {pos:.3f}',
        'Two views of an image have nearly the same embedding early in '
        f'training, a cosine of {pos:.3f}, so there is little to learn from '
        'telling which belong together.',
        'See them by `mmdcl plot views CONFIG` and make them differ more: a '
        'smaller lower end of `crop_ratio_range`, more `ColorJitter` and '
        '`RandomGrayscale`.',
    )


def views_too_hard(facts: Facts) -> Verdict | None:
    share, loss = share_done(facts), now(facts.training, 'loss')
    if share is None or share < 0.5 or loss is None or not facts.negatives:
        return None
    if collapsed(facts):  # which is worse
        return None
    tau = facts.temperature or 0.1
    chance = math.log(facts.negatives + (facts.loss not in _OURS))
    pos = now(facts.training, 'pos_cosine')
    neg = now(facts.training, 'neg_cosine')
    if loss < chance - 0.1 * min(1, 1 / tau):
        return None
    apart = ''
    if pos is not None and neg is not None:
        if pos - neg >= tau:
            return None
        apart = f', and positives are closer than negatives by {pos - neg:.2f}'
    return Verdict(
        'views too hard',
        'bad',
        f'loss {loss:.2f}',
        f'After {100 * share:.0f} % of training the loss is no better than '
        f'chance, {loss:.2f} where log(negatives) is {chance:.2f}{apart}.',
        'See by `mmdcl plot views CONFIG` whether one can tell which belong '
        'together: if not, raise the lower end of `crop_ratio_range` and '
        'weaken `ColorJitter`; if so, lower `optim_wrapper.optimizer.lr`.',
    )


def remembers_its_own_images(facts: Facts) -> Verdict | None:
    # Shares of a batch, many of them zero: a median would hide them.
    last = last_values(facts.training, 'same_image')
    share = sum(last) / len(last) if last else 0
    if share < 0.01:
        return None
    rows = f' of {facts.support_set:,} rows' if facts.support_set else ''
    of, smaller = '', 'a smaller `model.support_set.size`'
    if facts.images:
        of = f' with {facts.images:,} images to train on'
        wanted = max(1, int(0.4 * facts.images))
        wanted = 2 ** (wanted.bit_length() - 1)
        smaller = f'`--cfg-options model.support_set.size={wanted}`'
    return Verdict(
        'support set remembers its own images',
        'warning',
        f'{100 * share:.1f} % own images',
        f'{100 * share:.1f} % of the neighbours are older views of the '
        f"query's own image: the support set{rows} is large{of}.",
        f'Use {smaller}: at most about 40 % of the images.',
    )
