"""How a space is laid out for the gradient: stages with states, a head for every pair of states, mixtures inside.

A choice in the first line of a stage that changes the shape makes the states of that stage (Zhou et al. 2021, section
3.1: the head layer); every other choice must keep the shape and becomes a weighted mixture (section 3.2). A stage
without such a choice is one state where all states before it lead to one shape; where they do not, it runs inside
each of them. Lines outside of stages run inside each state of the stage before them.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace

from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError, error
from vnasdsl.layers.base import Shape, show_shape
from vnasdsl.space.assign import assignments
from vnasdsl.space.counting import Counter
from vnasdsl.space.elements import Alternatives, Element, Group, Op, Repeat, Segment, Wrap, choices, label_text
from vnasdsl.space.shapes import Analysis
from vnasdsl.space.wires import Several

TAIL = "tail"
"""The name, inside a state, of lines that stand outside of stages."""
MOST_STATES = 64
"""States of one stage: a supernet holds a head for every pair of states of neighbouring stages."""


@dataclass(frozen=True, eq=False)
class Head:
    """The first line of a stage for one state, at the shape of one state of the stage before."""

    source: str
    """The label of the state it comes from; the input's name for the first stage."""
    elements: tuple[Element, ...]
    input: Shape
    macs: int


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
    input: Shape
    output: Shape


def _one_shape(shapes: set[Shape]) -> str:
    """What to do where the states before a stage do not lead to one shape."""
    if len({shape[0] for shape in shapes}) > 1:
        return "begin the stage with a line that sets the channels"
    return "the stage before leaves several sizes: let every option of its first line have the same stride"


def make_plan(segments: tuple[Segment, ...], shape: Shape, input_name: str, analysis: Analysis) -> Plan:
    """Raises: VnsError E0501 for a choice that changes the shape where it may not, E0502 for too many states."""
    names = {segment.name for segment in segments}
    builder = _Builder(analysis, _unique(input_name, names), shape)
    for segment in segments:
        builder.add(segment)
    return builder.plan()


def _unique(base: str, taken: Container[str]) -> str:
    name, count = base, 1
    while name in taken:
        count += 1
        name = f"{base}{count}"
    return name


def _labels(elements: Iterable[Element]) -> Iterator[str]:
    """The names that elements have where they stand; a residual without one leaves its place to its body."""
    for element in elements:
        if isinstance(element, Wrap) and not element.label:
            yield from _labels(element.body.items)
        else:
            yield element.label


class _Builder:
    def __init__(self, analysis: Analysis, input_name: str, shape: Shape):
        self.analysis = analysis
        self.input_name = input_name
        self.input = shape
        self.stages: list[PlanStage] = []
        self.kept: dict[tuple[int, Shape], Shape] = {}
        self.faults: list[Diagnostic] = []

    def sources(self) -> list[tuple[str, Shape]]:
        if not self.stages:
            return [(self.input_name, self.input)]
        last = self.stages[-1]
        return [(state.label or last.name, state.shape) for state in last.states]

    def add(self, segment: Segment) -> None:
        if not segment.body.lines:
            return
        first = segment.body.lines[0]
        line = Group("", (first,), segment.body.span)
        sources = self.sources()
        outs = [set(self.analysis.outcomes(line, shape)) for _, shape in sources]
        changes = any(len(out) > 1 for out in outs)
        joins = len(set().union(*outs)) == 1
        if not segment.name:
            changes = False
        if self.stages and (not segment.name or not (changes or joins)):
            self.extend(segment.name, segment.body.lines, segment.body.names)
            return
        opens = changes or (len(sources) > 1 and any(True for e in first for _ in choices(e, "")))
        has_choices = any(True for element in first for _ in choices(element, ""))
        if not opens and has_choices:
            first = ()
        head = first[0].label if len(first) == 1 and first[0].label else "head"
        self.start(segment, first, head, sources)

    def start(self, segment: Segment, first: tuple[Element, ...], head: str, sources: list[tuple[str, Shape]]) -> None:
        """A new stage of the trellis: a state for every way of making the choices of its first line."""
        name = segment.name
        line = Group("", (first,), segment.body.span)
        rest = segment.body.lines[1:] if first else segment.body.lines
        states: list[PlanState] = []
        ways = Counter().count(line)
        if ways is None or ways > MOST_STATES:
            place = first[0].span.to(first[-1].span) if first else segment.body.span
            message = f"stage `{name}` has more than {MOST_STATES} states"
            help = "a state is one way of making the choices of the first line: offer fewer options"
            raise error("E0508", message, place, help=help)
        for made, element in assignments(line, name):
            assert isinstance(element, Group)
            heads = []
            shapes = set()
            for source, shape in sources:
                ((after, cost),) = self.analysis.outcomes(element, shape).items()
                assert not isinstance(after, Several)
                heads.append(Head(source, element.items, shape, cost.macs_min))
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
        self.stages.append(PlanStage(name or self.input_name, head, tuple(states)))
        if rest:
            names = segment.body.names
            self.extend(name, rest, names[1:] if first else names, True, names[0] if first and names else "")

    def extend(
        self,
        segment: str,
        lines: tuple[tuple[Element, ...], ...],
        names: tuple[str, ...],
        own: bool = False,
        before: str = "",
    ) -> None:
        """Put lines inside each state of the last stage."""
        last = self.stages[-1]
        states = []
        for state in last.states:
            taken = {piece.place for piece in state.pieces}
            taken.update(label for piece in state.pieces if not piece.place for label in _labels(piece.elements))
            place = "" if own else _unique(segment or TAIL, taken)
            piece = Piece(segment, place, lines, state.shape, names, before)
            shape = state.shape
            for element in piece.elements:
                shape = self.keeps_shape(element, shape, segment)
            states.append(replace(state, pieces=(*state.pieces, piece), shape=shape))
        self.stages[-1] = replace(last, states=tuple(states))

    def keeps_shape(self, element: Element, shape: Shape, segment: str) -> Shape:
        """The one shape after an element, whatever is chosen in it. Raises: VnsError E0501."""
        key = (id(element), shape)
        if key in self.kept:
            return self.kept[key]
        after = shape
        match element:
            case Op():
                after = self.analysis.apply(element, shape).output
            case Group() | Repeat():
                for item in element.items:
                    after = self.keeps_shape(item, after, segment)
            case Wrap():
                self.keeps_shape(element.body, shape, segment)
            case Alternatives():
                shapes = {self.keeps_shape(option.element, shape, segment) for option in element.options}
                if len(shapes) > 1:
                    self.faults += self.changes(element, shape, segment).diagnostics
                after = min(shapes)
        self.kept[key] = after
        return after

    def changes(self, element: Alternatives, shape: Shape, segment: str) -> VnsError:
        """The choice at a shape, its first options that differ labelled with what each gives."""
        where = f"in the middle of stage `{segment}`" if segment else "outside of a stage"
        given: dict[Shape, Label] = {}
        for option in element.options:
            after = self.keeps_shape(option.element, shape, segment)
            if option.span is not None and len(given) < 3:
                given.setdefault(after, Label(option.span, f"gives {show_shape(after)}"))
        return VnsError(
            Diagnostic(
                "E0501",
                f"this choice changes the shape {where}",
                Label(element.span),
                secondary=tuple(given.values()),
                notes=("the gradient search adds up what the options give, so they must have one shape",),
                help="move it into the first line of a stage, where each option becomes a state, or give all one shape",
            )
        )

    def plan(self) -> Plan:
        if self.faults:
            raise VnsError(self.faults)
        (output,) = {state.shape for state in self.stages[-1].states}
        return Plan(tuple(self.stages), self.input, output)
