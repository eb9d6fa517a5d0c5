"""Hard limits: what a network costs, and the first limit it breaks, found before it is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from vnasdsl.elaborate import Space
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import UserError, VnsError, error
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Span
from vnasdsl.network.graph import NetworkGraph
from vnasdsl.searching.evolve.history import Record
from vnasdsl.space.requirements import Limit
from vnasdsl.space.values import COMPARISON
from vnasdsl.train.recipe_parts import Limits, Score
from vnasdsl.train.recipes import RankedRecipe

QUANTITIES = ("params", "macs", "latency_cpu", "latency_gpu")
"""Cheap ones first: latency is measured only of a network that keeps the other limits."""

Measure = Callable[[Space, str], Mapping[str, Any]]
"""From a network and "cpu" or "gpu" to what was measured; `ms` is the median of one clip in milliseconds."""


@dataclass(frozen=True)
class Candidate:
    """A network that may be trained. Its properties raise UserError or VnsError where the choices do not fit."""

    space: Space
    choices: dict[str, str]

    @cached_property
    def graph(self) -> NetworkGraph:
        return self.space.choose(self.choices)

    @cached_property
    def network(self) -> Space:
        return self.space.network(self.choices)

    @property
    def fingerprint(self) -> str:
        """Equal for equal networks; the parameters distinguish a layer that is read twice from two equal ones."""
        return f"{self.graph.fingerprint}:{self.graph.params}"


@dataclass(frozen=True)
class Bound:
    """`params <= 30M`, of the recipe or of a `require` line of the space (then with its span)."""

    quantity: str
    op: str
    value: float
    text: str
    span: Span | None = None

    def holds(self, amount: float) -> bool:
        return bool(COMPARISON[self.op](amount, self.value))

    @property
    def is_upper(self) -> bool:
        return self.op in ("<", "<=")


@dataclass
class Costs:
    """What a network costs, as far as it is known."""

    macs: int
    params: int
    latency: dict[str, Any] = field(default_factory=dict)

    def of(self, quantity: str) -> float | None:
        """MACs, parameters, or milliseconds."""
        if quantity in ("macs", "params"):
            return float(getattr(self, quantity))
        measured = self.latency.get(quantity)
        return None if measured is None else float(measured["ms"])


class Bounds:
    """The limits of a search."""

    def __init__(self, space: Space, recipe: RankedRecipe, measure: Measure):
        found = (*map(_of_require, space.limits), *_of_recipe(recipe.limits))
        self.bounds = sorted(found, key=lambda bound: QUANTITIES.index(bound.quantity))
        self.space = space
        objective = recipe.objective
        self._objective = objective.cost if isinstance(objective, Score) else None
        self._measure = measure

    @property
    def quantities(self) -> set[str]:
        """What has to be known of a network: for the limits and for the objective."""
        return {bound.quantity for bound in self.bounds} | ({self._objective} if self._objective else set())

    def require_reachable(self) -> None:
        """Raises: VnsError, UserError for a limit on parameters or MACs that no network of the space meets.

        Limits on latency, and on costs of which only bounds are known, show when networks are drawn: see `give_up`.
        """
        space = self.space
        for bound in self.bounds if space.costed else ():
            if bound.quantity not in ("macs", "params"):
                continue
            least, most = getattr(space, bound.quantity)
            end, amount, word = ("min", least, "more") if bound.is_upper else ("max", most, "less")
            if bound.holds(amount):
                continue
            exact = f"{bound.quantity}_{end}" in space.exact_ends
            reach = (
                f"the {'smallest' if bound.is_upper else 'largest'} has {amount:,}"
                if exact
                else f"every network has {amount:,} or {word}"
            )
            raise _unmet(bound, f"no network of `{space.name}` meets `{bound.text}`: {reach}")

    def broken(self, candidate: Candidate) -> tuple[Costs, Bound | None]:
        """What a network costs, and the first limit it breaks."""
        costs = Costs(candidate.graph.macs, candidate.graph.params)
        for bound in self.bounds:
            if not bound.holds(self._amount(candidate, costs, bound.quantity)):
                return costs, bound
        if self._objective is not None:
            self._amount(candidate, costs, self._objective)
        return costs, None

    def excess(self, candidate: Candidate) -> float:
        """By how much a network breaks the limits on MACs and parameters: the sum over them, relative to each."""
        exceeded = 0.0
        for bound in self.bounds:
            if bound.quantity in ("macs", "params"):
                amount = float(getattr(candidate.graph, bound.quantity))
                if not bound.holds(amount):
                    exceeded += max(abs(amount - bound.value), 1.0) / max(abs(bound.value), 1.0)
        return exceeded

    def _amount(self, candidate: Candidate, costs: Costs, quantity: str) -> float:
        amount = costs.of(quantity)
        if amount is None:
            costs.latency[quantity] = dict(self._measure(candidate.network, quantity.removeprefix("latency_")))
            amount = costs.of(quantity)
        assert amount is not None
        return amount

    def give_up(self, dropped: Sequence[Record]) -> UserError:
        """The error when no network that was drawn meets all limits."""
        parts = []
        for bound in self.bounds:
            broke = [record for record in dropped if record.limit == bound.text]
            amounts = [Costs(r.macs or 0, r.params or 0, r.latency).of(bound.quantity) or 0.0 for r in broke]
            if broke:
                end, best = ("smallest", min(amounts)) if bound.is_upper else ("largest", max(amounts))
                found = f"the {end} found has {_amount_text(bound.quantity, best)}"
                parts.append(f"{len(broke):,} broke `{bound.text}` ({found})")
        texts = {bound.text for bound in self.bounds}
        others = sum(record.limit not in texts for record in dropped)
        if others:
            parts.append(f"{others:,} did not fit together")
        return UserError(
            f"none of {len(dropped):,} networks drawn from `{self.space.name}` meets the limits: {'; '.join(parts)}",
            "raise the limit, or offer cheaper options",
        )


def _amount_text(quantity: str, amount: float) -> str:
    """`3,027`, `12.4 ms`."""
    return f"{amount:.3g} ms" if quantity.startswith("latency") else f"{amount:,.0f}"


def _of_require(limit: Limit) -> Bound:
    right = limit.condition.right
    in_seconds = isinstance(right, tree.Number) and right.unit == "s"
    value = right.value * 1000 if isinstance(right, tree.Number) and in_seconds else limit.value
    return Bound(limit.quantity, limit.op, value, print_inline(limit.condition), limit.condition.span)


def _of_recipe(limits: Limits) -> list[Bound]:
    found = []
    for quantity in QUANTITIES:
        value = getattr(limits, quantity)
        if value is not None:
            shown = f"{value:g}ms" if quantity.startswith("latency") else _digits(value)
            found.append(Bound(quantity, "<=", value, f"{quantity} <= {shown}"))
    return found


def _digits(value: float) -> str:
    """`30M`, `3000`."""
    for unit, factor in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("K", 1e3)):
        if value >= factor and (short := f"{value / factor:g}") and float(short) * factor == value:
            return f"{short}{unit}"
    return f"{value:.12g}"


def _unmet(bound: Bound, message: str) -> VnsError | UserError:
    if bound.span is None:
        return UserError(message, f"raise `limits.{bound.quantity}`, or offer cheaper options")
    help = "raise the limit, or offer cheaper options" if bound.is_upper else "lower the limit, or offer larger options"
    return error("E0505", message, bound.span, help=help)
