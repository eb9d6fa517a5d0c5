"""From the fusions of a trained network back to the choices of edges that made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vnasdsl.layers.base import LayerError
from vnasdsl.network.trace import Env, Node, Tracer, Values, many
from vnasdsl.network.wiring import Wiring
from vnasdsl.space.elements import Pick, join, picked

if TYPE_CHECKING:
    from vnasdsl.elaborate import Space

_FUSION = "weighted"


def edges_by_choice(
    space: Space, choices: Mapping[str, str], network: Space, learned: Sequence[Sequence[float]]
) -> dict[str, list[float]]:
    """Learned weights by the name of their choice, in the order of what it took.

    learned: the weights of each fusion in the network's code that learned some, in the order of the text; names do not
    tell them apart, as a network does not call its lines as its space does. What does not fit together is left out: a
    guess would guide the wrong edges.
    """
    tracer = _PickTracer(network.input.classes, choices)
    try:
        end = tracer.segments(space.segments, network.input.name, network.input.shape, space.syntax.span)
    except LayerError:
        return {}
    nodes = tracer.nodes
    joins = [number for number, node in enumerate(nodes) if node.operation == _FUSION]
    live = set(Wiring(nodes, end).live)
    fusions = [number for number in joins if number in live and _learns(nodes[number])]
    if [len(nodes[number].inputs) for number in fusions] != [len(weights) for weights in learned]:
        return {}
    found: dict[str, list[float]] = {}
    for number, weights in zip(fusions, learned, strict=True):
        earlier = max((join for join in joins if join < number), default=-1)
        inputs: list[int | None] = list(nodes[number].inputs)
        # What was picked since the join before, the last first; each has a part of the inputs for itself.
        for name, (before, taken) in reversed(tracer.picks.items()):
            at = _place(taken, inputs) if earlier < before <= number else None
            if at is not None:
                found[name] = list(weights[at : at + len(taken)])
                inputs[at : at + len(taken)] = [None] * len(taken)
    return found


def _learns(node: Node) -> bool:
    """A single input passes through without a weight; given weights are not learned."""
    return len(node.inputs) > 1 and dict(node.arguments).get("by") == "learned"


def _place(part: Sequence[int], whole: Sequence[int | None]) -> int | None:
    """Where a row of numbers stands in another, for the last time."""
    places = reversed(range(len(whole) - len(part) + 1))
    return next((i for i in places if list(whole[i : i + len(part)]) == list(part)), None)


class _PickTracer(Tracer):
    """Keeps for every choice of edges what its edges gave, and how many layers there were until then."""

    picks: dict[str, tuple[int, tuple[int, ...]]]

    def __init__(self, classes: int, choices: Mapping[str, str]):
        super().__init__(classes, choices)
        self.picks = {}

    def _pick(self, pick: Pick, x: Values, place: str, here: str, env: Env) -> Values:
        value = many(super()._pick(pick, x, place, here, env))
        name = join(here, pick.key)
        texts = picked(self.made[name])
        if len(texts) == len(value):  # else an edge stands for several values, and has several weights
            self.picks[name] = (len(self.nodes), value)
        return value
