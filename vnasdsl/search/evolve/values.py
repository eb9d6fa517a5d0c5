"""Values of single choices: drawing one, and the neighbours of one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vnasdsl.space.decisions import Decision

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")
_STEP = 0.1  # standard deviation of a jitter, as a share of the range
BETWEEN = " + "


def taken(value: str) -> list[str]:
    """The edges in the value of a choice of edges."""
    return value.split(BETWEEN) if value else []


def edges_text(decision: Decision, wanted: Sequence[str] | set[str]) -> str:
    """The value that takes these edges, in the order of the options."""
    return BETWEEN.join(option for option in decision.options if option in wanted)


def is_open(decision: Decision) -> bool:
    """Whether there is more than one value to choose from."""
    if decision.form == "real":
        return low_of(decision) < high_of(decision)
    if decision.form == "edges":
        return not len(decision.options) == decision.least == decision.most
    return len(decision.options) > 1


def other_value(decision: Decision, random: Random) -> str:
    """Any other value, all alike likely."""
    if decision.form in ("option", "number"):
        return random.choice([option for option in decision.options if option != decision.value])
    while True:  # there are at least two
        value = decision.draw(random)
        if value != decision.value:
            return value


def neighbours(decision: Decision) -> list[str]:
    """The next smaller and the next larger option among those that differ from the value in one number only.

    `basic(2)` among `basic(1) | basic(2) | basic(4) | skip` has `basic(1)` and `basic(4)`.
    """
    if decision.form not in ("option", "number"):
        return []
    found: list[str] = []
    for match in _NUMBER.finditer(decision.value):
        before, after = decision.value[: match.start()], decision.value[match.end() :]
        others: dict[float, str] = {}
        for option in decision.options:
            inner = option[len(before) : len(option) - len(after)]
            if option.startswith(before) and option.endswith(after) and _NUMBER.fullmatch(inner):
                others[float(inner)] = option
        here = float(match[0])
        below, above = [n for n in others if n < here], [n for n in others if n > here]
        found += [others[max(below)]] if below else []
        found += [others[min(above)]] if above else []
    return list(dict.fromkeys(found))


def jittered(decision: Decision, random: Random) -> str:
    """A real number moved by a normal step of a tenth of its range, kept within it."""
    low, high = low_of(decision), high_of(decision)
    value = random.gauss(float(decision.value), _STEP * (high - low))
    return real_text(min(high, max(low, value)), decision)


def real_text(value: float, decision: Decision) -> str:
    """A number of the range as text: four digits of its width, without an exponent."""
    low, high = low_of(decision), high_of(decision)
    digits = 4
    while digits < 15 and (high - low) * 10**digits < 1000:
        digits += 1
    text = f"{value:.{digits}f}"
    number = min(high, max(low, float(text)))
    return text if number == float(text) else repr(number)


def low_of(decision: Decision) -> float:
    assert decision.low is not None
    return decision.low


def high_of(decision: Decision) -> float:
    assert decision.high is not None
    return decision.high


def least_of(decision: Decision) -> int:
    assert decision.least is not None
    return decision.least


def most_of(decision: Decision) -> int:
    assert decision.most is not None
    return min(decision.most, len(decision.options))
