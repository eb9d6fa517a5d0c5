"""`require` lines: limits on what every network of a space may cost."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError, error, guess
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Span
from vnasdsl.space.constraints import is_constraint
from vnasdsl.space.costs import Cost
from vnasdsl.space.values import COMPARISON, number

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
        possible, always = {
            "<": (low < self.value, high < self.value),
            "<=": (low <= self.value, high <= self.value),
            ">": (high > self.value, low > self.value),
            ">=": (high >= self.value, low >= self.value),
        }[self.op]
        label = Label(self.condition.span)
        reach = f"{self.quantity} run from {low:,} to {high:,} over all its networks"
        if not {f"{self.quantity}_min", f"{self.quantity}_max"} <= set(exact):
            reach = f"{self.quantity} of all its networks lie between {low:,} and {high:,}, which are bounds"
        if is_network:
            message = f"the network breaks `{text}`: it has {low:,} {self.quantity}"
            if possible:
                return []
            if at is not None:
                return [
                    Diagnostic("E0505", message, Label(at), secondary=(Label(label.span, "the limit of its space"),))
                ]
            return [Diagnostic("E0505", message, label, help="raise the limit, or make the network cheaper")]
        if not possible:
            message = f"no network of the space meets `{text}`"
            help = (
                "raise the limit, or offer cheaper options"
                if self.op in ("<", "<=")
                else "lower the limit, or offer larger options"
            )
            return [Diagnostic("E0505", message, label, notes=(reach,), help=help)]
        if always:
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
        swapped = isinstance(condition.right, tree.Name) and condition.right.id in QUANTITIES
        raise error(
            "E0506",
            "a limit begins with what it limits",
            left.span,
            "expected `macs`, `params` or `latency_cpu`",
            help=f"write `{print_inline(_swapped(condition))}`" if swapped else "write it as `require macs <= 20G`",
        )
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


def _swapped(condition: tree.Compare) -> tree.Compare:
    turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
    return replace(condition, left=condition.right, right=condition.left, op=turned.get(condition.op, condition.op))
