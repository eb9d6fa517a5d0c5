"""Comparing spaces and networks: `compute.py` finds the values of `model.py`, the other files show them."""

from vnasdsl.show.diff.compute import compare, compare_programs
from vnasdsl.show.diff.model import Choosing, Comparison, FileDiff

__all__ = ["Choosing", "Comparison", "FileDiff", "compare", "compare_programs"]
