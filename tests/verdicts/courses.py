"""Records as a healthy run leaves them, to be spoilt."""

from dataclasses import replace
from itertools import cycle, islice

from mmdcl.verdicts import Facts, Verdict, verdicts

WOBBLE = (0.0, 0.05, -0.03, 0.02, -0.06, 0.04)


def between(first: float, last: float, count: int = 50) -> list[float]:
    """From one to the other, with some noise."""
    noise = islice(cycle(WOBBLE), count)
    step = (last - first) / (count - 1)
    span = abs(last - first) or 1
    return [first + i * step + span * x / 10 for i, x in enumerate(noise)]


def records(count: int = 50, **courses: list[float] | float) -> list[dict]:
    """Of 500 iterations, 10 epochs; a number stays what it is."""
    step = 500 // count
    return [
        dict(
            {
                key: x[i] if isinstance(x, list) else x
                for key, x in courses.items()
            },
            iter=step * (i + 1),
            step=step * (i + 1),
            epoch=i * 10 // count + 1,
        )
        for i in range(count)
    ]


TRAINING = dict(
    loss=between(5.4, 1.9),
    lr=between(0.1, 0.001),
    time=1.0,
    data_time=0.04,
    npc_multiplier=between(0.9, 0.5),
    pos_cosine=between(0.4, 0.7),
    neg_cosine=between(0.1, 0.02),
)
QUALITY = {
    'quality': 256,
    'features/rank_me': between(30, 60, 10),
    'features/width': 128,
    'features/rows': 512,
    'features/spread': between(0.5, 0.7, 10),
    'projections/spread': between(0.8, 0.9, 10),
    'training/gradient_norm': between(10, 5, 10),
}
HEALTHY = Facts(
    training=records(**TRAINING),
    quality=records(10, **QUALITY),
    validation=[
        {'accuracy/top1': x, 'step': i}
        for i, x in enumerate([20, 26, 30, 33, 35, 36, 37, 38, 38.5, 39, 39])
    ],
    loss='DCL',
    temperature=0.1,
    images=10_000,
    batch=32,
    negatives=62,
    planned=500,
    schedule_end=500,
    finished=True,
)


def spoilt(quality: dict | None = None, **courses) -> Facts:
    """The healthy run, but for these."""
    of_quality = {**QUALITY, **(quality or {})}
    return replace(
        HEALTHY,
        training=records(**{**TRAINING, **courses}),
        quality=records(10, **of_quality),
    )


def named(facts: Facts) -> dict[str, Verdict]:
    """What is wrong with a run, by name."""
    return {x.name: x for x in verdicts(facts) if x.level != 'good'}
