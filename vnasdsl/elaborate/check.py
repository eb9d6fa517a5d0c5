"""What is wrong with a space or network beyond its single lines, and whether a network lies in a space."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING

from vnasdsl.elaborate.drawing import in_order
from vnasdsl.elaborate.inputs import Input, OpenInput, shapes_of
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, UserError, VnsError
from vnasdsl.language.source import Span
from vnasdsl.layers.base import Shape, show_shape
from vnasdsl.network.membership import prove
from vnasdsl.space.counting import CannotCountError
from vnasdsl.space.parts import has_poison
from vnasdsl.space.reads import all_reads, unread
from vnasdsl.space.requirements import conditions_of, met
from vnasdsl.space.ways import GOALS, Goal

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
    with suppress(CannotCountError):
        if (space.size or 0) > MOST_NETWORKS:
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


# ------------------------------------------------ which ends of the costs a network has
# Costs are bounds where the walk looks at more than there is: uses of a tied block as if each made choices of its own,
# lines that some networks leave out. The network that has the bound, if there is one, proves that it is exact.


def exact_ends(space: Space) -> frozenset[Goal]:
    """The ends of the costs that a network has; of the others it is only known that no network is beyond them."""
    found = set()
    for goal in GOALS:
        made, sure = space.cheapest(goal)
        if not sure:
            try:
                found_cost = space.price(space.complete(made, Random(0)))
                sure = getattr(found_cost, goal) == getattr(space.cost, goal)
            except (UserError, VnsError):
                continue
        if sure:
            found.add(goal)
    return frozenset(found)


# ---------------------------------------------------- whether a network lies in a space


def choices_in(network: Space, space: Space) -> dict[str, str]:
    """The choices of a space that make a network. Raises: VnsError E0601."""
    span = getattr(network.syntax, "space", None) or tree.Name(space.name, span=network.syntax.name_span)
    _ = network.cost
    if space.faults or any(has_poison(segment.body) for segment in space.segments):
        raise VnsError(())  # a line of the space is faulty, which is reported there
    made = space.inputs.choices_of(network.inputs.given)
    if made is None:
        raise VnsError(wrong_input(network, space, span.span))
    given = shapes_of(space.inputs.closed(made))
    found = {**made, **prove(network.graph, space.segments, given, space.rules, span)}
    if not space.parts or met(space.parts, found):
        return found
    for fixed, case in space.cases:  # there may be other choices that make it
        with suppress(VnsError):
            return in_order(space, {**fixed, **choices_in(network, case)})
    values = " and ".join(f"{name}={found[name]}" for name in space.parts[0] if name in found)
    message = f"`{network.name}` breaks a condition of space `{space.name}`: it has {values}"
    required = [Label(condition.span, "the space") for condition in conditions_of(space.syntax)]
    raise VnsError(Diagnostic("E0601", message, Label(span.span, "claimed here"), secondary=tuple(required)))


def wrong_input(network: Space, space: Space, span: Span) -> Diagnostic:
    """What to say about a network whose input is not that of the space it claims."""
    claimed = (Label(span, "claimed here"),)
    mine, theirs = network.inputs.each, space.inputs.each
    if len(mine) != len(theirs):
        message = f"`{network.name}` has {len(mine)} inputs, and space `{space.name}` has {len(theirs)}"
        return Diagnostic("E0601", message, Label(mine[-1].line.value.span), secondary=claimed)
    one, other = next((a, b) for a, b in zip(mine, theirs, strict=True) if not b.allows(a.given))
    which = f"the input `{one.given.name}`" if len(mine) > 1 else "the input"
    message = f"{which} of `{network.name}` is not that of space `{space.name}`"
    why = "; ".join(_differences(one.given, other))
    return Diagnostic("E0601", message, Label(one.line.value.span, why), secondary=claimed)


def _differences(given: Input, space: OpenInput) -> Iterator[str]:
    if given.kind != space.given.kind:
        yield f"it is `{given.kind}` and not `{space.given.kind}`"
        return
    own = OpenInput(space.line, given)
    for name in given.parameters:
        if getattr(given, name) not in space.options(name):
            yield f"{name} is {own.options_text(name)} and not {space.options_text(name)}"
