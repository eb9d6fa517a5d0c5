"""Who writes into a run folder: what its lock file says (taken in `train/run_lock.py`)."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

LOCK_FILE = ".lock"
SILENCE = 45.0
"""Seconds without a touch of the lock until a process on another machine counts as gone."""


def holder_of(folder: Path) -> dict[str, Any] | None:
    """The facts of the process that writes into a run folder now, None where none does."""
    path = folder / LOCK_FILE
    with suppress(OSError):
        holder = path.read_text(encoding="utf-8", errors="replace")
        here = is_here(holder)
        own = here and lock_facts(holder).get("pid") == os.getpid()
        recent = time.time() - path.stat().st_mtime < SILENCE
        if (recent and (own or not here)) or lives_here(holder):
            return lock_facts(holder)
    return None


def is_here(holder: str) -> bool:
    """Whether a lock was taken on this machine."""
    return lock_facts(holder).get("host") == socket.gethostname()


def lives_here(holder: str) -> bool:
    """Whether the process that took a lock is another one that runs on this machine."""
    pid = lock_facts(holder).get("pid")
    if not isinstance(pid, int) or pid == os.getpid() or not is_here(holder):  # our own number: a container's, reused
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def lock_facts(holder: str) -> dict[str, Any]:
    """What a lock says of its holder: `pid`, `host`, `since`, `command`."""
    try:
        facts = json.loads(holder)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}
