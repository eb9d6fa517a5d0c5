"""What a supernet holds of the lines of a state: every option of every choice, all at one shape.

A choice that keeps the shape becomes a mixture wherever it stands. The lines are walked once with the shapes that flow
through them: a conditional between layers with choices inside becomes the side that is taken, and a `pick` from a list
that is read becomes one from each of its values, so that all that comes behind needs no shapes to know which choices
there are. What has no mixture is told with its line and with a strategy that takes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError
from vnasdsl.language.source import Span
from vnasdsl.layers.base import LayerError, Shape, show_shape
from vnasdsl.space.elements import (
    BodyLayer,
    DeferredCall,
    Element,
    Group,
    Join,
    LayerCall,
    LayerChoice,
    Many,
    NameRef,
    Option,
    Pick,
    Repeat,
    When,
    updated,
)
from vnasdsl.space.parts import has_choices
from vnasdsl.space.reads import reads
from vnasdsl.space.shapes import Analysis
from vnasdsl.space.states import UNKNOWN, Flow, TensorList, pool, read, spliced
from vnasdsl.space.values import side_of

Env = Mapping[str, Flow]
Relaxed = tuple[Element, Flow]
"""An element as the supernet has it, and what it gives whatever is chosen in it."""

EVOLUTION = "evolution takes it: `search NAME for SPACE { strategy = evolution }`"
SUMMED = ("sum",)
"""The joins of which a `pick` can be an input: what they give has a meaning for all candidates together."""


def not_relaxed(message: str, span: Span, notes: tuple[str, ...] = ()) -> VnsError:
    """A line that stands in the way of the gradient."""
    return VnsError(Diagnostic("E0510", message, Label(span), notes=notes, help=EVOLUTION))


@dataclass(frozen=True)
class Surroundings:
    """Where lines stand, for what is said about them."""

    segment: str = ""
    bound: bool = False
    """Whether lines before the stage are read in it or behind it, so that its first line makes no states."""


class Relaxer:
    """Walks the lines of states; faults are collected, one for each place in the text."""

    def __init__(self, analysis: Analysis):
        self.analysis = analysis
        self._faults: dict[tuple[str, Span | None], Diagnostic] = {}
        self._known: dict[tuple[int, Flow, tuple[tuple[str, Flow], ...], bool], tuple[Element, Relaxed]] = {}
        self._place = Surroundings()

    @property
    def faults(self) -> list[Diagnostic]:
        return list(self._faults.values())

    def refuse(self, fault: VnsError) -> None:
        for d in fault.diagnostics:
            self._faults.setdefault((d.code, d.primary.span if d.primary else None), d)

    def lines(
        self,
        lines: Iterable[tuple[Element, ...]],
        names: tuple[str, ...],
        flow: Flow,
        env: Env,
        place: Surroundings = Surroundings(),
    ) -> tuple[tuple[tuple[Element, ...], ...], Flow, dict[str, Flow]]:
        """Lines as the supernet has them, what the last one gives, and what can be read by name behind it."""
        self._place = place
        return self._lines(lines, names, flow, env)

    def _lines(
        self, lines: Iterable[tuple[Element, ...]], names: tuple[str, ...], flow: Flow, env: Env
    ) -> tuple[tuple[tuple[Element, ...], ...], Flow, dict[str, Flow]]:
        known = dict(env)
        made = []
        for i, line in enumerate(lines):
            items = []
            for element in line:
                item, flow = self.walk(element, flow, known)
                items.append(item)
            made.append(tuple(items))
            if names and names[i]:
                known[names[i]] = flow
        return tuple(made), flow, known

    def walk(self, element: Element, flow: Flow, env: Env, summed: bool = False) -> Relaxed:
        """`summed`: whether it is an input of a sum."""
        used = tuple((name, env[name]) for name in sorted(reads(element)) if name in env)
        key = (id(element), flow, used, summed)
        if key not in self._known:
            try:
                self._known[key] = (element, self._walk(element, flow, env, summed))
            except LayerError as fault:  # what is built nowhere but in a supernet
                self.refuse(not_relaxed(f"in the supernet {fault.message}", element.span))
                self._known[key] = (element, (element, flow))
        return self._known[key][1]

    def _walk(self, element: Element, flow: Flow, env: Env, summed: bool) -> Relaxed:
        match element:
            case LayerCall():
                return element, self.analysis.rules.apply(element, _one(flow)).output
            case NameRef():
                return element, read(element, env)
            case Group():
                return self._group(element, flow, env)
            case Repeat():
                items = []
                for item in element.items:
                    made, flow = self.walk(item, flow, env)
                    items.append(made)
                return updated(element, items=tuple(items)), flow
            case BodyLayer():
                before = _one(flow)
                body, after = self._group(element.body, self.analysis.rules.enter(element, before)[0], env)
                return updated(element, body=body), self.analysis.rules.apply(element, before, _one(after)).output
            case Join():
                parts, values = self._side_by_side(element.inputs, flow, env, element.layer.name in SUMMED)
                return updated(element, inputs=parts), self.analysis.rules.apply(element, *values).output
            case Many():
                parts, values = self._side_by_side(element.items, flow, env)
                return updated(element, items=parts), TensorList(values)
            case Pick():
                return self._pick(element, flow, env, summed)
            case When():
                return self._when(element, flow, env)
            case LayerChoice():
                return self._choice(element, flow, env)
            case DeferredCall():
                raise AssertionError("a space with such a call has no costs, and so no supernet")

    def _group(self, group: Group, flow: Flow, env: Env) -> tuple[Group, Flow]:
        around: Env = env if group.block is None else {}
        inputs = []
        for name, value in group.inputs:
            made, held = self.walk(value, flow, env)
            inputs.append((name, made))
            around = {**around, name: held}
        lines, after, known = self._lines(group.lines, group.names, flow, around)
        out = group.out
        if out is not None:
            out, after = self.walk(out, after, known)
        return updated(group, lines=lines, inputs=tuple(inputs), out=out), after

    def _side_by_side(
        self, items: tuple[Element, ...], flow: Flow, env: Env, summed: bool = False
    ) -> tuple[tuple[Element, ...], tuple[Shape, ...]]:
        made: list[Element] = []
        values: list[Shape] = []
        for item in items:
            part, after = self.walk(item, flow, env, summed)
            made.append(part)
            values += spliced(after)
        return tuple(made), tuple(values)

    def _when(self, element: When, flow: Flow, env: Env) -> Relaxed:
        made, after = self.walk(side_of(element, _one(flow)), flow, env)
        if not has_choices(element):
            return element, after
        return (Group(element.label, ((made,),), element.span) if element.label else made), after

    def _pick(self, pick: Pick, flow: Flow, env: Env, summed: bool) -> Relaxed:
        if pick.least != pick.most:
            note = "the gradient keeps the strongest edges, and nothing in the mixture tells how many"
            self.refuse(not_relaxed("a `pick` of one number or another has no mixture", pick.span, (note,)))
        if not summed:
            note = "in a supernet all candidates are added up, which only as an input of `sum` stands for any of them"
            self.refuse(
                not_relaxed("a `pick` that does not go straight into a `sum` has no mixture", pick.span, (note,))
            )
        options, shapes = self._options(pool(pick, lambda wire: _count(env.get(wire))), flow, env)
        after = next(iter(shapes))
        if len(shapes) > 1:
            self._differ("the edges of this `pick` differ in shape", pick.span, shapes.values())
        elif isinstance(after, TensorList):
            self.refuse(not_relaxed("an edge that is a list has no mixture", pick.span))
        values = spliced(after)[:1] * pick.most
        return updated(pick, options=options), TensorList(values)

    def _options(
        self, options: tuple[Option, ...], flow: Flow, env: Env
    ) -> tuple[tuple[Option, ...], dict[Flow, Label | None]]:
        """Options as the supernet has them, and what they give, each with the first that gives it."""
        found = []
        shapes: dict[Flow, Label | None] = {}
        for option in options:
            made, after = self.walk(option.element, flow, env)
            found.append(updated(option, element=made))
            shapes.setdefault(after, _gives(option, after))
        return tuple(found), shapes

    def _choice(self, choice: LayerChoice, flow: Flow, env: Env) -> Relaxed:
        options, shapes = self._options(choice.options, flow, env)
        if any(isinstance(after, TensorList) for after in shapes):
            self.refuse(not_relaxed(f"a choice of lists has no mixture: {_counts(shapes)}", choice.span))
        elif len(shapes) > 1:
            where = f"in the middle of stage `{self._place.segment}`" if self._place.segment else "outside of a stage"
            self._differ(f"this choice changes the shape {where}", choice.span, shapes.values())
        first = min(shapes, key=lambda after: (isinstance(after, TensorList), spliced(after)))
        return updated(choice, options=options), first

    def _differ(self, message: str, span: Span, labels: Iterable[Label | None]) -> None:
        help = "move it into the first line of a stage, where each option becomes a state, or give all one shape"
        notes = ["the gradient search adds up what the options give, so they must have one shape"]
        if self._place.bound:
            notes.append("lines before this stage are read by name behind its beginning, so that it has no states")
            help = "give all options one shape"
        notes.append(EVOLUTION)
        shown = tuple(label for label in labels if label is not None)[:3]
        self.refuse(VnsError(Diagnostic("E0501", message, Label(span), secondary=shown, notes=tuple(notes), help=help)))


def _gives(option: Option, after: Flow) -> Label | None:
    if option.span is None or isinstance(after, TensorList) or after == UNKNOWN:
        return None
    return Label(option.span, f"gives {show_shape(after)}")


def _count(flow: Flow | None) -> int | None:
    return len(flow.shapes) if isinstance(flow, TensorList) else None


def _counts(flows: Iterable[Flow]) -> str:
    counts = sorted({len(spliced(flow)) for flow in flows})
    return f"here of {' or '.join(map(str, counts))} values" if len(counts) > 1 else "give it to one join each"


def _one(flow: Flow) -> Shape:
    assert not isinstance(flow, TensorList)
    return flow
