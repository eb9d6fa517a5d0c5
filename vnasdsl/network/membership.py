"""Proof that a network lies in a space: the choices of the space that make it.

`replay` finds choices; the network that they make is then lowered and compared with the given one, so a wrong proof is
never given. What does not fit is explained by `departure`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.layers.base import Shape
from vnasdsl.network.departure import departure, other_stage, undecided, unread
from vnasdsl.network.lower import lower
from vnasdsl.network.made import listed
from vnasdsl.network.reading import Extent, GaveUpError, Way
from vnasdsl.network.replay import Replay
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
    replays: list[Replay] = []
    for extent, alternatives in product(Extent if called else (Extent.USED, Extent.ALL), (False, True)):
        if alternatives and not replays[-1].simplified:
            continue
        replay = Replay(network, rules, uses, extent, called, alternatives)
        replays.append(replay)
        ways: list[Way] = []
        try:
            ways = replay.space(
                space, [name for name, _ in given], {s.name: replay.value_of(s.body.value) for s in mine}
            )
        except GaveUpError:
            replay.trace.cut = True
        for way in ways[:MOST_TRIED]:
            choices = _made_again(way, network, space, given, rules)
            if choices is not None:
                return choices
    # What is not there under its name may be there.
    replays = [replay for replay in replays if replay.extent is not Extent.NAMED]
    furthest = max(replays, key=lambda replay: min(replay.unmatched, default=len(replay.nodes)))
    if replays[-1].trace.cut and (furthest.trace.cut or not furthest.unmatched):
        raise undecided(network, claim)
    raise departure(furthest, network, space, claim)


def _made_again(
    way: Way, network: NetworkGraph, space: Sequence[Segment], given: Inputs, rules: LayerRules
) -> dict[str, str] | None:
    """The choices of a way, if they make this network. Those of lines that nothing reads take their first value."""
    chosen = {name: values[0] for name, values in (*listed(way.made, ""), *way.tied)}

    def decide(decision: Decision) -> str:
        value = chosen.get(decision.name)
        return value if value is not None and decision.allows(value) else decision.first

    try:
        graph = lower(space, given, rules, decide)
    except (VnsError, UserError):
        return None
    from vnasdsl.network.graph import matching

    return graph.choices if matching(network, graph) is not None else None
