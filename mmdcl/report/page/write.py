"""``report.html``: what a run was and is worth, on one page to send around."""

import os
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import __version__
from ...checkpoints import read_checkpoint
from ...errors import UserFileNotFoundError, UserOSError
from ..runs.digest import sha256
from ..runs.facts import images_a_second
from ..runs.folder import read_run
from ..runs.words import measure, number
from .guard import as_sentence, guarded
from .sections import SECTIONS, Section, Source
from .sections.kept_pictures import NetworkPictures
from .sections.network_pictures import affordable, network_pictures
from .subtitle import subtitle

if TYPE_CHECKING:
    from ..runs.folder import RunFolder

NAME = 'report.html'
_TEMPLATES = Path(__file__).with_name('templates')


def write_report(
    work_dir: str | Path,
    checkpoint: str | Path | None = None,
    out: str | Path | None = None,
    data_root: str | Path | None = None,
    images: bool = True,
    trust: bool = False,
    say: Callable[[str], Any] = lambda text: None,
    warn: Callable[[str], Any] = warnings.warn,
) -> Path:
    """Write the page of one run: one file, without a script or an address.

    Works on runs that were killed, that have no hooks of ours, and on copied
    folders. A part that fails is a sentence in the page and a warning.

    Args:
        work_dir: Of the run.
        checkpoint: Of the run; default: its newest good one.
        out: Default: ``report.html`` in the work_dir.
        data_root: Folder of the images, if not as in the config.
        images: Ask the network about some images, where that was not done.
        trust: Read the checkpoint even if that may run code in it.
        say: Is given a line before something slow.
        warn: Is given a sentence where a part failed, or the network could
            not be asked.

    Returns:
        The file.

    Raises:
        UserError: There is no run, no such checkpoint, or no place to write.
    """
    run = read_run(work_dir)
    path = _checkpoint(run, checkpoint, trust)
    source = _source(run, path, data_root, images, trust, say, warn)
    sections = []
    for title, make in SECTIONS.items():
        section, why, _ = guarded(title, partial(make, source), warn)
        if why:
            section = Section(_anchor(title), title, note=why)
        if section is not None:
            sections.append(section)
    html = render(
        'page.html',
        title=run.name,
        subtitle=subtitle(run),
        sections=sections,
    )
    folder = run.path if run.path.is_dir() else run.path.parent
    return write(html, Path(out) if out else folder / NAME)


def render(template: str, sections: Iterable[Section], **content: Any) -> str:
    """A page.

    Args:
        template: Of ``templates/``.
        sections: In their order.
        **content: What the template needs besides.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(measure=measure, number=number)
    return environment.get_template(template).render(
        sections=list(sections),
        version=__version__,
        written=datetime.now().astimezone(),
        **content,
    )


def write(html: str, path: Path) -> Path:
    """Whole or not at all.

    Raises:
        UserOSError: The system says no.
    """
    part = path.with_name(f'.{path.name}.{os.getpid()}')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # What no encoding has, half a character in a file's name, say.
        part.write_bytes(html.encode(errors='replace'))
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise UserOSError(
            f'cannot write {path} ({error.strerror or error}); say where by '
            '--out'
        ) from error
    return path


def _checkpoint(
    run: 'RunFolder', named: str | Path | None, trust: bool
) -> Path | None:
    if named is None:
        return run.newest(trust)[0] if trust else run.checkpoint
    path = Path(named)
    if not path.is_file() and (run.path / path.name).is_file():
        path = run.path / path.name
    if not path.is_file():
        there = sorted(x.name for x in run.path.glob('*.pth'))
        raise UserFileNotFoundError(
            f'no checkpoint {named}; {run.path} has '
            f'{", ".join(there[-5:]) or "none"}'
        )
    read_checkpoint(path, trust)
    return path


def _source(
    run: 'RunFolder',
    checkpoint: Path | None,
    data_root: str | Path | None,
    images: bool,
    trust: bool,
    say: Callable[[str], Any],
    warn: Callable[[str], Any],
) -> Source:
    digest = sha256(checkpoint) if checkpoint else ''
    if not run.path.is_dir():
        return Source(run, checkpoint, digest, NetworkPictures())
    unreadable = '' if checkpoint else as_sentence(run.unreadable)
    if unreadable:
        warn(unreadable)
    pictures, why, _ = guarded(
        'asking the network',
        partial(
            network_pictures,
            run.path,
            checkpoint,
            digest,
            data_root,
            affordable(images_a_second(run)) if images else 0,
            trust,
            say,
            unreadable,
            warn=warn,
        ),
        warn,
    )
    pictures = pictures or NetworkPictures(note=why)
    return Source(run, checkpoint, digest, pictures, unreadable)


def _anchor(title: str) -> str:
    return title.lower().replace(' ', '-')
