"""What the parts of a space mean, as tuples of numbers: two parts have equal tuples exactly if they mean the same.

Parameter names, defaults written out, the order of options, line breaks, copies written out and `skip` make no
difference. A part has one number for each layer or choice that data passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from vnasdsl.layers.base import Value
from vnasdsl.space.deferred import first_value
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
)
from vnasdsl.space.reads import all_reads

Meaning = tuple[int, ...]


class Meanings:
    """Reads the elements of both sides of a comparison.

    A use of a block means what its body means. Once the block is known to have changed, which is reported with the
    block, a use means its name and arguments.
    """

    def __init__(self) -> None:
        self.changed: set[str] = set()
        self._numbers: dict[object, int] = {}
        self._inputs: Mapping[str, int] = {}
        """The places of the inputs of the block that is being read, by name."""
        self._known: dict[int, tuple[Element, Meaning]] = {}

    def add_changed(self, block: str) -> None:
        self.changed.add(block)
        self._known.clear()

    def number(self, *key: object) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def of(self, element: Element) -> Meaning:
        if id(element) not in self._known:
            # Kept together with the element, because an id is unique only while its object lives.
            self._known[id(element)] = element, self._of(element)
        return self._known[id(element)][1]

    def of_all(self, elements: Iterable[Element]) -> Meaning:
        return tuple(number for element in elements for number in self.of(element))

    def _of(self, element: Element) -> Meaning:
        match element:
            case Group():
                return self._group(element)
            case Repeat():
                return self.of_all(element.items)
            case LayerCall() if element.layer.name == "skip":
                return ()
        return (self.number(type(element), *self._facts(element)),)

    def _facts(self, element: Element) -> tuple[object, ...]:
        match element:
            case LayerCall():
                return element.layer.name, _arguments(element)
            case NameRef():
                return self._inputs.get(element.wire, element.wire), element.index
            case BodyLayer():
                return element.layer.name, _arguments(element), self.of(element.body)
            case Join():
                return element.layer.name, _arguments(element), self._each(element.inputs)
            case Many():
                return self._each(element.items)
            case Pick():
                return element.least, element.most, self._each(option.element for option in element.options)
            case When():
                return element.test, self.of(element.then), self.of(element.otherwise)
            case DeferredCall():
                fields = tuple((f.key, f.kind, frozenset(f.options), f.low, f.high) for f in element.fields)
                return fields, self.of(element.make(tuple(first_value(f) for f in element.fields)))
            case LayerChoice():
                options = Counter(self._each(option.element for option in element.options))
                return element.kind, frozenset(options.items())
        return ()

    def _group(self, group: Group) -> Meaning:
        """Lines one after the other. The name of a line counts if another line reads it."""
        handed = self._each(value for _, value in group.inputs)
        if group.block in self.changed:
            return (self.number("use", group.block, tuple(_value(value) for _, value in group.bound), handed),)
        return (*([self.number("inputs", handed)] if handed else []), *self.of_body(group))

    def of_body(self, group: Group) -> Meaning:
        """A group whatever is handed to it."""
        found = [self.number("tied")] if group.tied else []
        outside = self._inputs
        if group.block is not None:
            self._inputs = {name: place for place, (name, _) in enumerate(group.inputs)}
        read = all_reads(group.items if group.out is None else (*group.items, group.out))
        for i, line in enumerate(group.lines):
            found += self.of_all(line)
            if group.name_of(i) in read:
                found.append(self.number("name", group.name_of(i)))
        if group.out is not None:
            found += [self.number("out"), *self.of(group.out)]
        self._inputs = outside
        return tuple(found)

    def _each(self, elements: Iterable[Element]) -> tuple[Meaning, ...]:
        return tuple(map(self.of, elements))


def _arguments(element: LayerCall | BodyLayer | Join) -> tuple[object, ...]:
    return tuple((name, _value(value)) for name, value in element.arguments)


def _value(value: Value) -> object:
    """1, 1.0 and true are different values."""
    return value.expression if isinstance(value, FromShape) else (type(value).__name__, value)
