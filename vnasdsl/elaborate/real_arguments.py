"""At which values of a real argument the costs of a call can jump."""

from __future__ import annotations

from math import inf, nextafter

from vnasdsl.elaborate.definitions import Definitions, mentions
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.walk import children


def points(
    definitions: Definitions, function: str, parameter: str, low: float, high: float
) -> tuple[float, ...] | None:
    """The values of a real argument at which the costs of a call may jump; None where that is not known.

    Between them costs do not fall and shapes stay: the number is only handed to parameters whose costs rise with it
    (`Parameter.rising`), and compared with numbers, which are points together with their neighbours on both sides.
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
    if function in definitions.layers:
        spec = next((p for p in definitions.layers[function].parameters if p.name == parameter), None)
        return set() if spec is not None and spec.rising else None
    if function not in definitions.blocks or function in seen:
        return None
    found: set[float] = set()

    def visit(node: tree.Node) -> bool:
        if not mentions(node, parameter):
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
        return all(visit(child) for child in children(node))

    block = definitions.blocks[function]
    defaults = [p.default for p in block.parameters if p.default is not None]
    return found if all(visit(node) for node in (*defaults, *block.body)) else None
