"""Sources to compare, and what tests check of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

from vnasdsl.elaborate import Program, load_source
from vnasdsl.language.source import Source
from vnasdsl.show.diff import Comparison, FileDiff, compare_programs
from vnasdsl.show.diff.model import LineChange, StageChange
from vnasdsl.space.costs import Cost

BLOCKS = """
block stem(channels) {
  conv(channels, 1x5x5, stride=1x2x2) -> bn -> relu
  conv(channels, 3x1x1) -> bn -> relu
}
block head(channels, stride) { conv(channels, 1x3x3, stride=(1, stride, stride)) -> bn -> relu }
block unit(kernel) { conv(same, kernel) -> bn -> relu }
block basic(dilation) {
  residual {
    unit(1x3x3)
    conv(same, 3x1x1, dilation=(dilation, 1, 1)) -> bn -> relu
  }
}
"""
NETWORK = """
network n {
  input clip = video(frames=8, size=32, classes=8)
  stage s1 { stem(8) }
  stage s2 {
    head(16, 2)
    basic(1)
    basic(2)
    basic(1)
  }
  stage s3 { head(32, 2) }
  pool -> dropout(0.2) -> linear(classes)
}
"""
SPACE = """
space s {
  input clip = video(frames=8, size=32, classes=8)
  stage s1 { stem(8) }
  stage s2 {
    head(8 | 16, 2)
    3 * (basic(1) | basic(2) | skip)
  }
  pool -> dropout(0.2) -> linear(classes)
}
"""


def program(text: str) -> Program:
    return load_source(Source("text.vns", text), None)


def altered(text: str, *replacements: tuple[str, str]) -> str:
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return text


def diff(before: str, after: str) -> FileDiff:
    return compare_programs(program(before), program(after))


def comparison(text: str, *replacements: tuple[str, str], blocks: Sequence[tuple[str, str]] = ()) -> Comparison:
    """The comparison of a definition with the blocks above, and the same with parts replaced."""
    found = diff(BLOCKS + text, altered(BLOCKS, *blocks) + altered(text, *replacements)).compared[0]
    assert isinstance(found, Comparison)
    return found


def told(change: LineChange) -> tuple[str, str | None, str | None]:
    sides = [side.text if side is not None else None for side in (change.before, change.after)]
    return change.change, sides[0], sides[1]


def only_stage(found: Comparison) -> StageChange:
    (stage,) = [stage for stage in found.stages if stage.change != "affected"]
    return stage


def minus(after: Cost | None, before: Cost | None) -> tuple[int, ...]:
    assert after is not None and before is not None
    return tuple(b - a for a, b in zip(astuple(before), astuple(after), strict=True))


def check_sums(found: Comparison) -> None:
    """Stages add up to the totals, and changed and affected lines to their stage."""
    stages = [0, 0]
    for stage in found.stages:
        sides = [side.cost if side else Cost() for side in (stage.before, stage.after)]
        change = sides[1].macs_min - sides[0].macs_min, sides[1].params_min - sides[0].params_min
        stages = [a + b for a, b in zip(stages, change, strict=True)]
        lines = [
            stage.affected.after.macs_min - stage.affected.before.macs_min,
            stage.affected.after.params_min - stage.affected.before.params_min,
        ]
        for line in stage.lines:
            for side, sign in ((line.before, -1), (line.after, 1)):
                if side is not None and side.cost is not None:
                    lines[0] += sign * side.cost.macs_min
                    lines[1] += sign * side.cost.params_min
        assert tuple(lines) == change
    a, b = found.before.cost, found.after.cost
    assert a is not None and b is not None
    assert stages == [b.macs_min - a.macs_min, b.params_min - a.params_min]
