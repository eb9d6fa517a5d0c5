"""A network as a graph: one node for each layer, with its shape, costs and the place it comes from.

`NetworkGraph` is a `networkx.DiGraph`, so all of networkx works on it. Its node keys are labels such as
`s4.basic3.conv2`, and `graph.node(key)` gives the `LayerNode`. Next to the flat graph is the tree of regions (`Part`):
the same layers inside their stages, uses of blocks, copies and bodies. Code, text and pictures are made from it.

Import this module where a graph is made, and its names for annotations only: networkx takes as long to import as a
space takes to check.
"""

from __future__ import annotations

from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple

import networkx as nx

from vnasdsl.network.nodes import LayerNode, Section
from vnasdsl.space.decisions import Decision
from vnasdsl.space.elements import unique


class Totals(NamedTuple):
    """Costs of one clip."""

    macs: int
    params: int
    activation_bytes: int


class NetworkGraph(nx.DiGraph):
    """The layers of one network, or of a supernet, with the edges along which tensors flow.

    Node data: `layer`, a LayerNode. Edge data: `positions`, the places among the target's inputs. Nodes that the output
    does not depend on are in the graph, but count for nothing: see `live`.
    """

    def __init__(self, incoming: Any = None, **attributes: Any):
        super().__init__(incoming, **attributes)
        self.sections: tuple[Section, ...] = ()
        self.output = ""
        self.decisions: dict[str, Decision] = {}
        """The choices that were met, by name, in the order of the file."""

    def add(self, node: LayerNode) -> str:
        """Add a layer after its inputs; its key."""
        self.add_node(node.label, layer=node)
        for position, source in enumerate(node.inputs):
            if self.has_edge(source, node.label):
                self.edges[source, node.label]["positions"] += (position,)
            else:
                self.add_edge(source, node.label, positions=(position,))
        if node.enter is not None and not self.has_edge(node.enter, node.label):
            self.add_edge(node.enter, node.label, positions=())
        return node.label

    def free(self, label: str) -> str:
        """The label, with a number where it is taken."""
        return unique(label, self)

    def node(self, key: str) -> LayerNode:
        layer: LayerNode = self._node[key]["layer"]
        return layer

    @property
    def layers(self) -> list[LayerNode]:
        """All nodes in the order of the file, which is a topological order."""
        return [data["layer"] for data in self._node.values()]

    @cached_property
    def live(self) -> frozenset[str]:
        """The nodes that the output depends on, and the output itself."""
        return frozenset(nx.ancestors(self, self.output)) | {self.output}

    @cached_property
    def order(self) -> tuple[LayerNode, ...]:
        """The live nodes, each after those it reads, in the order of the file."""
        return tuple(node for node in self.layers if node.label in self.live)

    @cached_property
    def totals(self) -> Totals:
        """The costs of one clip: the sums over the live nodes."""
        nodes = self.order
        return Totals(
            sum(n.macs for n in nodes), sum(n.params for n in nodes), sum(n.activation_bytes for n in nodes if n.layer)
        )

    @property
    def macs(self) -> int:
        return self.totals.macs

    @property
    def params(self) -> int:
        return self.totals.params

    @property
    def choices(self) -> dict[str, str]:
        """The choices that make this network, in the order of the file."""
        return {name: decision.value for name, decision in self.decisions.items()}

    @cached_property
    def fingerprint(self) -> str:
        """A hash of what is computed from what. Equal networks have equal fingerprints, whatever their layers are
        called; `matching` settles the rest (a layer read twice and two equal layers have the same)."""
        found: dict[str, bytes] = {}
        for node in self.order:
            parts = [repr(node.architecture).encode(), *(found[i] for i in node.inputs)]
            found[node.label] = sha256(b"\0".join(parts)).digest()
        return found[self.output].hex()[:32]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name or 'of one network'}: {len(self.live)} layers, {self.macs:,} MACs>"


def matching(a: NetworkGraph, b: NetworkGraph) -> dict[str, str] | None:
    """For each live node of `a` the node of `b` that does the same; None where they are different networks.

    Both are followed from the output back. Inputs have an order, so there is nothing to try.
    """
    forth, back = {a.output: b.output}, {b.output: a.output}
    pending = [(a.output, b.output)]
    while pending:
        key, other = pending.pop()
        one, two = a.node(key), b.node(other)
        if one.architecture != two.architecture or len(one.inputs) != len(two.inputs):
            return None
        if (one.enter is None) != (two.enter is None):
            return None
        pairs = list(zip(one.inputs, two.inputs, strict=True))
        if one.enter is not None and two.enter is not None:
            pairs.append((one.enter, two.enter))
        for mine, theirs in pairs:
            if mine not in forth and theirs not in back:
                forth[mine], back[theirs] = theirs, mine
                pending.append((mine, theirs))
            elif forth.get(mine) != theirs or back.get(theirs) != mine:
                return None
    return forth
