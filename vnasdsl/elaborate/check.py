"""What is wrong with a space or network beyond its single lines."""

from __future__ import annotations

from collections.abc import Iterator
from math import log2, log10
from random import Random
from typing import TYPE_CHECKING

from vnasdsl.language.diagnostics import Diagnostic, Label, UserError, VnsError
from vnasdsl.layers.base import Shape, show_shape
from vnasdsl.space.counting import CannotCountError
from vnasdsl.space.reads import all_reads, unread

if TYPE_CHECKING:
    from vnasdsl.elaborate.space import Space

TRIED = 24
"""Networks that are drawn to see whether a fault is real."""
MOST_NETWORKS = 10**4000
"""Numbers are shown with all their digits, and Python writes no more than 4300 of them."""


def check(space: Space, relaxed: bool, proofs: bool) -> list[Diagnostic]:
    """Every fault of shape and limit. With `proofs` also whether a network lies in the space that it claims, and with
    `relaxed` what stands in the way of a supernet. Errors come with severity "error"."""
    _ = space.ways  # the walk over all networks finds the faults of shape
    found = [*space.faults, *space.analysis.diagnostics]
    if any(d.severity == "error" for d in found) or space.analysis.unread:
        return found
    found += unread(space.segments)
    found += _unread_inputs(space)
    if not space.costed:  # costs are not computed: can some network of it be built?
        return [*found, *faults_of_some(space, 1), *(_not_relaxed(space) if relaxed and proofs else [])]
    if _has_too_many(space):
        message = f"`{space.name}` has more than 10^{len(str(MOST_NETWORKS)) - 1} networks"
        return [*found, Diagnostic("E0502", message, Label(space.syntax.name_span), help="use fewer copies")]
    network = space.kind == "network"
    for limit in space.limits:
        found += limit.check(space.cost, network, exact=space.exact_ends)
    if network and space.claim:
        for limit in space.claim.limits:
            found += limit.check(space.cost, network, space.syntax.name_span)
    if proofs and network:
        try:
            space.claimed_choices()
        except VnsError as fault:
            found += fault.diagnostics
    elif proofs and relaxed:
        found += _not_relaxed(space)
    return found


def _has_too_many(space: Space) -> bool:
    """Whether there are more than `MOST_NETWORKS`; they are counted only where there can be so many."""
    at_most = sum(len(c.options) if c.is_subset else log2(max(1, len(c.options))) for c in space.choices)
    if at_most * log10(2) <= log10(MOST_NETWORKS):
        return False
    try:
        return (space.size or 0) > MOST_NETWORKS
    except CannotCountError:
        return False


def faults_of_some(space: Space, tried: int = TRIED) -> list[Diagnostic]:
    """What is wrong with one of a few networks, where it is not sure that any network has the faults found."""
    random = Random(0)
    for _ in range(tried):
        try:
            space.choose(space.complete({}, random))
        except UserError:
            continue
        except VnsError as fault:
            return list(fault.diagnostics)
    return []


def _not_relaxed(space: Space) -> list[Diagnostic]:
    try:
        _ = space.plan
    except VnsError as fault:
        return list(fault.diagnostics)
    return []


def _unread_inputs(space: Space) -> Iterator[Diagnostic]:
    """A warning for every input but the first that no line reads."""
    used = all_reads(segment.body for segment in space.segments)
    for one in space.inputs.each[1:]:
        if one.given.name not in used:
            message = f"nothing reads the input `{one.given.name}`"
            help = "read it by its name, or remove it: it would be loaded for nothing"
            yield Diagnostic("W0209", message, Label(one.line.name_span), "warning", help=help)


def report_wrong_end(space: Space, shape: Shape) -> None:
    """Says that networks do not end with one number for each class."""
    items = [item for segment in space.segments for item in segment.body.items]
    last = items[-1].span if items else space.syntax.name_span
    ends = f"a map of {show_shape(shape)}" if len(shape) == 4 else f"{shape[0]:,} numbers"
    message = f"`{space.name}` ends in {ends}, expected one number for each of {space.input.classes:,} classes"
    help = f"end it with `{'pool -> ' if len(shape) == 4 else ''}linear(classes)`"
    space.analysis.report("E0405", message, last, last, help=help)
