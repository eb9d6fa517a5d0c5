"""The supernet of a space: every candidate is a branch, every choice a parameter (Zhou et al. 2021, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

from vnasdsl.codegen.builder import UnitBuilder, pack, read_step
from vnasdsl.codegen.classes import Classes
from vnasdsl.codegen.helpers import helpers_for, modules_used
from vnasdsl.codegen.literals import RESERVED_CLASSES, class_name, literal, plain, quoted
from vnasdsl.codegen.network import parameter_kinds
from vnasdsl.codegen.python import bracketed, show, text
from vnasdsl.codegen.render import render
from vnasdsl.codegen.scope import Scope
from vnasdsl.codegen.units import (
    EdgesStep,
    Flow,
    Line,
    MixtureStep,
    ModuleStep,
    RepeatStep,
    Step,
    Unit,
    UnitStep,
    below,
    steps_of,
)
from vnasdsl.elaborate.space import Space
from vnasdsl.language.gc_paused import gc_paused
from vnasdsl.language.layout import Document
from vnasdsl.layers.base import Shape
from vnasdsl.relax.plan import Head, PlanStage, PlanState
from vnasdsl.relax.trellis import tied_blocks


@dataclass
class Branch:
    """One state of a stage with the units made for it."""

    state: PlanState
    heads: list[Step]
    layers: Unit | None
    macs: int


def branches(space: Space) -> list[tuple[PlanStage, list[Branch]]]:
    """The stages of a supernet. Raises: VnsError E0501 when a choice changes the shape where it may not."""
    builder = UnitBuilder(space.analysis, parameter_kinds(space))
    return [(stage, [_branch(builder, stage, state) for state in stage.states]) for stage in space.plan.stages]


@gc_paused()
def compile_supernet(space: Space, source_name: str) -> str:
    """The Python text of a supernet. Raises: VnsError E0501 when a choice changes the shape where it may not."""
    stages = branches(space)
    roots = [
        unit
        for _, states in stages
        for branch in states
        for unit in (*(unit for head in branch.heads for unit in _units(head)), branch.layers)
        if unit is not None
    ]
    name = class_name(space.name) + "Supernet"
    classes = Classes(roots, taken=(*RESERVED_CLASSES, name))
    low, high = space.macs
    views = [_stage_view(stage, states, classes) for stage, states in stages]
    helpers = helpers_for(classes.callees)
    needs = modules_used(helpers, (line for view in classes.views for line in view.forward))
    tied = _tied(space)
    steps = [step for view in classes.views for step in steps_of(view.units[0])]
    return render(
        "supernet.py.j2",
        source_name,
        space.text(),
        classes=classes.views,
        name=name,
        title=f"Supernet of the space {space.name} of {plain(source_name)}.",
        networks=_grouped(space.size or 0),
        input=show(space.input.shape),
        classes_count=space.input.classes,
        costs="of" if space.exact else "within the bounds of",
        macs_min=_grouped(low),
        macs_max=_grouped(high),
        stages=views,
        wired=any(map(_wired, steps)),
        edges=any(map(_has_edges, steps)),
        tied=tied and f"self.tied = {tied}",
        helpers=helpers,
        **needs,
    )


def _wired(step: Step | None) -> bool:
    """Whether a choice stands there whose options read lines."""
    return (isinstance(step, MixtureStep) and bool(step.inputs)) or any(map(_wired, below(step)))


def _has_edges(step: Step | None) -> bool:
    return isinstance(step, EdgesStep) or any(map(_has_edges, below(step)))


def _tied(space: Space) -> str:
    """The names of the tied blocks with choices, as a tuple; nothing where there is none."""
    return literal(tuple(dict.fromkeys(tied_blocks(space.plan)))) if any(tied_blocks(space.plan)) else ""


def _units(head: Step) -> list[Unit]:
    if isinstance(head, RepeatStep):
        return [unit for item in head.items for unit in _units(item)]
    return [head.unit] if isinstance(head, UnitStep) else []


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _branch(builder: UnitBuilder, stage: PlanStage, state: PlanState) -> Branch:
    heads = [_head(builder, stage, head) for head in state.heads]
    lines: list[Line] = []
    macs = 0
    flow: Flow = state.head_shape
    scope = Scope()
    head = scope.add(state.pieces[0].before, flow) if state.pieces and state.pieces[0].before else None
    for piece in state.pieces:
        own = scope.inner() if piece.segment else scope
        built, after, cost = builder.lines(piece.lines, flow, piece.segment, own, piece.names)
        if piece.place:
            doc = f"stage {piece.segment}" if piece.segment else "the lines behind the last stage"
            unit = pack(piece.place, doc, built, flow, after, cost)
            built = [Line([UnitStep(piece.place, unit, [read_step(i) for i in unit.inputs])], after)]
        lines += built
        flow = after
        macs += cost
    if not lines:
        return Branch(state, heads, None, 0)
    unit = pack(stage.name, f"stage {stage.name} behind its head", lines, state.head_shape, flow, macs)
    if head is not None and head.read:
        unit.inputs, unit.takes_x, unit.x = [], True, head.variable
    return Branch(state, heads, unit, macs)


def _head(builder: UnitBuilder, stage: PlanStage, head: Head) -> Step:
    if len(head.elements) == 1:
        return builder.module(head.elements[0], head.input, stage.name)[0]
    if not head.elements:
        return ModuleStep("", "nn.Identity", ())
    unit = builder.unit(
        f"{stage.name}_head", f"the first line of stage {stage.name}", [head.elements], head.input, stage.name
    )
    return UnitStep("", unit)


def _stage_view(stage: PlanStage, branches: list[Branch], classes: Classes) -> dict[str, str]:
    """The lines that make a stage: a candidate for each state, with its heads and their costs."""
    candidates: list[Document] = []
    for branch in branches:
        state = branch.state
        heads = [
            [quoted(head.source), ": ", _module(step, classes)]
            for head, step in zip(state.heads, branch.heads, strict=True)
        ]
        chosen: list[Document] = [[quoted(name), ": ", quoted(option)] for name, option in state.choices]
        layers = classes.construct(branch.layers) if branch.layers is not None else "nn.Identity()"
        arguments: list[Document] = [
            quoted(state.label),
            bracketed("{", chosen, "}"),
            ["heads=", bracketed("{", heads, "}")],
            f"head_macs={literal(tuple(head.macs for head in state.heads))}",
            ["layers=", layers],
            f"macs={branch.macs}",
        ]
        candidates.append(bracketed("Candidate(", arguments, ")"))
    sources = _shapes([head.input for state in stage.states for head in state.heads])
    outputs = _shapes([state.shape for state in stage.states])
    return {
        "name": stage.name,
        "init": text(bracketed("Stage(", candidates, ")"), 8, f"self.{stage.name} = "),
        "comment": f"{stage.name}: {sources} -> {outputs}",
    }


def _shapes(shapes: list[Shape]) -> str:
    """Several shapes in one, where only the channels differ: `(B, 48 | 56 | 64, 16, 56, 56)`."""
    distinct = list(dict.fromkeys(shapes))
    if len({shape[1:] for shape in distinct}) > 1:
        return " | ".join(show(shape) for shape in distinct)
    channels = " | ".join(str(shape[0]) for shape in distinct)
    return f"({', '.join(['B', channels, *(str(n) for n in distinct[0][1:])])})"


def _module(step: Step, classes: Classes) -> Document:
    if isinstance(step, UnitStep):
        return classes.construct(step.unit)
    if isinstance(step, RepeatStep):
        return bracketed("nn.Sequential(", [_module(item, classes) for item in step.items], ")")
    assert isinstance(step, ModuleStep)
    arguments: list[Document] = []
    for f in step.fields:
        if not f.optional:
            arguments.append(literal(f.value) if f.positional else f"{f.name}={literal(f.value)}")
    return classes.call(step.callee, arguments)
