"""The networks of a whole space: how many there are, and drawing one of them."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from vnasdsl.layers.base import Shape
from vnasdsl.space.counting import CannotCountError, Counts
from vnasdsl.space.elements import Segment, shapes_decide
from vnasdsl.space.evaluate import Walk, sorted_flows
from vnasdsl.space.flow import UNKNOWN
from vnasdsl.space.resolve import complete
from vnasdsl.space.shapes import Analysis
from vnasdsl.space.ways import Ways, either


def ways_of(segments: Iterable[Segment], shape: Shape, input_name: str, classes: int) -> Ways:
    """The ways to make all choices. Shapes are followed only where they decide which choices there are.

    Raises: CannotCountError.
    """
    segments = tuple(segments)
    shaped = any(shapes_decide(segment.body) for segment in segments)
    walk = Analysis(classes) if shaped else Walk()
    last = walk.through(segments, walk.start(shape if shaped else UNKNOWN, input_name))[-1]
    if walk.overapproximate or (isinstance(walk, Analysis) and walk.missing):
        raise CannotCountError("it is not followed which shapes and lists go together")
    found = [ways for (held, _), ways in last.items() for flow in sorted_flows(held) if flow != UNKNOWN or not shaped]
    return either(found)


def count(segments: Iterable[Segment], shape: Shape = UNKNOWN, input_name: str = "", classes: int = 0) -> int | None:
    """The number of ways to make all choices of a space; None for infinitely many (real choices).

    The shape of the input is needed only where shapes decide which choices there are. Raises: CannotCountError.
    """
    return Counts().of(ways_of(segments, shape, input_name, classes))


def draw(
    segments: Iterable[Segment], random: Random, shape: Shape = UNKNOWN, input_name: str = "", classes: int = 0
) -> dict[str, str]:
    """The choices of one network, all networks alike likely.

    Where there are infinitely many, or too many that depend on each other to be counted, every choice is drawn by
    itself instead, all its values alike likely.
    """
    segments = tuple(segments)
    try:
        ways, counts = ways_of(segments, shape, input_name, classes), Counts()
        if counts.of(ways) is not None:
            return counts.draw(ways, random)
    except CannotCountError:
        pass
    return complete(segments, {}, random, input_name, shape, classes).made
