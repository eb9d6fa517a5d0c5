"""Writing the forward method of one class: a statement a line of the text, in the names that the text gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from vnasdsl.codegen.expressions import fill, laid_out
from vnasdsl.codegen.python import show_flow
from vnasdsl.codegen.scope import TAKEN
from vnasdsl.codegen.units import (
    CALLED,
    BodyStep,
    ChainStep,
    EdgesStep,
    Flow,
    FunctionStep,
    JoinStep,
    Line,
    ListStep,
    MixtureStep,
    ReadStep,
    Step,
    Unit,
    UnitStep,
    below,
    chain_reads_x,
    live_suffix,
    reads_x,
    steps_of,
    variables_read,
)

LONGEST = 76
"""Characters of an expression in a forward method: with its indentation and a shape behind it a line fits a line."""
INDENT = 8


@dataclass
class TensorList:
    """A list of tensors: an expression for each, or `*expression` for those of a list."""

    items: list[str]

    @property
    def spliced(self) -> str:
        return ", ".join(self.items)

    @property
    def only(self) -> str | None:
        """The list that these are, where it is one."""
        return self.items[0][1:] if len(self.items) == 1 and self.items[0].startswith("*") else None

    @property
    def text(self) -> str:
        return self.only or f"[{self.spliced}]"


Text = str | TensorList


@dataclass
class Target:
    """The variable that a value goes to when its expression gets too long."""

    name: str = "x"
    fresh: Callable[[str], str] | None = None
    """Makes a new name of it, for a value that is only a part of a line."""

    def variable(self) -> str:
        if self.fresh is not None:
            self.name, self.fresh = self.fresh(self.name), None
        return self.name


@dataclass
class Statement:
    target: str
    value: str
    comment: str = ""

    def text(self) -> str:
        prefix = f"{self.target} = " if self.target != "return" else "return "
        return laid_out(prefix, self.value, self.comment, INDENT)


@dataclass
class Forward:
    """Collects statements, and the modules that they call by what `make` is told of them."""

    units: list[Unit]
    make: Callable[[str, Sequence[Step]], None]
    out: list[Statement] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    wanted: set[str] = field(default_factory=set)
    """Variables that are read behind the line that is being written."""

    def write(self) -> list[str]:
        first = self.units[0]
        self.names = {first.x, *(i.variable for i in first.inputs), *_variables(steps_of(first))}
        self.names |= {line.variable for line in first.lines}
        lines = list(zip(*(unit.lines for unit in self.units), strict=True))
        self.wanted = set(variables_read(first.out))
        value = self.lines(lines, first.x, 0, not first.out or reads_x(first.out[0]))
        comment = ""
        if first.out:
            value = self.apply([unit.out[0] for unit in self.units], value, Target(), 0)
            comment = shape_comment([unit.output for unit in self.units])
        last = self.out[-1] if self.out else None
        if last is not None and last.target == _text(value):
            self.out[-1] = Statement("return", last.value, last.comment)
        else:
            self.out.append(Statement("return", _text(value), comment))
        return [statement.text() for statement in self.out]

    def lines(self, lines: list[tuple[Line, ...]], x: Text, depth: int, wanted: bool) -> Text:
        """The statements of some lines, and the expression of their result, which is `wanted` or not."""
        current = x
        live = _live([parallel[0] for parallel in lines], wanted, self.wanted)
        behind = self.wanted
        for parallel, needed in zip(lines, live, strict=True):
            first = parallel[0]
            before = len(self.out)
            self.wanted = needed or set()
            target = Target(first.variable or "x")
            current = self._chain([line.steps for line in parallel], current, target, depth)
            if needed is None:
                del self.out[before:]  # nothing reads it
                current = "x"
                continue
            text = _text(current)
            if first.variable or not text.isidentifier():
                name = first.variable or "x"
                if text != name:
                    self.out.append(Statement(name, text, shape_comment([line.output for line in parallel])))
                current = TensorList([f"*{name}"]) if isinstance(current, TensorList) else name
        self.wanted = behind
        return current

    def apply(self, steps: Sequence[Step | None], x: Text, target: Target, depth: int) -> Text:
        """The expression of a step of what came before; statements that it needs go to `out`."""
        first = steps[0]
        match first:
            case None:
                return x
            case ReadStep():
                if first.index is not None:
                    return f"{first.variable}[{first.index}]"
                return TensorList([f"*{first.variable}"]) if first.many else first.variable
            case FunctionStep():
                return self._filled(first.expression, x, target)
            case ChainStep():
                return self._chain([s.steps for s in steps], x, target, depth)  # type: ignore[union-attr]
            case BodyStep():
                return self._body(steps, x, target, depth)  # type: ignore[arg-type]
            case ListStep():
                return self._list(steps, x, target, depth)  # type: ignore[arg-type]
            case JoinStep():
                return self._join(steps, x, target, depth)  # type: ignore[arg-type]
            case EdgesStep():
                return self._edges(steps, x, target, depth)  # type: ignore[arg-type]
        assert isinstance(first, CALLED)
        if isinstance(first, (UnitStep, MixtureStep)) and first.inputs:
            value = self._call(steps, x, target, depth)  # type: ignore[arg-type]
        else:
            self.make(first.attr, [s for s in steps if s is not None])
            value = self._filled(f"self.{first.attr}({{x}})", x, target)
        return (
            TensorList([f"*{value}"]) if isinstance(first, UnitStep) and isinstance(first.unit.output, list) else value
        )

    def _chain(self, rows: Sequence[Sequence[Step]], x: Text, target: Target, depth: int) -> Text:
        """Steps one after the other; of those that are not heard only the modules are made."""
        silent = len(rows[0]) - len(live_suffix(rows[0]))
        for i, steps in enumerate(zip(*rows, strict=True)):
            before = len(self.out)
            x = self.apply(steps, x, target, depth)
            if i < silent:
                del self.out[before:]
                x = "x"
        return x

    def _filled(self, expression: str, x: Text, target: Target) -> str:
        """The expression of what came before; a line that would get too long goes to `out` first."""
        text = _text(x)
        if not text.isidentifier() and len(expression) + len(text) > LONGEST:
            text = self._held(text, target)
        return fill(expression, x=text)

    def _held(self, text: str, target: Target) -> str:
        """A value in a variable."""
        if text.isidentifier():
            return text
        self.out.append(Statement(target.variable(), text))
        return target.variable()

    def _shared(self, x: Text, readers: Sequence[Step | None], target: Target, once: bool = True) -> Text:
        """What came before, in a variable where several steps read it."""
        count = sum(map(reads_x, readers))
        if isinstance(x, TensorList) or count == 0 or (count == 1 and once):
            return x
        return self._held(x, target)

    def _call(self, steps: Sequence[UnitStep | MixtureStep], x: Text, target: Target, depth: int) -> str:
        """A module called with what came before, when it takes that, and with its inputs."""
        first = steps[0]
        takes_x = first.unit.takes_x if isinstance(first, UnitStep) else first.takes_x
        x = self._shared(x, [None] * takes_x + first.inputs, target)
        arguments = [_text(x)] if takes_x else []
        for given in zip(*(s.inputs for s in steps), strict=True):
            arguments.append(_text(self.apply(given, x, self._part(given[0]), depth)))
        self.make(first.attr, steps)
        return f"self.{first.attr}({', '.join(arguments)})"

    def _edges(self, steps: Sequence[EdgesStep], x: Text, target: Target, depth: int) -> str:
        """An argument for each candidate, a tuple for one that takes several."""
        first = steps[0]
        x = self._shared(x, [given for row in first.inputs for given in row], target)
        arguments = []
        for row in first.inputs:
            parts = [_text(self.apply([given], x, self._part(given), depth)) for given in row]
            arguments.append(parts[0] if len(parts) == 1 else f"({', '.join(parts)})")
        self.make(first.attr, steps)
        return f"self.{first.attr}({', '.join(arguments)})"

    def _part(self, step: Step | None) -> Target:
        """Where a part of a line goes that is too long."""
        return Target(getattr(step, "attr", "") or "part", self._fresh)

    def _fresh(self, base: str) -> str:
        name, count = base, 1
        while name in self.names or name in TAKEN or not name.isidentifier():
            count += 1
            name = f"{base}{count}" if base.isidentifier() else f"part{count}"
        self.names.add(name)
        return name

    def _items(self, rows: Sequence[Sequence[Step | None]], x: Text, target: Target, depth: int) -> TensorList:
        items: list[str] = []
        for row in zip(*rows, strict=True):
            value = self.apply(row, x, self._part(row[0]), depth)
            items += value.items if isinstance(value, TensorList) else [value]
        return TensorList(items)

    def _list(self, steps: Sequence[ListStep], x: Text, target: Target, depth: int) -> TensorList:
        first = steps[0]
        x = self._shared(x, first.items, target)
        if not first.together:
            return self._items([s.items for s in steps], x, target, depth)
        one = first.items[0]
        arguments = [_text(x)] if reads_x(one) else []
        inputs: list[Step | None] = one.inputs if isinstance(one, (UnitStep, MixtureStep)) else []
        arguments += [_text(self.apply([given], x, target, depth)) for given in inputs]
        self.make(first.attr, steps)
        layer = next(name for name in ("layer", "part", "module", "one_layer") if name not in self.names)
        return TensorList([f"*[{layer}({', '.join(arguments)}) for {layer} in self.{first.attr}]"])

    def _join(self, steps: Sequence[JoinStep], x: Text, target: Target, depth: int) -> str:
        first = steps[0]
        x = self._shared(x, first.inputs, target)
        given = self._items([s.inputs for s in steps], x, target, depth)
        if first.module is not None:
            self.make(first.module.attr, [s.module for s in steps if s.module is not None])
            return f"self.{first.module.attr}({given.spliced})"
        expression = first.expression
        if expression == "{xs}" and len(given.items) == 1:
            return f"{given.items[0][1:]}[0]" if given.items[0].startswith("*") else given.items[0]
        if given.only is not None:
            expression = expression.replace("[{xs}]", "{x}").replace("*({xs})", "{x}")
        expression = expression.replace("({sum})", "{sum}")
        sums = [i for i in given.items if not i.startswith("*")]
        lists = [f"sum({i[1:]})" for i in given.items if i.startswith("*")]
        parts = " + ".join([fill("{x} + ", x=i)[:-3] for i in sums] + lists)
        return fill(expression, x=given.only or "", xs=given.spliced, sum=parts)

    def _body(self, steps: Sequence[BodyStep], x: Text, target: Target, depth: int) -> str:
        first = steps[0]
        text = _text(x)
        kept = "shortcut" if depth == 0 else f"shortcut{depth + 1}"
        if first.shortcut is not None:
            text = self._held(text, target)
            self.make(first.shortcut.attr, [s.shortcut for s in steps if s.shortcut is not None])
            self.out.append(Statement(kept, f"self.{first.shortcut.attr}({text})"))
        elif "{kept}" in first.leave:
            text = self._held(text, target)
            self.out.append(Statement(kept, text))
        current: Text = fill(first.enter, x=text)
        lines = list(zip(*(s.lines for s in steps), strict=True))
        if not _text(current).isidentifier() and not any(line.steps for line in first.lines):
            current = self._held(_text(current), target)
        current = self.lines(lines, current, depth + 1, True)
        return fill(first.leave, kept=kept, x=_text(current))


def _text(value: Text) -> str:
    return value.text if isinstance(value, TensorList) else value


def _live(lines: Sequence[Line], wanted: bool, behind: set[str]) -> list[set[str] | None]:
    """For each line the variables that are read behind it; None for one whose value nothing asks for."""
    found: list[set[str] | None] = []
    names = set(behind)
    for line in reversed(lines):
        if wanted or line.variable in names:
            found.append(names)
            names = names | set(variables_read(live_suffix(line.steps)))
            wanted = chain_reads_x(line.steps)
        else:
            found.append(None)
            wanted = False
    return found[::-1]


def _variables(steps: object) -> set[str]:
    found: set[str] = set()
    for step in steps:  # type: ignore[attr-defined]
        if isinstance(step, ReadStep):
            found.add(step.variable)
        elif isinstance(step, BodyStep):
            found |= {line.variable for line in step.lines}
        found |= _variables(below(step))
    return found


def shape_comment(flows: Sequence[Flow]) -> str:
    """The shape behind a line, when it is the same for all uses of the class."""
    return f"  # {show_flow(flows[0])}" if all(flow == flows[0] for flow in flows) else ""
