"""From units to classes: units of one build share a class, and what differs between them becomes its arguments.

For every number in a build the values over all units are compared. Where they agree the class has a literal. Where
they differ it has a constructor argument: a parameter of the block if one has these very values, else a new one named
by what it means (`in_channels`, `channels`). So the same block text always gives a class as one would write it by
hand, whatever its uses are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from vnasdsl.codegen.literals import class_name, literal, quoted
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
from vnasdsl.language.layout import Break, Document, Group, HardBreak, IfBroken, Indent, join, lay_out
from vnasdsl.layers.base import Field, Shape, Value

WIDTH = 120
STEP = 4
WIDTHS = ("in_channels", "channels", "groups", "features")
"""Roles whose values are numbers of channels: one argument can serve several of them."""
LONGEST = 76
"""Characters of an expression in a forward method: with its indentation and a shape behind it a line fits `WIDTH`."""
LOOP_VARIABLES = "ijklmn"
LOCAL_NAMES = frozenset(("self", "x", "super", "range", "nn", *LOOP_VARIABLES))
"""Names that a constructor uses itself."""


@dataclass
class Argument:
    """A constructor argument of a class, with its value for every unit."""

    name: str
    role: str
    values: tuple[Value, ...]
    seed: bool = False
    used: bool = False

    @property
    def annotation(self) -> str:
        first = self.values[0]
        if isinstance(first, tuple):
            return f"tuple[{', '.join('int' for _ in first)}]"
        return "float" if any(isinstance(v, float) for v in self.values) else type(first).__name__


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


def signature(unit: Unit) -> tuple[object, ...]:
    """What must agree between units of one class: everything but the numbers."""
    block = tuple(name for name, _, _ in unit.seeds)  # a chain or stage of the same name is no use of the block
    return (unit.name, unit.doc, block, tuple(_line_signature(line) for line in unit.lines))


def _line_signature(line: Line) -> tuple[object, ...]:
    return tuple(_step_signature(step) for step in line.steps)


def _step_signature(step: Step | None) -> tuple[object, ...]:
    match step:
        case None:
            return ()
        case ModuleStep():
            shapes = tuple((f.name, len(f.value) if isinstance(f.value, tuple) else 0) for f in step.fields)
            return ("module", step.attr, step.callee, shapes)
        case FunctionStep():
            return ("function", step.expression)
        case UnitStep():
            return ("unit", step.attr, signature(step.unit))
        case ResidualStep():
            return ("residual", tuple(_line_signature(line) for line in step.lines))
        case RepeatStep() | SequenceStep():
            return ("items", step.attr, tuple(_step_signature(item) for item in step.items))
        case MixtureStep():
            options = tuple((text, _step_signature(option)) for text, option in step.options)
            return ("mixture", step.attr, options)


def inner_units(lines: Sequence[Line]) -> list[Unit]:
    """The units directly below some lines, in order."""
    found: list[Unit] = []

    def visit(step: Step | None) -> None:
        match step:
            case UnitStep():
                found.append(step.unit)
            case ResidualStep():
                found.extend(inner_units(step.lines))
            case RepeatStep() | SequenceStep():
                for item in step.items:
                    visit(item)
            case MixtureStep():
                for _, option in step.options:
                    visit(option)

    for line in lines:
        for step in line.steps:
            visit(step)
    return found


class Classes:
    """The classes of one module, in an order in which each is defined before it is used."""

    def __init__(self, roots: Sequence[Unit], taken: Sequence[str] = ()):
        self.views: list[ClassView] = []
        self._taken = set(taken)
        self._groups: dict[tuple[object, ...], list[Unit]] = {}
        self._order: list[tuple[object, ...]] = []
        self._of: dict[int, tuple[ClassView, int]] = {}
        for root in roots:
            self._collect(root)
        for key in self._order:
            self._make(self._groups[key])

    def _collect(self, unit: Unit) -> None:
        for inner in inner_units(unit.lines):
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
            unique = f"{name}{count}"
        self._taken.add(unique)
        view = _ClassMaker(self, unique, units).view()
        for i, unit in enumerate(units):
            self._of[id(unit)] = (view, i)
        self.views.append(view)

    def defines(self, name: str) -> bool:
        """Whether a name of the module is this one: a class made so far, or one of the template's own."""
        return name in self._taken

    def construct(self, unit: Unit) -> Document:
        """The call that makes a unit, from outside of any class: all values are literals."""
        view, i = self._of[id(unit)]
        values = [(a, literal(a.values[i])) for a in view.all_arguments]
        return _call(view.name, _unit_arguments(values))

    def arguments(self, unit: Unit) -> tuple[ClassView, int]:
        return self._of[id(unit)]


