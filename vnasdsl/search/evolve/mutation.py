"""Mutations of a network: a changed set of choices, and what was changed in words.

They follow from the kinds of choice alone and know no layer. What they leave open (the choices of a new copy) is drawn
when the choices are completed; whether the result is a network of the space shows when it is built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from vnasdsl.search.evolve.copies import Change, deletes, inserts, merges, splits
from vnasdsl.search.evolve.values import edge_limits, edges_text, has_other_value, jittered, neighbours, other_value
from vnasdsl.space.elements import picked

if TYPE_CHECKING:
    from vnasdsl.space.decisions import Decision


@dataclass(frozen=True)
class Mutated:
    """Choices after a mutation (incomplete where copies are new), and the mutation in words."""

    choices: dict[str, str]
    text: str


Mutation = Callable[[Sequence["Decision"], Random], Mutated | None]
"""None where the network has no place for it."""


def mutate(decisions: Sequence[Decision], weights: Mapping[str, float], random: Random) -> Mutated | None:
    """One mutation, of a kind drawn by weight among those the network has a place for; None when it has none."""
    left = {kind: weight for kind, weight in weights.items() if weight > 0}
    while left:
        kind = random.choices(list(left), list(left.values()))[0]
        mutated = MUTATION_KINDS[kind](decisions, random)
        if mutated is not None:
            return Mutated(mutated.choices, f"{kind} {mutated.text}")
        del left[kind]
    return None


def values(decisions: Sequence[Decision]) -> dict[str, str]:
    """The choices by name."""
    return {decision.name: decision.value for decision in decisions}


def _of_one(places: Callable[[Decision], bool], other: Callable[[Decision, Random], str]) -> Mutation:
    """A mutation that gives one choice another value."""

    def mutation(decisions: Sequence[Decision], random: Random) -> Mutated | None:
        candidates = [decision for decision in decisions if places(decision)]
        if not candidates:
            return None
        decision = random.choice(candidates)
        value = other(decision, random)
        if decision.form == "edges":
            old, new = picked(decision.value), picked(value)
            words = [f"-{edge}" for edge in old if edge not in new] + [f"+{edge}" for edge in new if edge not in old]
            text = f"{decision.name}: {' '.join(words)}"
        else:
            text = f"{decision.name}: {decision.value} -> {value}"
        return Mutated({**values(decisions), decision.name: value}, text)

    return mutation


def _other_edge(decision: Decision, random: Random) -> str:
    """One edge more, one less, or one exchanged."""
    have = picked(decision.value)
    absent = [option for option in decision.options if option not in have]
    least, most = edge_limits(decision)
    ways = ["add"] if absent and len(have) < most else []
    ways += ["drop"] if len(have) > least else []
    way = random.choice(ways or ["exchange"])
    wanted = set(have)
    if way != "add":
        wanted.remove(random.choice(have))
    if way != "drop":
        wanted.add(random.choice(absent))
    return edges_text(decision, wanted)


def _of_list(changes: Callable[[Sequence[Decision]], Iterator[Change]]) -> Mutation:
    """A mutation of the copies in a list."""

    def mutation(decisions: Sequence[Decision], random: Random) -> Mutated | None:
        candidates = list(changes(decisions))
        if not candidates:
            return None
        text, make = random.choice(candidates)
        return Mutated(make(random), text)

    return mutation


MUTATION_KINDS: dict[str, Mutation] = {
    "resample": _of_one(has_other_value, other_value),
    "step": _of_one(lambda d: bool(neighbours(d)), lambda d, random: random.choice(neighbours(d))),
    "jitter": _of_one(lambda d: d.form == "real" and has_other_value(d), jittered),
    "insert": _of_list(inserts),
    "delete": _of_list(deletes),
    "edge": _of_one(lambda d: d.form == "edges" and has_other_value(d), _other_edge),
    "split": _of_list(splits),
    "merge": _of_list(merges),
}
