"""The meaning of a file as text, for `git diff`: layout, comments and the order of definitions make no difference.

Labels that vnasdsl makes are left out, because a line that is inserted would change those of the lines after it.
"""

from __future__ import annotations

from vnasdsl.elaborate import Program, Space
from vnasdsl.language import tree
from vnasdsl.language.printer import print_definition, print_module
from vnasdsl.show.diff.compare import definition
from vnasdsl.show.diff.model import Side
from vnasdsl.show.diff.outline import stages, used_blocks
from vnasdsl.show.table import cost_text, input_text, shapes
from vnasdsl.space.ways import Cost


def canonical(program: Program) -> str:
    """Every space and network of the file by name, then the blocks that it uses or defines, then its recipes."""
    spaces = [program.spaces[name] for name in sorted(program.spaces)]
    blocks = {item.name: item for item in program.module.items if isinstance(item, tree.Block)}
    for space in spaces:
        blocks |= used_blocks(space)
    recipes = sorted((i for i in program.module.items if isinstance(i, tree.Recipe)), key=lambda recipe: recipe.name)
    definitions: list[tree.Definition] = [*(blocks[name] for name in sorted(blocks)), *recipes]
    return "\n\n".join([*map(_space, spaces), *map(print_definition, definitions)]) + "\n"


def canonical_syntax(module: tree.Module, why: str) -> str:
    """The formatted file, where shapes and costs cannot be known."""
    return f"# shapes and costs are not known: {' '.join(why.split())}\n\n{print_module(module)}"


def _space(space: Space) -> str:
    claim = f" : {space.claim.name}" if space.claim is not None else ""
    lines = [f"{space.kind} {space.name}{claim} {{"]
    lines += [f"  input {input_text(one)}" for one in space.inputs.each]
    lines += [f"  require {' '.join(limit.condition.span.text.split())}" for limit in space.limits]
    for stage in stages(space):
        name = stage.name
        body = [f"  {'  ' if name else ''}{line.side.text}{_facts(line.side)}" for line in stage.inside]
        lines += [f"  stage {name} {{", *body, f"  }}{_facts(stage.side)}"] if name else body
    whole = definition(space)
    if space.kind == "space":
        lines.append(f"  {whole.size} networks")
    lines.append(f"  total: {cost_text(whole.cost) if whole.cost else 'costs not computed'}")
    return "\n".join([*lines, "}"])


def _facts(side: Side) -> str:
    facts = [shapes(side.outputs)] if side.outputs else []
    if side.cost is not None and side.cost != Cost():
        facts.append(cost_text(side.cost))
    return f"  # {'; '.join(facts)}" if facts else ""
