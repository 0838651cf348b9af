"""What verdicts are made from, and what one is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Records = Sequence[Mapping[str, Any]]

LEVELS = ('bad', 'warning', 'good')  # the worst first


@dataclass(frozen=True)
class Verdict:
    """What the numbers of a run mean.

    Attributes:
        name: In two or three words, such as ``gradient starved``.
        level: ``bad``, ``warning`` or ``good``.
        number: What it rests on, such as ``q 0.04``.
        words: One sentence with the number.
        remedy: One sentence: what to do, with the setting; '' if nothing.
    """

    name: str
    level: str
    number: str
    words: str
    remedy: str


@dataclass(frozen=True)
class Facts:
    """A run, as far as it is known; what is ``None`` is not.

    Attributes:
        training: Records of ``scalars.json`` with ``loss`` and ``iter``.
        quality: Records of ``mmdcl.QualityHook``, with ``iter``.
        validation: Records of metrics, with ``step``.
        unit: Of ``step`` in ``validation``: ``epoch`` or ``iteration``.
        loss: ``InfoNCE``, ``DCL``, ``DCLW``, or the name of another class.
        temperature: Of the loss.
        images: To train on.
        batch: Images of a step, all processes together.
        negatives: Of an anchor.
        classes: That images are of.
        support_set: Rows of NNCLR's.
        positives: ``class`` or ``view`` where labels say what is no negative.
        planned: Iterations of the whole training.
        schedule_end: Iteration at which the learning rate is at its end.
        finished: Training reached its end.
    """

    training: Records = ()
    quality: Records = ()
    validation: Records = ()
    unit: str = 'epoch'
    loss: str | None = None
    temperature: float | None = None
    images: int | None = None
    batch: int | None = None
    negatives: int | None = None
    classes: int | None = None
    support_set: int | None = None
    positives: str | None = None
    planned: int | None = None
    schedule_end: int | None = None
    finished: bool = False
