"""Who writes into a run folder: the process that has the lock on its lock file (taken in `train/run_lock.py`)."""

from __future__ import annotations

import fcntl
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

LOCK_FILE = ".lock"
OWN: dict[Path, dict[str, Any]] = {}
"""The folders that this process writes into, and what their locks say. Another look at such a file would end its lock:
the system gives up all locks of a process on a file when one of its handles is closed."""


def holder_of(folder: Path) -> dict[str, Any] | None:
    """The facts of the process that writes into a run folder now, None where none does."""
    path = folder.resolve()
    if path in OWN:
        return OWN[path]
    with suppress(OSError), (path / LOCK_FILE).open("rb") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return lock_facts(file.read())
    return None


def lock_facts(content: bytes) -> dict[str, Any]:
    """What a lock says of its holder: `pid`, `host`, `since`, `command`."""
    with suppress(ValueError):
        facts = json.loads(content)
        return facts if isinstance(facts, dict) else {}
    return {}
