"""A space or network as its canonical text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vnasdsl.elaborate.inputs import DEFAULT_CLASSES, VideoInput
from vnasdsl.language import tree
from vnasdsl.language.printer import print_module
from vnasdsl.language.walk import blocks_used, walk
from vnasdsl.network.write import write

if TYPE_CHECKING:
    from vnasdsl.elaborate.space import Space


def input_line(space: Space, closed: VideoInput | None = None) -> tree.Input:
    """The input as it is printed: `closed`, or with its choices."""
    span = space.syntax.span
    video = closed or space.input
    written = next((s for s in space.syntax.body if isinstance(s, tree.Input)), None)
    given = written is not None and "classes" in {n.name for n in walk(written) if isinstance(n, tree.Argument)}
    defaults = {"frame_stride": 1, "segments": 1, "classes": None if given else DEFAULT_CLASSES}
    arguments = []
    for name in ("frames", "size", "frame_stride", "segments", "classes"):
        options = space.inputs.options(name) if closed is None else (getattr(video, name),)
        if options != (defaults.get(name),):
            numbers = tuple(tree.Number(n, text=str(n), span=span) for n in options)
            value = numbers[0] if len(numbers) == 1 else tree.Choice(numbers, span=span)
            arguments.append(tree.Argument(name, value, span=span))
    call = tree.Call("video", tuple(arguments), span=span, function_span=span)
    return tree.Input(video.name, call, span=span, name_span=span)


def written(space: Space, name: str | None = None, import_path: str | None = None) -> str:
    """The canonical text. With `import_path` the blocks come from there and the claim is written down; without,
    the text stands on its own."""
    span = space.syntax.span
    name = name or space.name
    items: list[tree.Definition] = []
    if space.kind == "network":
        body: tuple[tree.Statement, ...]
        if isinstance(space.syntax, tree.Network):  # as it is written: labels given by hand name its weights
            body = tuple(input_line(space) if isinstance(s, tree.Input) else s for s in space.syntax.body)
        else:
            body = (input_line(space), *write(space.graph, {}).body)
        claim = None
        if import_path is not None:
            items.append(tree.Import(tree.String(import_path, span=span), span=span))
            theirs = space.claim.definitions.blocks if space.claim else space.definitions.blocks
            items += [b for b in blocks_used(body, space.definitions.blocks) if b.name not in theirs]
            claim = tree.Name(space.claim.name, span=span) if space.claim else None
        net: tree.Space | tree.Network = tree.Network(name, claim, body, span=span, name_span=span)
    else:
        body = tuple(input_line(space) if isinstance(s, tree.Input) else s for s in space.syntax.body)
        net = replace(space.syntax, name=name, body=body)
    if import_path is None:
        items += blocks_used(body, space.definitions.blocks)
    items.append(net)
    return print_module(tree.Module(tuple(items), span=span, source=span.source))
