"""Hard limits: what a network costs, and the first limit that it breaks, found before it is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import UserError, VnsError, error
from vnasdsl.language.printer import print_inline
from vnasdsl.space.limits import Limit
from vnasdsl.space.values import COMPARISON
from vnasdsl.train.recipes import Limits, Score, SearchRecipe

if TYPE_CHECKING:
    from vnasdsl.elaborate import Space
    from vnasdsl.language.source import Span

QUANTITIES = ("params", "macs", "latency_cpu", "latency_gpu")
"""Cheap ones first: a latency is measured only of a network that keeps the others."""

Measure = Callable[["Space", str], Mapping[str, Any]]
"""From a network and "cpu" or "gpu" to what was measured; `ms` is the median of one clip in milliseconds."""


@dataclass(frozen=True)
class Bound:
    """`params <= 30M`: of the recipe, or of a `require` line of the space (then with its place)."""

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
    """What a network costs, as far as it was looked at."""

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
    """The limits of a search, and how near drawn networks came to those they broke."""

    def __init__(self, space: Space, recipe: SearchRecipe, measure: Measure):
        self.bounds = sorted(
            (*_of_space(space), *_of_recipe(recipe.limits)), key=lambda bound: QUANTITIES.index(bound.quantity)
        )
        objective = recipe.objective
        self._also = objective.cost if isinstance(objective, Score) and objective.cost.startswith("latency") else None
        self._measure = measure
        self.nearest: dict[str, float] = {}
        """By the text of a limit: the amount that came nearest to it among the networks that broke it."""

    def require_reachable(self, space: Space) -> None:
        """Raises: VnsError, UserError for a limit on parameters or MACs that no network of the space meets.

        What only drawing can tell (a latency, costs that are not worked out or are bounds) is left to `give_up`.
        """
        for bound in self.bounds if space.costed else ():
            if bound.quantity not in ("macs", "params"):
                continue
            low, high = getattr(space, bound.quantity)
            end, amount = ("least", low) if bound.is_upper else ("most", high)
            if bound.holds(amount):
                continue
            exact = f"{bound.quantity}_{'min' if bound.is_upper else 'max'}" in space.exact_ends
            reach = f"the {end} reachable is {amount:,}"
            if not exact:
                reach = f"every one has {amount:,} or {'more' if bound.is_upper else 'less'}"
            raise _unmet(bound, f"no network of `{space.name}` meets `{bound.text}`: {reach}")

    def broken(self, network: Space) -> tuple[Costs, Bound | None]:
        """What a network costs, and the first limit that it breaks."""
        costs = Costs(network.macs[0], network.params[0])
        for bound in self.bounds:
            amount = self._amount(network, costs, bound.quantity)
            if not bound.holds(amount):
                self.missed(bound.text, costs)
                return costs, bound
        if self._also is not None:
            self._amount(network, costs, self._also)
        return costs, None

    def missed(self, text: str, costs: Costs) -> None:
        """Keep in mind how near a network came to a limit that it breaks."""
        for bound in self.bounds:
            amount = costs.of(bound.quantity) if bound.text == text else None
            if amount is not None:
                better = min if bound.is_upper else max
                self.nearest[text] = better(self.nearest.get(text, amount), amount)

    def _amount(self, network: Space, costs: Costs, quantity: str) -> float:
        amount = costs.of(quantity)
        if amount is None:
            costs.latency[quantity] = dict(self._measure(network, quantity.removeprefix("latency_")))
            amount = costs.of(quantity)
        assert amount is not None
        return amount

    def give_up(self, space: Space, draws: int, counts: Mapping[str, int]) -> UserError:
        """What to say when none of so many draws met all limits. counts: draws that broke each limit."""
        parts = []
        for bound in self.bounds:
            if counts.get(bound.text):
                end = "smallest" if bound.is_upper else "largest"
                nearest = amount_text(bound.quantity, self.nearest[bound.text]) if bound.text in self.nearest else "?"
                parts.append(f"{counts[bound.text]:,} broke `{bound.text}` (the {end} found has {nearest})")
        others = sum(counts.values()) - sum(counts.get(bound.text, 0) for bound in self.bounds)
        if others:
            parts.append(f"{others:,} did not fit together")
        return UserError(
            f"none of {draws:,} networks drawn from `{space.name}` meets the limits: {'; '.join(parts)}",
            "raise the limit, or offer cheaper options",
        )


def amount_text(quantity: str, amount: float) -> str:
    """`3,027`, `12.4 ms`."""
    return f"{amount:.3g} ms" if quantity.startswith("latency") else f"{amount:,.0f}"


def _of_space(space: Space) -> list[Bound]:
    return [
        Bound(limit.quantity, limit.op, _amount_of(limit), print_inline(limit.condition), limit.condition.span)
        for limit in space.limits
    ]


def _amount_of(limit: Limit) -> float:
    """The number of a limit; of a latency in milliseconds."""
    right = limit.condition.right
    seconds = isinstance(right, tree.Number) and right.unit == "s"
    return right.value * 1000 if isinstance(right, tree.Number) and seconds else limit.value


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
