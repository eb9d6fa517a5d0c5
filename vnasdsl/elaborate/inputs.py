"""The `input` lines of a space or network: named maps, and what the runtime feeds them with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any, TypeAlias

from vnasdsl.elaborate.definitions import bind
from vnasdsl.elaborate.options import check_distinct, option_expressions
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, UserError, VnsError, did_you_mean, error
from vnasdsl.language.source import Span
from vnasdsl.layers.base import REQUIRED, Layer, Parameter, Shape, divisors, show_value
from vnasdsl.space.elements import Choice, Option, poison
from vnasdsl.space.values import LARGEST, coerce, evaluate

DEFAULT_CLASSES = 400
"""Kinetics-400, where the text says nothing and no data set is at hand."""
Number: TypeAlias = int | tuple[int, int]
"""A number, or of `size` (rows, columns) where they differ."""


@dataclass(frozen=True)
class Overrides:
    """Values from the command line or a data set that stand in for those of the `input` lines; None keeps the text's.

    Frames and size are those of the first input, and of the others that have as many frames or the same size there.
    """

    frames: int | None = None
    size: int | None = None
    classes: int | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not 1 <= value <= LARGEST:
                raise UserError(f"--{name} must be from 1 to {LARGEST}, not {value}")


@dataclass(frozen=True)
class InputKind(Layer):
    """What `input NAME = kind(...)` makes: a map. It is called as a layer is, with whole numbers."""

    example: str = ""

    @property
    def defaults(self) -> dict[str, int | None]:
        """The numbers that an input has by itself; None where one must be given."""
        return {p.name: None if p.required else p.default for p in self.parameters}


def _kind(doc: str, example: str, *needed: str, **defaults: int) -> InputKind:
    numbers = {"frame_stride": 1, "classes": DEFAULT_CLASSES, "segments": 1, **defaults}
    parameters = (Parameter(name, "whole", numbers.get(name, REQUIRED), low=1) for name in (*needed, *numbers))
    return InputKind(example.partition("(")[0], doc, tuple(parameters), example=example)


INPUT_KINDS = {
    kind.name: kind
    for kind in (
        _kind("RGB frames of the video", "video(frames=16, size=224)", "frames", "size", channels=3),
        _kind(
            "optical flow that was computed before: to the right, and down",
            "optical_flow(frames=16, size=224)",
            "frames",
            "size",
            channels=2,
        ),
        _kind(
            "maps of any kind, computed before: objects, depth, poses",
            "maps(20, frames=16, size=28)",
            "channels",
            "frames",
            "size",
        ),
        _kind(
            "sound as channels x frames x bins x 1", "spectrogram(frames=128, bins=80)", "frames", "bins", channels=1
        ),
    )
}


@dataclass(frozen=True)
class Input:
    """A named map (channels, frames, rows, columns). `frame_stride` takes every n-th frame of the video. With several
    `segments` the frames come from as many equal parts of the video, a row of frames from each (TSN, Wang et al. 2016).
    """

    name: str
    frames: int
    size: Number = 1
    frame_stride: int = 1
    segments: int = 1
    classes: int = DEFAULT_CLASSES
    channels: int = 3
    kind: str = "video"
    bins: int = 0
    """Of a spectrogram, in the place of a size."""

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(INPUT_KINDS[self.kind].defaults)

    @property
    def area(self) -> tuple[int, int]:
        """(rows, columns)"""
        if self.bins:
            return self.bins, 1
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    @property
    def shape(self) -> Shape:
        return (self.channels, self.frames, *self.area)


Inputs: TypeAlias = tuple[Input, ...]
"""Those of one network, in the order of the text."""
MOST_INPUTS = 4096
"""Ways to make the choices of the inputs."""


def shapes_of(inputs: Inputs) -> tuple[tuple[str, Shape], ...]:
    """What can be read by name before the first line."""
    return tuple((each.name, each.shape) for each in inputs)


@dataclass(frozen=True)
class OpenInput:
    """An input of a space: what is given, and the choices in it by parameter (`frames`: "2", "4")."""

    line: tree.Input
    given: Input
    """With the first option of every choice."""
    choices: tuple[Choice, ...] = ()

    def parameter(self, choice: Choice) -> str:
        return choice.name.rpartition(".")[2]

    def with_choices(self, made: Mapping[str, str]) -> Input:
        """The input with these choices made, others at their first option. Raises: VnsError E0303 for its segments."""
        values: dict[str, Any] = {self.parameter(c): _read_text(made[c.name]) for c in self.choices if c.name in made}
        given = replace(self.given, **values)
        check_segments(given, self.line)
        return given

    def options(self, parameter: str) -> tuple[Number, ...]:
        """The values that a parameter can have, in the order of the text."""
        for choice in self.choices:
            if self.parameter(choice) == parameter:
                return tuple(map(_read_text, choice.options))
        return (getattr(self.given, parameter),)

    def options_text(self, parameter: str) -> str:
        return " or ".join(f"{n:,}" if isinstance(n, int) else show_value(n) for n in self.options(parameter))

    def allows(self, other: Input) -> bool:
        """Whether it can be made an input, whatever the name of that."""
        if other.kind != self.given.kind:
            return False
        return all(getattr(other, name) in self.options(name) for name in other.parameters)

    def restricted(self, keep: Mapping[str, tuple[str, ...]]) -> OpenInput:
        """The input with only some options of its choices left."""
        kept = tuple(replace(c, options=keep.get(c.name, c.options)) for c in self.choices)
        first: dict[str, Any] = {self.parameter(c): _read_text(c.options[0]) for c in kept}
        given = replace(self.given, **first)
        return OpenInput(self.line, given, tuple(c for c in kept if len(c.options) > 1))


@dataclass(frozen=True)
class OpenInputs:
    """The inputs of a space, in the order of the text."""

    each: tuple[OpenInput, ...]

    @property
    def given(self) -> Inputs:
        """With the first option of every choice."""
        return tuple(one.given for one in self.each)

    @property
    def choices(self) -> tuple[Choice, ...]:
        return tuple(choice for one in self.each for choice in one.choices)

    @property
    def count(self) -> int:
        """The number of ways to make the choices."""
        return prod(len(c.options) for c in self.choices)

    def with_choices(self, made: Mapping[str, str]) -> Inputs:
        """With these choices made, others at their first option. Raises: VnsError E0303."""
        return tuple(one.with_choices(made) for one in self.each)

    def choices_of(self, inputs: Inputs) -> dict[str, str] | None:
        """The choices that make some inputs, whatever their names; None when none do."""
        if len(inputs) != len(self.each) or not all(a.allows(b) for a, b in zip(self.each, inputs, strict=True)):
            return None
        pairs = zip(self.each, inputs, strict=True)
        return {c.name: show_value(getattr(b, a.parameter(c))) for a, b in pairs for c in a.choices}

    def closed(self, made: Mapping[str, str]) -> Inputs:
        """With every choice made. Raises: UserError for one that is not."""
        for choice in self.choices:
            if choice.name not in made:
                raise UserError(f"choice `{choice.name}` of the input is still open")
        return self.with_choices(made)

    def restricted(self, keep: Mapping[str, tuple[str, ...]]) -> OpenInputs:
        return OpenInputs(tuple(one.restricted(keep) for one in self.each))

    def ways(self) -> Iterator[Inputs]:
        """All inputs there can be. Raises: VnsError E0303."""
        names = [c.name for c in self.choices]
        for texts in product(*(c.options for c in self.choices)):
            yield self.with_choices(dict(zip(names, texts, strict=True)))


def _read_text(text: str) -> Number:
    """The value of an option: `224`, `128x176`."""
    rows, _, columns = text.partition("x")
    return (int(rows), int(columns)) if columns else int(rows)


def check_segments(video: Input, line: tree.Input) -> None:
    if video.frames % video.segments:
        message = f"{video.frames} frames cannot be taken from {video.segments} segments: every segment gives as many"
        raise error("E0303", message, line.value.span, help=divisors(video.frames, video.segments, "the frames"))


def read_inputs(net: tree.Space | tree.Network, overrides: Overrides) -> OpenInputs:
    """The inputs of a space or network, overrides applied. Raises: VnsError E0301, E0302, E0303, E0306, E0507."""
    lines = [s for s in net.body if isinstance(s, tree.Input)]
    if not lines:
        if any(isinstance(s, tree.Line) and isinstance(s.value, tree.Gap) for s in net.body):
            raise VnsError(())  # it may be the line that could not be read
        help = "begin it with `input clip = video(frames=16, size=224)`"
        raise error("E0306", f"`{net.name}` has no input", net.name_span, help=help)
    read = [_read(line) for line in lines]
    frames, size = read[0].get("frames"), read[0].get("size")
    classes = _classes(lines, read) if overrides.classes is None else overrides.classes
    found = []
    for line, values in zip(lines, read, strict=True):
        given: dict[str, int] = {"classes": classes}
        if overrides.frames is not None and frames is not None and values["frames"][0] == frames[0]:
            given["frames"] = overrides.frames
        if overrides.size is not None and "size" in values and (size is None or values["size"][0] == size[0]):
            given["size"] = overrides.size
        found.append(_open(line, values, given))
    inputs = OpenInputs(tuple(found))
    if inputs.count > MOST_INPUTS:
        message = f"the choices of the input make more than {MOST_INPUTS:,} inputs"
        raise error("E0507", message, lines[-1].value.span, help="offer fewer options")
    for _ in inputs.ways():
        pass  # each must be possible
    return inputs


Values: TypeAlias = dict[str, tuple[tuple[Number, ...], Span]]
"""The options of each number by name."""


def _open(line: tree.Input, values: Values, given: Mapping[str, int]) -> OpenInput:
    """An input with some of its numbers overridden."""
    assert isinstance(line.value, tree.Call)
    kind = INPUT_KINDS[line.value.function]
    closed: dict[str, Any] = {name: value for name, value in kind.defaults.items() if value is not None}
    closed |= {name: options[0] for name, (options, _) in values.items()}
    choices = tuple(
        Choice(f"{line.name}.{name}", name, tuple(map(show_value, options)), span)
        for name, (options, span) in values.items()
        if len(options) > 1 and name not in given
    )
    return OpenInput(line, Input(line.name, kind=line.value.function, **{**closed, **given}), choices)


def _classes(lines: list[tree.Input], read: list[Values]) -> int:
    """The number of classes, which one of the inputs may say. Raises: VnsError E0301 for two numbers."""
    said = [(values["classes"], line) for values, line in zip(read, lines, strict=True) if "classes" in values]
    for (options, span), _ in said[1:]:
        (first, at), _ = said[0]
        if options != first:
            other = (Label(at, f"{first[0]} here"),)
            raise error("E0301", "two inputs say how many classes there are", span, secondary=other, help="say it once")
    return said[0][0][0][0] if said else DEFAULT_CLASSES  # type: ignore[return-value]


def _read(line: tree.Input) -> Values:
    """What an input line says. Raises: VnsError with every argument that is wrong."""
    call = line.value
    function = call.function if isinstance(call, tree.Call) else call.id if isinstance(call, tree.Name) else ""
    if not isinstance(call, tree.Call) or function not in INPUT_KINDS or call.body is not None:
        *most, last = (f"`{name}(...)`" for name in INPUT_KINDS)
        help = did_you_mean(function, [name for name in INPUT_KINDS if name != function])
        help = help or f"write `{INPUT_KINDS.get(function, INPUT_KINDS['video']).example}`"
        raise error("E0306", f"an input must be {', '.join(most)} or {last}", call.span, help=help)
    kind = INPUT_KINDS[function]
    bound = bind(call, kind.parameters, lambda: f"it is written `{kind.signature}`")
    values: Values = {}
    faults: list[Diagnostic] = []
    for parameter in kind.parameters:
        if parameter.name in bound:
            expression = bound[parameter.name]
            try:
                values[parameter.name] = _values(kind, parameter, expression), expression.span
            except VnsError as fault:
                faults += fault.diagnostics
    if len(values) < len(bound):
        raise VnsError(faults)
    return values


def _values(kind: InputKind, parameter: Parameter, expression: tree.Expression) -> tuple[Number, ...]:
    """The options of one argument: one, unless it is left open."""
    if not isinstance(expression, (tree.Choice, tree.Range)):
        return (_value(kind, parameter, expression),)
    if parameter.name == "classes":
        help = "the classes are those of the data: `--classes` and data sets set them"
        raise error("E0302", f"`classes` of `{kind.name}` cannot be a choice", expression.span, help=help)
    values = [(_value(kind, parameter, option), option.span) for option in option_expressions(expression)]
    check_distinct([Option(show_value(value), poison(span), span) for value, span in values])
    return tuple(value for value, _ in values)


def _value(kind: InputKind, parameter: Parameter, expression: tree.Expression) -> Number:
    value, span = evaluate(expression), expression.span
    if parameter.name != "size" or not isinstance(value, tuple) or isinstance(expression, tree.List):
        number: int = coerce(parameter, value, span, kind)
        return number
    if len(value) != 2:
        help = "write one number for a square, or `size=128x176` for 128 rows of 176 columns"
        message = f"`size` of `{kind.name}` must be rows x columns, found `{show_value(value)}`"
        raise error("E0302", message, span, help=help)
    rows, columns = (coerce(parameter, side, span, kind) for side in value)
    return rows if rows == columns else (rows, columns)
