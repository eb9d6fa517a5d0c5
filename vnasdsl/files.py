"""Writing files so that a reader sees the old content or the new one, never a part, and a crash loses nothing."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_atomic(path: str | os.PathLike[str], content: str | bytes) -> bool:
    """Write `content` (text as UTF-8, line ends kept) to `path`; missing folders are made.

    The bytes go to a temporary file in the same folder, are flushed to the disk and renamed, and the folder is flushed.
    A file whose bytes are equal already is left alone. A link is followed; the permissions of a file that is replaced
    are kept.

    Returns: whether anything was written.  Raises: OSError that names the file.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    target = Path(os.path.realpath(path))
    try:
        if target.read_bytes() == data:
            return False
        mode = target.stat().st_mode & 0o7777
        if not mode & stat.S_IWUSR:  # a rename would replace what its owner has locked
            raise PermissionError(errno.EACCES, "the file is read-only", str(target))
    except FileNotFoundError:
        mode = None
    make_folder(target.parent)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:80]}.", suffix=".tmp")
    try:
        with naming(target), os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), _default_mode() if mode is None else mode)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    flush_folder(target.parent)
    return True


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Give the name of the file to an OSError of a write, which has none: of a full disk, for one."""
    try:
        yield
    except OSError as fault:
        if fault.filename is not None:
            raise
        raise OSError(fault.errno, fault.strerror, str(path)) from fault


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; their names are on the disk when this returns."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        flush_folder(folder.parent)


def flush_folder(folder: Path) -> None:
    """Have the names of a folder on the disk: without this, a crash of the machine may undo a rename."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with naming(folder):
            os.fsync(handle)
    except OSError as fault:  # some network file systems cannot, and need not: their server does
        if fault.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def _default_mode() -> int:
    """What an ordinary new file would get: mkstemp gives 0600, which nobody else could read."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
