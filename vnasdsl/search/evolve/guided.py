"""Learned connections guide which edges are kept (AssembleNet, ICLR 2020, section 3.3.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING

from vnasdsl.search.evolve.mutation import Mutated, values
from vnasdsl.search.evolve.values import edges_text, least_of, most_of, taken

if TYPE_CHECKING:
    from vnasdsl.space.decisions import Decision


def guide_edges(
    decisions: Sequence[Decision], learned: Mapping[str, Sequence[float]], power: float, random: Random
) -> Mutated | None:
    """Keep each edge with the probability weight ^ power, then add as many absent ones as were dropped in all.

    learned: name of a choice of edges to the weights from 0 to 1 of what it took, in order; a choice that is not there
    (a single edge has no weight) keeps what it has and may get more. What is added goes to places drawn among all that
    are absent and have room; a choice never falls below its least number: its heaviest edges stay. None when there is
    nothing to guide.
    """
    kept: dict[str, list[str]] = {}
    before: dict[str, list[str]] = {}
    open_edges = [decision for decision in decisions if decision.form == "edges"]
    guided = False
    for decision in open_edges:
        have = before[decision.name] = taken(decision.value)
        weights = learned.get(decision.name)
        if weights is None or len(weights) != len(have):
            kept[decision.name] = list(have)
            continue
        guided = True
        order = sorted(range(len(have)), key=lambda i: (-weights[i], i))
        staying = {i for i in range(len(have)) if random.random() < weights[i] ** power}
        for i in order:
            if len(staying) >= least_of(decision):
                break
            staying.add(i)
        kept[decision.name] = [have[i] for i in sorted(staying)]
    if not guided:
        return None
    dropped = sum(len(before[name]) - len(kept[name]) for name in kept)
    for _ in range(dropped):
        places = [
            (decision, option)
            for decision in open_edges
            if len(kept[decision.name]) < most_of(decision)
            for option in decision.options
            if option not in kept[decision.name] and option not in before[decision.name]
        ]
        if not places:
            break
        decision, option = random.choice(places)
        kept[decision.name].append(option)
    made = values(decisions)
    changes = []
    for decision in open_edges:
        old, new = set(before[decision.name]), set(kept[decision.name])
        made[decision.name] = edges_text(decision, new)
        lost = [f"-{edge}" for edge in decision.options if edge in old - new]
        words = lost + [f"+{edge}" for edge in decision.options if edge in new - old]
        if words:
            changes.append(f"{decision.name}: {' '.join(words)}")
    return Mutated(made, f"guide {'; '.join(changes) or 'every edge kept'}")
