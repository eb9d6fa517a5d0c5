"""The trellis of a space: stages with alternative states, and inside each state the mixtures that keep the shape.

A choice that changes the shape makes the states of its stage, joined to those of the next by path weights; a choice
that keeps the shape is a mixture of the states it stands in (Zhou et al. 2021). A choice of edges keeps the strongest
of them (Liu et al. 2019). No torch.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from vnasdsl.space.elements import Element, Group, LayerChoice, Pick, inside, join, picked, unique
from vnasdsl.space.parts import children, has_choices
from vnasdsl.space.requirements import Kept

if TYPE_CHECKING:
    from vnasdsl.elaborate.space import Space
    from vnasdsl.relax.plan import Plan, PlanState

Conditions: TypeAlias = tuple[tuple[str, str], ...]
"""(choice, option) of choices around a place, outer ones first; of a choice of edges the option that must be kept."""


@dataclass(frozen=True)
class Mixture:
    """A shape-keeping choice as it stands in one state."""

    name: str
    """Unique in the trellis: `s3[channels=72].stack[0].op`; where one choice stands in several options of another,
    those behind the first are numbered: `s3[channels=72].stack[0].op#2`."""
    choice: str
    """The choice of the space: `s3.stack[0].op`."""
    options: tuple[str, ...]
    when: Conditions = ()
    """The options of other choices inside of which it stands, outer ones first: it counts only where they are taken."""
    others: tuple[Conditions, ...] = ()
    """Where the further uses of a tied block stand, if not there: it counts where any of them is."""
    on_edge: bool = False
    """Whether it is what an edge does: one that is kept is not `none`."""

    @property
    def places(self) -> tuple[Conditions, ...]:
        return (self.when, *self.others)


@dataclass(frozen=True)
class Edges:
    """A choice of edges as it stands in one state: `keep` of them go into a sum."""

    name: str
    choice: str
    options: tuple[str, ...]
    keep: int
    mixtures: tuple[str, ...] = ()
    """For each edge the mixture by which its strength is judged; none where the edges have weights of their own."""
    when: Conditions = ()
    others: tuple[Conditions, ...] = ()

    @property
    def places(self) -> tuple[Conditions, ...]:
        return (self.when, *self.others)


@dataclass(frozen=True)
class State:
    """One way a stage may take in its shape-changing choices."""

    label: str
    """`channels=72`; empty where the stage has no such choice."""
    choices: tuple[tuple[str, str], ...]
    """(choice, option) of every shape-changing choice: `(("s3.head.channels", "72"),)`."""
    mixtures: tuple[Mixture, ...]
    edges: tuple[Edges, ...] = ()


@dataclass(frozen=True)
class Stage:
    """A column of the trellis."""

    name: str
    states: tuple[State, ...]


@dataclass(frozen=True)
class Trellis:
    """All stages, first to last; what follows the last stage (the classifier) is none of them."""

    stages: tuple[Stage, ...]
    parts: tuple[Kept, ...] = ()
    """Where conditions compare choices: what these keep in each of the spaces that the space is the union of."""


def trellis(space: Space) -> Trellis:
    """The trellis of a space. Raises: VnsError E0501, E0510 where a choice cannot be relaxed."""
    return replace(trellis_of(space.plan), parts=space.parts)


def trellis_of(plan: Plan) -> Trellis:
    tied = frozenset(tied_blocks(plan))
    return Trellis(
        tuple(Stage(stage.name, tuple(_state(state, tied) for state in stage.states)) for stage in plan.stages)
    )


def _state(state: PlanState, tied: frozenset[str]) -> State:
    found = _Found(state.label, tied)
    for piece in state.pieces:
        for part in piece.elements:
            found.visit(part, piece.segment, (), False)
    return State(state.label, state.choices, tuple(found.mixtures.values()), tuple(found.edges.values()))


class _Found:
    """The mixtures and choices of edges of one state, by name."""

    def __init__(self, label: str, tied: frozenset[str]):
        self.label = label
        self.tied = tied
        self.mixtures: dict[str, Mixture] = {}
        self.edges: dict[str, Edges] = {}
        self.taken: set[str] = set()
        self.shared: dict[tuple[str, tuple[str, ...]], str] = {}
        """The names that choices of tied blocks have since their first use."""

    def visit(self, element: Element, path: str, when: Conditions, on_edge: bool) -> list[str]:
        """The names of the outermost mixtures below an element, an empty one for a choice of edges; all are found."""
        here = inside(element, path)
        if isinstance(element, LayerChoice):
            choice, options = join(here, element.key), element.texts
            name = self.name(choice, options)
            known = self.mixtures.get(name)
            made = Mixture(name, choice, options, when, on_edge=on_edge)
            self.mixtures[name] = _also(known, when) if known else made
            if known and on_edge:
                self.mixtures[name] = replace(self.mixtures[name], on_edge=True)
            for option in element.options:
                self.visit(option.element, here, (*when, (choice, option.text)), False)
            return [name]
        if isinstance(element, Pick):
            choice, options = join(here, element.key), element.texts
            inner = [self.visit(o.element, here, (*when, (choice, o.text)), True) for o in element.options]
            judged = all(len(names) == 1 and names[0] for names in inner)
            name = self.name(choice, options)
            edges = self.edges.get(name)
            mixtures = tuple(names[0] for names in inner) if judged else ()
            self.edges[name] = (
                _also(edges, when) if edges else Edges(name, choice, options, element.most, mixtures, when)
            )
            return [""]
        return [name for child, where in children(element, path) for name in self.visit(child, where, when, on_edge)]

    def name(self, choice: str, options: tuple[str, ...]) -> str:
        """The name of a choice where it stands; all uses of a tied block have that of the first."""
        key = (choice, options)
        if key in self.shared:
            return self.shared[key]
        name = unique(mixture_name(choice, self.label), self.taken, "#")
        self.taken.add(name)
        if block_of(choice) in self.tied:
            self.shared[key] = name
        return name


Matrix: TypeAlias = Sequence[Sequence[float]]


def within_part(
    trellis: Trellis, part: Kept, paths: Mapping[str, Matrix], mixtures: Mapping[str, Sequence[float]]
) -> tuple[dict[str, Matrix], dict[str, Sequence[float]]]:
    """Probabilities that fit the trellis, with 0 for every state and option that a part of the space does not keep."""
    own_paths, own_mixtures = dict(paths), dict(mixtures)
    for stage in trellis.stages:
        kept = [all(o in part.get(c, (o,)) for c, o in state.choices) for state in stage.states]
        own_paths[stage.name] = [[p * k for p, k in zip(row, kept, strict=True)] for row in paths[stage.name]]
        for mixture in (m for state in stage.states for m in state.mixtures if m.choice in part):
            row = zip(mixture.options, mixtures[mixture.name], strict=True)
            own_mixtures[mixture.name] = [p * (option in part[mixture.choice]) for option, p in row]
    return own_paths, own_mixtures


One = TypeVar("One", Mixture, Edges)


def _also(known: One, when: Conditions) -> One:
    """The choice of a tied block at one more place."""
    return known if when in known.places else replace(known, others=(*known.others, when))


def holds(conditions: Conditions, made: Mapping[str, str], edges: Container[str]) -> bool:
    """Whether all conditions are met: the option is taken, or among `edges`, the choices of edges, kept."""
    return all(
        option in picked(made.get(choice, "")) if choice in edges else made.get(choice) == option
        for choice, option in conditions
    )


def block_of(choice: str) -> str:
    """What a choice of a tied block begins with: `normal` of `normal.n1.edges`. Generated code has the same rule."""
    return choice.replace("[", ".").partition(".")[0]


def mixture_name(choice: str, state: str) -> str:
    """`s3.stack[0].op` in the state `channels=72`: `s3[channels=72].stack[0].op`. Generated code has the same rule."""
    if not state:
        return choice
    first, dot, rest = choice.partition(".")
    return f"{first}[{state}]{dot}{rest}"


def is_none(option: str) -> bool:
    """Whether an option is the layer `none`, by its text: `none`, `none(stride=(1, 2, 2))`."""
    return option.partition("(")[0].strip() == "none"


def some(options: tuple[str, ...]) -> tuple[bool, ...]:
    """Which options an edge that is kept can have: all but `none`, if there is another."""
    live = tuple(not is_none(option) for option in options)
    return live if any(live) else (True,) * len(options)


def tied_blocks(plan: Plan) -> Iterator[str]:
    """The tied blocks with choices in the mixtures of a plan, in the order of the text, perhaps more than once."""
    for stage in plan.stages:
        for state in stage.states:
            for piece in state.pieces:
                for element in piece.elements:
                    yield from _tied(element)


def _tied(element: Element) -> Iterator[str]:
    if isinstance(element, Group) and element.tied and has_choices(element):
        yield inside(element, "")
    for child, _ in children(element, ""):
        yield from _tied(child)
