"""The `input` line of a space or network: what a clip is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

from vnasdsl.elaborate.options import check_distinct, option_expressions
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, UserError, VnsError, error, guess
from vnasdsl.language.source import Span
from vnasdsl.language.syntax_comments import comment_after
from vnasdsl.layers.base import Shape, show_value
from vnasdsl.space.elements import Choice, Option, poison
from vnasdsl.space.values import LARGEST, evaluate

DEFAULT_CLASSES = 400
"""Kinetics-400, where the text says nothing and no data set is at hand."""


@dataclass(frozen=True)
class Overrides:
    """Values from the command line or a data set that stand in for those of the `input` line; None keeps the text's."""

    frames: int | None = None
    size: int | None = None
    classes: int | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not 1 <= value <= LARGEST:
                raise UserError(f"--{name} must be from 1 to {LARGEST}, not {value}")


@dataclass(frozen=True)
class VideoInput:
    """Clips of RGB frames: (3, frames, size, size). `frame_stride` takes every n-th frame of the video. With several
    `segments` the frames come from as many equal parts of the video, a row of frames from each (TSN, Wang et al. 2016).
    """

    name: str
    frames: int
    size: int
    frame_stride: int = 1
    segments: int = 1
    classes: int = DEFAULT_CLASSES

    @property
    def shape(self) -> Shape:
        return (3, self.frames, self.size, self.size)


PARAMETERS = ("frames", "size", "frame_stride", "classes", "segments")
MOST_INPUTS = 4096
"""Ways to make the choices of one input."""


@dataclass(frozen=True)
class OpenInput:
    """The input of a space: what is given, and the choices in it by parameter (`frames`: "2", "4")."""

    line: tree.Input
    given: VideoInput
    """With the first option of every choice."""
    choices: tuple[Choice, ...] = ()

    def parameter(self, choice: Choice) -> str:
        return choice.name.rpartition(".")[2]

    def with_choices(self, made: Mapping[str, str]) -> VideoInput:
        """The input with these choices made, others at their first option. Raises: VnsError E0303 for its segments."""
        values: dict[str, Any] = {self.parameter(c): int(made[c.name]) for c in self.choices if c.name in made}
        video = replace(self.given, **values)
        check_segments(video, self.line)
        return video

    def options(self, parameter: str) -> tuple[int, ...]:
        """The values that a parameter can have, in the order of the text."""
        for choice in self.choices:
            if self.parameter(choice) == parameter:
                return tuple(map(int, choice.options))
        return (getattr(self.given, parameter),)

    def options_text(self, parameter: str) -> str:
        return " or ".join(f"{n:,}" for n in self.options(parameter))

    def allows(self, parameter: str, value: int) -> bool:
        return value in self.options(parameter)

    @property
    def count(self) -> int:
        """The number of ways to make its choices."""
        return prod(len(c.options) for c in self.choices)

    def choices_of(self, video: VideoInput) -> dict[str, str] | None:
        """The choices that make an input, whatever its name; None when none do."""
        if not all(self.allows(name, getattr(video, name)) for name in PARAMETERS):
            return None
        return {c.name: str(getattr(video, self.parameter(c))) for c in self.choices}

    def closed(self, made: Mapping[str, str]) -> VideoInput:
        """The input with every choice made. Raises: UserError for one that is not."""
        for choice in self.choices:
            if choice.name not in made:
                raise UserError(f"choice `{choice.name}` of the input is still open")
        return self.with_choices(made)

    def restricted(self, keep: Mapping[str, tuple[str, ...]]) -> OpenInput:
        """The input with only some options of its choices left."""
        kept = tuple(replace(c, options=keep.get(c.name, c.options)) for c in self.choices)
        first: dict[str, Any] = {self.parameter(c): int(c.options[0]) for c in kept}
        given = replace(self.given, **first)
        return OpenInput(self.line, given, tuple(c for c in kept if len(c.options) > 1))

    def ways(self) -> Iterator[VideoInput]:
        """Every input there can be. Raises: VnsError E0303."""
        for texts in product(*(c.options for c in self.choices)):
            yield self.with_choices(dict(zip((c.name for c in self.choices), texts, strict=True)))


