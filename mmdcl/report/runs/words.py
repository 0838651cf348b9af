"""Numbers as a page says them."""

import math
from typing import Any

NOTHING = '\N{EN DASH}'
POSITIVES = {  # of mmdcl.SupCon
    'class': 'all other views of its class',
    'view': 'the other views of its image',
}


def number(value: Any, digits: int = 4) -> str:
    """At most so many digits, thousands apart; texts as they are."""
    if value is None:
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if not math.isfinite(value):
        return 'NaN' if math.isnan(value) else 'infinite'
    if isinstance(value, int) or abs(value) >= 10**digits:
        return f'{value:,.0f}'
    return f'{value:.{digits}g}'


def measure(value: Any) -> str:
    """Three digits, zeros too: numbers that stand below each other."""
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return number(value)
    return f'{value:#.3g}'.rstrip('.') if abs(value) < 1000 else number(value)


def percent(value: Any) -> str:
    """An accuracy, with two decimals as the field prints them."""
    plain = isinstance(value, (int, float)) and math.isfinite(value)
    return f'{value:.2f}' if plain else number(value)


def duration(seconds: float) -> str:
    """``39 s``, ``12 min``, ``3 h 20 min``, ``4 days 2 h``."""
    if seconds < 100:
        return f'{seconds:.0f} s'
    minutes = round(seconds / 60)
    if minutes < 100:
        return f'{minutes} min'
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f'{hours} h {minutes} min'
    days, hours = divmod(hours, 24)
    return f'{days} days {hours} h'
