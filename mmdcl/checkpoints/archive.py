"""The zip archive that torch.save writes: whole, and nothing but that."""

from pathlib import Path, PurePosixPath
from zipfile import ZIP_STORED, BadZipFile, ZipFile

from ..errors import UserValueError


def is_archive(path: Path) -> bool:
    """Whether torch reads it as a zip (from 1.6 on) or as a bare pickle."""
    with path.open('rb') as file:
        return file.read(4) == b'PK\x03\x04'


def check_archive(path: Path, trust: bool = False) -> None:
    """Compare every record with the checksum that was written with it.

    Args:
        path: Of a zip archive.
        trust: Do not mind compressed records and names that lead elsewhere.

    Raises:
        ValueError: A record is not as it was written, or none that
            ``torch.save`` would write. The message says which.
    """
    try:
        with ZipFile(path) as archive:
            if not trust:
                _check_records(path, archive)
            name = archive.testzip()
    # Flipped bits make a record compressed, encrypted, or of another charset.
    except (BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise UserValueError(_damaged(path, str(error))) from error
    except (EOFError, UnicodeError, OverflowError) as error:
        raise UserValueError(_damaged(path, 'its list of records')) from error
    if name is not None:
        reason = f'the checksum of {name} does not match'
        raise UserValueError(_damaged(path, reason))


def _check_records(path: Path, archive: ZipFile) -> None:
    left = path.stat().st_size
    for record in archive.infolist():
        name = PurePosixPath(record.filename)
        left -= record.file_size
        if record.compress_type != ZIP_STORED:
            reason = f'{name} is compressed, to {record.file_size:,} bytes'
        elif left < 0:
            reason = f'{name} is said to have {record.file_size:,} bytes'
        elif name.is_absolute() or '..' in name.parts:
            reason = f'a record is named {record.filename!r}'
        else:
            continue
        raise UserValueError(
            f'{path} is no file of torch.save, or is damaged: {reason}; copy '
            'or download it again'
        )


def _damaged(path: Path, reason: str) -> str:
    return (
        f'{path} is cut short or is damaged ({path.stat().st_size:,} bytes: '
        f'{reason}); copy or download it again, or use another checkpoint'
    )
