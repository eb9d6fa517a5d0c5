"""Spaces and networks: names, choices, counting, membership, shapes and costs. No torch."""

from vnasdsl.space.elements import Choice
from vnasdsl.space.inputs import Overrides, VideoInput
from vnasdsl.space.program import Program, load, load_source
from vnasdsl.space.space import Space

__all__ = ["Choice", "Overrides", "Program", "Space", "VideoInput", "load", "load_source"]
