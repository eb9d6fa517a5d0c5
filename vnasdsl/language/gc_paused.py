"""Building trees without garbage collection: Python would search a growing tree again and again for cycles, which it
does not have; for a long file that takes as long as parsing it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause garbage collection, as a context or as a decorator `@gc_paused()`."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
