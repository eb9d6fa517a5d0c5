"""Spaces and networks: names, choices, counting, membership, shapes and costs. No torch."""

from vnasdsl.elaborate.inputs import Input, Overrides
from vnasdsl.elaborate.program import Program, load, load_source
from vnasdsl.elaborate.space import Space
from vnasdsl.space.elements import Choice

__all__ = ["Choice", "Input", "Overrides", "Program", "Space", "load", "load_source"]
