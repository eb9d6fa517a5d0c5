"""Trees without the search for garbage: Python looks through all of a growing tree again and again for cycles, which
it has none of, and for a long text that takes as long as making the tree."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """No search for cycles inside (or in a function decorated with `@left_alone()`); afterwards it is as it was."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
