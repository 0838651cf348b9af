"""Paths as a reader types them."""

import os
from pathlib import Path


def path_from_here(path: str | os.PathLike[str] | None) -> str:
    """Without the working folder, if it lies below; an address as it is."""
    text = str(path or '')
    if not text or '://' in text:
        return text
    absolute, here = Path(text).absolute(), Path.cwd()
    below = absolute.is_relative_to(here)
    return str(absolute.relative_to(here) if below else absolute)
