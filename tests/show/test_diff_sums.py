"""What a comparison says adds up, and its text keeps it whole."""

from __future__ import annotations

import re
from functools import cache
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.show.diffs import BLOCKS, NETWORK, altered, check_sums, comparison, diff, only_stage, told
from tests.support import shipped_space
from vnasdsl.elaborate import Space
from vnasdsl.show.diff import Comparison, FileDiff, compare
from vnasdsl.show.diff.as_json import as_object
from vnasdsl.show.diff.text import _wrapped, as_text

# ------------------------------------------------------------------- it all adds up


@cache
def tiny() -> Space:
    return shipped_space("tiny")


@given(st.integers(0, 10**6), st.integers(0, 10**6))
@settings(max_examples=30)
def test_networks_of_a_space(first: int, second: int) -> None:
    chosen = [tiny().sample(Random(seed)) for seed in (first, second)]
    a, b = (tiny().network(made) for made in chosen)
    found, back = compare(a, b), compare(b, a)
    assert isinstance(found, Comparison)
    assert isinstance(back, Comparison)
    alike = [(r.operation, r.attributes) for r in a.layers()] == [(r.operation, r.attributes) for r in b.layers()]
    assert found.equal == back.equal == alike
    check_sums(found)
    check_sums(back)
    assert [(s.after, s.before) for s in back.stages] == [(s.before, s.after) for s in found.stages]
    assert compare(a, a).equal
    text = as_text(FileDiff("a", "b", compared=(found,)))
    assert all(len(line) <= 100 for line in text.split("\n"))
    assert as_object(FileDiff("a", "b", compared=(found,)))["equal"] == alike


def test_sums_with_stages_and_blocks_changed() -> None:
    check_sums(comparison(NETWORK, ("head(16, 2)", "head(24, 2)"), ("stage s3", "stage s4"), ("basic(2)", "unit(1)")))
    check_sums(comparison(NETWORK, ("basic(2)\n", ""), blocks=[("unit(1x3x3)", "unit(1x5x5)")]))


def test_colour_is_only_added() -> None:
    found = diff(BLOCKS + NETWORK, BLOCKS + altered(NETWORK, ("basic(2)\n", ""), ("head(32, 2)", "head(40, 2)")))
    colored = as_text(found, color=True)
    assert "\x1b[31m    - basic(2)\x1b[0m" in colored
    assert re.sub(r"\x1b\[\d+m", "", colored) == as_text(found)


def test_a_number_keeps_its_magnitude_where_a_line_is_broken() -> None:
    for shift in range(40):
        line = f"{'x' * (60 + shift)} -183.04 M greatest MACs (-13.2%), -14.56 K greatest parameters, 2 048 networks"
        parts = list(_wrapped(line, "  "))
        assert " ".join(part.strip() for part in parts) == line
        assert not any(part.endswith(("183.04", "14.56", "-2", " 2")) for part in parts)


def test_a_long_network() -> None:
    body = "\n".join(f"    basic({1 + i % 3})" for i in range(1000))
    text = BLOCKS + NETWORK.replace("    basic(1)\n    basic(2)\n    basic(1)", body)
    found = diff(text, text.replace("head(16, 2)\n", "head(16, 2)\n    basic(4)\n")).compared[0]
    assert isinstance(found, Comparison)
    assert [told(line) for line in only_stage(found).lines] == [("added", None, "basic(4)")]
