"""What independent choices can know of a table, on tables whose answer is plain."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from independent import accuracies, ascent, merits
from quality import spearman
from truth import Network, Table

from tests.support import ROOT
from vnasdsl.elaborate import Overrides, load

MERITS = {"basic(1)": 0.3, "basic(2)": 0.1, "skip": 0.0, "4": 0.05, "6": 0.0, "8": 0.02}


def table_of(accuracy: Callable[[dict[str, str]], float]) -> Table:
    space = load(ROOT / "tests/search/small.vns", Overrides(classes=3)).get()
    made = [dict(choices) for choices in space.networks()]
    return Table(space, (Network(str(i), choices, (accuracy(choices),), 1, 1) for i, choices in enumerate(made)))


def test_where_merits_add_up_they_say_everything() -> None:
    table = table_of(lambda choices: sum(MERITS[option] for option in choices.values()) / 2)
    assert spearman(merits(table).tolist(), accuracies(table).tolist()) == pytest.approx(1, abs=0.02)
    assert table.rank(table.networks[int(merits(table).argmax())]) == 1
    assert table.rank(table.networks[int(ascent(table, 200).argmax())]) == 1


def test_where_only_pairs_count_merits_say_nothing_and_the_ascent_decides_all_the_same() -> None:
    def accuracy(choices: dict[str, str]) -> float:
        return float(choices["s2.stack[0].op"] != choices["s2.stack[1].op"])

    table = table_of(accuracy)
    assert merits(table).std() < 1e-9
    decided = ascent(table, 200)
    assert accuracies(table)[int(decided.argmax())] == 1
    assert decided.exp().sum().item() == pytest.approx(1)
    assert (decided.exp() * accuracies(table)).sum() > 0.95
