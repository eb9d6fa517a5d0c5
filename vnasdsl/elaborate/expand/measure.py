"""Bounds on what a file may expand to."""

from __future__ import annotations

from collections.abc import Sequence

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import error
from vnasdsl.space.elements import (
    BodyLayer,
    DeferredCall,
    Element,
    Join,
    LayerCall,
    LayerChoice,
    Many,
    Repeat,
    Segment,
    When,
)
from vnasdsl.space.parts import children

MOST_LAYERS = 11_000
"""Layers that one network may expand to."""
MOST_IN_ALL_OPTIONS = 200_000
"""Layers of all options of a space together: a bound on the work of going through them."""
DEEPEST = 120
"""Levels of layers in blocks, residuals, copies and choices: keeps every recursive walk far from Python's limit."""
MOST_CALLS = 15_000
"""Calls that one file may expand to: a call with several choices is expanded once for every combination of them."""
OPTIONS_A_CALL = 32
"""Options of a call that is not written out that are as much work as one call."""
MOST_COMBINATIONS = 512
"""Combinations of the choices among one call's values that are written out; a call of more is closed when needed."""
MOST_HANDED = 2_000
"""Names and calls in a layer that is handed to a block, those counted that were handed on with it."""


class Measures:
    """How large elements are; each is measured once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Element, tuple[int, int, int]]] = {}

    def of(self, element: Element) -> tuple[int, int, int]:
        """The most layers of one network, the layers of all options together, and the depth."""
        if id(element) not in self._known:
            known = [self.of(child) for child in _parts(element)]
            own = isinstance(element, (LayerCall, BodyLayer, Join, DeferredCall))
            exclusive = isinstance(element, (LayerChoice, When))
            layers = (max if exclusive else sum)([m[0] for m in known] or [0]) + own
            # Numbers of copies one after the other begin alike: the largest holds the others.
            within = max if isinstance(element, LayerChoice) and _is_number_of_copies(element) else sum
            everything = within([m[1] for m in known] or [0]) + own
            depth = 1 + max((m[2] for m in known), default=0)
            self._known[id(element)] = (element, (layers, everything, depth))  # an id is unique while its object lives
        return self._known[id(element)][1]

    def check(self, net: tree.Space | tree.Network, segments: Sequence[Segment]) -> None:
        """Raises: VnsError E0502 for too many layers, E0108 for layers too deep inside of others."""
        measures = [self.of(s.body) for s in segments]
        if sum(layers for layers, _, _ in measures) > MOST_LAYERS:
            message = f"a network of `{net.name}` can have more than {MOST_LAYERS:,} layers"
            raise error("E0502", message, net.name_span, help="use fewer copies")
        if sum(everything for _, everything, _ in measures) > MOST_IN_ALL_OPTIONS:
            message = f"the options of `{net.name}` make more than {MOST_IN_ALL_OPTIONS:,} layers"
            raise error("E0502", message, net.name_span, help="use fewer copies, or fewer options")
        for segment, (_, _, depth) in zip(segments, measures, strict=True):
            if depth > DEEPEST:
                raise error("E0108", f"layers inside layers more than {DEEPEST} deep", segment.body.span)


def _is_number_of_copies(element: LayerChoice) -> bool:
    return element.key == "number" and not any(isinstance(option.element, Many) for option in element.options)


def _parts(element: Element) -> Sequence[Element]:
    if isinstance(element, DeferredCall):
        return ()
    if isinstance(element, (Repeat, Many)):
        return element.items
    return [child for child, _ in children(element, "")]
