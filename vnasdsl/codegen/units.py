"""The parts of a generated model, before it is decided which of them share a class.

A `Unit` will be one object of one class: a use of a block, a chain, a stage. Its lines are those of the text, its
numbers those of the shapes at its place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from vnasdsl.layers.base import Field, FunctionCode, ModuleCode, Shape, Value
from vnasdsl.space.elements import Alternatives, Element, Group, Op, Repeat, Wrap, join
from vnasdsl.space.shapes import Analysis


@dataclass
class ModuleStep:
    """`self.attr = nn.Conv3d(...)`."""

    attr: str
    callee: str
    fields: tuple[Field, ...]


@dataclass
class FunctionStep:
    """`F.relu({x})`."""

    expression: str


@dataclass
class UnitStep:
    """`self.attr = Basic(...)`."""

    attr: str
    unit: Unit


@dataclass
class ResidualStep:
    """Lines whose result is added to what went in."""

    lines: list[Line]


@dataclass
class RepeatStep:
    """Copies one after the other."""

    attr: str
    items: list[Step]
    path: str


@dataclass
class SequenceStep:
    """A stage of nothing but blocks: `self.attr = Layers(head=Head(...), basic=Basic(...))`."""

    attr: str
    items: list[UnitStep]


@dataclass
class MixtureStep:
    """A choice of a supernet: `Mixture("s3.stack[0].op", {"basic(1)": ...}, macs=(...))`."""

    attr: str
    choice: str
    options: list[tuple[str, Step | None]]
    macs: tuple[int, ...]


Step: TypeAlias = ModuleStep | FunctionStep | UnitStep | ResidualStep | RepeatStep | SequenceStep | MixtureStep


@dataclass
class Line:
    """One line of the text, and the shape behind it."""

    steps: list[Step]
    output: Shape


@dataclass
class Unit:
    name: str
    """What its class is named after: a block, a stage or a chain."""
    lines: list[Line]
    input: Shape
    output: Shape
    doc: str
    seeds: tuple[tuple[str, str, Value], ...] = ()
    """(parameter, kind, value) of the block it is a use of: these names are preferred for constructor arguments."""
    macs: int = 0
    """MACs outside of its mixtures."""


class UnitBuilder:
    """Makes units from the elements of a space at given shapes."""

    def __init__(self, analysis: Analysis, kinds: dict[tuple[str, str], str]):
        self.analysis = analysis
        self.kinds = kinds
        """(block, parameter) -> kind."""

    def unit(self, name: str, doc: str, lines: list[tuple[Element, ...]], shape: Shape, path: str) -> Unit:
        built, after, macs = self.lines(lines, shape, path)
        return Unit(name, built, shape, after, doc, macs=macs)

    def group(self, group: Group, shape: Shape, path: str) -> Unit:
        name = group.block or ("_".join(item.label for item in group.items) if len(group.items) <= 4 else "chain")
        doc = f"{group.block}({', '.join(n for n, _ in group.bound)})" if group.bound else group.block or ""
        unit = self.unit(name, doc, list(group.lines), shape, path)
        if group.block:
            unit.seeds = tuple((n, self.kinds.get((group.block, n), n), value) for n, value in group.bound)
        return unit

    def lines(self, lines: list[tuple[Element, ...]], shape: Shape, path: str) -> tuple[list[Line], Shape, int]:
        built, macs = [], 0
        for line in lines:
            steps: list[Step] = []
            for element in line:
                step, shape, cost = self.step(element, shape, path)
                macs += cost
                if step is not None:
                    steps.append(step)
            built.append(Line(steps, shape))
        return built, shape, macs

    def step(self, element: Element, shape: Shape, path: str) -> tuple[Step | None, Shape, int]:
        """The step of an element (None: it does nothing), the shape behind it, and its MACs outside of mixtures."""
        here = join(path, element.label)
        match element:
            case Op():
                applied = self.analysis.apply(element, shape)
                step: Step | None = None
                if isinstance(applied.code, ModuleCode):
                    step = ModuleStep(element.label, applied.code.callee, applied.code.fields)
                elif isinstance(applied.code, FunctionCode):
                    step = FunctionStep(applied.code.expression)
                return step, applied.output, applied.macs
            case Group():
                unit = self.group(element, shape, here)
                return UnitStep(element.label, unit), unit.output, unit.macs
            case Wrap() if element.label:
                unit = self.unit(element.label, "", [(replace(element, label=""),)], shape, here)
                return UnitStep(element.label, unit), unit.output, unit.macs
            case Wrap():
                lines, after, macs = self.lines(list(element.body.lines), shape, here)
                return ResidualStep(lines), after, macs
            case Repeat():
                items, total = [], 0
                for i, item in enumerate(element.items):
                    step, shape, macs = self.module(item, shape, f"{here}[{i}]")
                    total += macs
                    items.append(step)
                return RepeatStep(element.label, items, here), shape, total
            case Alternatives():
                return self.mixture(element, shape, here)

    def module(self, element: Element, shape: Shape, path: str) -> tuple[Step, Shape, int]:
        """A step that can stand on its own as a module; None becomes the identity."""
        step, after, macs = self.step(element, shape, path)
        if step is None:
            return ModuleStep(element.label, "nn.Identity", ()), after, macs
        if isinstance(step, (FunctionStep, ResidualStep)):
            unit = self.unit(element.label or "residual", "", [(element,)], shape, path)
            return UnitStep(element.label, unit), after, macs
        return step, after, macs

    def mixture(self, element: Alternatives, shape: Shape, here: str) -> tuple[Step, Shape, int]:
        options: list[tuple[str, Step | None]] = []
        costs = []
        after = shape
        for option in element.options:
            step, after, macs = self.module(option.element, shape, here)
            options.append((option.text, step))
            costs.append(macs)
        return MixtureStep(element.label, join(here, element.key), options, tuple(costs)), after, 0


def tensors(element: Element, shape: Shape, prefix: str, analysis: Analysis) -> tuple[list[tuple[str, ...]], Shape]:
    """The state-dict names of every layer below an element without open choices, in order, a tuple a layer; layers
    without tensors are left out. `prefix` is where the element itself stands, its own label included."""
    match element:
        case Op():
            applied = analysis.apply(element, shape)
            names: list[tuple[str, ...]] = []
            if isinstance(applied.code, ModuleCode) and applied.code.tensors:
                names = [tuple(join(prefix, t) for t in applied.code.tensors)]
            return names, applied.output
        case Group():
            found = []
            for item in element.items:
                more, shape = tensors(item, shape, join(prefix, item.label), analysis)
                found += more
            return found, shape
        case Wrap():
            return tensors(element.body, shape, prefix, analysis)
        case Repeat():
            found = []
            for i, item in enumerate(element.items):
                more, shape = tensors(item, shape, join(prefix, str(i)), analysis)
                found += more
            return found, shape
        case Alternatives():
            raise ValueError("a choice is still open")
