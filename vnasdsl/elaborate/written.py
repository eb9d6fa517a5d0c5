"""A space or network as its canonical text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vnasdsl.elaborate.inputs import INPUT_KINDS, Inputs, OpenInput
from vnasdsl.language import tree
from vnasdsl.language.printer import print_module
from vnasdsl.language.source import Span
from vnasdsl.language.walk import blocks_used, walk
from vnasdsl.network.write import write
from vnasdsl.space.values import expression_of

if TYPE_CHECKING:
    from vnasdsl.elaborate.space import Space

ORDER = ("channels", "frames", "size", "bins", "frame_stride", "segments", "classes")


def input_lines(space: Space, closed: Inputs | None = None) -> list[tree.Input]:
    """The inputs as they are printed: `closed`, or with their choices."""
    said = [_says_classes(one.line) for one in space.inputs.each]
    said[0] = said[0] or not any(said)
    each = (
        space.inputs.each
        if closed is None
        else [OpenInput(o.line, c) for o, c in zip(space.inputs.each, closed, strict=True)]
    )
    return [_input_line(one, classes, space.syntax.span) for one, classes in zip(each, said, strict=True)]


def _says_classes(line: tree.Input) -> bool:
    return "classes" in {n.name for n in walk(line) if isinstance(n, tree.Argument)}


def _input_line(one: OpenInput, classes: bool, span: Span) -> tree.Input:
    """classes: whether this line may say how many there are."""
    given = one.given
    defaults: dict[str, object] = {**INPUT_KINDS[given.kind].defaults}
    if _says_classes(one.line):
        defaults["classes"] = None
    arguments = []
    for name in ORDER:
        if name not in given.parameters or (name == "classes" and not classes):
            continue
        options = one.options(name)
        if options != (defaults[name],):
            numbers = tuple(expression_of(n, span) for n in options)
            value = numbers[0] if len(numbers) == 1 else tree.Choice(numbers, span=span)
            arguments.append(tree.Argument(name, value, span=span))
    call = tree.Call(given.kind, tuple(arguments), span=span, function_span=span)
    return tree.Input(given.name, call, span=span, name_span=span)


def _with_inputs(space: Space) -> tuple[tree.Statement, ...]:
    """The statements of the text, the inputs as they are printed."""
    lines = iter(input_lines(space))
    return tuple(next(lines) if isinstance(s, tree.Input) else s for s in space.syntax.body)


def written(space: Space, name: str | None = None, import_path: str | None = None) -> str:
    """The canonical text. With `import_path` the blocks come from there and the claim is written down; without,
    the text stands on its own."""
    span = space.syntax.span
    name = name or space.name
    items: list[tree.Definition] = []
    if space.kind == "network":
        body: tuple[tree.Statement, ...]
        if isinstance(space.syntax, tree.Network):  # as it is written: labels given by hand name its weights
            body = _with_inputs(space)
        else:
            body = (*input_lines(space), *write(space.graph, {}, space.definitions.layers).body)
        claim = None
        if import_path is not None:
            items.append(tree.Import(tree.String(import_path, span=span), span=span))
            theirs = space.claim.definitions.blocks if space.claim else space.definitions.blocks
            items += [b for b in blocks_used(body, space.definitions.blocks) if b.name not in theirs]
            claim = tree.Name(space.claim.name, span=span) if space.claim else None
        net: tree.Space | tree.Network = tree.Network(name, claim, body, span=span, name_span=span)
    else:
        body = _with_inputs(space)
        net = replace(space.syntax, name=name, body=body)
    if import_path is None:
        items += blocks_used(body, space.definitions.blocks)
    items.append(net)
    return print_module(tree.Module(tuple(items), span=span, source=span.source))
