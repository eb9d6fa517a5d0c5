"""Mutations of a network: a changed set of choices, and what was changed in words.

They follow from the kinds of choice alone and know no layer. What they leave open (the choices of a new copy) is drawn
when the choices are completed; whether the result is a network of the space is for the checker to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from vnasdsl.search.evolve.copies import Copies, delete, insert, lists, merge, merges, split, splits
from vnasdsl.search.evolve.values import (
    edges_text,
    is_open,
    jittered,
    least_of,
    most_of,
    neighbours,
    other_value,
    taken,
)

if TYPE_CHECKING:
    from vnasdsl.space.decisions import Decision


@dataclass(frozen=True)
class Mutated:
    """Choices after a mutation, not complete where copies are new, and the mutation in words."""

    choices: dict[str, str]
    text: str


Mutation = Callable[[Sequence["Decision"], Random], Mutated | None]
"""None where the network offers nothing to it."""


def mutate(decisions: Sequence[Decision], weights: Mapping[str, float], random: Random) -> Mutated | None:
    """One mutation, of a kind drawn by its weight among those the network offers a place for; None when none does."""
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


def _with(decisions: Sequence[Decision], decision: Decision, value: str) -> Mutated:
    return Mutated({**values(decisions), decision.name: value}, f"{decision.name}: {decision.value} -> {value}")


def _resample(decisions: Sequence[Decision], random: Random) -> Mutated | None:
    candidates = [decision for decision in decisions if is_open(decision)]
    if not candidates:
        return None
    decision = random.choice(candidates)
    return _with(decisions, decision, other_value(decision, random))


def _step(decisions: Sequence[Decision], random: Random) -> Mutated | None:
    candidates = [(decision, near) for decision in decisions if (near := neighbours(decision))]
    if not candidates:
        return None
    decision, near = random.choice(candidates)
    return _with(decisions, decision, random.choice(near))


def _jitter(decisions: Sequence[Decision], random: Random) -> Mutated | None:
    candidates = [decision for decision in decisions if decision.form == "real" and is_open(decision)]
    if not candidates:
        return None
    decision = random.choice(candidates)
    return _with(decisions, decision, jittered(decision, random))


def _insert(decisions: Sequence[Decision], random: Random) -> Mutated | None:
    candidates = [copies for copies in lists(decisions) if copies.count + 1 in copies.counts]
    if not candidates:
        return None
    copies = random.choice(candidates)
    at = random.randint(0, copies.count)
    return Mutated(insert(decisions, copies, at), _in_list(copies, copies.count + 1, f"new [{at}]"))


def _delete(decisions: Sequence[Decision], random: Random) -> Mutated | None:
    candidates = [copies for copies in lists(decisions) if copies.count > 0 and copies.count - 1 in copies.counts]
    if not candidates:
        return None
    copies = random.choice(candidates)
    at = random.randrange(copies.count)
    return Mutated(delete(decisions, copies, at), _in_list(copies, copies.count - 1, f"without [{at}]"))


def _edge(decisions: Sequence[Decision], random: Random) -> Mutated | None:
    candidates = [decision for decision in decisions if decision.form == "edges" and is_open(decision)]
    if not candidates:
        return None
    decision = random.choice(candidates)
    have = taken(decision.value)
    absent = [option for option in decision.options if option not in have]
    ways = []
    if absent and len(have) < most_of(decision):
        ways.append("add")
    if len(have) > least_of(decision):
        ways.append("drop")
    way = random.choice(ways or ["exchange"])
    dropped = random.choice(have) if way != "add" else None
    added = random.choice(absent) if way != "drop" else None
    value = edges_text(decision, {*have, added or ""} - {dropped or ""})
    changes = [*([f"-{dropped}"] if dropped else []), *([f"+{added}"] if added else [])]
    return Mutated({**values(decisions), decision.name: value}, f"{decision.name}: {' '.join(changes)}")


def _split(decisions: Sequence[Decision], random: Random) -> Mutated | None:
    candidates = list(splits(decisions))
    if not candidates:
        return None
    copies, at, width, large, small = random.choice(candidates)
    text = _in_list(copies, copies.count + 1, f"[{at}] into {large} and {small}")
    return Mutated(split(decisions, copies, at, width, large, small), text)


def _merge(decisions: Sequence[Decision], random: Random) -> Mutated | None:
    candidates = list(merges(decisions))
    if not candidates:
        return None
    copies, at, width, value = random.choice(candidates)
    text = _in_list(copies, copies.count - 1, f"[{at}] and [{at + 1}] into {value}")
    return Mutated(merge(decisions, copies, at, width, value, random), text)


def _in_list(copies: Copies, count: int, what: str) -> str:
    return f"{copies.path}: {copies.count} -> {count}, {what}"


MUTATION_KINDS: dict[str, Mutation] = {
    "resample": _resample,
    "step": _step,
    "jitter": _jitter,
    "insert": _insert,
    "delete": _delete,
    "edge": _edge,
    "split": _split,
    "merge": _merge,
}
