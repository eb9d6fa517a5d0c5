"""The trellis of a space: stages with alternative states, and inside each state the mixtures that keep the shape.

A choice that changes the shape makes the states of its stage, joined to those of the next by path weights; a choice
that keeps the shape is a mixture of the states it stands in (Zhou et al. 2021). No torch.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vnasdsl.space.elements import Alternatives, Element, children, join

if TYPE_CHECKING:
    from vnasdsl.space.plan import Plan
    from vnasdsl.space.space import Space


@dataclass(frozen=True)
class Mixture:
    """A shape-keeping choice as it stands in one state."""

    name: str
    """Unique in the trellis: `s3[channels=72].stack[0].op`; where one choice stands in several options of another,
    those behind the first are numbered: `s3[channels=72].stack[0].op#2`."""
    choice: str
    """The choice of the space: `s3.stack[0].op`."""
    options: tuple[str, ...]
    when: tuple[tuple[str, str], ...] = ()
    """The options of other choices inside of which it stands, outer ones first: it counts only where they are taken."""


@dataclass(frozen=True)
class State:
    """One way a stage may take in its shape-changing choices."""

    label: str
    """`channels=72`; empty where the stage has no such choice."""
    choices: tuple[tuple[str, str], ...]
    """(choice, option) of every shape-changing choice: `(("s3.head.channels", "72"),)`."""
    mixtures: tuple[Mixture, ...]


@dataclass(frozen=True)
class Stage:
    """A column of the trellis."""

    name: str
    states: tuple[State, ...]


@dataclass(frozen=True)
class Trellis:
    """All stages, first to last; what follows the last stage (the classifier) is none of them."""

    stages: tuple[Stage, ...]


def trellis(space: Space) -> Trellis:
    """The trellis of a space. Raises: VnsError E0501 when a choice changes the shape where it may not."""
    return trellis_of(space.plan)


def trellis_of(plan: Plan) -> Trellis:
    stages = []
    for stage in plan.stages:
        states = []
        for state in stage.states:
            found: dict[str, Mixture] = {}
            for piece in state.pieces:
                for part in piece.elements:
                    for element, choice, when in mixtures(part, piece.segment):
                        name = unique_name(mixture_name(choice, state.label), found)
                        found[name] = Mixture(name, choice, tuple(o.text for o in element.options), when)
            states.append(State(state.label, state.choices, tuple(found.values())))
        stages.append(Stage(stage.name, tuple(states)))
    return Trellis(tuple(stages))


def mixture_name(choice: str, state: str) -> str:
    """`s3.stack[0].op` in the state `channels=72`: `s3[channels=72].stack[0].op`. Generated code has the same rule."""
    if not state:
        return choice
    first, dot, rest = choice.partition(".")
    return f"{first}[{state}]{dot}{rest}"


def unique_name(name: str, taken: Container[str]) -> str:
    """The name, numbered when it is taken. Generated code has the same rule."""
    count, unique = 1, name
    while unique in taken:
        count += 1
        unique = f"{name}#{count}"
    return unique


Conditions = tuple[tuple[str, str], ...]


def mixtures(element: Element, path: str, when: Conditions = ()) -> Iterator[tuple[Alternatives, str, Conditions]]:
    """Every choice below an element with its name and the options of other choices around it, outer ones first."""
    if isinstance(element, Alternatives):
        here = join(path, element.label)
        choice = join(here, element.key)
        yield element, choice, when
        for option in element.options:
            yield from mixtures(option.element, here, (*when, (choice, option.text)))
    else:
        for child, where in children(element, path):
            yield from mixtures(child, where, when)
