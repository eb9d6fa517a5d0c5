"""Numbers for what parts of a space mean: two parts have the same numbers exactly when they mean the same.

Spelling leaves no trace: not the names of parameters, not defaults written out, not the order of options, not how lines
are broken, not `skip`. The numbers of one part are a row, one for every layer or choice that data passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vnasdsl.layers.base import Value
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
    block_names: Mapping[str, str] = field(default_factory=dict)
    _inputs: Mapping[str, int] = field(default_factory=dict)
    """The inputs of the block that is being read, by their names."""
    _known: dict[tuple[int, bool], tuple[Element, Meaning]] = field(default_factory=dict)

    def layers(self, element: Element) -> Meaning:
        """What runs, with `same` and `classes` as they are written; blocks are looked into."""
        return self._read(element, False)

    def surface(self, element: Element) -> Meaning:
        """What the line itself says: a use of a block is its name and its values, not its body."""
        return self._read(element, True)

    def _read(self, element: Element, surface: bool) -> Meaning:
        key = (id(element), surface)
        if key not in self._known:
            # The element is kept with its meaning: an id is only unique while its object lives.
            self._known[key] = (element, self._meaning(element, surface))
        return self._known[key][1]

    def _meaning(self, element: Element, surface: bool) -> Meaning:
        number = self.numbers
        match element:
            case LayerCall():
                skips = element.layer.name == "skip"
                return () if skips else (number("layer", element.layer.name, self._arguments(element)),)
            case NameRef():
                return (number("read", self._inputs.get(element.wire, element.wire), element.index),)
            case Group() if surface and self._is_use(element):
                assert element.block is not None
                name = self.block_names.get(element.block, element.block)
                values = tuple(self._value(value) for _, value in element.bound)
                return (number("block", name, values, self._handed(element, True)),)
            case Group():
                return self._group(element, surface)
            case Repeat():
                return self._row(element.items, surface)
            case BodyLayer():
                body = self._read(element.body, surface)
                return (number("body", element.layer.name, self._arguments(element), body),)
            case Join():
                inputs = self._each(element.inputs, surface)
                return (number("join", element.layer.name, self._arguments(element), inputs),)
            case Many():
                return (number("list", self._each(element.items, surface)),)
            case Pick():
                options = self._each([option.element for option in element.options], surface)
                return (number("pick", element.least, element.most, options),)
            case When():
                return (number("when", element.test, self._each((element.then, element.otherwise), surface)),)
            case DeferredCall():
                fields = tuple((f.key, f.kind, frozenset(f.options), f.low, f.high) for f in element.fields)
                one = self._read(element.make(tuple(first_value(f) for f in element.fields)), surface)
                return (number("open", fields, one),)
            case LayerChoice():
                options = self._each([option.element for option in element.options], surface)
                return (number("choice", element.kind, frozenset(Counter(options).items())),)

    def _is_use(self, group: Group) -> bool:
        """Whether a group is a use of a block as the block is defined: its name then says what runs."""
        handed = any(isinstance(value, str) and value not in WORDS for _, value in group.bound)
        return group.block is not None and (group.call is not None or bool(group.inputs) or handed)

    def _group(self, group: Group, surface: bool) -> Meaning:
        """Lines one after the other. Names that are read by other lines are a part of what runs."""
        outside = self._inputs
        row: list[int] = []
        if group.tied:
            row.append(self.numbers("tied"))
        if group.inputs:
            row.append(self.numbers("inputs", self._handed(group, surface)))
        if group.block is not None:
            self._inputs = {name: place for place, (name, _) in enumerate(group.inputs)}
        try:
            read = all_reads([*group.items, *([group.out] if group.out is not None else [])])
            for i, line in enumerate(group.lines):
                row += self._row(line, surface)
                if group.name_of(i) in read:
                    row.append(self.numbers("called", group.name_of(i)))
            if group.out is not None:
                row += [self.numbers("out"), *self._read(group.out, surface)]
        finally:
            self._inputs = outside
        return tuple(row)

    def _row(self, items: Sequence[Element], surface: bool) -> Meaning:
        return tuple(number for item in items for number in self._read(item, surface))

    def _each(self, items: Sequence[Element], surface: bool) -> tuple[Meaning, ...]:
        return tuple(self._read(item, surface) for item in items)

    def _handed(self, group: Group, surface: bool) -> tuple[Meaning, ...]:
        """What was handed to a block, by the places of its inputs."""
        return self._each([value for _, value in group.inputs], surface)

    def _arguments(self, element: LayerCall | BodyLayer | Join) -> tuple[object, ...]:
        return tuple((name, self._value(value)) for name, value in element.arguments)

    def _value(self, value: Value) -> object:
        """A value to compare by: 1, 1.0 and true are three."""
        return value.expression if isinstance(value, FromShape) else (type(value).__name__, value)
