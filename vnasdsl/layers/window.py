"""Kernel, stride, dilation and padding of layers that slide a window, with the checks they share."""

from __future__ import annotations

from dataclasses import dataclass

from vnasdsl.layers.base import LayerError, Remark, Value, show_value

AXES = ("frames", "rows", "columns")


@dataclass(frozen=True)
class Window:
    """A window along (T, H, W), with padding resolved to whole numbers."""

    kernel: tuple[int, int, int]
    stride: tuple[int, int, int]
    dilation: tuple[int, int, int]
    padding: tuple[int, int, int]

    def output(self, layer: str, size: tuple[int, int, int]) -> tuple[int, int, int]:
        """Frames, rows and columns after the window; `LayerError` E0401 when one of them is empty."""
        out = tuple(
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, d, p in zip(size, self.kernel, self.stride, self.dilation, self.padding, strict=True)
        )
        for i, axis in enumerate(AXES):
            if out[i] < 1:
                shown = f"{size[1]} x {size[2]}" if axis != "frames" else f"{size[0]} frame{'s' * (size[0] != 1)}"
                most = (size[i] + 2 * self.padding[i] - 1) // self.dilation[i] + 1
                raise LayerError(
                    "E0401",
                    f"`{layer}` leaves 0 {axis}: the input is {shown} here",
                    f"a kernel of {most} along {axis} is the most that fits; with `padding=same` any odd one does",
                )
        return out  # type: ignore[return-value]

    def degenerate(self, size: tuple[int, int, int]) -> Remark | None:
        """Why part of the window can never see anything but padding, or None."""
        for axis, n, k, s, d in zip(AXES, size, self.kernel, self.stride, self.dilation, strict=True):
            if k > 1 and d >= n:
                message = f"dilation {d} reaches past {f'all {n} {axis}' if n > 1 else f'the only one of the {axis}'}"
                help = f"use a dilation below {n}" if n > 1 else f"use a kernel of 1 along {axis}"
                return Remark(message, "only the middle of the kernel sees data", help, "dilation")
            if s > 1 and n == 1:
                message = f"stride {s} along {axis} has no effect"
                return Remark(message, f"there is 1 of the {axis} here", f"use a stride of 1 along {axis}", "stride")
        return None


def window(layer: str, kernel: Value, stride: Value, dilation: Value, padding: Value) -> Window:
    """A window from arguments that `arguments.py` has already read; `padding` is "same", "valid" or sizes.

    Same padding keeps ceil(in / stride); for odd kernels this is dilation * (kernel - 1) / 2 on both sides.
    """
    for name, sizes in (("kernel", kernel), ("stride", stride), ("dilation", dilation)):
        if min(sizes) < 1:
            raise LayerError("E0303", f"`{name}` of `{layer}` has a size below 1: `{show_value(sizes)}`", None, name)
    if padding == "same":
        if any(k % 2 == 0 for k in kernel):
            raise LayerError(
                "E0107",
                f"`padding=same` with the even kernel {show_value(kernel)} is not supported yet",
                "use an odd kernel, or `padding=valid`",
                "kernel",
            )
        pads = tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True))
    elif padding == "valid":
        pads = (0, 0, 0)
    else:
        pads = padding
    return Window(kernel, stride, dilation, pads)
