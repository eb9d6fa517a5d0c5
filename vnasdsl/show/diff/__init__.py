"""Comparing spaces and networks: computed in `compute.py`, held in `model.py`, shown by the other files."""

from vnasdsl.show.diff.compute import compare, compare_programs
from vnasdsl.show.diff.model import Choosing, Comparison, FileDiff

__all__ = ["Choosing", "Comparison", "FileDiff", "compare", "compare_programs"]
