"""What a machine runs out of: memory, disk space, processes that are killed. Each is said with what to do about it."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

from vnasdsl.language.diagnostics import UserError

_MEMORY = re.compile(
    "can't allocate memory|cannot allocate memory|not enough memory|out of memory|bad_alloc|failed to map segment"
    "|could not create a primitive|can't start new thread",  # oneDNN and threads do not say that it is memory
    re.IGNORECASE,
)
_SHARED_MEMORY = re.compile(r"bus error|insufficient shared memory|</torch_", re.IGNORECASE)
_DECODER = re.compile(r"DataLoader worker \(pid(?:\(s\))?[ \d,]*\) ([^.]*)")


def explained(problem: BaseException) -> UserError | None:
    """An error of the machine, or one that follows from it, as a `UserError`; None for any other error."""
    for each in _chain(problem):
        found = _explained(each)
        if found is not None:
            return found
    return None


def _chain(problem: BaseException | None) -> Iterator[BaseException]:
    while problem is not None:
        yield problem
        problem = problem.__cause__ or problem.__context__


def _explained(problem: BaseException) -> UserError | None:
    text = " ".join(str(problem).split())
    number = problem.errno if isinstance(problem, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT):
        file = getattr(problem, "filename", None)
        what = f"`{file}` cannot be written" if file else "a file cannot be written"
        return UserError(f"{what}: the disk is full", "free some space; what is finished is kept")
    if isinstance(problem, RuntimeError | OSError) and _SHARED_MEMORY.search(text):
        return UserError(
            f"shared memory (/dev/shm) ran out while videos were decoded: {text[:200]}",
            "give a container more of it (docker run --shm-size=8g), or decode in this process: --workers 0",
        )
    kinds = {kind.__name__ for kind in type(problem).__mro__}
    if (
        kinds & {"MemoryError", "OutOfMemoryError"}
        or number == errno.ENOMEM
        or (kinds & {"RuntimeError", "ImportError"} and _MEMORY.search(text))
    ):
        detail = f": {text.split('. ')[0][:200]}" if text else ""
        return UserError(
            f"memory ran out{detail}",
            "use a smaller batch (--set batch=...), fewer --workers, or shorter and smaller clips (--frames, --size);"
            " if the recipe sets `memory`, it is the limit of each worker",
        )
    decoder = _DECODER.search(text) if isinstance(problem, RuntimeError) else None
    if decoder:
        return UserError(
            "; ".join((f"a process that decodes videos {decoder[1].strip()}", *getattr(problem, "__notes__", ()))),
            "if memory ran out, use fewer of them (--workers) or a smaller batch; --workers 0 decodes in this process",
        )
    if isinstance(problem, ValueError) and "not JSON compliant" in text:
        return UserError(
            "a result is not a number (NaN or infinite), so it is not written",
            "weights or losses have diverged: try a smaller learning rate (--set weights.lr=...)",
        )
    return None
