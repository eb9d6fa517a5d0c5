"""Learned edge weights guide which edges a child keeps (AssembleNet, ICLR 2020, section 3.3.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING

from vnasdsl.search.evolve.mutation import Mutated, values
from vnasdsl.search.evolve.values import edge_limits, edges_text
from vnasdsl.space.elements import picked

if TYPE_CHECKING:
    from vnasdsl.space.decisions import Decision


def guide_edges(
    decisions: Sequence[Decision], learned: Mapping[str, Sequence[float]], power: float, random: Random
) -> Mutated | None:
    """Keep each edge with probability weight ^ power, then add as many absent ones as were dropped in all.

    learned: weights from 0 to 1 of the edges taken, in order, by the name of their choice; a choice that is missing (a
    single edge has no weight) keeps its edges and may get more. Added edges are drawn among all that are absent and
    fit; a choice below its least number keeps its heaviest edges. None when there is nothing to guide.
    """
    choices = [decision for decision in decisions if decision.form == "edges"]
    before = {decision.name: picked(decision.value) for decision in choices}
    guided = {name for name, have in before.items() if len(learned.get(name, ())) == len(have) > 0}
    if not guided:
        return None
    kept: dict[str, list[str]] = {}
    for decision in choices:
        have = before[decision.name]
        if decision.name not in guided:
            kept[decision.name] = list(have)
            continue
        weights = learned[decision.name]
        staying = {i for i in range(len(have)) if random.random() < weights[i] ** power}
        heaviest = sorted(set(range(len(have))) - staying, key=lambda i: (-weights[i], i))
        staying |= set(heaviest[: max(0, edge_limits(decision)[0] - len(staying))])
        kept[decision.name] = [have[i] for i in sorted(staying)]
    for _ in range(sum(len(before[name]) - len(kept[name]) for name in kept)):
        places = [
            (decision, option)
            for decision in choices
            if len(kept[decision.name]) < edge_limits(decision)[1]
            for option in decision.options
            if option not in kept[decision.name] and option not in before[decision.name]
        ]
        if not places:
            break
        decision, option = random.choice(places)
        kept[decision.name].append(option)
    changes = []
    for decision in choices:
        old, new = set(before[decision.name]), set(kept[decision.name])
        words = [f"-{edge}" for edge in decision.options if edge in old - new]
        words += [f"+{edge}" for edge in decision.options if edge in new - old]
        if words:
            changes.append(f"{decision.name}: {' '.join(words)}")
    edges = {decision.name: edges_text(decision, kept[decision.name]) for decision in choices}
    return Mutated({**values(decisions), **edges}, f"guide {'; '.join(changes) or 'every edge kept'}")
