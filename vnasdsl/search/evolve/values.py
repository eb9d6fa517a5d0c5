"""Values of single choices: another one, and the neighbours of one."""

from __future__ import annotations

import re
from collections.abc import Collection
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vnasdsl.space.decisions import Decision

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")
_JITTER = 0.1  # standard deviation, relative to the range


def edges_text(decision: Decision, wanted: Collection[str]) -> str:
    """The value that takes these edges, in the order of the options."""
    return " + ".join(option for option in decision.options if option in wanted)


def edge_limits(decision: Decision) -> tuple[int, int]:
    """How many edges a choice takes at least and at most."""
    assert decision.least is not None and decision.most is not None
    return decision.least, min(decision.most, len(decision.options))


def other_value(decision: Decision, random: Random) -> str:
    """Any other value, uniformly; there must be one."""
    while True:
        value = decision.draw(random)
        if value != decision.value:
            return value


def has_other_value(decision: Decision) -> bool:
    return decision.low != decision.high if decision.form == "real" else decision.count != 1


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
    assert decision.low is not None and decision.high is not None
    value = random.gauss(float(decision.value), _JITTER * (decision.high - decision.low))
    return repr(min(decision.high, max(decision.low, float(f"{value:.6g}"))))
