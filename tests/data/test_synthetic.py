from __future__ import annotations

import filecmp
from pathlib import Path

import av
import numpy as np
import pytest

from vnasdsl.data import open_data
from vnasdsl.data.check import check
from vnasdsl.data.synthetic.classes import MOTIONS, SHAKE, SPEED, draw_path
from vnasdsl.data.synthetic.make import MARKER, TASKS, Settings, make
from vnasdsl.language.diagnostics import UserError

SMALL = {"classes": 3, "clips": 4, "test_clips": 2, "sizes": ((36, 50), (50, 36)), "lengths": (5, 9)}


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# --- motion ---------------------------------------------------------------------------------------------------------


def still(name: str, frames: int, phase: float = 0.0) -> np.ndarray:
    """The path of a class without shaking, relative to its first frame."""
    motion = next(motion for motion in MOTIONS if motion.name == name)
    path = motion.path(np.arange(frames, dtype=np.float64), phase)
    return path - path[0]


def test_opposite_drifts_and_circles_are_each_other_in_reversed_time() -> None:
    for first, second in (("DriftRight", "DriftLeft"), ("DriftDown", "DriftUp"), ("DriftDownRight", "DriftUpLeft")):
        backwards = still(first, 9)[::-1]
        assert np.allclose(backwards - backwards[0], still(second, 9))
    for quick in ("", "Quick"):
        backwards = still(f"{quick}CircleClockwise", 9)[::-1]
        assert np.allclose(backwards - backwards[0], still(f"{quick}CircleCounterclockwise", 9))


@pytest.mark.parametrize("phase", [0.0, 0.3, 0.55, 0.99])
def test_every_motion_has_the_same_speed_whatever_its_phase(phase: float) -> None:
    for motion in MOTIONS:
        steps = np.diff(still(motion.name, 30, phase), axis=0)
        assert np.allclose(np.hypot(steps[:, 0], steps[:, 1]), SPEED), motion.name


def test_periods_and_directions() -> None:
    assert np.allclose(still("DriftRight", 9)[8], [0, 8 * SPEED])
    assert np.allclose(still("DriftDown", 9)[8], [8 * SPEED, 0])
    for speed, period in (("Quick", 2), ("", 4), ("Slow", 8)):
        across, down = still(f"{speed}SwingAcross", 24, 0.4), still(f"{speed}SwingUpDown", 24, 0.4)
        assert np.allclose(across[:, ::-1], down)
        assert np.isclose(np.ptp(across[:, 1]), SPEED * period / 2)
        assert np.allclose(across[period:], across[:-period])
    # Clockwise on a screen, whose y grows downwards: from the top first to the right, then down.
    turning = still("CircleClockwise", 9, phase=0.75)
    assert turning[1][1] > 0
    assert turning[2][0] > turning[1][0] > 0
    assert np.allclose(turning[8], 0)


def test_swings_of_4_and_8_frames_and_both_circles_share_all_their_single_steps() -> None:
    """What one frame after another shows, taken without its order, is the same."""

    def steps(name: str) -> np.ndarray:
        rounded = np.round(np.diff(still(name, 25), axis=0), 9) + 0.0
        return rounded[np.lexsort(rounded.T)]

    assert np.allclose(steps("SwingAcross"), steps("SlowSwingAcross"))
    assert np.allclose(steps("SwingUpDown"), steps("SlowSwingUpDown"))
    assert np.allclose(steps("CircleClockwise"), steps("CircleCounterclockwise"), atol=1e-6)


def test_at_least_eight_classes_and_all_differ() -> None:
    for classes in TASKS.values():
        assert len({one.name for one in classes}) == len(classes) >= 8
    generator = np.random.default_rng(0)
    shaken = draw_path(MOTIONS[0], 2000, generator) - MOTIONS[0].path(np.arange(2000.0), 0.0)
    assert np.allclose(shaken.std(axis=0), SHAKE, rtol=0.1)


# --- the files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["ucf101", "kinetics"])
def test_a_set_is_read_like_a_downloaded_one(tmp_path: Path, layout: str) -> None:
    folder = tmp_path / "set"
    make(folder, Settings(layout=layout, **SMALL))
    data = open_data(f"{layout}:{folder}")
    assert (len(data.classes), len(data.train), len(data.test)) == (3, 12, 6)
    assert open_data(f"synthetic:{folder}").train == data.train
    seen = check(data, workers=0, shortest=5)
    assert seen["problems"] == []
    assert {(size["height"], size["width"]) for size in seen["sizes"]} == {(36, 50), (50, 36)}
    assert 5 <= seen["lengths"]["min"] < seen["lengths"]["max"] <= 9
    codec, suffix = {"ucf101": ("mpeg4", ".avi"), "kinetics": ("h264", ".mp4")}[layout]
    rates = set()
    for video in data.train:
        assert video.path.endswith(suffix)
        with av.open(video.path) as container:
            stream = container.streams.video[0]
            assert stream.codec_context.name == codec
            rates.add(stream.average_rate)
    assert len(rates) > 2


