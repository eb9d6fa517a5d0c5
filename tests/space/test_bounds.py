"""Least and greatest costs where they are bounds, of open calls and of lists; and the faults that are real."""

from __future__ import annotations

from itertools import product

import pytest

from tests.space.test_counting import space
from tests.space.test_wired_spaces import built
from tests.support import some_slow
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import LayerError
from vnasdsl.show.figures import line_figures
from vnasdsl.space import deferred
from vnasdsl.space.costs import GOALS

SHAPE = (3, 2, 4, 4)
UNIT = """\
block unit(c, e, r, flag) {
  conv(c, 1x1x1) -> bn if flag == true else conv(c, 1x3x3)
  conv(c * e, 1x1x1) -> squeeze_excite(r)
  squeeze_excite(r, least=1) if r > 0.5 else skip
  relu
}
"""


def test_an_open_call_with_a_real_argument_has_the_ends_of_its_ways() -> None:
    made, faults = built(space("  unit(2 | 4, 1..3, 0.0..1.0, true | false)", UNIT))
    assert not faults and made.exact and made.size is None
    found = []
    for c, e, r, flag in product((2, 4), (1, 2, 3), (0.0, 1e-9, 0.3, 0.5, 0.50001, 0.9, 1.0), ("true", "false")):
        network, _ = built(space(f"  unit({c}, {e}, {r}, {flag})", UNIT))
        found.append((network.macs[0], network.params[0]))
    macs, params = zip(*found, strict=True)
    assert made.macs == (min(macs), max(macs))
    assert made.params == (min(params), max(params))


def test_what_else_is_done_with_a_real_argument_leaves_costs_unknown() -> None:
    block = "block odd(r) { squeeze_excite(1.0 - r) }\n"
    made, _ = built(space("  conv(16, 1x1x1) -> odd(0.0..1.0)", block))
    assert not made.costed and made.analysis.missing


def test_an_open_call_with_too_many_ways_has_no_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    block = "block unit(a, b, c, d) {\n  conv(a, 1x1x1) -> conv(b, 1x1x1)\n  conv(c, 1x3x3) -> squeeze_excite(d)\n}\n"
    text = space("  unit(2 | 3 | 4, 2 | 5, 1 | 2 | 7, 0.0..1.0)", block)
    made, faults = built(text)
    assert not faults and made.costed and made.exact
    monkeypatch.setattr(deferred, "MOST_CLOSED", 24)
    made, faults = built(text)
    assert not faults and not made.costed and made.analysis.missing


def test_rising_parameters_rise() -> None:
    """What is said of a real parameter: costs never fall when it grows, and no shape depends on it."""
    shape = (12, 4, 8, 8)
    seen = 0
    for layer in CATALOGUE.values():
        for parameter in layer.parameters:
            if not parameter.rising or layer.rule is None:
                continue
            given = {p.name: p.default for p in layer.parameters}
            given |= {"channels": 8, "features": 3, "kernel": (1, 3, 3), "heads": 4, "window": (2, 4, 4)}
            low = parameter.low or 0.0
            high = 0.99 if parameter.high is None else parameter.high
            last = None
            for i in range(33):
                given[parameter.name] = low + (high - low) * i / 32
                try:
                    applied = layer.apply({p.name: given[p.name] for p in layer.parameters}, shape, 3)
                except LayerError:
                    pytest.fail(f"{layer.name} cannot be built")
                assert last is None or applied.output == last.output
                assert last is None or (applied.macs >= last.macs and applied.params >= last.params)
                last = applied
            seen += 1
    assert seen >= 4


def test_the_uses_of_a_tied_block_pull_apart() -> None:
    """What costs least at one use costs most at the other, so that no network has the bounds."""
    block = "tied block pull(c) { conv(8, 1x1x1) -> conv(c, 3x3x3) | conv(c, 3x3x3) -> conv(8, 1x1x1) }\n"
    made, faults = built(space("  pull(2)\n  pull(30)\n  conv(3, 1x1x1)", block))
    assert not faults
    costs = []
    for way in made.networks():
        costs.append(made.price(way))
    assert len(costs) == 2
    for goal, least in (("macs_min", True), ("macs_max", False), ("params_min", True), ("params_max", False)):
        true = (min if least else max)(getattr(cost, goal) for cost in costs)
        bound = getattr(made.cost, goal)
        assert bound <= true if least else bound >= true
        assert (goal in made.exact_ends) <= (bound == true)


