"""The stand-alone model of a network: imports only torch, one class for every kind of block."""

from __future__ import annotations

from vnasdsl.codegen.classes import Classes
from vnasdsl.codegen.helpers import helpers_for, modules_used
from vnasdsl.codegen.literals import RESERVED_CLASSES, class_name, plain
from vnasdsl.codegen.python import show
from vnasdsl.codegen.render import render
from vnasdsl.codegen.units import Line, SequenceStep, Unit, UnitBuilder, UnitStep
from vnasdsl.language.garbage import left_alone
from vnasdsl.layers.base import Shape
from vnasdsl.space.elements import Segment
from vnasdsl.space.space import Space


def parameter_kinds(space: Space) -> dict[tuple[str, str], str]:
    """What the parameters of every block mean: (block, parameter) -> kind."""
    definitions = space.definitions
    return {
        (name, p.name): definitions.kind_of(name, p.name)
        for name, block in definitions.blocks.items()
        for p in block.parameters
    }


@left_alone()
def compile_network(space: Space, source_name: str) -> str:
    """The Python text of a network. Raises: VnsError when a shape does not fit; ValueError for a space."""
    if space.choices:
        raise ValueError(f"{space.name} is a space")
    macs, params = space.macs[0], space.params[0]
    builder = UnitBuilder(space.analysis, parameter_kinds(space))
    lines: list[Line] = []
    shape = space.input.shape
    for segment in space.segments:
        more, shape = _segment(builder, segment, shape)
        lines += more
    main = Unit(space.name, lines, space.input.shape, shape, "")
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
        layers=any(isinstance(step, SequenceStep) for line in lines for step in line.steps),
        helpers=helpers,
        **needs,
    )


def _segment(builder: UnitBuilder, segment: Segment, shape: Shape) -> tuple[list[Line], Shape]:
    lines, after, _ = builder.lines(list(segment.body.lines), shape, segment.name)
    if not segment.name:
        return lines, after
    steps = [step for line in lines for step in line.steps]
    if all(isinstance(step, UnitStep) for step in steps):
        items = [step for step in steps if isinstance(step, UnitStep)]
        return [Line([SequenceStep(segment.name, items)], after)], after
    unit = Unit(segment.name, lines, shape, after, f"stage {segment.name}")
    return [Line([UnitStep(segment.name, unit)], after)], after
