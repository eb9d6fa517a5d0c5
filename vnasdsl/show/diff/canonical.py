"""The meaning of a file as text, for `git diff`: layout, comments and the order of definitions make no difference.

Labels that vnasdsl makes are left out, because a line that is inserted would change those of the lines after it.
"""

from __future__ import annotations

from collections.abc import Iterator

from vnasdsl.elaborate import Program, Space
from vnasdsl.elaborate.inputs import OpenInput
from vnasdsl.language import tree
from vnasdsl.language.printer import print_definition, print_module
from vnasdsl.layers.base import show_shape
from vnasdsl.show.diff.blocks import blocks_of
from vnasdsl.show.diff.compute import definition
from vnasdsl.show.diff.meaning import Meanings
from vnasdsl.show.diff.rows import RowMaker, StageRows
from vnasdsl.show.numbers import ordinal, span
from vnasdsl.show.table import shapes
from vnasdsl.space.costs import Cost


def canonical(program: Program) -> str:
    """Every space and network of the file by name, then the blocks that it uses or defines, then its recipes."""
    spaces = [program.spaces[name] for name in sorted(program.spaces)]
    own = [item for item in program.module.items if isinstance(item, tree.Block)]
    names = {item.name for item in own}.union(*map(blocks_of, spaces)) & set(program.definitions.blocks)
    blocks = [program.definitions.blocks[name] for name in sorted(names)]
    recipes = sorted((i for i in program.module.items if isinstance(i, tree.Recipe)), key=lambda recipe: recipe.name)
    definitions: list[tree.Definition] = [*blocks, *recipes]
    return "\n\n".join([*map(_space, spaces), *map(print_definition, definitions)]) + "\n"


def canonical_syntax(module: tree.Module, why: str) -> str:
    """The formatted file, where shapes and costs cannot be known."""
    return f"# shapes and costs are not known: {' '.join(why.split())}\n\n{print_module(module)}"


def _space(space: Space) -> str:
    claim = f" : {space.claim.name}" if space.claim is not None else ""
    lines = [f"{space.kind} {space.name}{claim} {{"]
    alone = len(space.inputs.each) == 1
    lines += [line for one in space.inputs.each for line in _input(one, alone)]
    lines += [f"  require {' '.join(limit.condition.span.text.split())}" for limit in space.limits]
    for stage in RowMaker(space, Meanings()).stages():
        lines += _stage(stage)
    whole = definition(space)
    if space.kind == "space":
        lines.append(f"  {whole.size} networks")
    lines.append(f"  total: {_costs(whole.cost)}")
    return "\n".join([*lines, "}"])


def _input(one: OpenInput, alone: bool) -> Iterator[str]:
    given = one.given
    plain = given.kind == "video" and one.options("channels") == (3,)
    if one.choices or not plain or not alone:
        names = [name for name in given.parameters if name != "channels" or not plain]
        head = "" if plain and alone else f" {given.name} {given.kind}:"
        yield f"  input{head} {', '.join(f'{name} {one.options_text(name)}' for name in names)}"
        return
    yield f"  input {given.frames} frames of {show_shape(given.area)}, {given.classes} classes"
    if given.frame_stride != 1:
        yield f"  every {ordinal(given.frame_stride)} frame of the video"
    if given.segments != 1:
        yield f"  from {given.segments} parts of the video"


def _stage(stage: StageRows) -> Iterator[str]:
    name, indent = stage.side.name, "    " if stage.side.name else "  "
    if name:
        yield f"  stage {name} {{"
    for row in stage.rows:
        facts = [shapes(row.side.outputs)] if row.side.outputs else []
        facts += [_costs(row.side.cost)] if row.side.cost not in (None, Cost()) else []
        yield f"{indent}{row.side.text}" + (f"  # {'; '.join(facts)}" if facts else "")
    if name:
        yield f"  }}  # {_costs(stage.side.cost)}"


def _costs(cost: Cost | None) -> str:
    if cost is None:
        return "costs not computed"
    return f"{span(cost.macs_min, cost.macs_max)} MACs, {span(cost.params_min, cost.params_max)} parameters"
