from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.run_folder import RunFolder, open_run

FACTS: dict[str, Any] = {
    "kind": "search",
    "data": "folder:videos",
    "classes": ["a", "b"],
    "recipe": {"epochs": 3, "batch": 2},
    "videos": {"train": {"videos": 5, "digest": "1"}, "test": {"videos": 2, "digest": "2"}},
}
TEXTS = {"space.vns": "space s {}\n", "recipe.vns": "search resolved for s {}\n"}


def test_a_new_run_holds_what_was_asked(tmp_path: Path) -> None:
    run = open_run(tmp_path / "a" / "run", FACTS, TEXTS, resume=False)
    assert (run / "space.vns").read_text() == TEXTS["space.vns"]
    facts = run.facts()
    assert facts["data"] == "folder:videos" and set(facts["versions"]) == {"vnasdsl", "torch", "python"}


def test_a_folder_in_use_is_not_overwritten(tmp_path: Path) -> None:
    open_run(tmp_path / "run", FACTS, TEXTS, resume=False)
    with pytest.raises(UserError, match="is not empty") as caught:
        open_run(tmp_path / "run", FACTS, TEXTS, resume=False)
    assert caught.value.help is not None and "--resume" in caught.value.help


def test_resuming_needs_the_same_inputs_and_names_what_differs(tmp_path: Path) -> None:
    open_run(tmp_path / "run", FACTS, TEXTS, resume=False)
    open_run(tmp_path / "run", FACTS, TEXTS, resume=True)
    other = {**FACTS, "classes": ["a", "b", "c"], "recipe": {"epochs": 4, "batch": 2}}
    with pytest.raises(UserError) as caught:
        open_run(tmp_path / "run", other, {**TEXTS, "space.vns": "space s {\n  pool\n}\n"}, resume=True)
    message = caught.value.message
    assert "it had 2 classes and has 3" in message
    assert "recipe `epochs` was 3, is 4" in message and "batch" not in message
    assert "`space.vns` has changed: `space s {}` is now `space s {`" in message


def test_the_same_videos_may_be_in_another_place(tmp_path: Path) -> None:
    open_run(tmp_path / "run", FACTS, TEXTS, resume=False)
    assert open_run(tmp_path / "run", {**FACTS, "data": "folder:moved"}, TEXTS, True).facts()["data"] == "folder:moved"
    others = {**FACTS, "videos": {**FACTS["videos"], "train": {"videos": 5, "digest": "3"}}}
    with pytest.raises(UserError, match="its 5 training videos are other files, or have other labels"):
        open_run(tmp_path / "run", others, TEXTS, resume=True)


def test_of_another_strategy_only_its_name_is_said(tmp_path: Path) -> None:
    one = {"strategy": "evolution", "epochs": 1, "population": 3}
    other = {"strategy": "gradient", "epochs": 20, "paths": "mass"}
    open_run(tmp_path / "run", {**FACTS, "recipe": one}, TEXTS, resume=False)
    with pytest.raises(UserError) as caught:
        open_run(tmp_path / "run", {**FACTS, "recipe": other}, TEXTS, resume=True)
    assert caught.value.message.endswith('was started differently: recipe `strategy` was "evolution", is "gradient"')


def test_a_folder_that_is_no_run_cannot_be_resumed(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="is not a run folder"):
        open_run(tmp_path, FACTS, TEXTS, resume=True)
    with pytest.raises(UserError, match="is not a run folder"):
        RunFolder(tmp_path).facts()


def test_a_run_killed_before_it_began_can_be_resumed(tmp_path: Path) -> None:
    (tmp_path / "space.vns").write_text(TEXTS["space.vns"])
    assert open_run(tmp_path, FACTS, TEXTS, resume=True).facts()["kind"] == "search"
