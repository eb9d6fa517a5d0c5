"""`require` lines: limits on what every network of a space may cost."""

from __future__ import annotations

from dataclasses import dataclass

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError, did_you_mean, error
from vnasdsl.language.printer import print_inline
from vnasdsl.space.shapes import Cost
from vnasdsl.space.values import COMPARISON, number, unsupported

QUANTITIES = ("macs", "params")


@dataclass(frozen=True)
class Limit:
    """`macs <= 20G`: one quantity against a number."""

    quantity: str
    op: str
    value: int | float
    condition: tree.Compare

    def holds(self, amount: int) -> bool:
        return COMPARISON[self.op](amount, self.value)

    def check(self, cost: Cost, is_network: bool) -> list[Diagnostic]:
        """An error when nothing from the least to the greatest cost meets the limit, a warning when everything does."""
        low, high = getattr(cost, f"{self.quantity}_min"), getattr(cost, f"{self.quantity}_max")
        text = print_inline(self.condition)
        possible, always = {
            "<": (low < self.value, high < self.value),
            "<=": (low <= self.value, high <= self.value),
            ">": (high > self.value, low > self.value),
            ">=": (high >= self.value, low >= self.value),
        }[self.op]
        label = Label(self.condition.span)
        if is_network:
            message = f"the network breaks `{text}`: it has {low} {self.quantity}"
            return [] if possible else [Diagnostic("E0505", message, label)]
        if not possible:
            message = f"no network of the space meets `{text}`"
            reach = f"{self.quantity} run from {low} to {high}"
            return [Diagnostic("E0505", message, label, notes=(reach,), help="raise the limit, or widen the choices")]
        if always:
            message = f"every network of the space meets `{text}`"
            note = f"{self.quantity} run from {low} to {high}"
            return [Diagnostic("W0505", message, label, severity="warning", notes=(note,))]
        return []


def read_limits(net: tree.Space | tree.Network) -> tuple[tuple[Limit, ...], tuple[Diagnostic, ...]]:
    """The limits of a space or network, and what is wrong with those that cannot be read."""
    limits: list[Limit] = []
    faults: list[Diagnostic] = []
    for statement in net.body:
        if isinstance(statement, tree.Require):
            try:
                limits.append(_limit(statement.condition))
            except VnsError as fault:
                faults += fault.diagnostics
    return tuple(limits), tuple(faults)


def _limit(condition: tree.Compare) -> Limit:
    left = condition.left
    if not isinstance(left, tree.Name):
        raise error("E0302", "a limit begins with what it limits", left.span, help="write `require macs <= 20G`")
    if left.id not in QUANTITIES:
        if left.id.startswith("latency"):
            raise unsupported("a limit on latency", left.span)
        help = did_you_mean(left.id, QUANTITIES) or "limits can be put on `macs` and `params`"
        raise error("E0202", f"unknown quantity `{left.id}`", left.span, help=help)
    if condition.op in ("==", "!="):
        raise error("E0302", f"a limit cannot use `{condition.op}`", condition.span, help="use `<=` or `>=`")
    return Limit(left.id, condition.op, number(condition.right), condition)
