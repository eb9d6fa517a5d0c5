"""Networks as their choices, made by hand, for tests of mutations."""

from __future__ import annotations

from vnasdsl.space.decisions import Decision


def option(name: str, value: str, *options: str, kind: str = "op") -> Decision:
    return Decision(name, kind, options, value=value)


def number(path: str, value: int, most: int, least: int = 1) -> Decision:
    options = tuple(str(count) for count in range(least, most + 1))
    return Decision(f"{path}.number", "number", options, value=str(value))


def edges(name: str, value: str, options: str, least: int = 1, most: int = 3) -> Decision:
    return Decision(name, "edges", tuple(options.split()), None, least, most, value=value)


def real(name: str, value: float, low: float = 0.0, high: float = 1.0) -> Decision:
    return Decision(name, "ratio", (), low=low, high=high, value=str(value))


def streams(widths: tuple[int, ...] = (8, 16, 8)) -> tuple[Decision, ...]:
    """`level0` of one to four nodes that read two stems, and `level1` of two nodes that read stems and level0."""
    made = [number("level0", len(widths), 4)]
    for i, width in enumerate(widths):
        made.append(edges(f"level0[{i}].edges", "r0" if i % 2 else "r0 + f0", "r0 f0", most=2))
        made.append(option(f"level0[{i}].conv.channels", str(width), "4", "8", "16", "24", kind="channels"))
        made.append(option(f"level0[{i}].conv.dilation", str(1 + i % 2), "1", "2", "4", kind="dilation"))
    sources = " ".join(["r0", "f0", *(f"level0[{i}]" for i in range(len(widths)))])
    made.append(edges("level1[0].edges", "f0 + level0[1]" if len(widths) > 1 else "f0", sources))
    made.append(edges("level1[1].edges", "level0[0] + level0[2]" if len(widths) > 2 else "level0[0]", sources))
    return tuple(made)
