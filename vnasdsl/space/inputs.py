"""The `input` line of a space or network: what a clip is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, UserError, VnsError, error, guess
from vnasdsl.language.syntax_comments import comment_behind
from vnasdsl.layers.base import Shape, show_value
from vnasdsl.space.definitions import nodes
from vnasdsl.space.values import LARGEST, evaluate, unsupported

DEFAULT_CLASSES = 400
"""Kinetics-400, where the text says nothing and no data set is at hand."""


@dataclass(frozen=True)
class Overrides:
    """Values from the command line or a data set that stand in for those of the `input` line; None keeps the text's."""

    frames: int | None = None
    size: int | None = None
    classes: int | None = None

    def __post_init__(self) -> None:
        for name in ("frames", "size", "classes"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= LARGEST:
                raise UserError(f"--{name} must be from 1 to {LARGEST}, not {value}")


@dataclass(frozen=True)
class VideoInput:
    """Clips of RGB frames: (3, frames, size, size). `frame_stride` takes every n-th frame of the video."""

    name: str
    frames: int
    size: int
    frame_stride: int = 1
    classes: int = DEFAULT_CLASSES

    @property
    def shape(self) -> Shape:
        return (3, self.frames, self.size, self.size)


PARAMETERS = ("frames", "size", "frame_stride", "classes")


def read_input(net: tree.Space | tree.Network, overrides: Overrides) -> tuple[VideoInput, tree.Input]:
    """The input of a space or network, overrides applied. Raises: VnsError E0304, E0301, E0302, E0303."""
    found = [s for s in net.body if isinstance(s, tree.Input)]
    if not found:
        if any(isinstance(s, tree.Line) and isinstance(s.value, tree.Gap) for s in net.body):
            raise VnsError(())  # it may be the line that could not be read
        raise error(
            "E0306",
            f"`{net.name}` has no input",
            net.name_span,
            help="begin it with `input clip = video(frames=16, size=224)`",
        )
    if len(found) > 1:
        second, first = found[1].name_span, found[0].name_span
        once = (Label(first, "the first one"),)
        raise error("E0306", f"`{net.name}` has a second input", second, secondary=once, help="remove one of the two")
    line = found[0]
    call = line.value
    for fault in comment_behind(call):
        raise VnsError((fault,))
    if not isinstance(call, tree.Call) or call.function != "video" or call.body is not None:
        raise error("E0306", "an input must be `video(...)`", call.span, help="write `video(frames=16, size=224)`")
    values = _read(call)
    if "frames" not in values or "size" not in values:
        missing = " and ".join(f"`{name}`" for name in ("frames", "size") if name not in values)
        place = call.function_span or call.span
        raise error("E0301", f"`video` needs {missing}", place, help="write `video(frames=16, size=224)`")
    result = VideoInput(line.name, **values)
    given = {k: getattr(overrides, k) for k in ("frames", "size", "classes") if getattr(overrides, k) is not None}
    return replace(result, **given), line


def _read(call: tree.Call) -> dict[str, int]:
    """The numbers by name. Raises: VnsError with every argument that is wrong."""
    values: dict[str, int] = {}
    given: dict[str, bool] = {}
    faults: list[Diagnostic] = []
    readable = True
    if len(call.arguments) > len(PARAMETERS):
        raise error("E0301", f"`video` takes at most {len(PARAMETERS)} arguments", call.span)
    for i, argument in enumerate(call.arguments):
        name = argument.name or PARAMETERS[i]
        try:
            if name in given:
                if argument.name is not None and given[name]:
                    raise VnsError(())  # said already, by the check of the tree
                raise error("E0301", f"`{name}` of `video` is given twice", argument.span)
            given[name] = argument.name is not None
            values[name] = _value(name, argument)
        except VnsError as fault:
            readable = False
            faults += fault.diagnostics
    if not readable:
        raise VnsError(faults)
    return values


def _value(name: str, argument: tree.Argument) -> int:
    if name not in PARAMETERS:
        place = argument.span.first(len(name))
        more = guess(place, name, PARAMETERS, f"it has {', '.join(f'`{p}`' for p in PARAMETERS)}")
        raise error("E0301", f"`video` has no parameter `{name}`", place, **more)
    if any(isinstance(n, (tree.Choice, tree.Range)) for n in nodes(argument.value)):
        raise unsupported("a choice in the input", argument.value.span)
    value = evaluate(argument.value)
    if isinstance(value, bool) or not isinstance(value, int):
        message = f"`{name}` of `video` must be a whole number, found `{show_value(value)}`"
        raise error("E0302", message, argument.value.span)
    if not 1 <= value <= LARGEST:
        message = f"`{name}` of `video` must be from 1 to {LARGEST:,}, found {value:,}"
        raise error("E0303", message, argument.value.span)
    return value
