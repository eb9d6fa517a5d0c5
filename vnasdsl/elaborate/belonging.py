"""Whether a network lies in a space, and what to say where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from vnasdsl.elaborate.drawing import in_order
from vnasdsl.elaborate.inputs import Input, OpenInput, shapes_of
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError
from vnasdsl.language.source import Span
from vnasdsl.network.membership import prove
from vnasdsl.space.constraints import conditions_of, met
from vnasdsl.space.parts import has_poison

if TYPE_CHECKING:
    from vnasdsl.elaborate.space import Space


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
