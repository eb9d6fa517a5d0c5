"""Comparing spaces and networks: `compare.py` pairs the parts of `outline.py`, `text.py` shows what it finds."""

from vnasdsl.show.diff.compare import compare, compare_programs
from vnasdsl.show.diff.outline import Choosing, Comparison, FileDiff

__all__ = ["Choosing", "Comparison", "FileDiff", "compare", "compare_programs"]
