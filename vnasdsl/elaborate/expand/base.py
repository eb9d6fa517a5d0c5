"""What all parts of the expansion share: its state, how faults are kept, and how large it has become."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from vnasdsl.elaborate.definitions import Definitions
from vnasdsl.elaborate.names import Namer
from vnasdsl.elaborate.scope import Scope
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, VnsError
from vnasdsl.language.source import Span
from vnasdsl.layers import CATALOGUE
from vnasdsl.space.elements import (
    BodyLayer,
    DeferredCall,
    Element,
    Join,
    LayerCall,
    LayerChoice,
    Many,
    Repeat,
    When,
    poison,
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


MOST_COMBINATIONS = 512
"""Combinations of the choices among one call's values that are written out; a call of more is closed when needed."""

MOST_HANDED = 2_000
"""Names and calls in a layer that is handed to a block, those counted that were handed on with it."""

EMPTY_LIST = "write what it holds between the brackets, such as `[a, b]`"


@dataclass(frozen=True)
class Body:
    """The lines of a body with the names that they are read by, and what it gives."""

    lines: tuple[tuple[Element, ...], ...]
    names: tuple[str, ...] = ()
    out: Element | None = None


class Base:
    """The state of the expansion of one file. What is abstract here is made by the classes above this one."""

    def __init__(self, definitions: Definitions):
        self.definitions = definitions
        self.bodies: dict[tuple[object, ...], Body] = {}
        self.open: list[str] = []
        self.calls = 0
        self.tied = 0
        """How many tied blocks are being expanded: in them options are called as the text of the block has them."""
        self.faults: list[Diagnostic] = []
        """What is wrong with lines that were replaced by `poison`."""
        self.sizes: dict[int, tuple[Element, tuple[int, int, int]]] = {}
        self.elsewhere: dict[str, Span] = {}
        """Every line of the space or network that has a name."""

    def layer(self, expression: tree.Expression, scope: Scope, label: str | None = None) -> Element:
        """An expression in the place of a layer. Without a label it gets one from the scope's namer."""
        raise NotImplementedError

    def body(
        self, statements: Sequence[tree.Statement], scope: Scope, input_name: str | None = None
    ) -> tuple[Body, Scope]:
        """The lines of a body, and what is known behind them."""
        raise NotImplementedError

    def part(self, expression: tree.Expression, scope: Scope, label: str | None = None) -> Element:
        """One of several layers: a fault in it leaves the others to be looked at."""
        try:
            return self.layer(expression, scope, label)
        except VnsError as fault:
            self.faults += fault.diagnostics
            return poison(expression.span)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Keep the faults raised inside and go on."""
        try:
            yield
        except VnsError as fault:
            self.faults += fault.diagnostics

    def namer(self, statements: Sequence[tree.Statement]) -> Namer:
        return Namer(s.name for s in statements if isinstance(s, (tree.Wire, tree.Stage)))

    def is_function(self, name: str) -> bool:
        return name in CATALOGUE or name in self.definitions.blocks

    def layers(self, element: Element) -> int:
        """The most layers that one network has below an element."""
        return self.measure(element)[0]

    def depth(self, element: Element) -> int:
        """Levels of elements in elements."""
        return self.measure(element)[2]

    def measure(self, element: Element) -> tuple[int, int, int]:
        """The most layers of one network, the layers of all options together, and the depth."""
        if id(element) not in self.sizes:
            known = [self.measure(child) for child in _parts(element)]
            own = isinstance(element, (LayerCall, BodyLayer, Join, DeferredCall))
            exclusive = isinstance(element, (LayerChoice, When))
            layers = (max if exclusive else sum)([m[0] for m in known] or [0]) + own
            # Numbers of copies one after the other begin alike: the largest holds the others.
            within = max if isinstance(element, LayerChoice) and _is_number_of_copies(element) else sum
            everything = within([m[1] for m in known] or [0]) + own
            depth = 1 + max((m[2] for m in known), default=0)
            self.sizes[id(element)] = (element, (layers, everything, depth))  # an id is unique while its object lives
        return self.sizes[id(element)][1]


def _is_number_of_copies(element: LayerChoice) -> bool:
    return element.key == "number" and not any(isinstance(option.element, Many) for option in element.options)


def _parts(element: Element) -> Sequence[Element]:
    if isinstance(element, DeferredCall):
        return ()
    if isinstance(element, (Repeat, Many)):
        return element.items
    return [child for child, _ in children(element, "")]
