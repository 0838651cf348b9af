"""Numbers out of records, such that no single record decides anything.

Records may lack keys or hold NaN. A *window* is the last tenth of what was
logged, 5 records at least, or all where there are 3 or 4 (chosen here); what
counts is its median.
"""

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import TypeVar

from .facts import Facts, Records

T = TypeVar('T')
Series = list[tuple[float, float]]

_LEAST, _WINDOW = 3, 5


def number(value: object) -> float | None:
    """A finite one, or nothing."""
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if plain and math.isfinite(value) else None


def series(records: Records, key: str, at: str = 'iter') -> Series:
    """Where and what, of the records that know both."""
    pairs = ((number(x.get(at)), number(x.get(key))) for x in records)
    return [(x, y) for x, y in pairs if x is not None and y is not None]


def values(records: Records, key: str) -> list[float]:
    return [x for x in (number(r.get(key)) for r in records) if x is not None]


def window(found: Sequence[T]) -> Sequence[T]:
    """The last tenth; empty where fewer than 3 are known."""
    size = max(_WINDOW, len(found) // 10)
    return found[-size:] if len(found) >= _LEAST else ()


def recent(found: Sequence[float]) -> float | None:
    """The median of the window."""
    last = window(found)
    return median(last) if last else None


def last_values(records: Records, key: str) -> list[float]:
    """The window of a key, read from the end: a live run asks often."""
    size, found = max(_WINDOW, len(records) // 10), []
    for record in reversed(records):
        value = number(record.get(key))
        if value is not None:
            found.append(value)
            if len(found) == size:
                break
    return found[::-1] if len(found) >= _LEAST else []


def now(records: Records, key: str) -> float | None:
    """The median of a key in the window."""
    found = last_values(records, key)
    return median(found) if found else None


def noise(found: Sequence[float]) -> float:
    """Standard deviation around whatever course, robustly; 0 if unknown.

    Of second differences, in which a trend cancels: for white noise their
    median size is 0.6745 times the root of 6 of it.
    """
    bends = [
        abs(a - 2 * b + c)
        for a, b, c in zip(found, found[1:], found[2:], strict=False)
    ]
    return median(bends) / (0.6745 * 6**0.5) if bends else 0.0


def medians(found: Sequence[float], size: int = _WINDOW) -> list[float]:
    """Of every so many consecutive values."""
    return [median(found[i : i + size]) for i in range(len(found) - size + 1)]


def done(facts: Facts) -> float:
    """Iterations trained, as far as logged, which is in order."""
    places = (number(x.get('iter')) for x in reversed(facts.training))
    return next((x for x in places if x is not None), 0.0)


def share_done(facts: Facts) -> float | None:
    """In [0, 1] of the planned training; nothing if that is not known."""
    if facts.finished:
        return 1.0
    return min(1.0, done(facts) / facts.planned) if facts.planned else None


def early(facts: Facts, share: float) -> Records:
    """Training records of the first part of the planned training.

    Where its length is not known, of what was logged.
    """
    end = share * (facts.planned or done(facts))
    first = [x for x in facts.training if (number(x.get('iter')) or 0) <= end]
    return first if len(first) >= _LEAST else facts.training[:_LEAST]


def first_known(found: Iterable[float | None]) -> float | None:
    return next((x for x in found if x is not None), None)
