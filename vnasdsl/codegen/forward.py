"""The statements of a forward method: one for each line of the file, in its own names."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import lru_cache

from vnasdsl.codegen.names import VARIABLES, escaped
from vnasdsl.codegen.regions import Choosing, Copies, Region, Step, Tensor, Tensors, flat
from vnasdsl.elaborate.inputs import Input, Inputs
from vnasdsl.layers.base import Shape
from vnasdsl.space.elements import unique

LONGEST = 76
"""Characters of an expression: with its indentation and a shape after it a statement fits a line."""
PLACE = re.compile(r"\{(x|kept|xs|sum)\}")
OPERATORS = (ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Compare, ast.BoolOp)


def inputs_prose(inputs: Inputs) -> list[str]:
    """What comes into a network, for its docstring."""
    if len(inputs) == 1:
        return [f"Input {show(inputs[0].shape)}: {_fed(inputs[0])} as (B, C, T, H, W)."]
    return ["Inputs as (B, C, T, H, W):", *(f"    {one.name} {show(one.shape)}: {_fed(one)}" for one in inputs)]


def _fed(one: Input) -> str:
    rgb = one.kind == "video" and one.channels == 3
    return {"video": "RGB clips" if rgb else "clips", "optical_flow": "optical flow"}.get(one.kind, one.kind)


class Expression(str):
    """Made of formulas of the catalogue, and of names and calls that are made here."""

    __slots__ = ()


@dataclass
class Statement:
    target: str
    """A variable, or `return`."""
    value: Expression
    made: Tensors
    """What it makes: the shape after it is the comment."""


@dataclass
class Forward:
    """Writes the statements of a region's steps.

    What the next step reads, and nothing else, is put into its expression; what the next statement reads is `x`; the
    rest has the name of its line.
    """

    region: Region
    statements: list[Statement] = field(default_factory=list)
    variables: set[str] = field(default_factory=lambda: set(VARIABLES))
    texts: dict[Tensor, str] = field(default_factory=dict)
    lists: dict[tuple[Tensor, ...], str] = field(default_factory=dict)
    """Variables that are lists of tensors."""
    params: list[tuple[str, str]] = field(default_factory=list)
    """Names and types of what the method is called with."""
    holder: Tensor | None = None
    """What `x` is."""

    def write(self) -> Forward:
        region = self.region
        for param in region.params:
            name = "x" if param.name == "x" else self.fresh(param.name or "value")
            self.bind(name, param.inner)
            self.params.append((name, "Tensor" if isinstance(param.inner, Tensor) else "list[Tensor]"))
        self.uses, self.last = _uses(region)
        self.attrs = {tensor: step.attr for step in region.steps for tensor in flat(step.out)}
        for i, step in enumerate(region.steps):
            if not step.is_silent:
                self.step(i, step)
        self.give_back()
        return self

    def bind(self, name: str, value: Tensors) -> None:
        if isinstance(value, Tensor):
            self.texts[value] = name
            if name == "x":
                self.holder = value
        else:
            self.lists[value] = name
            self.texts.update((tensor, f"{name}[{i}]") for i, tensor in enumerate(value))

    def fresh(self, name: str) -> str:
        name = unique(name, self.variables) if name == "shortcut" else escaped(name, self.variables)
        self.variables.add(name)
        return name

    def step(self, i: int, step: Step) -> None:
        out = step.out
        if step.is_copy:
            (source,) = flat(step.args[0])
            text = self.texts[source]
            if text.isidentifier() and text != "x":  # nothing else takes its place
                self.texts[out] = text  # type: ignore[index]
                return
        value = self.expression(i, step)
        if isinstance(out, Tensor) and not step.ends_line and not step.is_copy and self.uses.get(out) == 1:
            self.texts[out] = value
        elif isinstance(out, Tensor):
            self.hold(i, out, value)
        else:
            name = self.fresh(next((t.name.rpartition("_")[0] for t in out if t.name), "") or step.attr or "parts")
            self.statements.append(Statement(name, Expression(value), out))
            self.bind(name, out)

    def hold(self, i: int, tensor: Tensor, value: str) -> str:
        """Give a value a variable; `x` where that is free and no line asks for the value by its name."""
        free = self.holder is None or self.last.get(self.holder, -1) <= i
        if tensor.name and tensor.read:
            name = self.fresh(tensor.name)
        else:
            name = "x" if free else self.fresh(self.attrs.get(tensor) or "part")
        self.statements.append(Statement(name, Expression(value), tensor))
        self.bind(name, tensor)
        return name

    def expression(self, i: int, step: Step) -> str:
        """The call or formula of a step. An argument that would make the line too long gets a statement first."""
        module = step.module
        if module is None:
            return self.formula(i, step)
        arguments = []
        for value in step.args:
            if isinstance(module, Choosing) and not isinstance(value, Tensor):
                arguments.append(f"({', '.join(self.texts[tensor] for tensor in value)})")
            elif isinstance(module, (Region, Choosing, Copies)) or isinstance(value, Tensor):
                arguments.append(self.text(value))
        if not isinstance(module, (Region, Choosing, Copies)):
            arguments = self.spliced(step.args)
        call = f"self.{step.attr}"
        if len(step.args) == 1 and isinstance(step.args[0], Tensor):
            arguments[0] = self.short(i, step.args[0], len(call) + 2)
        if isinstance(module, Copies) and not module.sequential:
            layer = next(name for name in ("layer", "part", "module", "one_layer") if name not in self.variables)
            return f"[{layer}({', '.join(arguments)}) for {layer} in {call}]"
        return f"{call}({', '.join(arguments)})"

    def formula(self, i: int, step: Step) -> str:
        values = [tensor for value in step.args for tensor in flat(value)]
        formula = step.formula
        if "{x}" in formula:
            x = self.short(i, values[0], len(formula) - 3)
            kept = self.texts[step.kept] if step.kept is not None else ""
            return fill(formula, x=x, kept=kept)
        if formula == "{product}":
            return self.product(values)
        parts = self.spliced(step.args)
        only = parts[0][1:] if len(parts) == 1 and parts[0].startswith("*") else ""
        if formula == "{xs}":
            return f"{only}[0]" if only else parts[0]
        if only:
            formula = formula.replace("[{xs}]", "{x}")
        terms = [operand(part) for part in parts if not part.startswith("*")]
        lists = [f"sum({part[1:]})" for part in parts if part.startswith("*")]
        formula = formula.replace("({sum})", "{sum}")
        return fill(formula, x=only, xs=", ".join(parts), sum=" + ".join([*terms, *lists]))

    def product(self, values: list[Tensor]) -> str:
        """Vectors among maps get the axes of one position."""
        most = max(len(tensor.shape) for tensor in values)
        texts = [operand(self.texts[tensor]) for tensor in values]
        whole = [len(tensor.shape) == most for tensor in values]
        return " * ".join(t if w else f"{t}[..., None, None, None]" for t, w in zip(texts, whole, strict=True))

    def short(self, i: int, tensor: Tensor, more: int) -> str:
        text = self.texts[tensor]
        if text.isidentifier() or len(text) + more <= LONGEST:
            return text
        return self.hold(i, tensor, text)

    def spliced(self, values: tuple[Tensors, ...]) -> list[str]:
        """Texts of tensors, those of a whole list as `*name`."""
        tensors = tuple(tensor for value in values for tensor in flat(value))
        found: list[str] = []
        while tensors:
            size = next((len(key) for key in self.lists if key and tensors[: len(key)] == key), 0)
            found.append(f"*{self.lists[tensors[:size]]}" if size else self.texts[tensors[0]])
            tensors = tensors[size or 1 :]
        return found

    def text(self, value: Tensors) -> str:
        if isinstance(value, Tensor):
            return self.texts[value]
        return self.lists[value] if value in self.lists else f"[{', '.join(self.spliced(value))}]"

    def give_back(self) -> None:
        out = self.region.out
        value = self.text(out)
        last = self.statements[-1] if self.statements else None
        if last is not None and last.target == value:
            last.target = "return"
        else:
            self.statements.append(Statement("return", Expression(value), () if value.isidentifier() else out))


def _uses(region: Region) -> tuple[dict[Tensor, int], dict[Tensor, int]]:
    """How often each tensor is read, and at which step the last time; expressions are worked out where they stand."""
    uses: dict[Tensor, int] = {}
    for step in region.steps:
        for tensor in step.reads if not step.is_silent else ():
            uses[tensor] = uses.get(tensor, 0) + 1
    for tensor in region.outs:
        uses[tensor] = uses.get(tensor, 0) + 1
    last: dict[Tensor, int] = dict.fromkeys(region.outs, len(region.steps))
    for i, step in reversed(list(enumerate(region.steps))):
        inlined = isinstance(step.out, Tensor) and not step.ends_line and not step.is_copy and uses.get(step.out) == 1
        when = max(i, last.get(step.out, i)) if inlined and isinstance(step.out, Tensor) else i
        for tensor in step.reads if not step.is_silent else ():
            last[tensor] = max(last.get(tensor, 0), when)
    return uses, last


def fill(template: str, **values: str) -> str:
    """The template with expressions in its places, in parentheses where they could be read otherwise."""

    def put(found: re.Match[str]) -> str:
        value = values[found[1]]
        before, after = template[: found.start()].rstrip()[-1:], template[found.end() :].lstrip()[:1]
        alone = (not before or before in "([,=") and (not after or after in ")],")
        return value if alone or found[1] == "xs" else operand(value)

    return PLACE.sub(put, template)


def operand(expression: str) -> str:
    """An expression that can stand beside an operator or before a dot."""
    return f"({expression})" if " " in expression and _is_operation(expression) else expression


@lru_cache(4096)
def _is_operation(expression: str) -> bool:
    return isinstance(ast.parse(expression, mode="eval").body, OPERATORS)


def show(shape: Shape) -> str:
    """A shape with the batch in front: `(B, 64, 16, 56, 56)`."""
    return f"({', '.join(['B', *(str(n) for n in shape)])})"


def show_all(value: Tensors) -> str:
    """A shape, or those of a list of tensors: `4 x (B, 64, 16, 56, 56)`."""
    if isinstance(value, Tensor):
        return show(value.shape)
    shapes = {tensor.shape for tensor in value}
    return f"{len(value)} x {show(value[0].shape)}" if len(shapes) == 1 else f"{len(value)} tensors"
