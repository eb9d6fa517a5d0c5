"""Writing files so that a reader sees the old content or the new one, never a part."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path


def write_atomic(path: str | os.PathLike[str], content: str | bytes) -> bool:
    """Write `content` (text as UTF-8, line ends kept) to `path`; missing folders are made.

    The bytes go to a temporary file in the same folder, are flushed to the disk and renamed. A file whose bytes are
    equal already is left alone. A link is followed; the permissions of a file that is replaced are kept.

    Returns: whether anything was written.  Raises: OSError.
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
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:80]}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), _default_mode() if mode is None else mode)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True


def _default_mode() -> int:
    """What an ordinary new file would get: mkstemp gives 0600, which nobody else could read."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
