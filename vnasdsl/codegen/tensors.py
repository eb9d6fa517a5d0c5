"""Names of tensors in the state dictionaries of generated modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vnasdsl.codegen.units import (
    CALLED,
    EdgesStep,
    ListStep,
    MixtureStep,
    ModuleStep,
    RepeatStep,
    SequenceStep,
    Step,
    Unit,
    UnitStep,
    below,
    steps_of,
)
from vnasdsl.space.elements import join, label_text, picked

Names = Iterator[tuple[str, ...]]


def unit_tensors(unit: Unit, place: str, made: Mapping[str, str] | None = None) -> Names:
    """The tensors of a unit that stands at `place`, in the order of the text: a tuple for each layer that has some.

    Of a choice of a supernet those of the option that is `made`; of all options without `made`.
    """
    for step in steps_of(unit):
        yield from step_tensors(step, place, made)


def step_tensors(step: Step | None, around: str, made: Mapping[str, str] | None = None) -> Names:
    """The tensors of a step of a unit that stands at `around`."""
    if isinstance(step, CALLED):
        if isinstance(step, (UnitStep, MixtureStep)):
            for given in step.inputs:
                yield from step_tensors(given, around, made)
        yield from module_tensors(step, join(around, step.attr), made)
    elif isinstance(step, ListStep):
        for i, item in enumerate(step.items):
            if step.together:
                yield from module_tensors(item, join(around, f"{step.attr}.{i}"), made)
            else:
                yield from step_tensors(item, around, made)
    else:
        for inner in below(step):
            yield from step_tensors(inner, around, made)


def module_tensors(step: Step | None, place: str, made: Mapping[str, str] | None = None) -> Names:
    """The tensors of a step that is the module at `place`."""
    match step:
        case ModuleStep() if step.tensors:
            yield tuple(join(place, tensor) for tensor in step.tensors)
        case UnitStep():
            yield from unit_tensors(step.unit, place, made)
        case RepeatStep():
            for i, item in enumerate(step.items):
                yield from module_tensors(item, join(place, str(i)), made)
        case SequenceStep():
            for unit in step.items:
                yield from module_tensors(unit, join(place, unit.attr), made)
        case EdgesStep():
            for text, edge in step.options:
                if made is None or text in picked(made[step.choice]):
                    yield from module_tensors(edge, join(place, label_text(text)), made)
        case MixtureStep():
            for text, option in step.options:
                if made is None or made[step.choice] == text:
                    yield from module_tensors(option, join(place, label_text(text)), made)
