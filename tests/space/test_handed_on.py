"""A layer that goes through several blocks is the one that was handed in, at every use."""

from __future__ import annotations

from vnasdsl.elaborate.program import load_source
from vnasdsl.language.source import Source

TEXT = """
block in_time(width, act) {
  conv(width, 3x1x1) -> act
}
block layers(t, width, first, act) {
  conv(width, 1x1x1) -> act if first == true else skip
  t(width, act)
}
block around(inner, act) {
  inner
  act
}
block whole(t, width, first, act) {
  around(layers(t, width, first, act), act)
}
network both {
  input clip = video(frames=4, size=8, classes=3)
  whole(in_time, 8, false, hardswish)
  whole(in_time, 8, true, relu)
  whole(in_time, 8, false, bn)
  pool -> linear(classes)
}
"""


def test_uses_that_differ_in_a_layer_handed_on_twice_are_not_one() -> None:
    network = load_source(Source("both.vns", TEXT), None).get()
    layers = [row.operation for row in network.layers() if row.operation != "skip"]
    first, second, third = (
        ["conv", "hardswish", "hardswish"],
        ["conv", "relu", "conv", "relu", "relu"],
        ["conv", "bn", "bn"],
    )
    assert layers == [*first, *second, *third, "pool", "linear"]
