"""Two processes that train one model against one process with the batches of both."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.data.videos import encode_numbered
from tests.support import some_slow
from tests.train import ranked
from vnasdsl.data import Video
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.launch import on_devices
from vnasdsl.train.progress import Reporter

LOSSES = ("train_loss", "train_top1", "validate_loss", "validate_top1", "expected_macs")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Video]:
    """Six videos with labels 0 to 5, one of which cannot be read."""
    folder = tmp_path_factory.mktemp("videos")
    paths = [encode_numbered(folder / f"{number}.avi", 8) for number in range(6)]
    paths[3].write_bytes(b"no video")
    return [Video(str(path), label, str(label)) for label, path in enumerate(paths)]


@pytest.fixture(scope="module")
def results(videos: list[Video], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two ranks ends with."""
    return ranked.in_ranks(tmp_path_factory.mktemp("ranks"), ranked.everything, videos, ["full"])


@pytest.fixture(scope="module")
def all_results(videos: list[Video], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return ranked.in_ranks(tmp_path_factory.mktemp("more"), ranked.everything, videos, [*ranked.SEARCHES])


@pytest.fixture(params=some_slow(ranked.SEARCHES, {*ranked.SEARCHES} - {"full"}))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def searches(kind: str, request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """What a search of some kind ends with on each of two ranks."""
    found = request.getfixturevalue("results" if kind == "full" else "all_results")
    return [rank["searches"][kind] for rank in found]


def test_two_ranks_step_as_one_process_with_the_batches_of_both(searches: list[dict[str, Any]], kind: str) -> None:
    alone = ranked.search(**ranked.SEARCHES[kind])
    for together in searches:
        for name, tensor in alone["state"].items():
            torch.testing.assert_close(together["state"][name], tensor, rtol=1e-5, atol=1e-6, msg=name)
        record, expected = together["records"][-1], alone["records"][-1]
        assert [record[key] for key in LOSSES] == pytest.approx([expected[key] for key in LOSSES], rel=1e-5)


def test_choices_and_weights_are_the_same_bits_on_every_rank(searches: list[dict[str, Any]]) -> None:
    one, two = (each["state"] for each in searches)
    assert any(name.endswith("alphas") for name in one) and any(name.endswith("betas") for name in one)
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())


def test_gradients_are_added_up_and_a_part_without_any_stays_without(results: list[dict[str, Any]]) -> None:
    for rank in results:
        first, second = rank["part"]
        assert first.item() == 3.0 and second is None


def test_a_batch_that_one_rank_cannot_read_is_passed_over_by_both(
    results: list[dict[str, Any]], videos: list[Video]
) -> None:
    passes = [rank["pass"] for rank in results]
    assert [len(each["labels"]) for each in passes] == [2, 2]
    seen = [label for each in passes for labels in each["labels"] for label in labels]
    assert len(set(seen)) == 4 and 3 not in seen
    assert [each["faults"] for each in passes] == [[videos[3].path]] * 2


def test_processes_that_do_not_find_each_other_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match=r"2 processes .* MASTER_ADDR"):
        on_devices(lambda device, reporter: None, "cpu", 1, Reporter(quiet=True))
