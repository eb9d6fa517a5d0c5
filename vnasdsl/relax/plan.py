"""How a space is laid out for the gradient: stages with states, a head for every pair of states, mixtures inside.

A choice in the first line of a stage that changes the shape makes the states of that stage (Zhou et al. 2021, section
3.1: the head layer); every other choice must keep the shape and becomes a weighted mixture (section 3.2). A stage
without such a choice is one state where all states before it lead to one shape; where they do not, or where lines
before it are read by name, it runs inside each of them. Lines outside of stages run inside each state of the stage
before them; a space without stages is one state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from vnasdsl.language.diagnostics import VnsError, error
from vnasdsl.layers.base import Shape, show_shape
from vnasdsl.relax.relax import Relaxer, Surroundings, not_relaxed
from vnasdsl.space.counting import Counts
from vnasdsl.space.elements import BodyLayer, Element, Group, Many, Repeat, Segment, label_text, unique
from vnasdsl.space.evaluate import Walk
from vnasdsl.space.parts import children, choices, has_choices
from vnasdsl.space.reads import reads
from vnasdsl.space.restrict import restrict
from vnasdsl.space.shapes import Analysis
from vnasdsl.space.states import UNKNOWN, Flow, TensorList
from vnasdsl.space.ways import either, listed

TAIL = "tail"
"""The name, inside a state, of lines that stand outside of stages."""
Given: TypeAlias = tuple[tuple[str, Shape], ...]
MOST_STATES = 64
"""States of one stage: a supernet holds a head for every pair of states of neighbouring stages."""
MOST_PARTS = 12_000
"""Layers and choices of a supernet: writing the code of each takes a tenth of a millisecond."""


@dataclass(frozen=True, eq=False)
class Head:
    """The first line of a stage for one state, at the shape of one state of the stage before."""

    source: str
    """The label of the state it comes from; the input's name for the first stage."""
    elements: tuple[Element, ...]
    input: Shape
    macs: int
    params: int


@dataclass(frozen=True, eq=False)
class Piece:
    """Lines that run inside a state: the rest of its own stage, or of a later one that makes no states."""

    segment: str
    place: str
    """The name of the part of the state that the lines are; empty for the stage's own, which are the state itself."""
    lines: tuple[tuple[Element, ...], ...]
    input: Shape
    names: tuple[str, ...] = ()
    """For each line the name that it is read by, or nothing; empty when no line has one."""
    before: str = ""
    """The name of the line before them, which the state begins with."""

    @property
    def elements(self) -> tuple[Element, ...]:
        return tuple(element for line in self.lines for element in line)


@dataclass(frozen=True, eq=False)
class PlanState:
    label: str
    """`channels=72`; empty when the stage has one state and nothing was chosen."""
    choices: tuple[tuple[str, str], ...]
    heads: tuple[Head, ...]
    pieces: tuple[Piece, ...]
    shape: Shape
    """What leaves the state, after its pieces."""
    head_shape: Shape
    """What leaves its heads: one shape, whatever state they come from."""


