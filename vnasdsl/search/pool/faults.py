"""How a failed call is told: its error and where it was raised."""

from __future__ import annotations

import traceback
from pathlib import PurePath

_LINES = 5


def last_lines(problem: BaseException) -> str:
    """The last lines of what a traceback would say: the error, and the function and line that raised it."""
    text = "".join(traceback.format_exception_only(problem)).rstrip().splitlines()[-_LINES:]
    frames = traceback.extract_tb(problem.__traceback__)
    if frames:
        text.append(f"in {frames[-1].name}, {PurePath(frames[-1].filename).name} line {frames[-1].lineno}")
    return "\n".join(text)
