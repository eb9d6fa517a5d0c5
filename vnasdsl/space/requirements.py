"""`require` lines: conditions between choices, and limits on what every network of a space may cost."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError, error, guess
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Span
from vnasdsl.layers.base import Value, show_value
from vnasdsl.space.elements import Choice, DeferredCall, Element, LayerChoice, Pick, Segment, When, inside, join, real
from vnasdsl.space.parts import children
from vnasdsl.space.values import COMPARISON, evaluate, is_number, number
from vnasdsl.space.ways import Cost

# ------------------------------------------------------------ conditions between choices
# A space with them is the union of disjoint spaces: in each of these the choices that are named keep some of their
# options, and every combination of what they keep is allowed. So sizes are sums, costs are those of the cheapest and
# the most expensive part, and a network is drawn from a part.

MOST_TRIED = 100_000
"""Combinations of options that are tried."""
MOST_PARTS = 100
"""Spaces that a space is the union of."""
Kept: TypeAlias = Mapping[str, tuple[str, ...]]
"""The options that choices keep in one part, by their names."""
Reached: TypeAlias = tuple[Kept, tuple[str, ...]]
"""A place of a choice: what has to be chosen for a network to get there, and its options there."""


def is_constraint(condition: tree.Compare) -> bool:
    """Whether a condition is about choices, whose names have dots, and not about costs."""
    return bool(_names(condition))


def conditions_of(net: tree.Space | tree.Network) -> tuple[tree.Compare, ...]:
    """The conditions between the choices of a space."""
    return tuple(s.condition for s in net.body if isinstance(s, tree.Require) and is_constraint(s.condition))


def _names(condition: tree.Compare) -> list[str]:
    return [s.id for s in (condition.left, condition.right) if isinstance(s, tree.Name) and "." in s.id]


def read_parts(
    conditions: Sequence[tree.Compare],
    choices: Sequence[Choice],
    of_inputs: Iterable[Choice],
    segments: Iterable[Segment],
) -> tuple[tuple[Kept, ...], list[Diagnostic]]:
    """The parts that a space is the union of, and warnings. Raises: VnsError E0505, E0511."""
    places: dict[str, list[Reached]] = {choice.name: [({}, choice.options)] for choice in of_inputs}
    for name, place in (found for segment in segments for found in _reached(segment.body, "", {})):
        places.setdefault(name, []).append(place)
    known = {choice.name: choice for choice in choices}
    faults = [fault for c in conditions for fault in _faults(c, known, places)]
    if faults:
        raise VnsError(faults)
    warnings = []
    for condition in conditions:
        text, label = f"`{print_inline(condition)}`", Label(condition.span)
        named = _with_outer(_names(condition), places, known)
        allowed = len(_allowed([condition], named, places))
        if not allowed:
            help = "allow at least one combination of their options"
            raise VnsError(Diagnostic("E0505", f"no network of the space meets {text}", label, help=help))
        if allowed == len(_allowed([], named, places)):
            message = f"every network of the space meets {text}"
            warnings.append(Diagnostic("W0505", message, label, "warning", help="remove it, or make it tighter"))
    named = _with_outer([name for c in conditions for name in _names(c)], places, known)
    found = _allowed(conditions, named, places)
    if not found:
        message = "no network of the space meets all conditions on its choices"
        raise error("E0505", message, conditions[-1].span, help="allow at least one combination of their options")
    parts = _merged(
        [tuple((v,) if v is not None else c.options for v, c in zip(way, named, strict=True)) for way in found]
    )
    if len(parts) > MOST_PARTS:
        message = f"the conditions on choices cut the space into {len(parts):,} parts: {MOST_PARTS} are possible"
        raise error("E0511", message, conditions[-1].span, help="compare fewer choices, or give them fewer options")
    names = [choice.name for choice in named]
    return tuple(dict(zip(names, part, strict=True)) for part in parts), warnings


def _with_outer(names: Iterable[str], places: Mapping[str, list[Reached]], known: Mapping[str, Choice]) -> list[Choice]:
    """Choices, and those that they stand inside of, in the order of the file."""
    wanted = {outer for name in names for way, _ in places[name] for outer in (name, *way)}
    return [choice for name, choice in known.items() if name in wanted]


def _faults(condition: tree.Compare, known: Mapping[str, Choice], places: Collection[str]) -> list[Diagnostic]:
    """Why a condition has no meaning."""
    found = []
    for side in (condition.left, condition.right):
        if not isinstance(side, tree.Name) or "." not in side.id:
            continue
        choice, label = known.get(side.id), Label(side.span)
        if choice is None:
            more = guess(side.span, side.id, known, "`vnasdsl show --emit space` lists the choices")
            found.append(Diagnostic("E0511", f"the space has no choice `{side.id}`", label, **more))
        elif side.id not in places:
            message = f"`{side.id}` stands inside a choice of edges or of values"
            help = "hand it to the block as a value: that is chosen once, and can be compared"
            found.append(Diagnostic("E0511", message, label, help=help))
        elif choice.is_real or choice.is_subset:
            message = f"`{side.id}` is no choice between single options"
            found.append(Diagnostic("E0511", message, label, help="compare choices between values or layers"))
        elif condition.op not in ("==", "!=") and (other := next((o for o in choice.options if real(o) is None), None)):
            message = f"`{condition.op}` compares numbers, and `{side.id}` can be `{other}`"
            found.append(Diagnostic("E0511", message, label, help="use `==` or `!=`"))
    values = [s for s in (condition.left, condition.right) if not (isinstance(s, tree.Name) and "." in s.id)]
    if not found and values and condition.op not in ("==", "!=") and not is_number(_value(values[0], {})):
        message = f"expected a number, found `{print_inline(values[0])}`"
        found.append(Diagnostic("E0511", message, Label(values[0].span), help="use `==` or `!=`"))
    return found


def _reached(element: Element, path: str, way: Kept) -> Iterator[tuple[str, Reached]]:
    """Each choice, as often as it stands somewhere."""
    here = inside(element, path)
    match element:
        case LayerChoice():
            yield join(here, element.key), (way, element.texts)
            for option in element.options:
                yield from _reached(option.element, here, {**way, join(here, element.key): (option.text,)})
        case DeferredCall():
            yield from ((join(here, f.key), (way, f.options)) for f in element.fields)
        case When():  # which side there is, shapes say
            otherwise = list(_reached(element.otherwise, here, way))
            yield from (found for found in _reached(element.then, here, way) if found in otherwise)
        case Pick():
            return
        case _:
            for part, where in children(element, path):
                yield from _reached(part, where, way)


def _allowed(
    conditions: Sequence[tree.Compare], choices: Sequence[Choice], places: Mapping[str, list[Reached]]
) -> list[tuple[str | None, ...]]:
    """The combinations of options that meet all conditions, in the order of the file; None for a choice that is not
    made with the others. Raises: VnsError E0511."""
    found: list[tuple[str | None, ...]] = [()]
    names: list[str] = []
    for choice in choices:
        names.append(choice.name)
        ready = [c for c in conditions if choice.name in _names(c) and set(_names(c)) <= set(names)]
        if len(found) * len(choice.options) > MOST_TRIED:
            message = f"the conditions on choices compare more than {MOST_TRIED:,} combinations of options"
            help = "compare fewer choices, or give them fewer options"
            raise error("E0511", message, conditions[-1].span, help=help)
        made = [dict(zip(names, before, strict=False)) for before in found]
        there = [{o for way, options in places[choice.name] if keeps(way, each) for o in options} for each in made]
        longer = (
            (*before, option)
            for before, options in zip(found, there, strict=True)
            for option in (choice.options if options else (None,))
            if option is None or option in options
        )
        found = [way for way in longer if all(_meets(c, dict(zip(names, way, strict=True))) for c in ready)]
    return found


def _meets(condition: tree.Compare, made: Mapping[str, str | None]) -> bool:
    """Whether choices meet a condition: one of a choice that is not made says nothing."""
    if any(made[name] is None for name in _names(condition)):
        return True
    left, right = (_value(side, made) for side in (condition.left, condition.right))
    if is_number(left) != is_number(right):
        return condition.op == "!="
    return COMPARISON[condition.op](left, right)


def _value(side: tree.Expression, made: Mapping[str, str | None]) -> Value:
    """A number, or the text of an option without blanks."""
    if isinstance(side, tree.Name) and (text := made.get(side.id)) is not None:
        number = real(text)
        return "".join(text.split()) if number is None else number
    value = side.value if isinstance(side, tree.String) else evaluate(side)
    return value if is_number(value) else "".join(show_value(value).split())


def _merged(parts: list[tuple[tuple[str, ...], ...]]) -> list[tuple[tuple[str, ...], ...]]:
    """Fewer parts: those that differ in one choice are one, which keeps the options of all."""
    for i in reversed(range(len(parts[0]))):
        alike: dict[tuple[tuple[str, ...], ...], tuple[str, ...]] = {}
        for part in parts:
            others = (*part[:i], *part[i + 1 :])
            alike[others] = (*alike.get(others, ()), *part[i])
        parts = [(*others[:i], kept, *others[i:]) for others, kept in alike.items()]
    return parts


def keeps(part: Kept, made: Mapping[str, str | None]) -> bool:
    """Whether choices make a network of a part."""
    return all(made.get(name) in options for name, options in part.items())


def met(parts: Iterable[Kept], made: Mapping[str, str]) -> bool:
    """Whether choices make a network of one of the parts; those that they do not make are left out of account."""
    return any(keeps({name: options for name, options in part.items() if name in made}, made) for part in parts)


def narrowed(parts: Iterable[Kept], keep: Kept) -> tuple[Kept, ...]:
    """The parts of a space whose choices keep only some options; a choice with one option left is none."""
    found = []
    for part in parts:
        left = {name: tuple(o for o in options if o in keep.get(name, (o,))) for name, options in part.items()}
        if all(left.values()):
            found.append({name: options for name, options in left.items() if len(keep.get(name, ("", ""))) > 1})
    return tuple(found)


# ------------------------------------------------ limits on what every network may cost

COSTS = ("macs", "params")
LATENCIES = ("latency_cpu", "latency_gpu")
EXACT = frozenset(f"{cost}_{end}" for cost in COSTS for end in ("min", "max"))
QUANTITIES = (*COSTS, *LATENCIES)
"""What can be limited. A latency is measured, when a space is searched; the others are known from the text."""


@dataclass(frozen=True)
class Limit:
    """`macs <= 20G`: one quantity against a number; of a latency that is milliseconds."""

    quantity: str
    op: str
    value: int | float
    condition: tree.Compare

    def holds(self, amount: int) -> bool:
        return COMPARISON[self.op](amount, self.value)

    def check(
        self, cost: Cost, is_network: bool, at: Span | None = None, exact: Collection[str] = EXACT
    ) -> list[Diagnostic]:
        """An error when nothing from the least to the greatest cost meets the limit, a warning when everything does.

        `at`: the name of a network that must keep the limit of the space it lies in. `exact`: which ends of the cost
        (`macs_min`, ...) networks have; the others are bounds, which prove as much.
        """
        if self.quantity in LATENCIES:
            return []
        low, high = getattr(cost, f"{self.quantity}_min"), getattr(cost, f"{self.quantity}_max")
        text = print_inline(self.condition)
        ends = self.holds(low), self.holds(high)
        label = Label(self.condition.span)
        reach = f"{self.quantity} run from {low:,} to {high:,} over all its networks"
        if not {f"{self.quantity}_min", f"{self.quantity}_max"} <= set(exact):
            reach = f"{self.quantity} of all its networks lie between {low:,} and {high:,}, which are bounds"
        if is_network:
            message = f"the network breaks `{text}`: it has {low:,} {self.quantity}"
            if any(ends):
                return []
            if at is not None:
                return [
                    Diagnostic("E0505", message, Label(at), secondary=(Label(label.span, "the limit of its space"),))
                ]
            return [Diagnostic("E0505", message, label, help="raise the limit, or make the network cheaper")]
        if not any(ends):
            message = f"no network of the space meets `{text}`"
            upper = self.op in ("<", "<=")
            help = "raise the limit, or offer cheaper options" if upper else "lower the limit, or offer larger options"
            return [Diagnostic("E0505", message, label, notes=(reach,), help=help)]
        if all(ends):
            message = f"every network of the space meets `{text}`"
            help = "remove it, or make it tighter"
            return [Diagnostic("W0505", message, label, severity="warning", notes=(reach,), help=help)]
        return []


def read_limits(net: tree.Space | tree.Network) -> tuple[tuple[Limit, ...], tuple[Diagnostic, ...]]:
    """The limits of a space or network, and what is wrong with those that cannot be read."""
    limits: list[Limit] = []
    faults: list[Diagnostic] = []
    for statement in net.body:
        if isinstance(statement, tree.Require) and not is_constraint(statement.condition):
            try:
                limits.append(_limit(statement.condition))
            except VnsError as fault:
                faults += fault.diagnostics
    return tuple(limits), tuple(faults)


def _limit(condition: tree.Compare) -> Limit:
    left = condition.left
    if not isinstance(left, tree.Name):
        label, help = "expected `macs`, `params` or `latency_cpu`", "write it as `require macs <= 20G`"
        if isinstance(condition.right, tree.Name) and condition.right.id in QUANTITIES:
            op = condition.op.translate(str.maketrans("<>", "><"))
            help = f"write `{print_inline(replace(condition, left=condition.right, right=left, op=op))}`"
        raise error("E0506", "a limit begins with what it limits", left.span, label, help=help)
    if left.id not in QUANTITIES:
        more = guess(left.span, left.id, QUANTITIES, "limits can be put on `macs`, `params` and `latency_cpu`")
        raise error("E0506", f"unknown quantity `{left.id}`", left.span, **more)
    if condition.op in ("==", "!="):
        raise error("E0506", f"a limit cannot use `{condition.op}`", condition.span, help="use `<=` or `>=`")
    if left.id in LATENCIES:
        return Limit(left.id, condition.op, _milliseconds(condition.right), condition)
    return Limit(left.id, condition.op, number(condition.right), condition)


def _milliseconds(expression: tree.Expression) -> float:
    if not isinstance(expression, tree.Number) or not expression.unit:
        raise error("E0506", "a latency is a time", expression.span, help="write it as `require latency_cpu <= 40ms`")
    if not expression.value > 0:
        raise error("E0506", "a latency is more than nothing", expression.span, help="for instance `40ms`")
    return expression.value * 1000 if expression.unit == "s" else expression.value