def check_segments(video: VideoInput, line: tree.Input) -> None:
    if video.frames % video.segments:
        message = f"{video.frames} frames cannot be taken from {video.segments} segments: every segment gives as many"
        fitting = [n for n in range(1, video.frames + 1) if video.frames % n == 0]
        near = sorted(sorted(fitting, key=lambda n: abs(n - video.segments))[:4])
        help = f"numbers of segments near it that divide the frames: {', '.join(map(str, near))}"
        raise error("E0303", message, line.value.span, help=help)


def read_input(net: tree.Space | tree.Network, overrides: Overrides) -> OpenInput:
    """The input of a space or network, overrides applied. Raises: VnsError E0304, E0301, E0302, E0303."""
    found = [s for s in net.body if isinstance(s, tree.Input)]
    if not found:
        if any(isinstance(s, tree.Line) and isinstance(s.value, tree.Gap) for s in net.body):
            raise VnsError(())  # it may be the line that could not be read
        help = "begin it with `input clip = video(frames=16, size=224)`"
        raise error("E0306", f"`{net.name}` has no input", net.name_span, help=help)
    line, *more = found
    if more:
        first, message = (Label(line.name_span, "the first one"),), f"`{net.name}` has a second input"
        raise error("E0306", message, more[0].name_span, secondary=first, help="remove one of the two")
    call = line.value
    comment = comment_after(call)
    if comment:
        raise VnsError(comment)
    if not isinstance(call, tree.Call) or call.function != "video" or call.body is not None:
        raise error("E0306", "an input must be `video(...)`", call.span, help="write `video(frames=16, size=224)`")
    values = _read(call)
    if "frames" not in values or "size" not in values:
        missing = " and ".join(f"`{name}`" for name in ("frames", "size") if name not in values)
        place = call.function_span or call.span
        raise error("E0301", f"`video` needs {missing}", place, help="write `video(frames=16, size=224)`")
    given = {name: value for name, value in vars(overrides).items() if value is not None}
    closed = {name: given.get(name, options[0]) for name, (options, _) in values.items()}
    choices = tuple(
        Choice(f"{line.name}.{name}", name, tuple(map(str, options)), span)
        for name, (options, span) in values.items()
        if len(options) > 1 and name not in given
    )
    if prod(len(c.options) for c in choices) > MOST_INPUTS:
        message = f"the choices of the input make more than {MOST_INPUTS:,} inputs"
        raise error("E0507", message, call.span, help="offer fewer options")
    found_input = OpenInput(line, VideoInput(line.name, **{**closed, **given}), choices)
    for _ in found_input.ways():
        pass  # each must be possible
    return found_input


def _read(call: tree.Call) -> dict[str, tuple[tuple[int, ...], Span]]:
    """The options of each number by name. Raises: VnsError with every argument that is wrong."""
    values: dict[str, tuple[tuple[int, ...], Span]] = {}
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
            values[name] = _values(name, argument), argument.value.span
        except VnsError as fault:
            readable = False
            faults += fault.diagnostics
    if not readable:
        raise VnsError(faults)
    return values


def _values(name: str, argument: tree.Argument) -> tuple[int, ...]:
    """The options of one argument: one, unless it is left open."""
    if name not in PARAMETERS:
        place = argument.span.first(len(name))
        more = guess(place, name, PARAMETERS, f"it has {', '.join(f'`{p}`' for p in PARAMETERS)}")
        raise error("E0301", f"`video` has no parameter `{name}`", place, **more)
    if not isinstance(argument.value, (tree.Choice, tree.Range)):
        return (_value(name, argument.value),)
    if name == "classes":
        help = "the classes are those of the data: `--classes` and data sets set them"
        raise error("E0302", "`classes` of `video` cannot be a choice", argument.value.span, help=help)
    values = [(_value(name, option), option.span) for option in option_expressions(argument.value)]
    check_distinct([Option(str(value), poison(span), span) for value, span in values])
    return tuple(value for value, _ in values)


def _value(name: str, expression: tree.Expression) -> int:
    value = evaluate(expression)
    if isinstance(expression, tree.String):
        help = f"write it without quotes: `{expression.value}`" if expression.value.isdigit() else None
        raise error("E0302", f"`{name}` of `video` must be a whole number, found a string", expression.span, help=help)
    if isinstance(value, bool) or not isinstance(value, int):
        message = f"`{name}` of `video` must be a whole number, found `{show_value(value)}`"
        raise error("E0302", message, expression.span)
    if not 1 <= value <= LARGEST:
        message = f"`{name}` of `video` must be from 1 to {LARGEST:,}, found {value:,}"
        raise error("E0303", message, expression.span)
    return value
