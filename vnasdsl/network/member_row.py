"""Proof that a row of layers lies in a space of such rows: it is read by the space as a pattern.

The network is a row of layers with known shapes. An element of the space, put at a place in that row, says at which
places it can end; what it can end at is worked out once for every element and place, so that the proof takes time in
the product of both sizes, whatever the size of the space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Span
from vnasdsl.layers.base import Applied, LayerError, Shape, Value
from vnasdsl.network.departure import one_of, other_stage, outside
from vnasdsl.space.elements import BodyLayer, Element, Group, LayerCall, LayerChoice, Repeat, Segment, join
from vnasdsl.space.shapes import Analysis
from vnasdsl.space.values import resolve_arguments


@dataclass(frozen=True)
class Token:
    """A layer of the network with the shape that enters it; a residual has the layers of its body inside."""

    element: LayerCall | BodyLayer
    shape: Shape
    site: Span
    inner: tuple[Token, ...] = ()
    after: Shape = ()
    """The shape that the body gives."""
    attributes: tuple[tuple[str, Value], ...] = ()


def tokens(element: Element, shape: Shape, analysis: Analysis, site: Span | None = None) -> tuple[list[Token], Shape]:
    """The layers of an element without choices, skips left out, and the shape after them."""
    match element:
        case LayerCall():
            after = analysis.apply(element, shape).output
            if element.layer.name == "skip":
                return [], after
            return [Token(element, shape, site or element.span)], after
        case BodyLayer():
            inner, after = tokens(element.body, shape, analysis, site or element.span)
            left = leaving(element, shape, after, analysis.classes)
            token = Token(element, shape, site or element.span, tuple(inner), after, left.attributes)
            return [token], left.output
        case Group() | Repeat():
            found = []
            called = isinstance(element, Group) and element.call is not None
            for item in element.items:
                more, shape = tokens(item, shape, analysis, site or (element.span if called else None))
                found += more
            return found, shape
    raise ValueError("a network has no choices")


def leaving(wrap: BodyLayer, before: Shape, after: Shape, classes: int) -> Applied:
    """A layer around a body that is given one shape and gives another. Raises: LayerError."""
    assert wrap.layer.body is not None
    return wrap.layer.body.leave(resolve_arguments(wrap.arguments, before), before, after, classes)


@dataclass
class RowMatcher:
    """Reads the elements of a space against one row of layers."""

    row: Sequence[Token]
    end_shape: Shape
    network: Analysis
    space: Analysis
    known: dict[tuple[int, int], frozenset[int]] = field(default_factory=dict)
    furthest: int = -1
    expected: list[str] = field(default_factory=list)
    _sites: list[tuple[int, str]] = field(default_factory=list)
    _bodies: dict[tuple[int, int], RowMatcher] = field(default_factory=dict)

    def ends(self, element: Element, start: int) -> frozenset[int]:
        """The places in the row where the element can end when it begins at `start`."""
        key = (id(element), start)
        if key not in self.known:
            self.known[key] = self._ends(element, start)
        return self.known[key]

    def _ends(self, element: Element, start: int) -> frozenset[int]:
        match element:
            case LayerCall():
                return self._layer(element, start)
            case BodyLayer():
                return self._wrap(element, start)
            case LayerChoice():
                return frozenset().union(*(self.ends(option.element, start) for option in element.options))
            case Group() | Repeat():
                called = isinstance(element, Group) and element.call is not None
                if called:
                    self._sites.append((start, print_inline(element.call)))  # type: ignore[union-attr, arg-type]
                places = self.follow(element.items, start)[-1]
                if called:
                    self._sites.pop()
                return places
        raise AssertionError("no row of layers")

    def follow(self, items: Sequence[Element], start: int) -> list[frozenset[int]]:
        """The places before the first item, between all items, and after the last."""
        places = [frozenset((start,))]
        for item in items:
            places.append(frozenset(end for place in places[-1] for end in self.ends(item, place)))
        return places

    def _layer(self, op: LayerCall, start: int) -> frozenset[int]:
        if op.layer.name == "skip":
            return frozenset((start,))
        if start < len(self.row):
            token = self.row[start]
            if isinstance(token.element, LayerCall) and token.element.layer is op.layer and self._alike(op, token):
                return frozenset((start + 1,))
        self._miss(start, print_inline(op.call))
        return frozenset()

    def _alike(self, op: LayerCall, token: Token) -> bool:
        assert isinstance(token.element, LayerCall)
        try:
            mine = self.space.apply(op, token.shape)
        except LayerError:
            return False
        return mine.attributes == self.network.apply(token.element, token.shape).attributes

    def _wrap(self, wrap: BodyLayer, start: int) -> frozenset[int]:
        if start < len(self.row):
            token = self.row[start]
            if isinstance(token.element, BodyLayer) and token.element.layer is wrap.layer and self._around(wrap, token):
                body = self.body(wrap, start)
                if len(token.inner) in body.ends(wrap.body, 0):
                    return frozenset((start + 1,))
        self._miss(start, wrap.layer.name)
        return frozenset()

    def _around(self, wrap: BodyLayer, token: Token) -> bool:
        try:
            return leaving(wrap, token.shape, token.after, self.space.classes).attributes == token.attributes
        except LayerError:
            return False

    def body(self, wrap: BodyLayer, start: int) -> RowMatcher:
        key = (id(wrap), start)
        if key not in self._bodies:
            token = self.row[start]
            self._bodies[key] = RowMatcher(token.inner, token.shape, self.network, self.space)
        return self._bodies[key]

    def _miss(self, place: int, text: str) -> None:
        """Remember what could have stood at the furthest place that was reached."""
        outer = next((site for begun, site in self._sites if begun == place), text)
        if place > self.furthest:
            self.furthest, self.expected = place, []
        if place == self.furthest and outer not in self.expected:
            self.expected.append(outer)

    def trace(self, element: Element, path: str, start: int, end: int) -> list[tuple[str, str]]:
        """The choices by which an element goes from one place to another; copies are taken as early as possible."""
        here = join(path, element.label)
        match element:
            case LayerCall():
                return []
            case BodyLayer():
                token = self.row[start]
                return self.body(element, start).trace(element.body, here, 0, len(token.inner))
            case LayerChoice():
                for option in element.options:
                    if end in self.ends(option.element, start):
                        rest = self.trace(option.element, here, start, end)
                        return [(join(here, element.key), option.text), *rest]
                raise AssertionError("no option leads there")
            case Group() | Repeat():
                places = self.follow(element.items, start)
                made: list[list[tuple[str, str]]] = []
                for i in reversed(range(len(element.items))):
                    item = element.items[i]
                    before = max(place for place in places[i] if end in self.ends(item, place))
                    where = f"{here}[{i}]" if isinstance(element, Repeat) else here
                    made.append(self.trace(item, where, before, end))
                    end = before
                return [pair for part in reversed(made) for pair in part]
        raise AssertionError("no row of layers")


def prove_row(
    network: tuple[Segment, ...],
    space: tuple[Segment, ...],
    shape: Shape,
    net_analysis: Analysis,
    space_analysis: Analysis,
    claim: tree.Name,
    net_name: str,
) -> dict[str, str]:
    """The choices of the space that make the network. Raises: VnsError E0601 at the first line that leaves it."""
    choices: dict[str, str] = {}
    i = j = 0
    while i < len(network) or j < len(space):
        mine = network[i] if i < len(network) else None
        theirs = space[j] if j < len(space) else None
        row, after = tokens(mine.body, shape, net_analysis) if mine is not None else ([], shape)
        if mine is not None and theirs is not None and mine.name == theirs.name:
            i, j = i + 1, j + 1
        elif theirs is not None and not theirs.name and _may_vanish(theirs, shape, net_analysis, space_analysis):
            mine, row, after, j = _nothing(claim), [], shape, j + 1
        elif mine is not None and not mine.name and not row:
            theirs, i = _nothing(claim), i + 1
        else:
            raise other_stage(mine, theirs, claim, net_name)
        matcher = RowMatcher(row, after, net_analysis, space_analysis)
        if len(row) not in matcher.ends(theirs.body, 0):
            raise _leaves(matcher, mine, theirs, claim)
        choices.update(matcher.trace(theirs.body, "", 0, len(row)))
        shape = after
    return choices


def _nothing(claim: tree.Name) -> Segment:
    """No lines outside of a stage, where the other text has some that do nothing."""
    return Segment("", Group("", (), claim.span))


def _may_vanish(segment: Segment, shape: Shape, network: Analysis, space: Analysis) -> bool:
    return 0 in RowMatcher([], shape, network, space).ends(segment.body, 0)


def _leaves(matcher: RowMatcher, mine: Segment, theirs: Segment, claim: tree.Name) -> VnsError:
    complete = matcher.ends(theirs.body, 0)
    place = max([matcher.furthest, *complete])
    expected = [f"`{text}`" for text in matcher.expected] if place == matcher.furthest else []
    if place in complete:
        expected.append("the end of the stage" if mine.name else "the end")
    where = f"stage `{mine.name}` of space `{claim.id}`" if mine.name else f"space `{claim.id}`"
    help = one_of(expected)
    if place >= len(matcher.row):
        return outside(f"{where} goes on behind this", _last(mine), claim, help, "ends too early here")
    token = matcher.row[place]
    text = " ".join(token.site.text.split())
    return outside(f"`{text}` leaves {where}", token.site, claim, help)


def _last(segment: Segment) -> Span:
    return segment.body.items[-1].span if segment.body.items else segment.body.span