def _unit_arguments(values: Sequence[tuple[Argument, str]]) -> list[str]:
    """Channels by position, everything else by name: `Basic(72, dilation=2)`."""
    parts: list[str] = []
    for argument, text in values:
        positional = argument.role in WIDTHS and all("=" not in p for p in parts)
        parts.append(text if positional else f"{argument.name}={text}")
    return parts


def _call(callee: str, arguments: Sequence[Document]) -> Document:
    return bracketed(f"{callee}(", arguments, ")")


def bracketed(opening: str, items: Sequence[Document], closing: str) -> Document:
    """On one line when it fits, else an item a line with a comma behind each."""
    if not items:
        return opening + closing
    return Group([opening, Indent([Break(""), *join([",", Break()], items), IfBroken(",")]), Break(""), closing])


def text(document: Document, indent: int, prefix: str = "", suffix: str = "") -> str:
    """A document laid out behind some text at an indentation; the first line is not indented."""
    return lay_out([prefix, document, suffix], WIDTH, indent, STEP)


class _ClassMaker:
    """Writes one class for units of the same build."""

    def __init__(self, classes: Classes, name: str, units: list[Unit]):
        self.classes = classes
        self.name = name
        self.units = units
        self.known: list[Argument] = []
        self.depth = 0
        first = units[0]
        for i, (parameter, kind, _) in enumerate(first.seeds):
            values = tuple(unit.seeds[i][2] for unit in units)
            if len(set(map(repr, values))) > 1:
                self.known.append(Argument(self._unshadowed(parameter), kind, values, seed=True))
        self.widths = self._width_roles()

    def view(self) -> ClassView:
        init: list[str] = []
        lines = [list(pair) for pair in zip(*(unit.lines for unit in self.units), strict=True)]
        forward, value = self._forward(lines, init, "x", 0)
        forward.append(f"return {value}")
        used = [a for a in self.known if a.used]
        used.sort(key=lambda a: (a.role not in WIDTHS, a.name != "in_channels"))
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

    # ------------------------------------------------------------- arguments

    def _width_roles(self) -> dict[tuple[Value, ...], set[str]]:
        """For every row of values that are numbers of channels, which roles it plays in this class."""
        rows: dict[tuple[Value, ...], set[str]] = {}

        def visit(fields: list[tuple[Field, ...]]) -> None:
            for same in zip(*fields, strict=True):
                if same[0].role in WIDTHS:
                    rows.setdefault(tuple(f.value for f in same), set()).add(same[0].role)

        def steps(parallel: Sequence[Step | None]) -> None:
            first = parallel[0]
            match first:
                case ModuleStep():
                    visit([s.fields for s in parallel])  # type: ignore[union-attr]
                case UnitStep():
                    view, _ = self.classes.arguments(first.unit)
                    for argument in view.all_arguments:
                        if argument.role in WIDTHS:
                            row = tuple(_argument_value(self.classes, s.unit, argument.name) for s in parallel)  # type: ignore[union-attr]
                            rows.setdefault(row, set()).add(argument.role)
                            if argument.name == "channels" and not argument.seed:
                                rows[row] |= {"in_channels", "channels"}
                case ResidualStep():
                    for lines in zip(*(s.lines for s in parallel), strict=True):  # type: ignore[union-attr]
                        for inner in zip(*(line.steps for line in lines), strict=True):
                            steps(inner)
                case RepeatStep() | SequenceStep():
                    for inner in zip(*(s.items for s in parallel), strict=True):  # type: ignore[union-attr]
                        steps(inner)
                case MixtureStep():
                    for inner in zip(*(tuple(o for _, o in s.options) for s in parallel), strict=True):  # type: ignore[union-attr]
                        steps(inner)

        for lines in zip(*(unit.lines for unit in self.units), strict=True):
            for parallel in zip(*(line.steps for line in lines), strict=True):
                steps(parallel)
        return rows

    def value(self, values: tuple[Value, ...], role: str) -> str:
        """The text of a value inside the class: a literal, an argument, or a tuple of such."""
        if len(set(map(repr, values))) == 1:
            return literal(values[0])
        for argument in self.known:
            if repr(argument.values) == repr(values) and self._fits(argument, role):  # True == 1, but reads otherwise
                argument.used = True
                return argument.name
        if isinstance(values[0], tuple):
            parts = [self.value(column, role) for column in zip(*values, strict=True)]
            return f"({', '.join(parts)})"
        derived = self._derived(values, role)
        if derived is not None:
            return derived
        argument = Argument(self._fresh(values, role), role, values, used=True)
        self.known.append(argument)
        return argument.name

    def _fits(self, argument: Argument, role: str) -> bool:
        if argument.role == role or (argument.seed and role not in ("macs", "choice")):
            return True
        return (argument.role in WIDTHS and role in WIDTHS) or (argument.role == "dilation" and role == "padding")

    def _derived(self, values: tuple[Value, ...], role: str) -> str | None:
        """A small multiple or part of a known argument: padding of a dilation, a bottleneck's width."""
        if not all(isinstance(v, int) and not isinstance(v, bool) for v in values):
            return None
        for argument in self.known:
            if not all(isinstance(v, int) for v in argument.values):
                continue
            if not (argument.seed and role in (*WIDTHS, "padding")) and (argument.role, role) != (
                "dilation",
                "padding",
            ):
                continue
            for factor in range(2, 9):
                if all(v == factor * a for v, a in zip(values, argument.values, strict=True)):
                    argument.used = True
                    return f"{factor} * {argument.name}"
                if all(v == a // factor for v, a in zip(values, argument.values, strict=True)):
                    argument.used = True
                    return f"{argument.name} // {factor}"
        return None

    def _fresh(self, values: tuple[Value, ...], role: str) -> str:
        roles = self.widths.get(values, {role})
        name = role or "value"
        if role in WIDTHS and {"in_channels", "channels"} <= roles:
            name = "channels"
        taken = {a.name for a in self.known}
        if name == "channels" and name in taken:
            name = "in_channels" if role == "in_channels" else "out_channels"
        return self._unshadowed(name, taken)

    def _unshadowed(self, base: str, taken: Collection[str] = ()) -> str:
        """A name for an argument that hides nothing that the constructor itself needs."""
        name, count = base, 1
        while name in taken or name in LOCAL_NAMES or self.classes.defines(name):
            count += 1
            name = f"{base}{count}"
        return name

    # ------------------------------------------------------------------ code

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
                return _call(first.callee, self._fields([s.fields for s in steps]))  # type: ignore[union-attr]
            case UnitStep():
                units = [s.unit for s in steps]  # type: ignore[union-attr]
                view, _ = self.classes.arguments(first.unit)
                values = []
                for argument in view.all_arguments:
                    row = tuple(_argument_value(self.classes, unit, argument.name) for unit in units)
                    values.append((argument, self.value(row, argument.role)))
                return _call(view.name, _unit_arguments(values))
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
            value = self.value(tuple(f.value for f in same), same[0].role)
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
        choice = self.value(tuple(s.choice for s in steps), "choice")
        options: list[Document] = []
        for i, (option, _) in enumerate(steps[0].options):
            parallel = [s.options[i][1] for s in steps]
            options.append([quoted(option), ": ", self.module(parallel)])  # type: ignore[arg-type]
        macs = self.value(tuple(s.macs for s in steps), "macs")
        return bracketed("Mixture(", [choice, bracketed("{", options, "}"), f"macs={macs}"], ")")


def _argument_value(classes: Classes, unit: Unit, name: str) -> Value:
    view, i = classes.arguments(unit)
    return next(a.values[i] for a in view.all_arguments if a.name == name)


def _replace_text(document: Document, old: str, new: str) -> Document:
    """The document with a text replaced wherever it stands."""
    if isinstance(document, str):
        return document.replace(old, new)
    if isinstance(document, (Group, Indent)):
        from dataclasses import replace

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


def show(shape: Shape) -> str:
    """A shape with the batch in front: `(B, 64, 16, 56, 56)`."""
    return f"({', '.join(['B', *(str(n) for n in shape)])})"
