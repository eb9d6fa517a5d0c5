"""From units to classes: units of one build share a class, and what differs between them becomes its arguments.

For every number in a build the values over all units are compared. Where they agree the class has a literal. Where
they differ it has a constructor argument: a parameter of the block if one has these very values, else a new one named
by what it means (`in_channels`, `channels`). So the same block text always gives a class as one would write it by
hand, whatever its uses are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from vnasdsl.codegen.helpers import helper_texts
from vnasdsl.codegen.literals import class_name, literal
from vnasdsl.codegen.python import call
from vnasdsl.codegen.units import (
    BodyStep,
    EdgesStep,
    FunctionStep,
    JoinStep,
    Line,
    ListStep,
    MixtureStep,
    ModuleStep,
    ReadStep,
    Step,
    Unit,
    UnitStep,
    below,
    steps_of,
)
from vnasdsl.codegen.writer import ClassView, ClassWriter, unit_arguments
from vnasdsl.language.layout import Document


def signature(unit: Unit) -> tuple[object, ...]:
    """What must agree between units of one class: everything but the numbers."""
    block = tuple(name for name, _, _ in unit.seeds)  # a chain or stage of the same name is no use of the block
    called = (unit.x, unit.takes_x, tuple((i.variable, isinstance(i.flow, list)) for i in unit.inputs))
    return (unit.name, unit.doc, block, called, _lines(unit.lines), tuple(map(_step_signature, unit.out)))


def _lines(lines: Sequence[Line]) -> tuple[object, ...]:
    return tuple((line.variable, line.read, tuple(map(_step_signature, line.steps))) for line in lines)


def _step_signature(step: Step | None) -> tuple[object, ...]:
    kind, inner = type(step), tuple(map(_step_signature, below(step)))
    match step:
        case None:
            return ()
        case ModuleStep():
            shapes = tuple((f.name, len(f.value) if isinstance(f.value, tuple) else 0) for f in step.fields)
            return (kind, step.attr, step.callee, shapes)
        case FunctionStep():
            return (kind, step.expression)
        case ReadStep():
            return (kind, step.variable, step.many, step.index)
        case UnitStep():
            return (kind, step.attr, inner, signature(step.unit))
        case BodyStep():
            return (kind, step.enter, step.leave, _step_signature(step.shortcut), _lines(step.lines))
        case ListStep():
            return (kind, step.attr, step.together, inner)
        case JoinStep():
            return (kind, step.expression, step.module is None, inner)
        case MixtureStep():
            return (kind, step.attr, step.takes_x, tuple(text for text, _ in step.options), inner)
        case EdgesStep():
            counts = tuple(map(len, step.inputs))
            return (kind, step.attr, step.keep, counts, tuple(text for text, _ in step.options), inner)
    return (kind, step.attr, inner)


def inner_units(steps: Iterable[Step | None]) -> Iterator[Unit]:
    """The units directly below some steps, in order."""
    for step in steps:
        yield from inner_units(below(step))
        if isinstance(step, UnitStep):
            yield step.unit


def numbered(name: str, count: int) -> str:
    """`Basic2` for the second class of a name; `A1B` where a number is a part of the name."""
    if not name[-1].isdigit():
        return f"{name}{count}"
    return f"{name}{chr(ord('A') + count - 1)}" if count <= 26 else f"{name}N{count}"


class Classes:
    """The classes of one module, in an order in which each is defined before it is used."""

    def __init__(self, roots: Sequence[Unit], taken: Sequence[str] = ()):
        self.views: list[ClassView] = []
        self.callees: set[str] = set()
        """What the modules of layers are made by: `nn.Conv3d`, or the name of a helper class."""
        self._taken = {*taken, *helper_texts()}
        self._groups: dict[tuple[object, ...], list[Unit]] = {}
        self._order: list[tuple[object, ...]] = []
        self._of: dict[int, tuple[ClassView, int]] = {}
        for root in roots:
            self._collect(root)
        for key in self._order:
            self._make(self._groups[key])

    def _collect(self, unit: Unit) -> None:
        for inner in inner_units(steps_of(unit)):
            self._collect(inner)
        key = signature(unit)
        if key not in self._groups:
            self._groups[key] = []
            self._order.append(key)
        self._groups[key].append(unit)

    def _make(self, units: list[Unit]) -> None:
        name = class_name(units[0].name)
        count = 1
        unique = name
        while unique in self._taken:
            count += 1
            unique = numbered(name, count)
        self._taken.add(unique)
        view = ClassWriter(self, unique, units).view()
        for i, unit in enumerate(units):
            self._of[id(unit)] = (view, i)
        self.views.append(view)

    def defines(self, name: str) -> bool:
        """Whether a name of the module is this one: a class made so far, or one of the template's own."""
        return name in self._taken

    def call(self, callee: str, arguments: Sequence[Document]) -> Document:
        """The call that makes the module of a layer."""
        self.callees.add(callee)
        return call(callee, arguments)

    def construct(self, unit: Unit) -> Document:
        """The call that makes a unit, from outside of any class: all values are literals."""
        view, i = self._of[id(unit)]
        values = [(a, literal(a.values[i])) for a in view.all_arguments]
        return call(view.name, unit_arguments(values))

    def arguments(self, unit: Unit) -> tuple[ClassView, int]:
        return self._of[id(unit)]
