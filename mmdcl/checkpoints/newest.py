"""The newest checkpoint of a run that can be read."""

import os
import pickle
import re
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import UserValueError
from .reading import read_checkpoint

POINTER = 'last_checkpoint'
_OURS = re.compile(r'(epoch|iter)_\d+\.pth')
_LONGEST = 4096  # bytes of a path, and so of what `last_checkpoint` holds
_LARGEST = 256 * 2**20  # bytes of a checkpoint without its tensors


class _Place(NamedTuple):
    """Where in training a checkpoint was written."""

    iteration: int
    epoch: int
    time: str  # sorts as text


def newest_good(
    work_dir: str | Path,
    trust: bool = False,
    out_dir: str | Path | None = None,
) -> tuple[Path | None, list[str]]:
    """The checkpoint from which training goes on.

    Of ``epoch_*.pth``, ``iter_*.pth`` and what ``last_checkpoint`` names in
    these folders, the one with most iterations *inside*: names and dates
    change when files are copied. It is read as a whole before it is returned.
    Those with more iterations than ``last_checkpoint`` that were written
    before it belong to an earlier run.

    Args:
        work_dir: Folder of the run.
        trust: As in ``read_checkpoint``.
        out_dir: That of the ``CheckpointHook``, if it has one.

    Returns:
        Its path, or None; and one phrase for each file that was passed over.
    """
    folders = [Path(work_dir)]
    if out_dir and '://' not in str(out_dir):
        folders.append(checkpoint_folder(work_dir, out_dir))
    passed: list[str] = []
    pointed = _pointed(folders, passed)
    paths = {
        path
        for folder in folders
        for path in folder.glob('*.pth')
        if _OURS.fullmatch(path.name)
    }
    places: dict[Path, _Place] = {}
    for path in sorted({*paths, pointed} if pointed else paths):
        try:
            places[path] = _place(path, trust)
        except (OSError, ValueError) as error:
            passed.append(_phrase(error))
    if pointed in places:
        last = places[pointed]
        for path, place in list(places.items()):
            before = '' < place.time < last.time
            if before and place.iteration > last.iteration:
                del places[path]
                passed.append(
                    f'{path} (iteration {place.iteration}) is of an earlier '
                    f'run: {pointed} (iteration {last.iteration}) was written '
                    'after it'
                )
    for path in sorted(
        places, key=lambda x: (places[x][:2], x == pointed, places[x].time)
    )[::-1]:
        try:
            read_checkpoint(path, trust)
        except (OSError, ValueError) as error:
            passed.append(_phrase(error))
        else:
            return path, passed
    return None, passed


def checkpoint_folder(work_dir: str | Path, out_dir: str | Path) -> Path:
    """Where upstream's ``CheckpointHook`` with that ``out_dir`` writes."""
    work_dir = os.path.abspath(work_dir)
    if str(out_dir) == work_dir:
        return Path(work_dir)
    return Path(out_dir, os.path.basename(work_dir))


def _phrase(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f'{error.filename} cannot be read ({error.strerror})'
    return str(error)


def _pointed(folders: list[Path], passed: list[str]) -> Path | None:
    """What ``last_checkpoint`` names, if that is ours."""
    pointer = folders[0] / POINTER
    if not os.path.isfile(pointer):
        return None
    try:
        with pointer.open('rb') as file:
            raw = file.read(_LONGEST + 1)
        named = raw.decode().strip()
    except OSError as error:
        passed.append(_phrase(error))
        return None
    except UnicodeDecodeError:
        passed.append(f'{pointer} is not UTF-8 and was ignored')
        return None
    if not named:  # interrupted while it was written
        return None
    if len(raw) > _LONGEST or not named.isprintable():
        passed.append(f'{pointer} holds no path and was ignored')
        return None
    path = Path(named)
    within = {os.path.realpath(folder) for folder in folders}
    if '://' in named or os.path.realpath(path.parent) not in within:
        passed.append(
            f'{pointer} names {_short(named)}, which is outside of this '
            'folder, and was ignored'
        )
        path = pointer.with_name(path.name)  # the folder was moved
    elif not os.path.isfile(path):
        passed.append(f'{pointer} names {_short(named)}, which does not exist')
    if path.name.startswith('best_') or not os.path.isfile(path):
        return None
    # The same spelling as that of the folder, so that it is one candidate.
    for folder in folders:
        if os.path.realpath(path.parent) == os.path.realpath(folder):
            path = folder / path.name
    return path


def _short(text: str) -> str:
    return text if len(text) < 200 else f'{text[:100]} ... {text[-50:]}'


class _Inert:
    """Takes the place of whatever a pickle names, and does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> '_Inert':
        return self

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        pass


class _Values(pickle.Unpickler):
    """Reads plain values; runs nothing, whatever the pickle asks for."""

    def find_class(self, module: str, name: str) -> Any:
        ordered = (module, name) == ('collections', 'OrderedDict')
        return OrderedDict if ordered else _Inert

    def persistent_load(self, pid: Any) -> None:
        return None  # a tensor's values


def _meta(path: Path, trust: bool) -> Any:
    """``meta`` of a checkpoint, without reading its tensors if possible."""
    try:
        with zipfile.ZipFile(path) as archive:
            for record in archive.infolist():
                small = record.file_size <= _LARGEST
                if record.filename.endswith('/data.pkl') and small:
                    with archive.open(record) as file:
                        return _Values(file).load().get('meta')
    except Exception:  # as many kinds as there are ways to be broken
        pass
    return read_checkpoint(path, trust).get('meta')  # or says what is wrong


def _place(path: Path, trust: bool) -> _Place:
    if not os.path.isfile(path):
        raise UserValueError(f'{path} is no file')
    meta = _meta(path, trust)
    meta = meta if isinstance(meta, dict) else {}
    iteration, epoch = meta.get('iter'), meta.get('epoch', 0)
    if any(type(x) is not int or x < 0 for x in (iteration, epoch)):
        raise UserValueError(
            f'{path} does not say at which iteration it was written'
        )
    return _Place(iteration, epoch, str(meta.get('time', '')))
