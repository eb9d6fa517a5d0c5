from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.data.videos import clip_loader, view_loader
from vnasdsl.data import FaultLog, open_data
from vnasdsl.language.diagnostics import UserError


def test_a_file_counts_once_and_is_reported_by_name() -> None:
    lines: list[str] = []
    log = FaultLog(0.5, lines.append)
    log.expect(f"{number}.avi" for number in range(10))
    log.expect(["0.avi", "1.avi"])  # the same videos in another loader
    log.add("3.avi", "end of file")
    log.add("3.avi", "end of file")
    assert (log.total, log.files) == (10, {"3.avi": "end of file"})
    assert lines == ["skipped unreadable video 3.avi: end of file"]


def test_the_share_is_a_limit_that_may_be_reached_but_not_passed() -> None:
    log = FaultLog(0.01)
    log.expect(str(number) for number in range(200))
    log.add("7", "broken")
    log.add("8", "cut off")
    with pytest.raises(UserError) as caught:
        log.add("9", "empty")
    assert "3 of 200 videos are unreadable, more than the allowed share of 1.00%" in caught.value.message
    for line in ("7: broken", "8: cut off", "9: empty"):
        assert line in caught.value.message


def test_a_share_of_zero_stops_at_once_and_of_one_never() -> None:
    strict, lenient = FaultLog(0.0), FaultLog(1.0)
    for log in (strict, lenient):
        log.expect(["a", "b"])
    with pytest.raises(UserError):
        strict.add("a", "broken")
    lenient.add("a", "broken")
    lenient.add("b", "broken")


@pytest.mark.parametrize("workers", [0, 2])
def test_unreadable_files_are_skipped_and_counted(folder_set: Callable[..., Path], workers: int) -> None:
    root = folder_set(train=6, test=3)
    broken = [root / "train/a/v2.avi", root / "train/b/v0.avi", root / "test/a/v1.avi"]
    broken[0].write_bytes(broken[0].read_bytes()[:700])
    broken[1].write_bytes(b"")
    data = open_data(f"folder:{root}")
    broken[2].unlink()  # gone after the lists were read
    lines: list[str] = []
    faults = FaultLog(0.5, lines.append)
    train = clip_loader(data.train, frames=4, size=16, scale=24, batch=4, workers=workers, faults=faults)
    for epoch in range(2):
        assert sum(len(labels) for _, labels in train(epoch)) == 10
    test = view_loader(
        data.test, frames=4, size=16, scale=24, clips=2, crops=1, batch=2, workers=workers, faults=faults
    )
    assert [int(index) for _, _, indices in test for index in indices] == [0, 0, 2, 2, 3, 3, 4, 4, 5, 5]
    assert set(faults.files) == {str(path) for path in broken}
    assert (len(faults.files), faults.total) == (3, 18)
    assert sorted(line.split(": ")[0] for line in lines) == sorted(
        f"skipped unreadable video {path}" for path in broken
    )


@pytest.mark.parametrize("workers", [0, 1])
def test_too_many_unreadable_files_stop_the_run_with_their_list(folder_set: Callable[..., Path], workers: int) -> None:
    root = folder_set(train=4)
    for name in ("a/v0.avi", "b/v3.avi"):
        (root / "train" / name).write_bytes(b"nothing")
    data = open_data(f"folder:{root}")
    loader = clip_loader(data.train, frames=4, size=16, scale=24, batch=8, workers=workers, faults=FaultLog(0.2))
    with pytest.raises(UserError) as caught:
        list(loader)
    loader.close()
    for name in ("a/v0.avi", "b/v3.avi"):
        assert str(root / "train" / name) in caught.value.message
    assert "2 of 8 videos" in caught.value.message


def test_a_batch_of_nothing_but_faults_is_left_out(folder_set: Callable[..., Path]) -> None:
    root = folder_set(train=2)
    for path in (root / "train/a").iterdir():
        path.write_bytes(b"nothing")
    data = open_data(f"folder:{root}")
    faults = FaultLog(1.0)
    loader = clip_loader(data.train, frames=4, size=16, scale=24, batch=2, workers=0, faults=faults, shuffle=False)
    assert [labels.tolist() for _, labels in loader] == [[1, 1]]
