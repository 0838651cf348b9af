"""What ``mmdcl evaluate`` found about the checkpoints of a run."""

import os
from pathlib import Path

from .records import Record, read_lines

NAME = 'evaluate.jsonl'


def evaluations_of(folder: Path) -> list[Record]:
    """Lines of ``evaluate.jsonl`` in or beside a folder, or where we are.

    A line names the checkpoint as it was typed, relative to a folder that is
    not known for sure, and perhaps before the run was copied.
    """
    folder = folder.resolve()
    here = Path.cwd()
    places = [folder, folder.parent, here, here / 'work_dirs']
    found: dict[str, Record] = {}
    for place in dict.fromkeys(places):
        for line in read_lines(place / NAME):
            named = str(line.get('checkpoint') or '')
            if named and _is_in(folder, named, [here, place, place.parent]):
                found.setdefault(repr(line), line)
    return list(found.values())


def _is_in(folder: Path, named: str, starts: list[Path]) -> bool:
    if '://' in named or '\0' in named:
        return False
    for start in starts:
        path = Path(os.path.realpath(start / named))
        if path.exists():
            return path.is_relative_to(folder)
    name = Path(named)  # the folder was moved: its name, and the file's
    return name.parent.name == folder.name and (folder / name.name).is_file()
