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
PADDING = Parameter("padding", "padding", "same", "`same` (output is ceil(input / stride)), `valid`, or sizes")


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
    end: Sizes = (0, 0, 0)
    """One more cell at the end of an axis, which an even kernel needs."""

    @property
    def symmetric(self) -> bool:
        return not any(self.end)

    @property
    def attributes(self) -> tuple[tuple[str, Value], ...]:
        """The padding as it is; padding that differs between both sides of an axis stays `same`."""
        return (("padding", self.padding if self.symmetric else "same"),)

    @property
    def padding_fields(self) -> tuple[Field, Field]:
        """Arguments of a helper class that pads; both are left out where they are zero."""
        return Field("padding", self.padding, (0, 0, 0)), Field("end", self.end, (0, 0, 0))

    @property
    def output(self) -> Sizes:
        """Frames, rows and columns after the window. Raises: LayerError E0401 when one of them would be 0."""
        size = self.size
        padded = tuple(n + 2 * p + e for n, p, e in zip(size, self.padding, self.end, strict=True))
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
                part = "the middle" if k % 2 else "a part"
                return Remark(message, f"only {part} of the kernel sees data", help, "dilation")
            if s > 1 and n == 1:
                message = f"stride {s} along {axis} has no effect"
                return Remark(message, f"there is 1 of the {axis} here", f"use a stride of 1 along {axis}", "stride")
        return None

    def _both_halves_see(self, i: int, n: int) -> bool:
        """Whether a kernel of 2 whose dilation is no less than the axis still has data under both of its weights."""
        k, s, d, p = self.kernel[i], self.stride[i], self.dilation[i], self.padding[i]
        last = (n + 2 * p + self.end[i] - d * (k - 1) - 1) // s * s - p  # where the last window begins
        return k == 2 and last >= 0 and d - p < n


def window(layer: str, arguments: Arguments, shape: Shape) -> Window:
    """The window that the arguments of a layer mean for an input of (C, T, H, W).

    They are `kernel`, `stride`, perhaps `padding` ("same", "valid" or sizes) and perhaps `dilation`, as `coerce` has
    read them. Same padding gives ceil(in / stride) cells. Along the axis of an odd kernel it is
    dilation * (kernel - 1) / 2 on both sides. Along that of an even one it is TensorFlow's SAME: as little as gives so
    many cells, the odd cell of it at the end.
    """
    kernel, stride, padding = arguments["kernel"], arguments["stride"], arguments.get("padding", "same")
    dilation = arguments.get("dilation", ONE)
    size: Sizes = shape[1:]  # type: ignore[assignment]
    for name, sizes in (("kernel", kernel), ("stride", stride), ("dilation", dilation)):
        if min(sizes) < 1:
            raise LayerError("E0303", f"`{name}` of `{layer}` has a size below 1: `{show_value(sizes)}`", None, name)
    if padding != "same":
        return Window(layer, size, kernel, stride, dilation, (0, 0, 0) if padding == "valid" else padding)
    totals = [_total(n, k, s, d) for n, k, s, d in zip(size, kernel, stride, dilation, strict=True)]
    before, end = zip(*(divmod(total, 2) for total in totals), strict=True)
    return Window(layer, size, kernel, stride, dilation, before, end)


def odd_window(layer: str, arguments: Arguments, shape: Shape, help: str, name: str = "kernel") -> Window:
    """The window of a parameter whose sizes must be odd, with same padding. An axis along which it is 1 has no
    dilation. Raises: LayerError E0303."""
    kernel = arguments[name]
    if any(k % 2 == 0 for k in kernel):
        message = f"`{name}` of `{layer}` must be odd along every axis, found `{show_value(kernel)}`"
        raise LayerError("E0303", message, help, name)
    used = tuple(d if k > 1 else 1 for k, d in zip(kernel, arguments.get("dilation", ONE), strict=True))
    return window(layer, {"kernel": kernel, "stride": arguments["stride"], "dilation": used}, shape)


def _total(n: int, k: int, s: int, d: int) -> int:
    """Cells of same padding along an axis of `n`, both sides together."""
    if k % 2:
        return d * (k - 1)
    return max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n)
