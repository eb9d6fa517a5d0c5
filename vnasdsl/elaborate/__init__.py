"""Spaces and networks: names, choices, counting, membership, shapes and costs. No torch."""

from vnasdsl.elaborate.inputs import Overrides, VideoInput
from vnasdsl.elaborate.program import Program, load, load_source
from vnasdsl.elaborate.space import Space
from vnasdsl.space.elements import Choice

__all__ = ["Choice", "Overrides", "Program", "Space", "VideoInput", "load", "load_source"]
