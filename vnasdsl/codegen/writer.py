"""Writing one class: the lines of its constructor and of its forward method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vnasdsl.codegen.arguments import LOOP_VARIABLES, WIDTHS, Argument, Arguments, argument_value
from vnasdsl.codegen.forward import Forward
from vnasdsl.codegen.literals import quoted
from vnasdsl.codegen.python import WIDTH, bracketed, call, show_flow, text
from vnasdsl.codegen.units import (
    EdgesStep,
    Flow,
    ListStep,
    MixtureStep,
    ModuleStep,
    RepeatStep,
    SequenceStep,
    Step,
    Unit,
    UnitStep,
)
from vnasdsl.language.layout import Break, Document, Group, HardBreak, Indent, lay_out
from vnasdsl.layers.base import Field

if TYPE_CHECKING:
    from vnasdsl.codegen.classes import Classes


@dataclass
class ClassView:
    """A class as the template needs it: every field is finished Python text."""

    name: str
    doc: str
    arguments: list[tuple[str, str]]
    init: list[str]
    forward: list[str]
    units: list[Unit] = field(repr=False, default_factory=list)
    all_arguments: list[Argument] = field(repr=False, default_factory=list)

    @property
    def signature(self) -> str:
        return parameters("__init__", [f"{name}: {annotation}" for name, annotation in self.arguments], "None")

    @property
    def inputs(self) -> str:
        """The parameters of the forward method."""
        unit = self.units[0]
        names = [f"{unit.x}: Tensor"] if unit.takes_x else []
        names += [f"{i.variable}: {'list[Tensor]' if isinstance(i.flow, list) else 'Tensor'}" for i in unit.inputs]
        return parameters("forward", names, self.gives)

    @property
    def gives(self) -> str:
        return "list[Tensor]" if isinstance(self.units[0].output, list) else "Tensor"


class ClassWriter:
    """Writes one class for units of the same build."""

    def __init__(self, classes: Classes, name: str, units: list[Unit]):
        self.classes = classes
        self.name = name
        self.units = units
        self.arguments = Arguments(classes, units)
        self.depth = 0

    def view(self) -> ClassView:
        init: list[str] = []

        def make(attr: str, steps: Sequence[Step]) -> None:
            init.append(text(self.module(steps), 8, f"self.{attr} = "))

        forward = Forward(self.units, make).write()
        used = self.arguments.used()
        arguments = [(a.name, a.annotation) for a in used]
        return ClassView(self.name, self._doc(), arguments, init, forward, self.units, used)

    def _doc(self) -> str:
        unit = self.units[0]
        given = _given(unit)
        if all((_given(u), u.output) == (given, unit.output) for u in self.units):
            if len(given) > 2:
                shape = f"{len(given)} inputs -> {show_flow(unit.output)}"
            else:
                shape = f"{' and '.join(map(show_flow, given))} -> {show_flow(unit.output)}"
        elif all(_given(u) == [u.output] for u in self.units):
            shape = "(B, C, T, H, W) -> the same shape"
        else:
            before = "(B, C, T, H, W)" if len(given) == 1 else f"{len(given)} inputs"
            shape = f"{before} -> " + ("(B, C)" if len(unit.output) == 1 else "(B, C', T', H', W')")
        return f"{unit.doc}: {shape}." if unit.doc else f"{shape}."

    def module(self, steps: Sequence[Step]) -> Document:
        """The expression that makes a module."""
        first = steps[0]
        match first:
            case ModuleStep():
                return self.classes.call(first.callee, self._fields([s.fields for s in steps]))  # type: ignore[union-attr]
            case UnitStep():
                units = [s.unit for s in steps]  # type: ignore[union-attr]
                view, _ = self.classes.arguments(first.unit)
                values = []
                for argument in view.all_arguments:
                    row = tuple(argument_value(self.classes, unit, argument.name) for unit in units)
                    values.append((argument, self.arguments.value(row, argument.role)))
                return call(view.name, unit_arguments(values))
            case RepeatStep():
                return self._repeat(steps)  # type: ignore[arg-type]
            case ListStep():
                return self._list(steps)  # type: ignore[arg-type]
            case SequenceStep():
                return self._sequence(first)
            case MixtureStep():
                return self._mixture(steps)  # type: ignore[arg-type]
            case EdgesStep():
                return self._edges(steps)  # type: ignore[arg-type]
        raise AssertionError("not a module")

    def _fields(self, rows: list[tuple[Field, ...]]) -> list[Document]:
        parts: list[Document] = []
        for same in zip(*rows, strict=True):
            if all(f.optional for f in same):
                continue
            value = self.arguments.value(tuple(f.value for f in same), same[0].role)
            parts.append(value if same[0].positional else f"{same[0].name}={value}")
        return parts

    def _sequence(self, step: SequenceStep) -> Document:
        """Only in the class of a whole network, which has one unit: a block a line, with the shape behind it."""
        items: list[Document] = []
        for item in step.items:
            items += [HardBreak(), f"{item.attr}=", self.module([item]), f",  # {show_flow(item.unit.output)}"]
        return ["Layers(", Indent(items), HardBreak(), ")"] if items else "Layers()"

    def _repeat(self, steps: Sequence[RepeatStep]) -> Document:
        items, loop = self._copies(steps)
        if loop is None:
            return bracketed("nn.Sequential(", items, ")")
        body = Group(["*(", Indent([Break(""), items[0], Break(), loop]), Break(""), ")"])
        return bracketed("nn.Sequential(", [body], ")")

    def _list(self, steps: Sequence[ListStep]) -> Document:
        items, loop = self._copies(steps)
        if loop is None:
            return bracketed("nn.ModuleList(", [bracketed("[", items, "]")], ")")
        return Group(["nn.ModuleList(", Indent([Break(""), items[0], Break(), loop]), Break(""), ")"])

    def _copies(self, steps: Sequence[RepeatStep] | Sequence[ListStep]) -> tuple[list[Document], str | None]:
        """The modules of copies; one of them and the loop that makes all where they are written alike."""
        items: list[Document] = []
        variable = LOOP_VARIABLES[self.depth % len(LOOP_VARIABLES)]
        self.depth += 1
        for same in zip(*(s.items for s in steps), strict=True):
            items.append(self.module(same))
        self.depth -= 1
        if len(items) < 2:
            return items, None
        path = steps[0].path
        counter = f'f"{path}[{{{variable}}}]'

        def counted_by(document: Document, i: int) -> Document:
            """With the number of the copy in the names of its choices; an inner loop has made them f-strings."""
            return _replace_text(_replace_text(document, f'f"{path}[{i}]', f'"{path}[{i}]'), f'"{path}[{i}]', counter)

        texts = [lay_out(counted_by(item, i), 10**9) for i, item in enumerate(items)]
        if len(set(texts)) > 1 or len({s.path for s in steps}) > 1:
            return items, None
        counted = f'f"{path}[' in texts[0]
        return [counted_by(items[0], 0)], f"for {variable if counted else '_'} in range({len(items)})"

    def _mixture(self, steps: Sequence[MixtureStep]) -> Document:
        choice = self.arguments.value(tuple(s.choice for s in steps), "choice")
        options = self._options(steps)
        macs = self.arguments.value(tuple(s.macs for s in steps), "macs")
        return bracketed("Mixture(", [choice, options, f"macs={macs}"], ")")

    def _edges(self, steps: Sequence[EdgesStep]) -> Document:
        choice = self.arguments.value(tuple(s.choice for s in steps), "choice")
        options = self._options(steps)
        macs = self.arguments.value(tuple(s.macs for s in steps), "macs")
        return bracketed("Edges(", [choice, options, f"keep={steps[0].keep}", f"macs={macs}"], ")")

    def _options(self, steps: Sequence[MixtureStep] | Sequence[EdgesStep]) -> Document:
        options: list[Document] = []
        for i, (option, _) in enumerate(steps[0].options):
            parallel = [s.options[i][1] for s in steps]
            options.append([quoted(option), ": ", self.module(parallel)])  # type: ignore[arg-type]
        return bracketed("{", options, "}")


def parameters(method: str, names: Sequence[str], gives: str) -> str:
    """What stands between the parentheses of a method's first line; a line for each where it gets too long."""
    flat = ", ".join(["self", *names])
    if len(f"    def {method}({flat}) -> {gives}:") <= WIDTH:
        return flat
    return "".join(f"\n        {name}," for name in ("self", *names)) + "\n    "


def unit_arguments(values: Sequence[tuple[Argument, str]]) -> list[str]:
    """Channels by position, everything else by name: `Basic(72, dilation=2)`."""
    parts: list[str] = []
    for argument, value in values:
        positional = argument.role in WIDTHS and all("=" not in p for p in parts)
        parts.append(value if positional else f"{argument.name}={value}")
    return parts


def _replace_text(document: Document, old: str, new: str) -> Document:
    """The document with a text replaced wherever it stands."""
    if isinstance(document, str):
        return document.replace(old, new)
    if isinstance(document, (Group, Indent)):
        return replace(document, content=_replace_text(document.content, old, new))
    if isinstance(document, (list, tuple)):
        return [_replace_text(part, old, new) for part in document]
    return document


def _given(unit: Unit) -> list[Flow]:
    """The shapes of what a unit is called with."""
    return [*([unit.input] if unit.takes_x else []), *(i.flow for i in unit.inputs)]
