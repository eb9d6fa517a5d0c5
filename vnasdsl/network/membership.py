"""Proof that a network lies in a space: the choices of the space that make it.

`demands` finds choices; the network that they make is then lowered and compared with the given one, so a wrong proof is
never given. What does not fit is found by `reach` and explained by `departure`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.layers.base import Shape
from vnasdsl.network.demands import Demands
from vnasdsl.network.departure import departure, other_stage, undecided, unread
from vnasdsl.network.lower import lower
from vnasdsl.network.made import listed
from vnasdsl.network.nodes import Values
from vnasdsl.network.reach import Reach
from vnasdsl.network.reading import GaveUpError, Number
from vnasdsl.network.ways import Way
from vnasdsl.space.decisions import Decision
from vnasdsl.space.elements import Group, Segment
from vnasdsl.space.rules import LayerRules

if TYPE_CHECKING:
    from vnasdsl.network.graph import NetworkGraph

Inputs = Sequence[tuple[str, Shape]]
MOST_TRIED = 64
"""Ways to read the network that are made again and compared."""


def prove(
    network: NetworkGraph, space: Sequence[Segment], given: Inputs, rules: LayerRules, claim: tree.Name
) -> dict[str, str]:
    """The choices of a space that make this network, in the order of the file.

    `given`: the inputs of the space, with shapes (C, T, H, W); `claim`: where the network names its space.
    Raises: VnsError E0601 where the network leaves the space.
    """
    mine = [section for section in network.sections if section.name]
    theirs = [segment for segment in space if segment.name]
    for i in range(max(len(mine), len(theirs))):
        a, b = mine[i] if i < len(mine) else None, theirs[i] if i < len(theirs) else None
        if a is None or b is None or a.name != b.name:
            raise other_stage(a, b, claim, network.name)
    unread(network, claim)
    parts = [part for section in network.sections for part in section.body.walk()]
    groups = [(part, part.element) for part in parts if isinstance(part.element, Group)]
    uses = [group for _, group in groups if group.block is not None]
    called = [(name, part.lines[i][-1].value) for part, group in groups for i, name in enumerate(group.names) if name]
    names = [name for name, _ in given]
    reach = Reach(network, rules, uses)
    ends = {s.name: end for s in mine if (end := reach.number_of(s.body.value)) is not None}
    try:
        reach.space(space, names, ends)
    except GaveUpError:
        raise undecided(network, claim) from None
    if reach.unmatched:
        raise departure(reach, (), network, space, claim)
    named = _named(network, called)

    def possible(name: str, _: int | None, number: Number) -> bool:
        return number in reach.trace.lines.get(name, ())

    def called_so(name: str, place: int | None, number: Number) -> bool:
        return possible(name, place, number) and number in named.get((name, place), (number,))

    for allowed in (called_so, possible):  # what is not there under its name may be there
        demands = Demands(network, rules, uses, allowed)
        found = _choices(demands, network, space, given, ends)
        if found is not None:
            return found
    if demands.cut:
        raise undecided(network, claim)
    raise departure(reach, demands.conflicts, network, space, claim)


def _named(network: NetworkGraph, called: Sequence[tuple[str, Values]]) -> dict[tuple[str, int | None], set[Number]]:
    """What the network calls by the name of a line, or as a value of a list `n`: what it has at that place of its own
    list `n`, or calls `n_0`."""
    numbers = {node.label: number for number, node in enumerate(network.order)}
    named: dict[tuple[str, int | None], set[Number]] = {}
    for name, values in called:
        places: list[tuple[str, int | None, str]] = []
        if isinstance(values, tuple):
            places += ((name, i, label) for i, label in enumerate(values))
        else:
            places.append((name, None, values))
            base, _, number = name.rpartition("_")
            if number.isdecimal():
                places.append((base, int(number), values))
        for line, place, label in places:
            if label in numbers:
                named.setdefault((line, place), set()).add(numbers[label])
    return named


def _choices(
    demands: Demands, network: NetworkGraph, space: Sequence[Segment], given: Inputs, ends: Mapping[str, Number]
) -> dict[str, str] | None:
    try:
        ways = demands.space(space, [name for name, _ in given], ends)
    except GaveUpError:
        demands.cut = True
        return None
    for way in ways[:MOST_TRIED]:
        choices = _made_again(way, network, space, given, demands.rules)
        if choices is not None:
            return choices
    return None


def _made_again(
    way: Way, network: NetworkGraph, space: Sequence[Segment], given: Inputs, rules: LayerRules
) -> dict[str, str] | None:
    """The choices of a way, if they make this network. Those of lines that nothing reads take their first value."""
    tied = ((name, values) for name, values, _ in way.tied)
    chosen = {name: values[0] for name, values in (*listed(way.made, ""), *tied)}

    def decide(decision: Decision) -> str:
        value = chosen.get(decision.name)
        return value if value is not None and decision.allows(value) else decision.first

    try:
        graph = lower(space, given, rules, decide)
    except (VnsError, UserError):
        return None
    from vnasdsl.network.graph import matching

    return graph.choices if matching(network, graph) is not None else None
