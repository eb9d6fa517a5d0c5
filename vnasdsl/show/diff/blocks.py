"""Blocks whose bodies changed: each is told once, with the places it is used in, however many those are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.printer import print_inline
from vnasdsl.layers.base import Value
from vnasdsl.show.diff.model import BlockChange, LineChange
from vnasdsl.show.diff.rows import Row, RowMaker, StageRows
from vnasdsl.space.elements import Element, Group, children
from vnasdsl.space.expand import Expander
from vnasdsl.space.names import Namer
from vnasdsl.space.values import expression_of, substitute

Values = tuple[Value, ...]
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
                found[element.block, tuple(value for _, value in element.bound)] = None
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
        values = dict.fromkeys([*(v for name, v in left if name == old), *(v for name, v in right if name == new)])
        for value in values:
            pair = _expanded(before, old, value), _expanded(after, new, value)
            if pair[0] is None or pair[1] is None:
                continue
            if before.reader.layers(pair[0]) == after.reader.layers(pair[1]):
                continue
            lines = compare_rows(_rows(before, pair[0], old), _rows(after, pair[1], new, before, old))
            if lines:
                yield old, new, lines
                break


def _same(before: RowMaker, after: RowMaker, old: str, new: str, values: Values) -> bool:
    left, right = _expanded(before, old, values), _expanded(after, new, values)
    return left is not None and right is not None and before.reader.layers(left) == after.reader.layers(right)


def _expanded(maker: RowMaker, name: str, values: Values) -> Group | None:
    """A block with values for its first parameters, as this side defines it; None when it does not take them."""
    definitions = maker.space.definitions
    if name not in definitions.blocks or len(values) > len(definitions.blocks[name].parameters):
        return None
    span = definitions.blocks[name].span
    arguments = tuple(tree.Argument(None, expression_of(value, span), span=span) for value in values)
    try:
        found = Expander(definitions).call(tree.Call(name, arguments, span=span, function_span=span), Namer(), "")
    except VnsError:
        return None
    return found if isinstance(found, Group) else None


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
    return tuple(maker.rows(group, body, "", None))  # type: ignore[arg-type]


def signature(block: tree.Block) -> str:
    """`basic(dilation, kernel=3)`."""
    parameters = [p.name if p.default is None else f"{p.name}={print_inline(p.default)}" for p in block.parameters]
    return f"{block.name}({', '.join(parameters)})" if parameters else block.name


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
