"""Writing one class: the lines of its constructor and of its forward method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vnasdsl.codegen.arguments import LOOP_VARIABLES, WIDTHS, Argument, Arguments, argument_value
from vnasdsl.codegen.literals import quoted
from vnasdsl.codegen.python import bracketed, call, show, text
from vnasdsl.codegen.units import (
    FunctionStep,
    Line,
    MixtureStep,
    ModuleStep,
    RepeatStep,
    ResidualStep,
    SequenceStep,
    Step,
    Unit,
    UnitStep,
)
from vnasdsl.language.layout import Break, Document, Group, HardBreak, Indent, lay_out
from vnasdsl.layers.base import Field

if TYPE_CHECKING:
    from vnasdsl.codegen.classes import Classes

LONGEST = 76
"""Characters of an expression in a forward method: with its indentation and a shape behind it a line fits a line."""


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
        return "".join(f", {name}: {annotation}" for name, annotation in self.arguments)


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
        lines = [list(pair) for pair in zip(*(unit.lines for unit in self.units), strict=True)]
        forward, value = self._forward(lines, init, "x", 0)
        forward.append(f"return {value}")
        used = self.arguments.used()
        doc = self._doc()
        arguments = [(a.name, a.annotation) for a in used]
        return ClassView(self.name, doc, arguments, init, _merge_return(forward), self.units, used)

    def _doc(self) -> str:
        unit = self.units[0]
        shapes = {(u.input, u.output) for u in self.units}
        if len(shapes) == 1:
            shape = f"{show(unit.input)} -> {show(unit.output)}"
        elif all(u.input == u.output for u in self.units):
            shape = "(B, C, T, H, W) -> the same shape"
        else:
            shape = "(B, C, T, H, W) -> " + ("(B, C)" if len(unit.output) == 1 else "(B, C', T', H', W')")
        return f"{unit.doc}: {shape}." if unit.doc else f"{shape}."

    def _forward(self, lines: list[list[Line]], init: list[str], source: str, depth: int) -> tuple[list[str], str]:
        """The statements of some lines, and the expression that holds their result."""
        out: list[str] = []
        current = source
        for parallel in lines:
            for steps in zip(*(line.steps for line in parallel), strict=True):
                first = steps[0]
                if isinstance(first, FunctionStep):
                    current = _applied(first.expression, current, out)
                elif isinstance(first, ResidualStep):
                    if current != "x":
                        out.append(f"x = {current}")
                    shortcut = "shortcut" if depth == 0 else f"shortcut{depth + 1}"
                    out.append(f"{shortcut} = x")
                    inner = [list(pair) for pair in zip(*(s.lines for s in steps), strict=True)]
                    body, value = self._forward(inner, init, "x", depth + 1)
                    out += body
                    current = f"{shortcut} + {value}"
                else:
                    attr = first.attr
                    document = self.module(steps)
                    init.append(text(document, 8, f"self.{attr} = "))
                    current = _applied(f"self.{attr}({{x}})", current, out)
            if current != "x":
                shape = self._shape(parallel)
                out.append(f"x = {current}{shape}")
                current = "x"
        return out, current

    def _shape(self, parallel: list[Line]) -> str:
        shapes = {line.output for line in parallel}
        return f"  # {show(parallel[0].output)}" if len(shapes) == 1 else ""

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
            case SequenceStep():
                return self._sequence(first)
            case MixtureStep():
                return self._mixture(steps)  # type: ignore[arg-type]
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
            items += [HardBreak(), f"{item.attr}=", self.module([item]), f",  # {show(item.unit.output)}"]
        return ["Layers(", Indent(items), HardBreak(), ")"] if items else "Layers()"

    def _repeat(self, steps: Sequence[RepeatStep]) -> Document:
        items: list[Document] = []
        variable = LOOP_VARIABLES[self.depth % len(LOOP_VARIABLES)]
        self.depth += 1
        for same in zip(*(s.items for s in steps), strict=True):
            items.append(self.module(same))
        self.depth -= 1
        if len(items) > 1:
            path = steps[0].path
            counter = f'f"{path}[{{{variable}}}]'

            def counted_by(document: Document, i: int) -> Document:
                """With the number of the copy in the names of its choices; an inner loop has made them f-strings."""
                return _replace_text(
                    _replace_text(document, f'f"{path}[{i}]', f'"{path}[{i}]'), f'"{path}[{i}]', counter
                )

            texts = [lay_out(counted_by(item, i), 10**9) for i, item in enumerate(items)]
            if len(set(texts)) == 1 and len({s.path for s in steps}) == 1:
                counted = f'f"{path}[' in texts[0]
                item = counted_by(items[0], 0)
                loop = f"for {variable if counted else '_'} in range({len(items)})"
                body = Group(["*(", Indent([Break(""), item, Break(), loop]), Break(""), ")"])
                return bracketed("nn.Sequential(", [body], ")")
        return bracketed("nn.Sequential(", items, ")")

    def _mixture(self, steps: Sequence[MixtureStep]) -> Document:
        choice = self.arguments.value(tuple(s.choice for s in steps), "choice")
        options: list[Document] = []
        for i, (option, _) in enumerate(steps[0].options):
            parallel = [s.options[i][1] for s in steps]
            options.append([quoted(option), ": ", self.module(parallel)])  # type: ignore[arg-type]
        macs = self.arguments.value(tuple(s.macs for s in steps), "macs")
        return bracketed("Mixture(", [choice, bracketed("{", options, "}"), f"macs={macs}"], ")")


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


def _applied(expression: str, current: str, out: list[str]) -> str:
    """The expression of what came before; a line that would get too long goes to `out` first."""
    if current != "x" and len(expression) + len(current) > LONGEST:
        out.append(f"x = {current}")
        current = "x"
    if expression.startswith("{x}") and current.startswith("shortcut"):
        current = f"({current})"
    return expression.format(x=current)


def _merge_return(statements: list[str]) -> list[str]:
    """`x = value` before `return x` becomes `return value`."""
    if len(statements) > 1 and statements[-1] == "return x" and statements[-2].startswith("x = "):
        return [*statements[:-2], "return " + statements[-2].removeprefix("x = ")]
    return statements
