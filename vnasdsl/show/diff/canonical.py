"""The definitions of a file as text that says what they mean: what `git diff` shows of .vns files when asked to.

Layout, comments and the order of definitions leave no trace in it. Labels that are made from what stands in a line are
left out: one line put in at the front would change those of all lines behind it.
"""

from __future__ import annotations

from collections.abc import Iterator

from vnasdsl.elaborate import Program, Space
from vnasdsl.elaborate.inputs import PARAMETERS
from vnasdsl.language import tree
from vnasdsl.language.printer import print_definition, print_module
from vnasdsl.show.diff.blocks import Uses
from vnasdsl.show.diff.compute import definition
from vnasdsl.show.diff.meaning import Numbers, Reader
from vnasdsl.show.diff.rows import Row, RowMaker, StageRows
from vnasdsl.show.numbers import span
from vnasdsl.show.table import shapes
from vnasdsl.space.costs import Cost


def canonical(program: Program) -> str:
    """Every space and network of the file, by name, then the blocks that they use or that the file defines, then its
    recipes. Ends with a line end."""
    parts = [_net(program.spaces[name]) for name in sorted(program.spaces)]
    used = {name for space in program.spaces.values() for s in space.segments for name, _ in Uses().of(s.body)}
    used |= {item.name for item in program.module.items if isinstance(item, tree.Block)}
    blocks = program.definitions.blocks
    parts += [print_definition(blocks[name]) for name in sorted(used) if name in blocks]
    recipes = {item.name: item for item in program.module.items if isinstance(item, tree.Recipe)}
    parts += [print_definition(recipes[name]) for name in sorted(recipes)]
    return "".join(f"{part}\n\n" for part in parts)[:-1]


def canonical_syntax(module: tree.Module, why: str) -> str:
    """The text in its canonical layout, where shapes and costs cannot be known."""
    return f"# shapes and costs are not known: {' '.join(why.split())}\n\n{print_module(module)}"


def _net(space: Space) -> str:
    given = space.input
    claim = f" : {space.claim.name}" if space.claim is not None else ""
    lines = [f"{space.kind} {space.name}{claim} {{"]
    inputs = space.inputs
    if inputs.choices:
        lines.append(f"  input {', '.join(f'{name} {inputs.options_text(name)}' for name in PARAMETERS)}")
    else:
        lines.append(f"  input {given.frames} frames of {given.size} x {given.size}, {given.classes} classes")
        if given.frame_stride != 1:
            lines.append(f"  every {given.frame_stride}th frame of the video")
        if given.segments != 1:
            lines.append(f"  from {given.segments} parts of the video")
    lines += [f"  require {' '.join(limit.condition.span.text.split())}" for limit in space.limits]
    for stage in RowMaker(space, Reader(Numbers())).stages():
        lines += _stage(stage)
    totals = definition(space).totals
    if space.kind == "space":
        lines.append(f"  {totals.size} networks")
    lines.append(f"  total: {_cost(totals.cost) if totals.cost is not None else 'not worked out'}")
    return "\n".join([*lines, "}"])


def _stage(stage: StageRows) -> Iterator[str]:
    indent = "    " if stage.side.name else "  "
    if stage.side.name:
        yield f"  stage {stage.side.name} {{"
    for row in stage.rows:
        yield f"{indent}{row.side.text}  # {_facts(row)}"
    if stage.side.name:
        yield f"  }}  # {_cost(stage.side.cost)}"


def _facts(row: Row) -> str:
    cost = row.side.cost
    costs = f"; {_cost(cost)}" if cost is not None and (cost.macs_max or cost.params_max) else ""
    return shapes(list(row.side.outputs)) + costs


def _cost(cost: Cost) -> str:
    macs, params = span(cost.macs_min, cost.macs_max), span(cost.params_min, cost.params_max)
    return f"{macs} MACs, {params} parameters"
