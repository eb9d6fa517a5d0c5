"""The graph that a network is, whatever its text calls things: what two spellings of one network have in common.

A skip is what came before it. A `none` that is summed with others is left out, and what joins one thing is that thing.
What nothing leads on to the output is no part of it. The weights of edges are no part of the architecture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from vnasdsl.layers.base import Value
from vnasdsl.network.trace import Node

ALONE = ("sum", "mean", "concat", "weighted")
"""Layers that give a single input on as it is."""


@dataclass(frozen=True)
class Wiring:
    """The nodes of a network, and the number of the last."""

    nodes: Sequence[Node]
    output: int

    @cached_property
    def same_as(self) -> list[int]:
        """For every node the one that it is the same as: itself, or what a skip or a join of one thing hands on."""
        found: list[int] = []
        for number, node in enumerate(self.nodes):
            if is_skip(node):
                found.append(found[node.inputs[0]])
            elif node.operation in ALONE and len(left := self._joined(node, found)) == 1:
                found.append(left[0])
            else:
                found.append(number)
        return found

    def _joined(self, node: Node, same: Sequence[int]) -> tuple[int, ...]:
        inputs = tuple(same[i] for i in node.inputs)
        if node.operation != "sum":
            return inputs
        left = tuple(i for i in inputs if not is_zero(self.nodes[i]))
        return left or inputs[:1]

    def inputs(self, number: int) -> tuple[int, ...]:
        """The nodes that a node reads; those that are nothing are left out of a sum."""
        return self._joined(self.nodes[number], self.same_as)

    @cached_property
    def end(self) -> int:
        return self.same_as[self.output]

    @cached_property
    def live(self) -> tuple[int, ...]:
        """The nodes that lead on to the output, in the order of the text."""
        found = {self.end}
        todo = [self.end]
        while todo:
            number = todo.pop()
            enter = self.nodes[number].enter
            for source in (*self.inputs(number), *(() if enter is None else (self.same_as[enter],))):
                if source not in found:
                    found.add(source)
                    todo.append(source)
        return tuple(sorted(found))

    @cached_property
    def readers(self) -> dict[int, list[int]]:
        """For every live node the live nodes that read it."""
        found: dict[int, list[int]] = {}
        for number in self.live:
            for source in self.inputs(number):
                found.setdefault(source, []).append(number)
        return found


def is_skip(node: Node) -> bool:
    return node.operation == "skip" and node.entering == node.shape


def is_zero(node: Node) -> bool:
    return node.operation == "none"


def architecture(node: Node) -> tuple[tuple[str, Value], ...]:
    """The attributes of a node without the weights of its edges."""
    apart = {p.name for p in node.layer.parameters if p.kind == "weights"} if node.layer is not None else set()
    return tuple((name, value) for name, value in node.attributes if name not in apart)


def alike(a: Node, b: Node) -> bool:
    return a.operation == b.operation and a.shape == b.shape and architecture(a) == architecture(b)


def same_graph(a: Wiring, b: Wiring) -> bool:
    """Whether the two are one network: a node of one for every node of the other, wired in the same way."""
    forth: dict[int, int] = {a.end: b.end}
    back: dict[int, int] = {b.end: a.end}
    todo = [(a.end, b.end)]
    while todo:
        i, j = todo.pop()
        if not alike(a.nodes[i], b.nodes[j]):
            return False
        left, right = list(a.inputs(i)), list(b.inputs(j))
        ends = [w.same_as[n] for w, n in ((a, a.nodes[i].enter), (b, b.nodes[j].enter)) if n is not None]
        if len(left) != len(right) or len(ends) == 1:
            return False
        for m, n in zip([*left, *ends[:1]], [*right, *ends[1:]], strict=True):
            if m not in forth and n not in back:
                forth[m], back[n] = n, m
                todo.append((m, n))
            elif forth.get(m) != n or back.get(n) != m:
                return False
    return True
