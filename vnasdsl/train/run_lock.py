"""One process at a time writes into a run folder. `RUN/.lock` says which: process, machine, since when, command.

That process holds a POSIX lock on the file (fcntl). The system gives it up however the process ends, so a lock left
behind is taken over at once, and what the process has forked does not hold it. NFS and cluster file systems share such
locks between machines; where they are mounted without, there is no lock.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from vnasdsl.files import make_folder
from vnasdsl.language.diagnostics import UserError
from vnasdsl.runs.folder import LOCK_FILE, OWN, lock_facts
from vnasdsl.train import ranks

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL}
_PATIENCE = 0.5
"""Seconds that a lock is waited for: others look at it for a moment, to see who writes."""


@contextmanager
def writing(folder: Path, note: Callable[[str], None]) -> Iterator[None]:
    """Inside, this process alone writes into a run folder, which is made. Of several ranks only the first takes it.

    note: told whose lock is taken over. Raises: UserError that says who writes into it.
    """
    if not ranks.is_first():
        yield
        return
    if folder.exists() and not folder.is_dir():
        raise UserError(f"`{folder}` is a file, not a folder")
    make_folder(folder)
    handle = _take(folder, note)
    try:
        yield
    finally:
        del OWN[folder.resolve()]
        (folder / LOCK_FILE).unlink(missing_ok=True)
        os.close(handle)


def _take(folder: Path, note: Callable[[str], None]) -> int:
    """The open file of the lock, which is this process's now."""
    path, until = folder / LOCK_FILE, time.monotonic() + _PATIENCE
    while folder.resolve() not in OWN:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        content = os.read(handle, 65536)
        if _lock(handle) and _is_still(handle, path):
            break
        os.close(handle)
        if time.monotonic() > until:
            raise _in_use(folder, lock_facts(content))
        time.sleep(_PATIENCE / 10)
    else:
        raise _in_use(folder, OWN[folder.resolve()])
    if content:
        note(f"`{folder}` was left by {_text(lock_facts(content))}, which is gone: going on")
    since = datetime.now().astimezone().isoformat(" ", "seconds")
    command = shlex.join(["vnasdsl", *sys.argv[1:]])
    own = {"pid": os.getpid(), "host": socket.gethostname(), "since": since, "command": command}
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(own).encode(), 0)
    os.fsync(handle)
    OWN[folder.resolve()] = own
    return handle


def _in_use(folder: Path, facts: dict[str, Any]) -> UserError:
    return UserError(
        f"`{folder}` is in use by {_text(facts)}", "wait until it ends or stop it; for another run give another --out"
    )


def _lock(handle: int) -> bool:
    """Whether the lock was free."""
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as fault:
        if fault.errno not in _NO_LOCKS:
            raise
    return True


def _is_still(handle: int, path: Path) -> bool:
    """Whether its holder has not ended and removed it since it was opened here."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _text(facts: dict[str, Any]) -> str:
    pid, host, since, command = (facts.get(key, "?") for key in ("pid", "host", "since", "command"))
    return f"process {pid} on {host} since {since}: {command}" if facts else "another process"
