"""Blocks whose bodies changed: each is told once, with the places it is used in, however many those are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from vnasdsl.elaborate.expand import Expander
from vnasdsl.elaborate.names import Namer
from vnasdsl.elaborate.scope import Scope
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.parser import parse
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Source, Span
from vnasdsl.layers.base import Value
from vnasdsl.show.diff.model import BlockChange, LineChange
from vnasdsl.show.diff.rows import Row, RowMaker, StageRows
from vnasdsl.space.elements import Element, Group, children
from vnasdsl.space.values import WORDS, expression_of, substitute

Values = tuple[tuple[str, Value], ...]
"""The parameters of a block that are given, with their values; an input has INPUT."""
INPUT = "<a line that is handed in>"
Places = tuple[tuple[int, Value], ...]
"""The same by the places of the parameters."""
Use = tuple[str, Values]
CompareRows = Callable[[Sequence[Row], Sequence[Row]], tuple[LineChange, ...]]


class Uses:
    """Which blocks elements use, directly and through other blocks, with the values of their parameters."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Element, dict[Use, None]]] = {}

    def of(self, element: Element) -> dict[Use, None]:
        if id(element) not in self._known:
            found: dict[Use, None] = {}
            if isinstance(element, Group) and element.block is not None:
                given = (*element.bound, *((name, INPUT) for name, _ in element.inputs))
                found[element.block, given] = None
            seen: set[int] = set()
            for child, _ in children(element, ""):
                if id(child) not in seen:
                    seen.add(id(child))
                    found.update(self.of(child))
            self._known[id(element)] = (element, found)
        return self._known[id(element)][1]

    def of_stages(self, stages: Sequence[StageRows]) -> dict[Use, None]:
        return {use: None for stage in stages for row in stage.rows for item in row.items for use in self.of(item)}

    def places(self, stages: Sequence[StageRows], block: str) -> tuple[tuple[str, int], ...]:
        """The stages that use a block, with the number of their lines that do."""
        counted = []
        for stage in stages:
            lines = sum(any(name == block for item in row.items for name, _ in self.of(item)) for row in stage.rows)
            if lines:
                counted.append((stage.side.name, lines))
        return tuple(counted)


def renamed(before: RowMaker, after: RowMaker, left: Mapping[Use, None], right: Mapping[Use, None]) -> dict[str, str]:
    """Blocks that only have another name now: name after -> name before."""
    gone = list(dict.fromkeys(name for name, _ in left if name not in after.space.definitions.blocks))
    new = list(dict.fromkeys(name for name, _ in right if name not in before.space.definitions.blocks))
    found: dict[str, str] = {}
    for old in gone:
        for name in new:
            values = [v for use, v in left if use == old]
            if name not in found and all(_same(before, after, old, name, v) for v in values):
                found[name] = old
                break
    return found


def changed(
    before: RowMaker,
    after: RowMaker,
    uses: tuple[Mapping[Use, None], Mapping[Use, None]],
    names: Mapping[str, str],
    compare_rows: CompareRows,
) -> Iterator[tuple[str, str, tuple[LineChange, ...]]]:
    """Name before, name after and changed lines of every block that says something else in its own lines.

    `names`: renamed blocks, name after -> name before. A block that only uses a changed block is not among them.
    """
    left, right = uses
    back = {old: new for new, old in names.items()}
    found = dict.fromkeys(name for name, _ in left)
    for old in found:
        new = back.get(old, old)
        given = [_by_place(before, v, old) for name, v in left if name == old]
        given += [_by_place(after, v, new) for name, v in right if name == new]
        tied = _is_tied(before, old) != _is_tied(after, new)
        for value in _once(given):
            pair = _expanded(before, old, value), _expanded(after, new, value)
            if pair[0] is None or pair[1] is None:
                continue
            if before.reader.layers(pair[0]) == after.reader.layers(pair[1]):
                continue
            lines = compare_rows(_rows(before, pair[0], old), _rows(after, pair[1], new, before, old))
            if lines or tied:
                yield old, new, lines
                break


def _is_tied(maker: RowMaker, name: str) -> bool:
    block = maker.space.definitions.blocks.get(name)
    return block is not None and block.tied


