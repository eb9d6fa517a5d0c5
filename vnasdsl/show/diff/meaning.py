"""Numbers for what parts of a space mean: two parts have the same numbers exactly when they mean the same.

Spelling leaves no trace: not the names of parameters, not defaults written out, not the order of options, not how lines
are broken, not `skip`. The numbers of one part are a row, one for every layer or choice that data passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vnasdsl.layers.base import LayerError, Shape, Value
from vnasdsl.space.elements import (
    BodyLayer,
    DeferredCall,
    Element,
    FromShape,
    Group,
    Join,
    LayerCall,
    LayerChoice,
    Many,
    NameRef,
    Pick,
    Repeat,
    When,
    first_value,
)
from vnasdsl.space.reads import all_reads
from vnasdsl.space.shapes import Analysis
from vnasdsl.space.values import WORDS

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
    _inputs: Mapping[str, int] = field(default_factory=dict)
    """The inputs of the block that is being read, by their names."""
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
            case LayerCall():
                return self._layer(element, shape)
            case NameRef():
                wire = self._inputs.get(element.wire, element.wire)
                return (self.numbers("read", wire, element.index),), None
            case Group() if surface and self._is_use(element):
                assert element.block is not None
                name = self.block_names.get(element.block, element.block)
                values = tuple(self._value(value) for _, value in element.bound)
                return (self.numbers("block", name, values, self._handed(element, True)),), None
            case Group():
                return self._group(element, shape, surface)
            case Repeat():
                return self._row(element.items, shape, surface)
            case BodyLayer():
                body, _ = self._read(element.body, shape, surface)
                key = self.numbers("body", element.layer.name, self._arguments(element), body)
                return (key,), shape if element.layer.name == "residual" and not element.arguments else None
            case Join():
                inputs = self._each(element.inputs, surface)
                return (self.numbers("join", element.layer.name, self._arguments(element), inputs),), None
            case Many():
                return (self.numbers("list", self._each(element.items, surface)),), None
            case Pick():
                options = self._each([option.element for option in element.options], surface)
                return (self.numbers("pick", element.least, element.most, options),), None
            case When():
                sides = self._each((element.then, element.otherwise), surface)
                return (self.numbers("when", element.test, sides),), None
            case DeferredCall():
                fields = tuple((f.key, f.kind, frozenset(f.options), f.low, f.high) for f in element.fields)
                one = self._read(element.make(tuple(first_value(f) for f in element.fields)), None, surface)[0]
                return (self.numbers("open", fields, one),), None
            case LayerChoice():
                read = [self._read(option.element, shape, surface) for option in element.options]
                known = frozenset(Counter(meaning for meaning, _ in read).items())
                shapes = {after for _, after in read}
                after = shapes.pop() if len(shapes) == 1 else None
                return (self.numbers("choice", element.kind, known),), after

    def _is_use(self, group: Group) -> bool:
        """Whether a group is a use of a block as the block is defined: its name then says what runs."""
        handed = any(isinstance(value, str) and value not in WORDS for _, value in group.bound)
        return group.block is not None and (group.call is not None or bool(group.inputs) or handed)

    def _group(self, group: Group, shape: Shape | None, surface: bool) -> tuple[Meaning, Shape | None]:
        """Lines one after the other. Names that are read by other lines are a part of what runs."""
        outside = self._inputs
        if group.block is not None:
            self._inputs = {name: place for place, (name, _) in enumerate(group.inputs)}
        try:
            return self._lines(group, shape, surface, outside)
        finally:
            self._inputs = outside

    def _lines(
        self, group: Group, shape: Shape | None, surface: bool, outside: Mapping[str, int]
    ) -> tuple[Meaning, Shape | None]:
        read = all_reads([*group.items, *([group.out] if group.out is not None else [])])
        row: list[int] = []
        if group.tied:
            row.append(self.numbers("tied"))
        if group.inputs:
            inside, self._inputs = self._inputs, outside
            row.append(self.numbers("inputs", self._handed(group, surface)))
            self._inputs = inside
            shape = None
        for i, line in enumerate(group.lines):
            more, shape = self._row(line, shape, surface)
            row += more
            if group.name_of(i) in read:
                row.append(self.numbers("called", group.name_of(i)))
        if group.out is not None:
            more, shape = self._read(group.out, None, surface)
            row += [self.numbers("out"), *more]
        return tuple(row), shape

    def _row(self, items: Sequence[Element], shape: Shape | None, surface: bool) -> tuple[Meaning, Shape | None]:
        row: list[int] = []
        for item in items:
            more, shape = self._read(item, shape, surface)
            row += more
        return tuple(row), shape

    def _each(self, items: Sequence[Element], surface: bool) -> tuple[Meaning, ...]:
        return tuple(self._read(item, None, surface)[0] for item in items)

    def _handed(self, group: Group, surface: bool) -> tuple[object, ...]:
        """What was handed to a block, by the places of its inputs."""
        return tuple(self._read(value, None, surface)[0] for _, value in group.inputs)

    def _arguments(self, element: LayerCall | BodyLayer | Join) -> tuple[object, ...]:
        return tuple((name, self._value(value)) for name, value in element.arguments)

    def _value(self, value: Value) -> object:
        """A value to compare by: 1, 1.0 and true are three."""
        return value.expression if isinstance(value, FromShape) else (type(value).__name__, value)

    def _layer(self, op: LayerCall, shape: Shape | None) -> tuple[Meaning, Shape | None]:
        if op.layer.name == "skip":
            return (), shape
        if shape is None:
            return (self.numbers("layer", op.layer.name, self._arguments(op)),), None
        try:
            applied = self.analysis.apply(op, shape)
        except LayerError:
            return (self.numbers("layer", op.layer.name, self._arguments(op)),), None
        return (self.numbers("layer at", op.layer.name, applied.attributes),), applied.output
