"""Which tensors of a supernet are those of a network taken out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vnasdsl.codegen.network import network_unit
from vnasdsl.codegen.supernet import Branch, branches
from vnasdsl.codegen.tensors import Names, module_tensors, unit_tensors
from vnasdsl.elaborate.space import Space
from vnasdsl.layers.base import Applied, BodyCode, ModuleCode
from vnasdsl.network.trace import Node, Tracer
from vnasdsl.network.wiring import ALONE
from vnasdsl.space.elements import label_text


def inherited_names(space: Space, choices: Mapping[str, str]) -> dict[str, str]:
    """State-dict names of the network that the choices make, each with the name of the same tensor in the supernet.

    Both are followed from the end back: what does the same with the same is the same layer. The text of a network
    leaves out what nothing reads, so that the supernet's path may have more.
    Raises: UserError for choices that do not make a network of the space.
    """
    network = space.network(choices)
    mine, theirs = _Followed(network, {}), _Followed(space, choices)
    own = list(unit_tensors(network_unit(network), ""))
    shared = list(_supernet_tensors(space, choices))
    for rows, followed in ((own, mine), (shared, theirs)):
        if list(map(len, rows)) != [followed.tensors[n] for n in followed.layers]:
            raise AssertionError("the layers of the text are not those of its code")
    places = dict(zip(theirs.layers, shared, strict=True))
    found = _matched(mine, theirs)
    left = [number for number in theirs.layers if number not in set(found.values())]
    for number in mine.layers:
        if number not in found:  # nothing reads it: a block that is printed as it was written
            alike = next(other for other in left if _kind(theirs.nodes[other]) == _kind(mine.nodes[number]))
            left.remove(alike)
            found[number] = alike
    return {
        a: b
        for number, names in zip(mine.layers, own, strict=True)
        for a, b in zip(names, places[found[number]], strict=True)
    }


def tensors(network: Space) -> tuple[str, ...]:
    """The names in the state dictionary of a network's generated module."""
    return tuple(name for names in unit_tensors(network_unit(network), "") for name in names)


class _Followed(Tracer):
    """The nodes of one network, and which of them have tensors."""

    def __init__(self, space: Space, choices: Mapping[str, str]):
        super().__init__(space.input.classes, choices)
        self.tensors: dict[int, int] = {}
        """How many tensors the nodes have that have some."""
        self.begin: dict[int, int] = {}
        """For layers around a body the first node of the body: their own tensors stand before its."""
        self.end = self.segments(space.segments, space.input.name, space.input.shape, space.syntax.span)

    @property
    def layers(self) -> list[int]:
        """The nodes with tensors, in the order of the code."""
        return sorted(self.tensors, key=lambda n: (self.begin[n], 0, -n) if n in self.begin else (n, 1, 0))

    def _layer(self, element: Any, layer: Any, inputs: Any, entering: Any, applied: Applied | None, *rest: Any) -> int:
        number = super()._layer(element, layer, inputs, entering, applied, *rest)
        code = applied.code if applied is not None else None
        module = code.shortcut if isinstance(code, BodyCode) else code
        if isinstance(module, ModuleCode) and module.tensors:
            self.tensors[number] = len(module.tensors)
        return number

    def _wrap(self, *arguments: Any) -> int:
        begin = len(self.nodes)
        number = super()._wrap(*arguments)
        self.begin[number] = begin
        return number

    def live_suffix(self, number: int) -> int:
        """The node that a value comes from, behind what passes on one value as it is."""
        node = self.nodes[number]
        while True:
            inputs = self.inputs(node)
            if node.operation != "skip" and not (node.operation in ALONE and len(inputs) == 1):
                return number
            number = inputs[0]
            node = self.nodes[number]

    def inputs(self, node: Node) -> tuple[int, ...]:
        """What a node reads; the text of a network leaves out `none` where it is added to others."""
        if node.operation != "sum":
            return node.inputs
        some = tuple(i for i in node.inputs if self.nodes[self.live_suffix(i)].operation != "none")
        return some or node.inputs[:1]


def _matched(mine: _Followed, theirs: _Followed) -> dict[int, int]:
    """For each node of a network that something reads, the node of the supernet's path that does the same."""
    found: dict[int, int] = {}
    pending = [(mine.end, theirs.end)]
    while pending:
        a, b = pending.pop()
        a, b = mine.live_suffix(a), theirs.live_suffix(b)
        if a in found:
            continue
        one, other = mine.nodes[a], theirs.nodes[b]
        if _kind(one) != _kind(other):
            raise AssertionError("the network and its path in the supernet differ")
        found[a] = b
        pending += zip(mine.inputs(one), theirs.inputs(other), strict=True)
    return found


def _kind(node: Node) -> tuple[object, ...]:
    """What nodes that do the same have in common."""
    return (node.operation, node.entering, node.shape, node.params)


def _supernet_tensors(space: Space, choices: Mapping[str, str]) -> Names:
    """The tensors on the path, in the order of the text."""
    source = 0
    for stage, states in branches(space):
        index, branch = next(
            (i, b) for i, b in enumerate(states) if all(choices.get(n) == o for n, o in b.state.choices)
        )
        yield from _branch_tensors(branch, f"{stage.name}.{label_text(branch.state.label) or 'only'}", source, choices)
        source = index


def _branch_tensors(branch: Branch, place: str, source: int, choices: Mapping[str, str]) -> Names:
    head = branch.state.heads[source]
    yield from module_tensors(branch.heads[source], f"{place}.heads.{label_text(head.source)}", choices)
    if branch.layers is not None:
        yield from unit_tensors(branch.layers, f"{place}.layers", choices)