def _by_place(maker: RowMaker, values: Values, name: str) -> Places:
    """The values in the order of the parameters, so that renaming a parameter changes nothing."""
    block = maker.space.definitions.blocks.get(name)
    order = [p.name for p in block.parameters] if block is not None else []
    given = dict(values)
    return tuple((i, given[p]) for i, p in enumerate(order) if p in given)


def _once(values: Sequence[Places]) -> list[Places]:
    """1, 1.0 and true are three values."""
    return list({repr(value): value for value in values}.values())


def _same(before: RowMaker, after: RowMaker, old: str, new: str, given: Values) -> bool:
    values = _by_place(before, given, old)
    left, right = _expanded(before, old, values), _expanded(after, new, values)
    return left is not None and right is not None and before.reader.layers(left) == after.reader.layers(right)


def _expanded(maker: RowMaker, name: str, values: Places) -> Group | None:
    """A block with values for its parameters, as this side defines it; None when it does not take them."""
    definitions = maker.space.definitions
    block = definitions.blocks.get(name)
    if block is None or any(i >= len(block.parameters) for i, _ in values):
        return None
    span = block.span
    wires: set[str] = set()
    arguments = []
    for i, value in values:
        parameter = block.parameters[i].name
        expression: tree.Expression | None = tree.Name(parameter, span=span)
        if value == INPUT:
            wires.add(parameter)
        else:
            expression = _written(value, span)
        if expression is None:
            return None
        arguments.append(tree.Argument(parameter, expression, span=span))
    call = tree.Call(name, tuple(arguments), span=span, function_span=span)
    try:
        found = Expander(definitions).call(call, Scope(Namer(), frozenset(wires)), "")
    except VnsError:
        return None
    return found if isinstance(found, Group) else None


def _written(value: Value, span: Span) -> tree.Expression | None:
    """A value written down; a layer that was handed in stands as its text."""
    if not isinstance(value, str) or value in WORDS:
        return expression_of(value, span)
    try:
        module = parse(Source("<layer>", f"block b {{\n{value}\n}}\n"))
    except VnsError:
        return None
    line = module.items[0].body[0] if isinstance(module.items[0], tree.Block) else None
    return line.value if isinstance(line, tree.Line) else None


def _rows(
    maker: RowMaker, group: Group, name: str, other: RowMaker | None = None, other_name: str = ""
) -> tuple[Row, ...]:
    """The lines of a block as the text has them. Parameters that were only renamed get the names of the other side."""
    block = maker.space.definitions.blocks[name]
    names: dict[str, tree.Expression] = {}
    if other is not None:
        theirs = other.space.definitions.blocks[other_name].parameters
        if len(theirs) == len(block.parameters):
            pairs = zip(block.parameters, theirs, strict=True)
            names = {p.name: tree.Name(q.name, span=p.span) for p, q in pairs if p.name != q.name}
    body = [substitute(statement, names) for statement in block.body] if names else list(block.body)
    return maker.rows(group, body, "", costs=False)  # type: ignore[arg-type]


def signature(block: tree.Block) -> str:
    """`basic(dilation, kernel=3)`, with `tied` in front where it is."""
    tied = "tied " if block.tied else ""
    parameters = [p.name if p.default is None else f"{p.name}={print_inline(p.default)}" for p in block.parameters]
    return tied + (f"{block.name}({', '.join(parameters)})" if parameters else block.name)


def unused(before: Mapping[str, tree.Block], after: Mapping[str, tree.Block], told: set[str]) -> Iterator[BlockChange]:
    """Changes of blocks that no definition compared uses, by their text: without values they have no layers."""
    for name, block in before.items():
        if name in told:
            continue
        if name not in after:
            yield BlockChange("removed", signature(block), None)
        elif _neutral(block) != _neutral(after[name]):
            yield BlockChange("changed", signature(block), signature(after[name]))
    for name, block in after.items():
        if name not in before and name not in told:
            yield BlockChange("added", None, signature(block))


def _neutral(block: tree.Block) -> tree.Block:
    """The block with parameters named by their places."""
    names: dict[str, tree.Expression] = {
        p.name: tree.Name(f"parameter {i}", span=p.span) for i, p in enumerate(block.parameters)
    }
    body = tuple(substitute(statement, names) for statement in block.body)
    parameters = tuple(replace(p, name=f"parameter {i}") for i, p in enumerate(block.parameters))
    return replace(block, parameters=parameters, body=body)  # type: ignore[arg-type]
