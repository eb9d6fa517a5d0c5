"""The stand-alone model of a network: imports only torch, one class for every kind of block."""

from __future__ import annotations

from vnasdsl.codegen.builder import UnitBuilder, pack, read_step
from vnasdsl.codegen.classes import Classes
from vnasdsl.codegen.helpers import helpers_for, modules_used
from vnasdsl.codegen.literals import RESERVED_CLASSES, class_name, plain
from vnasdsl.codegen.python import show
from vnasdsl.codegen.render import render
from vnasdsl.codegen.scope import Scope
from vnasdsl.codegen.units import Flow, Line, SequenceStep, Unit, UnitStep, steps_of
from vnasdsl.elaborate.space import Space
from vnasdsl.language.gc_paused import gc_paused
from vnasdsl.space.elements import Segment


def parameter_kinds(space: Space) -> dict[tuple[str, str], str]:
    """What the parameters of every block mean: (block, parameter) -> kind."""
    definitions = space.definitions
    return {
        (name, p.name): definitions.kind_of(name, p.name)
        for name, block in definitions.blocks.items()
        for p in block.parameters
    }


@gc_paused()
def compile_network(space: Space, source_name: str) -> str:
    """The Python text of a network. Raises: VnsError when a shape does not fit; ValueError for a space."""
    if space.choices:
        raise ValueError(f"{space.name} is a space")
    macs, params = space.macs[0], space.params[0]
    main = network_unit(space)
    name = class_name(space.name)
    classes = Classes([main], taken=tuple(RESERVED_CLASSES))
    *blocks, view = classes.views
    while any(block.name == name for block in blocks):
        name += "Network"
    helpers = helpers_for(classes.callees)
    needs = modules_used(helpers, (line for c in classes.views for line in c.forward))
    return render(
        "network.py.j2",
        source_name,
        space.text(),
        classes=blocks,
        main=view,
        name=name,
        title=f"Network {space.name} of {plain(source_name)}.",
        claim=f"A network of the space {space.claim.name}." if space.claim else "",
        input=show(space.input.shape),
        classes_count=space.input.classes,
        macs=f"{macs:,}".replace(",", " "),
        params=f"{params:,}".replace(",", " "),
        layers=any(isinstance(step, SequenceStep) for step in steps_of(main)),
        helpers=helpers,
        **needs,
    )


def network_unit(space: Space) -> Unit:
    """The whole of a network."""
    builder = UnitBuilder(space.analysis, parameter_kinds(space))
    scope = Scope()
    clip = scope.add(space.input.name, space.input.shape)
    lines: list[Line] = []
    flow: Flow = space.input.shape
    for segment in space.segments:
        more, flow = _segment(builder, segment, flow, scope)
        lines += more
    main = pack(space.name, "", lines, space.input.shape, flow, 0)
    main.inputs, main.takes_x = [], True
    if clip.read:
        main.x = clip.variable
    return main


def _segment(builder: UnitBuilder, segment: Segment, flow: Flow, scope: Scope) -> tuple[list[Line], Flow]:
    body = segment.body
    if not segment.name:
        lines, after, _ = builder.lines(body.lines, flow, "", scope, body.names)
        if body.out is not None:
            step, after, _ = builder.item(body.out, after, "", scope)
            lines.append(Line([step] if step is not None else [], after))
        return lines, after
    unit = builder.unit(
        segment.name, f"stage {segment.name}", body.lines, flow, segment.name, scope.inner(), body.names, body.out
    )
    steps = [step for line in unit.lines for step in line.steps]
    items = [step for step in steps if isinstance(step, UnitStep) and not step.inputs]
    if len(items) == len(steps) and not unit.out and all(not line.variable for line in unit.lines):
        return [Line([SequenceStep(segment.name, items)], unit.output)], unit.output
    return [Line([UnitStep(segment.name, unit, [read_step(i) for i in unit.inputs])], unit.output)], unit.output
