"""Where a network leaves the space it claims to lie in, as a fault to be shown."""

from __future__ import annotations

from collections.abc import Sequence

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError
from vnasdsl.language.source import Span
from vnasdsl.space.elements import Segment


def other_stage(mine: Segment | None, theirs: Segment | None, claim: tree.Name, net_name: str) -> VnsError:
    """The network goes on with another stage than the space, or one of the two ends."""

    def describe(segment: Segment) -> str:
        return f"stage `{segment.name}`" if segment.name else "the lines outside of a stage"

    if mine is None:
        assert theirs is not None
        missing = f"{describe(theirs)} {'is' if theirs.name else 'are'} missing"
        return outside(f"`{net_name}` is not in space `{claim.id}`: {missing}", claim.span, claim, None)
    help = f"expected {describe(theirs)} here" if theirs is not None else f"`{claim.id}` ends before it"
    span = mine.body.span.first(len(f"stage {mine.name}")) if mine.name else mine.body.span
    return outside(f"{describe(mine)} {'leaves' if mine.name else 'leave'} space `{claim.id}`", span, claim, help)


MOST_NAMED = 8
"""Layers that could have stood there which are named; of more, the rest is counted."""


def one_of(expected: Sequence[str]) -> str:
    """A help that names what could have stood there."""
    if len(expected) > MOST_NAMED:
        return f"expected {', '.join(expected[: MOST_NAMED - 1])} or {len(expected) - MOST_NAMED + 1} others"
    return f"expected {', '.join(expected[:-1])}{' or ' if len(expected) > 1 else ''}{expected[-1]}"


def outside(
    message: str, span: Span, claim: tree.Name, help: str | None, label: str = "leaves the space here"
) -> VnsError:
    if span == claim.span:
        return VnsError(Diagnostic("E0601", message, Label(span, "claimed here"), help=help))
    once = (Label(claim.span, "claimed here"),)
    return VnsError(Diagnostic("E0601", message, Label(span, label), secondary=once, help=help))
