"""Least and greatest costs where they are bounds, of open calls and of lists; and the faults that are real."""

from __future__ import annotations

import pytest

from tests.space.test_counting import space
from tests.space.test_wired_spaces import built
from tests.support import some_slow
from vnasdsl.show.figures import line_figures
from vnasdsl.space.ways import GOALS


@pytest.mark.parametrize("call", ["squeeze_excite(0.0..1.0)", "odd(0.0..1.0)"])
def test_a_call_with_a_real_argument_has_no_costs(call: str) -> None:
    block = "block odd(r) { squeeze_excite(1.0 - r) }\n"
    made, faults = built(space(f"  conv(16, 1x1x1) -> {call}", block))
    assert not faults and not made.costed and made.size is None
    (network,) = (made.price({name: value}) for name, value in [(made.choices[0].name, "0.5")])
    assert network.params_min == network.params_max > 0


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