def test_a_fault_that_no_network_has_is_not_said() -> None:
    """Both uses have the same width, so that the sum always fits."""
    block = "tied block wide(a) { conv(2 | 3, 1x1x1) }\n"
    made, faults = built(
        space("  a1 = wide(clip)\n  b1 = clip -> conv(3, 1x1x1)\n  b2 = wide(b1)\n  sum(a1, b2)", block)
    )
    assert not faults
    assert made.size == 2
    costs = [made.network(way).params[0] for way in made.networks()]
    assert made.params[0] <= min(costs) and max(costs) <= made.params[1]
    assert made.exact_ends <= set(GOALS)


def test_a_fault_that_some_network_has_is_said() -> None:
    _, faults = built(space("  a1 = conv(2 | 3, 1x1x1)\n  b1 = clip -> conv(2, 1x1x1)\n  sum(a1, b1)"))
    assert [fault.code for fault in faults] == ["E0409"]


@pytest.mark.parametrize(
    "lines, code",
    [
        ("  l = [bn, relu]\n  conv(3, 1x1x1)", "E0305"),
        ("  l = [bn, relu]\n  residual { bn }", "E0305"),
        ("  l = [1..2 * bn]\n  sum(pick 2 of [l])", "E0303"),
    ],
)
def test_lists_where_they_cannot_stand(lines: str, code: str) -> None:
    _, faults = built(space(lines))
    assert {fault.code for fault in faults} == {code}


def test_a_body_that_runs_several_times_costs_so_often() -> None:
    made, _ = built(space("  segments(2) { conv(4 | 6, 1x1x1) }"))
    costs = []
    for c in (4, 6):
        macs, params = 2 * (3 * c * 1 * 4 * 4), 3 * c  # two halves of one frame each
        costs.append((macs + 2 * c, params + 2 * (c + 1)))
    assert made.macs == (costs[0][0], costs[1][0])
    assert made.params == (costs[0][1], costs[1][1])


def test_figures_of_lines_add_up_and_follow_the_wires() -> None:
    made, _ = built(space("  a1 = conv(2, 1x1x1)\n  b1 = clip -> conv(4, 1x1x1)\n  concat(a1, b1)\n  residual { bn }"))
    figures = line_figures(made)
    assert [tuple(f.after) for f in figures[:3]] == [((2, 2, 4, 4),), ((4, 2, 4, 4),), ((6, 2, 4, 4),)]
    whole = [f for f in figures if f.span.text != "bn"]  # the line in the body is counted with the residual
    assert sum(f.cost.params_min for f in whole if f.cost) == made.params[0]
    assert sum(f.cost.macs_min for f in whole if f.cost) == made.macs[0]


def test_a_limit_is_told_from_bounds_where_the_costs_are_bounds() -> None:
    block = "tied block pull(c) { conv(8, 1x1x1) -> conv(c, 3x3x3) | conv(c, 3x3x3) -> conv(8, 1x1x1) }\n"
    text = space("  pull(2)\n  pull(30)\n  conv(3, 1x1x1)", block)
    made, _ = built(text.replace("linear(classes)", "linear(classes)\n  require params <= 10"))
    (fault,) = [d for d in made.check(relaxed=False) if d.code == "E0505"]
    assert "params_max" not in made.exact_ends or "params_min" not in made.exact_ends
    low, high = made.params
    assert fault.notes == (f"params of all its networks lie between {low:,} and {high:,}, which are bounds",)


FORMS = ["  concat({})", "  sum({})", "  concat(pick 1..20 of [{}])", "  l = [{}]\n  concat(l)"]


@pytest.mark.parametrize("form", some_slow(FORMS, FORMS[1:]))
def test_more_sets_of_shapes_than_can_be_gone_through_are_refused(form: str) -> None:
    inputs = ", ".join(["clip -> conv(1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10, 1x1x1)"] * 20)
    made, faults = built(space(form.format(inputs)))
    assert [fault.code for fault in faults] == ["E0509"]
    assert made.size is not None and made.size >= 10**20


def test_many_wires_are_gone_through_state_by_state() -> None:
    """Three widths and a window of three wires: far fewer states than networks."""
    lines = ["  w0 = conv(2 | 3, 1x1x1)", "  w1 = conv(2 | 3, 1x1x1)", "  w2 = conv(2 | 3, 1x1x1)"]
    lines += [f"  w{i} = concat(w{i - 3}, w{i - 2}, w{i - 1}) -> conv(2 | 3, 1x1x1)" for i in range(3, 30)]
    made, faults = built(space("\n".join(lines)))
    assert not faults and made.exact and made.size == 2**30
    for width, params in ((2, made.params[0]), (3, made.params[1])):
        assert params == 3 * width + 2 * width * width + 27 * 3 * width * width + 2 * (width + 1)
