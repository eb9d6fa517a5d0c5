"""How a call with many open arguments is gone through, and which tied blocks one network uses more than once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf, nextafter, prod
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakKeyDictionary

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.walk import children as below
from vnasdsl.language.walk import walk
from vnasdsl.layers import CATALOGUE
from vnasdsl.space.elements import (
    DeferredArgument,
    DeferredCall,
    Element,
    Group,
    LayerCall,
    LayerChoice,
    NameRef,
    Segment,
    When,
    children,
    has_choices,
)

if TYPE_CHECKING:
    from vnasdsl.elaborate.definitions import Definitions

MOST_CLOSED = 512
"""Ways to close one call that are built to learn its costs: each takes about a millisecond."""


def closings(element: DeferredCall) -> Iterator[tuple[str, ...]] | None:
    """Values for the fields of an open call among which are, for every network, one that costs no more and one that
    costs no less, and all shapes that come out; None where they are too many, or not known.
    """
    columns = columns_of(element)
    if columns is None or prod(len(column) for column in columns) > MOST_CLOSED:
        return None
    return product(*columns)


Texts: TypeAlias = tuple[tuple[int, str], ...]
"""Values of some of the fields of an open call: (number of the field, text)."""


@dataclass(frozen=True, eq=False)
class LineWays:
    """An open call of a block whose lines depend on few of its arguments each."""

    element: DeferredCall
    columns: list[tuple[str, ...]]
    first: Group
    """What one way to close it becomes."""
    depends: tuple[frozenset[int], ...]

    def ways(self, needed: frozenset[int], known: Texts) -> Iterator[Texts]:
        """What is known with every way to give the fields that are needed and not known."""
        given = dict(known)
        new = sorted(needed - given.keys())
        for texts in product(*(self.columns[i] for i in new)):
            yield tuple(sorted((*known, *zip(new, texts, strict=True))))

    def group(self, texts: Texts) -> Group:
        """The block with these values, and the first of every other field."""
        given = dict(texts)
        made = self.element.make(tuple(given.get(i, column[0]) for i, column in enumerate(self.columns)))
        assert isinstance(made, Group)
        return made


def line_ways(element: DeferredCall) -> LineWays | None:
    """How to go through an open call line by line; None where a line has too many ways, or it is not known on what it
    depends."""
    columns = columns_of(element)
    if columns is None or element.depends is None:
        return None
    first = element.make(tuple(column[0] for column in columns))
    decided = {f.parameter for f in element.fields}
    if not isinstance(first, Group) or len(first.lines) + 1 != len(element.depends):
        return None
    if first.tied or any(name in decided for name, _ in first.inputs):
        return None
    if any(prod(len(columns[i]) for i in fields) > MOST_CLOSED for fields in element.depends):
        return None
    return LineWays(element, columns, first, element.depends)


def columns_of(element: DeferredCall) -> list[tuple[str, ...]] | None:
    """The values of each field between which costs lie: all of its options; of a real number those at which something
    changes. None where they are not known."""
    columns = []
    for field in element.fields:
        if field.options:
            columns.append(field.options)
        elif field.points is not None:
            columns.append(tuple(repr(point) for point in field.points))
        else:
            return None
    return columns


def points(
    definitions: Definitions, function: str, parameter: str, low: float, high: float
) -> tuple[float, ...] | None:
    """The values of a real argument at which the costs of a call may jump; None where that is not known.

    Costs do not fall from one of them to the next, and shapes stay: the number is handed to parameters whose costs rise
    with it (`Parameter.rising`) and compared with numbers as they are written, and nothing else is done with it. What
    is compared decides at the number itself and at its neighbours on both sides, which are among the points.
    """
    tests = _tests(definitions, function, parameter, frozenset())
    if tests is None:
        return None
    found = {low, high}
    for test in tests:
        found |= {nextafter(test, -inf), test, nextafter(test, inf)}
    return tuple(sorted(point for point in found if low <= point <= high))


def _tests(definitions: Definitions, function: str, parameter: str, seen: frozenset[str]) -> set[float] | None:
    """The numbers that a parameter is compared with below a call; None where something else is done with it."""
    if function in CATALOGUE:
        spec = next((p for p in CATALOGUE[function].parameters if p.name == parameter), None)
        return set() if spec is not None and spec.rising else None
    if function not in definitions.blocks or function in seen:
        return None
    found: set[float] = set()

    def visit(node: tree.Node) -> bool:
        if parameter not in _names(node):
            return True
        match node:
            case tree.Name():
                return False
            case tree.Compare():
                for side, other in ((node.left, node.right), (node.right, node.left)):
                    if isinstance(side, tree.Name) and side.id == parameter and isinstance(other, tree.Number):
                        found.add(float(other.value))
                        return True
            case tree.Call():
                try:
                    bound = definitions.bind(node)
                except VnsError:
                    return False
                for name, value in bound.items():
                    if isinstance(value, tree.Name) and value.id == parameter:
                        inner = _tests(definitions, node.function, name, seen | {function})
                        if inner is None:
                            return False
                        found.update(inner)
                    elif not visit(value):
                        return False
                given = [a.value for a in node.arguments if all(a.value is not value for value in bound.values())]
                return all(map(visit, (*given, *(node.body or ()))))
        return all(visit(child) for child in below(node))

    block = definitions.blocks[function]
    defaults = [p.default for p in block.parameters if p.default is not None]
    return found if all(visit(node) for node in (*defaults, *block.body)) else None


def depends(block: tree.Block, open_fields: Sequence[DeferredArgument]) -> tuple[frozenset[int], ...]:
    """For each line of a block, and last for its `out`, the fields of a call of it that the line depends on."""
    found = []
    out: frozenset[int] = frozenset()
    by_name = {p.name: {i for i, f in enumerate(open_fields) if f.parameter == p.name} for p in block.parameters}
    for parameter in block.parameters:  # a default may use the parameters in front of it
        if parameter.default is not None:
            by_name[parameter.name].update(*(by_name[n] for n in _names(parameter.default) if n in by_name))
    for statement in block.body:
        used = frozenset(i for name in _names(statement) for i in by_name.get(name, ()))
        if isinstance(statement, tree.Out):
            out = used
        else:
            found.append(used)
    return (*found, out)


def _names(node: tree.Node) -> set[str]:
    return {n.id for n in walk(node) if isinstance(n, tree.Name)}


_USES: WeakKeyDictionary[Element, dict[str, int]] = WeakKeyDictionary()


def uses(segments: Iterable[Segment]) -> dict[str, int]:
    """How many uses of each tied block with choices one network can have at most; 2 stands for more."""
    total: dict[str, int] = {}
    for segment in segments:
        _add(total, uses_in(segment.body))
    return total


def uses_in(element: Element) -> dict[str, int]:
    if isinstance(element, (LayerCall, NameRef)):
        return {}
    found = _USES.get(element)
    if found is None:
        found = _USES[element] = _uses_in(element)
    return found


def _uses_in(element: Element) -> dict[str, int]:
    found: dict[str, int] = {}
    if isinstance(element, (LayerChoice, When)):
        for child, _ in children(element, ""):
            for name, count in uses_in(child).items():
                found[name] = max(found.get(name, 0), count)
        return found
    last: tuple[Element, dict[str, int]] | None = None
    for child, _ in children(element, ""):
        if last is None or last[0] is not child:
            last = (child, uses_in(child))
        _add(found, last[1])
    if isinstance(element, Group) and element.tied and has_choices(element):
        assert element.block is not None
        found = {**found, element.block: min(2, found.get(element.block, 0) + 1)}
    return found


def _add(total: dict[str, int], more: dict[str, int]) -> None:
    for name, count in more.items():
        total[name] = min(2, total.get(name, 0) + count)
