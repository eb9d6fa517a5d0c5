"""Kernel, stride, dilation and padding of layers that slide a window, with the checks they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from vnasdsl.layers.base import Arguments, Field, LayerError, Parameter, Remark, Shape, Value, show_value

AXES = ("frames", "rows", "columns")
Sizes: TypeAlias = tuple[int, int, int]
ONE = (1, 1, 1)

STRIDE = Parameter("stride", "sizes", ONE, "stride along frames, rows and columns")
DILATION = Parameter("dilation", "sizes", ONE, "dilation along frames, rows and columns")
ZERO = (0, 0, 0)
PADDINGS = {
    "same": ("even", "even"),
    "valid": ("none", "none"),
    "causal": ("before", "even"),
    "tf_same": ("least", "least"),
    "tf_causal": ("before", "least"),
}
"""Words for padding: how the cells along frames are put, and those along rows and columns."""
PADDING = Parameter(
    "padding",
    "padding",
    "same",
    "`same` (output is ceil(input / stride)), `causal` (so, but no frame sees a later one), `tf_same` and `tf_causal`"
    " (as TensorFlow, also for odd kernels), `valid`, sizes, or six sizes: before and after frames, rows, columns",
    tuple(PADDINGS),
)


@dataclass(frozen=True)
class Window:
    """A window that a layer slides along (T, H, W), with padding resolved to whole numbers."""

    layer: str
    size: Sizes
    """Frames, rows and columns of the input."""
    kernel: Sizes
    stride: Sizes
    dilation: Sizes
    padding: Sizes
    """Cells on both sides of each axis."""
    begin: Sizes = ZERO
    end: Sizes = ZERO
    """More cells before an axis or after it, as causal padding and even kernels need."""

    @property
    def symmetric(self) -> bool:
        return not any((*self.begin, *self.end))

    @property
    def sides(self) -> tuple[tuple[int, int], ...]:
        """Cells before and after each axis."""
        return tuple((p + b, p + e) for p, b, e in zip(self.padding, self.begin, self.end, strict=True))

    @property
    def attributes(self) -> tuple[tuple[str, Value], ...]:
        """The padding as it is: three sizes, or six where both sides of an axis differ."""
        return (("padding", self.padding if self.symmetric else tuple(n for pair in self.sides for n in pair)),)

    @property
    def padding_fields(self) -> tuple[Field, Field, Field]:
        """Arguments of a helper class that pads; they are left out where they are zero."""
        return Field("padding", self.padding, ZERO), Field("begin", self.begin, ZERO), Field("end", self.end, ZERO)

    @property
    def output(self) -> Sizes:
        """Frames, rows and columns after the window. Raises: LayerError E0401 when one of them would be 0."""
        size = self.size
        padded = tuple(n + before + after for n, (before, after) in zip(size, self.sides, strict=True))
        out = tuple(
            (n - d * (k - 1) - 1) // s + 1
            for n, k, s, d in zip(padded, self.kernel, self.stride, self.dilation, strict=True)
        )
        for i, axis in enumerate(AXES):
            if out[i] < 1:
                shown = f"{size[1]} x {size[2]}" if axis != "frames" else f"{size[0]} frame{'s' * (size[0] != 1)}"
                most = (padded[i] - 1) // self.dilation[i] + 1
                raise LayerError(
                    "E0401",
                    f"`{self.layer}` leaves 0 {axis}: the input is {shown} here",
                    f"a kernel of {most} along {axis} is the most that fits; with `padding=same` any does",
                )
        return out  # type: ignore[return-value]

    @property
    def warning(self) -> Remark | None:
        """Why part of the window can never see anything but padding, or None."""
        for i, axis in enumerate(AXES):
            n, k, s, d = self.size[i], self.kernel[i], self.stride[i], self.dilation[i]
            if k > 1 and d >= n and not self._both_halves_see(i, n):
                message = f"dilation {d} reaches past {f'all {n} {axis}' if n > 1 else f'the only one of the {axis}'}"
                help = f"use a dilation below {n}" if n > 1 else f"use a kernel of 1 along {axis}"
                part = "the middle" if k % 2 and self.symmetric else "a part"
                return Remark(message, f"only {part} of the kernel sees data", help, "dilation")
            if s > 1 and n == 1:
                message = f"stride {s} along {axis} has no effect"
                return Remark(message, f"there is 1 of the {axis} here", f"use a stride of 1 along {axis}", "stride")
        return None

    def _both_halves_see(self, i: int, n: int) -> bool:
        """Whether a kernel of 2 whose dilation is no less than the axis still has data under both of its weights."""
        k, s, d, (before, after) = self.kernel[i], self.stride[i], self.dilation[i], self.sides[i]
        last = (n + before + after - d * (k - 1) - 1) // s * s - before  # where the last window begins
        return k == 2 and last >= 0 and d - before < n


def window(layer: str, arguments: Arguments, shape: Shape) -> Window:
    """The window that the arguments of a layer mean for an input of (C, T, H, W).

    They are `kernel`, `stride`, perhaps `padding` (a word, or sizes) and perhaps `dilation`, as `coerce` has read them.
    All words but `valid` give ceil(in / stride) cells. `same` along the axis of an odd kernel is
    dilation * (kernel - 1) / 2 on both sides. Along that of an even one it is TensorFlow's SAME: as little as gives so
    many cells, the odd cell of it at the end. Causal padding is dilation * (kernel - 1) before the first frame.
    """
    kernel, stride, padding = arguments["kernel"], arguments["stride"], arguments.get("padding", "same")
    dilation = arguments.get("dilation", ONE)
    size: Sizes = shape[1:]  # type: ignore[assignment]
    for name, sizes in (("kernel", kernel), ("stride", stride), ("dilation", dilation)):
        if min(sizes) < 1:
            raise LayerError("E0303", f"`{name}` of `{layer}` has a size below 1: `{show_value(sizes)}`", None, name)
    if isinstance(padding, str):
        frames, space = PADDINGS[padding]
        axes = zip((frames, space, space), size, kernel, stride, dilation, strict=True)
        sides = [_sides(*axis) for axis in axes]
    else:
        sides = [(p, p) for p in padding] if len(padding) == 3 else [padding[i : i + 2] for i in (0, 2, 4)]
    both = tuple(map(min, sides))
    begin, end = (tuple(side[i] - p for side, p in zip(sides, both, strict=True)) for i in (0, 1))
    return Window(layer, size, kernel, stride, dilation, both, begin, end)  # type: ignore[arg-type]


def odd_window(layer: str, arguments: Arguments, shape: Shape, help: str, name: str = "kernel") -> Window:
    """The window of a parameter whose sizes must be odd, with same padding. An axis along which it is 1 has no
    dilation. Raises: LayerError E0303."""
    kernel = arguments[name]
    if any(k % 2 == 0 for k in kernel):
        message = f"`{name}` of `{layer}` must be odd along every axis, found `{show_value(kernel)}`"
        raise LayerError("E0303", message, help, name)
    used = tuple(d if k > 1 else 1 for k, d in zip(kernel, arguments.get("dilation", ONE), strict=True))
    return window(layer, {"kernel": kernel, "stride": arguments["stride"], "dilation": used}, shape)


def _sides(put: str, n: int, k: int, s: int, d: int) -> tuple[int, int]:
    """Cells before and after an axis of `n`."""
    reach = d * (k - 1)
    if put == "none":
        return 0, 0
    if put == "before":
        return reach, 0
    least = max(0, (-(-n // s) - 1) * s + reach + 1 - n)
    total = reach if put == "even" and k % 2 else least
    return total // 2, total - total // 2
