"""Mutations of a network: a changed set of choices, and what was changed in words.

They follow from the kinds of choice alone and know no layer. What they leave open (the choices of a new copy) is drawn
when the choices are completed; whether the result is a network of the space shows when it is built.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from vnasdsl.searching.evolve.copies import Change, deletes, inserts, merges, splits
from vnasdsl.space.decisions import Decision
from vnasdsl.space.elements import picked, together

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")
_JITTER = 0.1  # standard deviation, relative to the range


@dataclass(frozen=True)
class Mutated:
    """Choices after a mutation (incomplete where copies are new), and the mutation in words."""

    choices: dict[str, str]
    text: str


Mutation = Callable[[Sequence[Decision], Random], Mutated | None]
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


# ------------------------------------------------------------------ one choice


def _of_one(places: Callable[[Decision], bool], other: Callable[[Decision, Random], str]) -> Mutation:
    """A mutation that gives one choice another value."""

    def mutation(decisions: Sequence[Decision], random: Random) -> Mutated | None:
        candidates = [decision for decision in decisions if places(decision)]
        if not candidates:
            return None
        decision = random.choice(candidates)
        value = other(decision, random)
        change = f"{decision.value} -> {value}"
        if decision.form == "edges":
            change = _edge_changes(decision, picked(decision.value), picked(value))
        return Mutated({**values(decisions), decision.name: value}, f"{decision.name}: {change}")

    return mutation


def _other_value(decision: Decision, random: Random) -> str:
    """Any other value, uniformly; there must be one."""
    while True:
        value = decision.draw(random)
        if value != decision.value:
            return value


def _has_other_value(decision: Decision) -> bool:
    return decision.low != decision.high if decision.form == "real" else decision.count != 1


def neighbours(decision: Decision) -> list[str]:
    """The next smaller and the next larger option among those that differ from the value in one number only.

    `basic(2)` among `basic(1) | basic(2) | basic(4) | skip` has `basic(1)` and `basic(4)`.
    """
    if decision.form != "option":
        return []
    found: list[str] = []
    for match in _NUMBER.finditer(decision.value):
        before, after = decision.value[: match.start()], decision.value[match.end() :]
        others: dict[float, str] = {}
        for option in decision.options:
            inner = option[len(before) : len(option) - len(after)]
            if option.startswith(before) and option.endswith(after) and _NUMBER.fullmatch(inner):
                others[float(inner)] = option
        here = float(match[0])
        below, above = [n for n in others if n < here], [n for n in others if n > here]
        found += [others[max(below)]] if below else []
        found += [others[min(above)]] if above else []
    return list(dict.fromkeys(found))


def jittered(decision: Decision, random: Random) -> str:
    """A real number moved by a normal step of a tenth of its range, kept within it."""
    assert decision.low is not None and decision.high is not None
    value = random.gauss(float(decision.value), _JITTER * (decision.high - decision.low))
    return repr(min(decision.high, max(decision.low, float(f"{value:.6g}"))))


# ----------------------------------------------------------------------- edges


def edges_text(decision: Decision, wanted: Collection[str]) -> str:
    """The value that takes these edges, in the order of the options."""
    return together(option for option in decision.options if option in wanted)


def edge_limits(decision: Decision) -> tuple[int, int]:
    """How many edges a choice takes at least and at most."""
    assert decision.least is not None and decision.most is not None
    return decision.least, min(decision.most, len(decision.options))


def _edge_changes(decision: Decision, old: Collection[str], new: Collection[str]) -> str:
    """`-a +b`; empty for equal ones."""
    dropped = [f"-{edge}" for edge in decision.options if edge in old and edge not in new]
    return " ".join(dropped + [f"+{edge}" for edge in decision.options if edge in new and edge not in old])


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


def guide_edges(
    decisions: Sequence[Decision], learned: Mapping[str, Sequence[float]], power: float, random: Random
) -> Mutated | None:
    """Keep each edge with probability weight ^ power, then add as many absent ones as were dropped in all
    (AssembleNet, ICLR 2020, section 3.3.2).

    learned: weights from 0 to 1 of the edges taken, in order, by the name of their choice; a choice that is missing (a
    single edge has no weight) keeps its edges and may get more. Added edges are drawn among all that are absent and
    fit; a choice below its least number keeps its heaviest edges. None when there is nothing to guide.
    """
    choices = [decision for decision in decisions if decision.form == "edges"]
    before = {decision.name: picked(decision.value) for decision in choices}
    kept = {name: list(have) for name, have in before.items()}
    guided = [decision for decision in choices if len(learned.get(decision.name, ())) == len(before[decision.name]) > 0]
    if not guided:
        return None
    for decision in guided:
        have, weights = before[decision.name], learned[decision.name]
        staying = {i for i in range(len(have)) if random.random() < weights[i] ** power}
        heaviest = sorted(set(range(len(have))) - staying, key=lambda i: (-weights[i], i))
        staying |= set(heaviest[: max(0, edge_limits(decision)[0] - len(staying))])
        kept[decision.name] = [have[i] for i in sorted(staying)]
    for _ in range(sum(len(before[name]) - len(kept[name]) for name in kept)):
        places = [
            (decision.name, option)
            for decision in choices
            if len(kept[decision.name]) < edge_limits(decision)[1]
            for option in decision.options
            if option not in kept[decision.name] and option not in before[decision.name]
        ]
        if not places:
            break
        name, option = random.choice(places)
        kept[name].append(option)
    changes = {d.name: _edge_changes(d, before[d.name], kept[d.name]) for d in choices}
    text = "; ".join(f"{name}: {change}" for name, change in changes.items() if change)
    edges = {decision.name: edges_text(decision, kept[decision.name]) for decision in choices}
    return Mutated({**values(decisions), **edges}, f"guide {text or 'every edge kept'}")


# ----------------------------------------------------------------------- lists


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
    "resample": _of_one(_has_other_value, _other_value),
    "step": _of_one(lambda d: bool(neighbours(d)), lambda d, random: random.choice(neighbours(d))),
    "jitter": _of_one(lambda d: d.form == "real" and _has_other_value(d), jittered),
    "insert": _of_list(inserts),
    "delete": _of_list(deletes),
    "edge": _of_one(lambda d: d.form == "edges" and _has_other_value(d), _other_edge),
    "split": _of_list(splits),
    "merge": _of_list(merges),
}
