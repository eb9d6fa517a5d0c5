"""One process at a time writes into a run folder. `RUN/.lock` says which: process, machine, since when, command.

That process holds a POSIX lock on the file (fcntl). The system gives it up however the process ends, so a lock left
behind is taken over at once, and what the process has forked does not hold it. NFS and cluster file systems share such
locks between machines, but may be mounted without. So a process also touches the file every few seconds, and a lock
left by another machine is taken over only when nobody has touched it for a while.
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
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from threading import Event, Thread

from vnasdsl.files import make_folder
from vnasdsl.interrupts import held_back
from vnasdsl.language.diagnostics import UserError
from vnasdsl.runs.holder import LOCK_FILE, SILENCE, is_here, lives_here, lock_facts
from vnasdsl.train import ranks

_BEAT = 10.0
"""Seconds between two touches."""
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL}


@contextmanager
def writing(folder: Path, note: Callable[[str], None]) -> Iterator[None]:
    """Inside, this process alone writes into a run folder, which is made. Of several ranks only the first takes it.

    note: told what is waited for and taken over. Raises: UserError that says who writes into it.
    """
    if not ranks.is_first():
        yield
        return
    if folder.exists() and not folder.is_dir():
        raise UserError(f"`{folder}` is a file, not a folder")
    make_folder(folder)
    handle, ended = _take(folder, note), Event()

    def beat() -> None:
        while not ended.wait(_BEAT):
            with suppress(OSError):
                os.utime(handle)

    thread = Thread(target=beat, daemon=True)
    with held_back():  # it keeps out of the way of signals
        thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        (folder / LOCK_FILE).unlink(missing_ok=True)
        os.close(handle)


def _take(folder: Path, note: Callable[[str], None]) -> int:
    """The open file of the lock, which is this process's now."""
    path, silent = folder / LOCK_FILE, ""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            locked = _lock(handle)
            holder = os.read(handle, 65536).decode("utf-8", "replace")
            if locked is False or (locked is None and lives_here(holder)):
                raise _in_use(folder, holder)
            elsewhere = holder not in ("", silent) and not is_here(holder)
            if not elsewhere and _is_still(handle, path):
                break
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # not for long: its holder has ended and removed it since it was opened here
        if elsewhere:
            note(f"`{folder}` was in use by {_text(holder)}: waiting {SILENCE:.0f} s for a sign of life")
            if not _falls_silent(path):
                raise _in_use(folder, holder)
            silent = holder
    if holder:
        note(f"`{folder}` was left by {_text(holder)}, which is gone: going on")
    since = datetime.now().astimezone().isoformat(" ", "seconds")
    command = shlex.join(["vnasdsl", *sys.argv[1:]])
    facts = {"pid": os.getpid(), "host": socket.gethostname(), "since": since, "command": command}
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(facts).encode(), 0)
    os.fsync(handle)
    return handle


def _in_use(folder: Path, holder: str) -> UserError:
    return UserError(
        f"`{folder}` is in use by {_text(holder)}", "wait until it ends or stop it; for another run give another --out"
    )


def _lock(handle: int) -> bool | None:
    """Whether the lock was free; None where the file system has no locks."""
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        if fault.errno in _NO_LOCKS:
            return None
        if fault.errno not in (errno.EACCES, errno.EAGAIN):
            raise
        return False
    return True


def _is_still(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _falls_silent(path: Path) -> bool:
    """Whether nobody touches a file for a while. It is opened each time: network file systems look anew then."""
    times = set()
    for _ in range(round(SILENCE)):
        with suppress(FileNotFoundError), path.open("rb") as file:
            times.add(os.fstat(file.fileno()).st_mtime_ns)
        time.sleep(1.0)
    return len(times) <= 1


def _text(holder: str) -> str:
    facts = lock_facts(holder)
    pid, host, since, command = (facts.get(key, "?") for key in ("pid", "host", "since", "command"))
    return f"process {pid} on {host} since {since}: {command}" if facts else "another process"
