"""What a network's own text keeps."""

from __future__ import annotations

from vnasdsl.elaborate import load_source
from vnasdsl.elaborate.program import examine
from vnasdsl.language.source import Source

LABELLED = """\
network labelled {
  input clip = video(frames=8, size=32)
  stage s1 {
    first = conv(4, 1x3x3) -> bn
    up = conv(4, 1x3x3)
  }
  pool -> linear(classes)
}
"""


def test_labels_given_by_hand_stay_in_the_text_of_a_network() -> None:
    network = load_source(Source("labelled.vns", LABELLED), None).get()
    again = load_source(Source("again.vns", network.text()), None).get()
    assert [row.label for row in again.layers()] == [row.label for row in network.layers()]
    assert "s1.first.conv" in {row.label for row in network.layers()}


def test_a_network_cannot_be_searched() -> None:
    _, found = examine(Source("searched.vns", LABELLED + "search s for labelled { epochs = 3 }\n"), None)
    assert [(d.code, d.primary.span.text if d.primary else None) for d in found] == [("E0803", "labelled")]