def test_the_three_official_splits_test_on_other_groups(tmp_path: Path) -> None:
    make(tmp_path / "set", Settings(classes=2, clips=18, test_clips=7, sizes=((16, 16),), lengths=(2, 2)))
    tests = [open_data(f"ucf101:{tmp_path / 'set'}", split=split).test for split in (1, 2, 3)]
    assert [len(part) for part in tests] == [14, 14, 14]
    assert len({video.path for part in tests for video in part}) == 42
    assert {video.group for video in tests[0]} == {f"g{number:02d}" for number in range(1, 8)}


@pytest.mark.parametrize("layout", ["ucf101", "kinetics"])
def test_the_same_seed_makes_the_same_bytes(tmp_path: Path, layout: str) -> None:
    for name, seed in (("one", 5), ("two", 5), ("other", 6)):
        make(tmp_path / name, Settings(layout=layout, seed=seed, **SMALL))
    names = files_in(tmp_path / "one")
    assert len(names) == 18 + (6 if layout == "ucf101" else 3)
    assert filecmp.cmpfiles(tmp_path / "one", tmp_path / "two", names, shallow=False) == (names, [], [])
    assert [n for n in files_in(tmp_path / "other") if n.endswith(".avi")] == [n for n in names if n.endswith(".avi")]
    videos = [open_data(f"synthetic:{tmp_path / name}").train[0].path for name in ("one", "other")]
    assert not filecmp.cmp(*videos, shallow=False)


def test_an_interrupted_making_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "set", Settings(**SMALL), progress=interrupt)
    assert list(tmp_path.iterdir()) == []
    make(tmp_path / "set", Settings(**SMALL))
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_two_makers_at_once_leave_one_whole_set(tmp_path: Path) -> None:
    def overtake(done: int, total: int) -> None:
        if done == total:
            make(tmp_path / "set", Settings(**SMALL))

    make(tmp_path / "set", Settings(**SMALL), progress=overtake)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    assert len(open_data(f"synthetic:{tmp_path / 'set'}").train) == 12


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    make(mine, Settings(**SMALL))  # an empty folder may be used
    with pytest.raises(UserError, match="already holds a synthetic set"):
        make(mine, Settings(**SMALL))
    make(mine, Settings(**{**SMALL, "classes": 2}), force=True)
    assert len(open_data(f"synthetic:{mine}").classes) == 2
    (mine / MARKER).unlink()
    for attempt in (lambda: make(mine, Settings(**SMALL), force=True), lambda: open_data(f"synthetic:{mine}")):
        with pytest.raises(UserError, match="holds other files"):
            attempt()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file"):
        make(tmp_path / "file", Settings(**SMALL))
    with pytest.raises(UserError, match="cannot write"):
        make(tmp_path / "file" / "below", Settings(**SMALL))
    (mine / MARKER).write_text('{"layout": 3}')
    with pytest.raises(UserError, match="does not describe"):
        open_data(f"synthetic:{mine}")


def test_the_default_set_is_cached_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VNASDSL_DATA", str(tmp_path / "cache"))
    for name, value in SMALL.items():  # smaller defaults, to save time
        monkeypatch.setattr(Settings.__init__, "__defaults__", _with(name, value))
    data = open_data("synthetic")
    assert len(data.train) == 12
    (folder,) = (tmp_path / "cache").iterdir()
    before = (folder / MARKER).stat().st_mtime_ns
    assert open_data("synthetic") == data
    assert (folder / MARKER).stat().st_mtime_ns == before


def _with(name: str, value: object) -> tuple[object, ...]:
    defaults = list(Settings.__init__.__defaults__)  # type: ignore[misc]
    defaults[list(Settings.__dataclass_fields__).index(name)] = value
    return tuple(defaults)


@pytest.mark.parametrize(
    "more",
    [
        {"layout": "hmdb"},
        {"classes": 1},
        {"classes": 17},
        {"task": "periods", "classes": 9},
        {"task": "colours"},
        {"clips": 0},
        {"test_clips": 0},
        {"sizes": ()},
        {"sizes": ((31, 40),)},
        {"sizes": ((8, 8),)},
        {"lengths": (9, 5)},
        {"lengths": (1, 5)},
        {"seed": -1},
    ],
)
def test_settings_that_cannot_be(more: dict[str, object]) -> None:
    with pytest.raises(UserError):
        Settings(**more)
