"""Numbers for what parts of a space mean: two parts have the same numbers exactly when they mean the same.

Spelling leaves no trace: not the names of parameters, not defaults written out, not the order of options, not how lines
are broken, not `skip`. The numbers of one part are a row, one for every layer or choice that data passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from vnasdsl.layers.base import LayerError, Shape
from vnasdsl.space.elements import Alternatives, Element, Group, Op, Repeat, Wrap
from vnasdsl.space.shapes import Analysis

Meaning = tuple[int, ...]


class Numbers:
    """Hands out one number for each key; both sides of a comparison share one of these."""

    def __init__(self) -> None:
        self._known: dict[object, int] = {}

    def __call__(self, *key: object) -> int:
        return self._known.setdefault(key, len(self._known))


@dataclass
class Reader:
    """Reads the elements of one side. `block_names` gives a renamed block the name it has on the other side."""

    numbers: Numbers
    analysis: Analysis
    block_names: Mapping[str, str] = field(default_factory=dict)
    _known: dict[tuple[int, Shape | None, bool], tuple[Element, Meaning, Shape | None]] = field(default_factory=dict)

    def layers(self, element: Element) -> Meaning:
        """What runs, with `same` and `classes` as they are written; blocks are looked into."""
        return self._read(element, None, False)[0]

    def layers_at(self, element: Element, shape: Shape) -> tuple[Meaning, Shape | None]:
        """What runs at this shape, every argument filled in, and the shape behind it if there is only one."""
        return self._read(element, shape, False)

    def surface(self, element: Element) -> Meaning:
        """What the line itself says: a use of a block is its name and its values, not its body."""
        return self._read(element, None, True)[0]

    def _read(self, element: Element, shape: Shape | None, surface: bool) -> tuple[Meaning, Shape | None]:
        key = (id(element), shape, surface)
        if key not in self._known:
            # The element is kept with its meaning: an id is only unique while its object lives.
            self._known[key] = (element, *self._meaning(element, shape, surface))
        _, meaning, after = self._known[key]
        return meaning, after

    def _meaning(self, element: Element, shape: Shape | None, surface: bool) -> tuple[Meaning, Shape | None]:
        match element:
            case Op():
                return self._layer(element, shape)
            case Group() if surface and element.block is not None and element.call is not None:
                name = self.block_names.get(element.block, element.block)
                return (self.numbers("block", name, tuple(value for _, value in element.bound)),), None
            case Group() | Repeat():
                row: list[int] = []
                for item in element.items:
                    more, shape = self._read(item, shape, surface)
                    row += more
                return tuple(row), shape
            case Wrap():
                body, _ = self._read(element.body, shape, surface)
                return (self.numbers("body", element.layer.name, element.arguments, body),), shape
            case Alternatives():
                read = [self._read(option.element, shape, surface) for option in element.options]
                options = frozenset(Counter(meaning for meaning, _ in read).items())
                shapes = {after for _, after in read}
                after = shapes.pop() if len(shapes) == 1 else None
                return (self.numbers("choice", element.kind, options),), after

    def _layer(self, op: Op, shape: Shape | None) -> tuple[Meaning, Shape | None]:
        if op.layer.name == "skip":
            return (), shape
        if shape is None:
            return (self.numbers("layer", op.layer.name, op.arguments),), None
        try:
            applied = self.analysis.apply(op, shape)
        except LayerError:
            return (self.numbers("layer", op.layer.name, op.arguments),), None
        return (self.numbers("layer at", op.layer.name, applied.attributes),), applied.output
