"""Comparing spaces and networks: `compare.py` finds the values of `model.py`, `text.py` shows them."""

from vnasdsl.show.diff.compare import compare, compare_programs
from vnasdsl.show.diff.model import Choosing, Comparison, FileDiff

__all__ = ["Choosing", "Comparison", "FileDiff", "compare", "compare_programs"]
