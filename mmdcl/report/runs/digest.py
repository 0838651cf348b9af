"""Which file it is, whatever its name."""

import hashlib
from pathlib import Path


def sha256(path: Path) -> str:
    """Of a file, by which others know that they have the same."""
    found = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(1 << 22):
            found.update(block)
    return found.hexdigest()
