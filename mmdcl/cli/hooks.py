"""Hooks that a command adds to whatever config it is given."""

from typing import Any

from ..config_parts import short_name


def add_hooks(cfg: Any, *hooks: dict, first: bool = False) -> None:
    """Add to ``custom_hooks`` those whose class is not there yet.

    Args:
        cfg: Changed in place.
        *hooks: Their configs.
        first: Before the hooks of the config; of the same priority, they run
            in this order.
    """
    there = [*(cfg.get('custom_hooks') or [])]
    kinds = {short_name(x.get('type')) for x in there if isinstance(x, dict)}
    new = [hook for hook in hooks if short_name(hook['type']) not in kinds]
    cfg.custom_hooks = [*new, *there] if first else [*there, *new]
