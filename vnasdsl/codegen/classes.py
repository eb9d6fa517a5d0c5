"""From units to classes: units of one build share a class, and what differs between them becomes its arguments.

For every number in a build the values over all units are compared. Where they agree the class has a literal. Where
they differ it has a constructor argument: a parameter of the block if one has these very values, else a new one named
by what it means (`in_channels`, `channels`). So the same block text always gives a class as one would write it by
hand, whatever its uses are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

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

ClassOf = Callable[[Unit], int]
"""The number of the class of a unit inside another, which is known before that of the outer one."""


def signature(unit: Unit, class_of: ClassOf) -> tuple[object, ...]:
    """What must agree between units of one class: everything but the numbers."""
    block = tuple(name for name, _, _ in unit.seeds)  # a chain or stage of the same name is no use of the block
    called = (unit.x, unit.takes_x, tuple((i.variable, isinstance(i.flow, list)) for i in unit.inputs))
    out = tuple(_step_signature(step, class_of) for step in unit.out)
    return (unit.name, unit.doc, block, called, _lines(unit.lines, class_of), out)


def _lines(lines: Sequence[Line], class_of: ClassOf) -> tuple[object, ...]:
    return tuple(
        (line.variable, line.read, tuple(_step_signature(step, class_of) for step in line.steps)) for line in lines
    )


def _step_signature(step: Step | None, class_of: ClassOf) -> tuple[object, ...]:
    kind = type(step)
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
        case BodyStep():
            return (
                kind,
                step.enter,
                step.leave,
                _step_signature(step.shortcut, class_of),
                _lines(step.lines, class_of),
            )
    inner = tuple(_step_signature(part, class_of) for part in below(step))
    match step:
        case UnitStep():
            return (kind, step.attr, inner, class_of(step.unit))
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
        self._numbers: dict[tuple[object, ...], int] = {}
        """The number of a class by what its units have in common."""
        self._groups: list[list[Unit]] = []
        self._class_of: dict[int, int] = {}
        self._of: dict[int, tuple[ClassView, int]] = {}
        for root in roots:
            self._collect(root)
        for units in self._groups:
            self._make(units)

    def _collect(self, unit: Unit) -> None:
        for inner in inner_units(steps_of(unit)):
            self._collect(inner)
        key = signature(unit, lambda inner: self._class_of[id(inner)])
        number = self._numbers.setdefault(key, len(self._groups))
        if number == len(self._groups):
            self._groups.append([])
        self._groups[number].append(unit)
        self._class_of[id(unit)] = number

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