@dataclass(frozen=True, eq=False)
class PlanStage:
    name: str
    head: str
    """The label of the first line, by which its weights are named."""
    states: tuple[PlanState, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    stages: tuple[PlanStage, ...]


def _one_shape(shapes: set[Shape]) -> str:
    """What to do where the states before a stage do not lead to one shape."""
    if len({shape[0] for shape in shapes}) > 1:
        return "begin the stage with a line that sets the channels"
    return "the stage before leaves several sizes: let every option of its first line have the same stride"


def make_plan(segments: tuple[Segment, ...], given: Given, analysis: Analysis) -> Plan:
    """given: the inputs and their shapes.

    Raises: VnsError E0501 for a choice that changes the shape where it may not, E0502 for a supernet that is too
    large, E0508 for too many states, E0510 for what has no mixture."""
    names = {segment.name for segment in segments}
    builder = _Builder(analysis, unique(given[0][0], names), given)
    for segment, needed in zip(segments, _needed(segments), strict=True):
        builder.add(segment, needed)
    plan = builder.plan()
    sizes: dict[int, int] = {}
    total = 0
    for stage in plan.stages:
        for state in stage.states:
            for piece in state.pieces:
                total += sum(_size(element, sizes) for element in piece.elements)
        if total > MOST_PARTS:
            spans = [
                item.span for segment in segments if segment.name in ("", stage.name) for item in segment.body.items
            ]
            message = f"up to here a supernet has more than {MOST_PARTS:,} layers and choices"
            help = "it has the layers of every option, those of every number of copies for itself: offer fewer"
            raise error("E0502", message, spans[-1], help=help)
    return plan


def _size(element: Element, known: dict[int, int]) -> int:
    """The layers and choices below an element, those of every option."""
    if id(element) not in known:
        below = sum(_size(child, known) for child, _ in children(element, ""))
        known[id(element)] = below + (not isinstance(element, (Group, Repeat, Many)))
    return known[id(element)]


def _needed(segments: tuple[Segment, ...]) -> list[tuple[frozenset[str], frozenset[str]]]:
    """For each segment the names made before it that are read in it or behind it, and those read behind its first
    line, the name of that line among them."""
    later: frozenset[str] = frozenset()
    found = []
    for segment in reversed(segments):
        body = segment.body
        own = frozenset(body.names) if not segment.name else frozenset()
        behind = later | reads(replace(body, lines=body.lines[1:], names=body.names[1:]))
        later = reads(body) | (later - own)
        found.append((later, behind))
    return found[::-1]


def _labels(elements: Iterable[Element]) -> Iterator[str]:
    """The names that elements have where they stand; a residual without one leaves its place to its body."""
    for element in elements:
        if isinstance(element, BodyLayer) and not element.label:
            yield from _labels(element.body.items)
        else:
            yield element.label


class _Builder:
    def __init__(self, analysis: Analysis, first: str, given: Given):
        self.analysis = analysis
        self.first = first
        """The name of the source of the first stage, and of the first stage where it has none."""
        self.given = tuple(sorted(given))
        self.input_name, self.input = given[0]
        self.stages: list[PlanStage] = []
        self.envs: list[dict[str, Flow]] = []
        """What can be read by name behind each state of the last stage."""
        self.relaxer = Relaxer(analysis)

    def sources(self) -> list[tuple[str, Shape]]:
        if not self.stages:
            return [(self.first, self.input)]
        last = self.stages[-1]
        return [(state.label or last.name, state.shape) for state in last.states]

    def add(self, segment: Segment, needed: tuple[frozenset[str], frozenset[str]]) -> None:
        if not segment.body.lines:
            return
        before, behind = needed
        if self.stages and before:  # what is read by name does not pass from stage to stage of the trellis
            self.extend(segment, segment.body.lines, segment.body.names, bound=True)
            return
        first = segment.body.lines[0]
        line = Group("", (first,), segment.body.span)
        sources = self.sources()
        env = () if self.stages else self.given
        outs = [set(self.analysis.outcomes(line, shape, env)) for _, shape in sources]
        changes = any(len(out) > 1 for out in outs)
        joins = len(set().union(*outs)) == 1
        if not segment.name:
            changes = False
        if self.stages and (not segment.name or not (changes or joins)):
            self.extend(segment, segment.body.lines, segment.body.names)
            return
        open_line = any(map(has_choices, first))
        opens = changes or (len(sources) > 1 and open_line)
        read_again = not self.stages and (self.input_name in behind or len(self.given) > 1)
        alone = len(segment.body.lines) == 1 and segment.body.name_of(0) in behind
        lists = any(isinstance(flow, TensorList) for out in outs for flow in out)
        if opens and lists:
            raise not_relaxed("a list in a line that makes states has no mixture", first[0].span.to(first[-1].span))
        if opens and read_again:
            names = "`, `".join(name for name, _ in self.given)
            note = f"it would make states, and `{names}` is read by name behind it"
            raise not_relaxed("this choice changes the shape, and what comes in is read again", first[0].span, (note,))
        if (not opens and open_line) or lists or read_again or (alone and not segment.name):
            first = ()
        head = first[0].label if len(first) == 1 and first[0].label else "head"
        self.start(segment, first, head, sources)

    def start(self, segment: Segment, first: tuple[Element, ...], head: str, sources: list[tuple[str, Shape]]) -> None:
        """A new stage of the trellis: a state for every way of making the choices of its first line."""
        name = segment.name
        line = Group("", (first,), segment.body.span)
        for choice in choices(line, name):
            if choice.is_subset:
                raise not_relaxed("a `pick` in a line that makes states has no mixture", choice.span or line.span)
        rest = segment.body.lines[1:] if first else segment.body.lines
        states: list[PlanState] = []
        ways = either(Walk().outcomes(line, UNKNOWN).values())
        number = Counts().of(ways)
        if number is None or number > MOST_STATES:
            place = first[0].span.to(first[-1].span) if first else segment.body.span
            message = f"stage `{name}` has more than {MOST_STATES} states"
            help = "a state is one way of making the choices of the first line: offer fewer options"
            raise error("E0508", message, place, help=help)
        env = () if self.stages else self.given
        for taken in listed(ways, name):
            made = tuple(taken.items())
            element = restrict(line, name, lambda choice, *_, taken=taken: (taken[choice],))
            assert isinstance(element, Group)
            heads = []
            shapes = set()
            for source, shape in sources:
                ((after, one),) = self.analysis.outcomes(element, shape, env).items()
                assert not isinstance(after, TensorList)
                cost = self.analysis.costs.of(one)
                heads.append(Head(source, element.items, shape, cost.macs_min, cost.params_min))
                shapes.add(after)
            if len(shapes) > 1:
                span = first[0].span if first else segment.body.span
                raise error(
                    "E0501",
                    f"the first line of stage `{name}` gives {' or '.join(show_shape(s) for s in sorted(shapes))}"
                    " for one option, as the stage before leaves it",
                    span,
                    help=_one_shape(shapes),
                )
            (after,) = shapes
            label = ",".join(f"{choice.rpartition('.')[2]}={option}" for choice, option in made)
            if any(label == state.label for state in states):
                label = ",".join(f"{choice}={option}" for choice, option in made)
            parts = {label_text(state.label) for state in states}  # by which the states' weights are named
            base, count = label, 1
            while label_text(label) in parts:
                count += 1
                label = f"{base}#{count}"
            states.append(PlanState(label, made, tuple(heads), (), after, after))
        names = segment.body.names
        before = names[0] if first and names else ""
        if not first and not self.stages:
            before = self.input_name
        self.stages.append(PlanStage(name or self.first, head, tuple(states)))
        begun: dict[str, Flow] = dict(self.given) if not first and len(self.stages) == 1 else {}
        self.envs = [{**begun, before: state.head_shape} if before else {} for state in states]
        if rest:
            self.extend(segment, rest, names[1:] if first else names, own=True, before=before)

    def extend(
        self,
        segment: Segment,
        lines: tuple[tuple[Element, ...], ...],
        names: tuple[str, ...],
        own: bool = False,
        before: str = "",
        bound: bool = False,
    ) -> None:
        """Put lines inside each state of the last stage."""
        last = self.stages[-1]
        states = []
        for i, state in enumerate(last.states):
            taken = {piece.place for piece in state.pieces}
            taken.update(label for piece in state.pieces if not piece.place for label in _labels(piece.elements))
            place = "" if own else unique(segment.name or TAIL, taken)
            where = Surroundings(segment.name, bound)
            made, shape, env = self.relaxer.lines(lines, names, state.shape, self.envs[i], where)
            if isinstance(shape, TensorList):  # a list behind the last line of a stage
                self.relaxer.refuse(not_relaxed("a list that goes on behind a stage has no state", lines[-1][-1].span))
                shape = shape.shapes[0]
            if not segment.name:
                self.envs[i] = env
            piece = Piece(segment.name, place, made, state.shape, names, before)
            states.append(replace(state, pieces=(*state.pieces, piece), shape=shape))
        self.stages[-1] = replace(last, states=tuple(states))

    def plan(self) -> Plan:
        if self.relaxer.faults:
            raise VnsError(self.relaxer.faults)
        return Plan(tuple(self.stages))
