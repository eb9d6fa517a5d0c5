from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tests.data.videos import encode, encode_numbered, numbered_frame
from vnasdsl.cli.main import cli
from vnasdsl.data import FaultLog, open_data
from vnasdsl.data.check import check
from vnasdsl.data.examine import examine, require_readable
from vnasdsl.language.diagnostics import UserError


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["data", "check", "--workers", "0", *map(str, arguments)])


def kinds(found: dict[str, Any]) -> dict[str, set[str]]:
    """Kind of problem -> names of the files, by part, class and file."""
    by_kind: dict[str, set[str]] = {}
    for problem in found["problems"]:
        by_kind.setdefault(problem["kind"], set()).add("/".join(Path(problem["file"]).parts[-3:]))
    return by_kind


def noisy(path: Path, seed: int = 0, frames: int = 20, **more: Any) -> Path:
    """Frames that no other video has, and many bytes of them."""
    generator = np.random.default_rng(seed)
    noise = (generator.integers(0, 64, (48, 64, 3), dtype=np.uint8) for _ in range(frames))
    return encode(path, [picture + numbered_frame(n, 48, 64) // 2 for n, picture in enumerate(noise)], **more)


def test_a_sound_set_has_no_problems(folder_set: Callable[..., Path]) -> None:
    root = folder_set(train=1, test=1, frames=25)
    for seed, path in enumerate(sorted(root.rglob("*.avi"))):
        noisy(path, seed, 25)
    found = check(open_data(f"folder:{root}"), workers=0)
    assert (found["problems"], found["exclude"], found["fails"]) == ([], [], [])
    assert found["hours"] == pytest.approx(4 / 3600, abs=1e-4)  # four videos of a second
    assert found["classes"][0] == {"name": "a", "train": 1, "test": 1, "hours": pytest.approx(2 / 3600, abs=1e-4)}
    assert found["balance"] == 1


def damaged_set(root: Path) -> dict[str, str]:
    """Eight sound training videos and broken ones; what is wrong with each of those."""
    for number in range(4):
        for label, name in enumerate("ab"):
            noisy(root / "train" / name / f"v{number}.mp4", 10 * number + label, codec="libx264")
    for name in "ab":
        noisy(root / "test" / name / "t.mp4", ord(name), codec="libx264")
    bad = {name: root / "train/a" / name for name in ("empty.mp4", "text.mp4", "cut.mp4", "cut.avi", "holes.mp4")}
    bad["empty.mp4"].write_bytes(b"")
    bad["text.mp4"].write_bytes(b"no video\n" * 100)
    for name in ("cut.mp4", "cut.avi"):
        content = noisy(bad[name], 98, codec="mpeg4").read_bytes()
        bad[name].write_bytes(content[: len(content) * 2 // 5])
    content = bytearray(noisy(bad["holes.mp4"], 99, codec="libx264").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 8000] = bytes(8000)
    bad["holes.mp4"].write_bytes(content)
    (root / "train/a/folder.mp4").mkdir()
    kind = dict.fromkeys(("empty.mp4", "text.mp4", "cut.mp4", "folder.mp4"), "unreadable")
    return {**kind, "cut.avi": "damaged", "holes.mp4": "damaged"}


def test_every_broken_file_is_found_and_its_list_makes_the_set_sound(tmp_path: Path) -> None:
    root = tmp_path / "set"
    broken = damaged_set(root)
    result = run(f"folder:{root}", "--json", "--list", tmp_path / "bad.txt")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    for kind in ("unreadable", "damaged"):
        assert kinds(found)[kind] == {f"train/a/{name}" for name, what in broken.items() if what == kind}
    assert found["fails"] == ["4 of 16 videos are unreadable, more than the allowed share of 1.00%"]
    assert {Path(path).name for path in found["exclude"]} == set(broken)
    (tmp_path / "bad.json").write_text(result.stdout)
    for name in ("bad.txt", "bad.json"):
        again = run(f"folder:{root}", "--exclude", tmp_path / name, "--json")
        assert again.exit_code == 0
        assert json.loads(again.stdout)["videos"] == {"train": 8, "test": 2}
        assert "unused" not in kinds(json.loads(again.stdout))
    data = open_data(f"folder:{root}?exclude={tmp_path / 'bad.txt'}")
    assert len(data.train) == 8 and data.notes == (f"6 videos are excluded by {tmp_path / 'bad.txt'}",)


def test_copies_are_found_by_content(folder_set: Callable[..., Path]) -> None:
    root = folder_set(train=2, test=1)
    for seed, path in enumerate(sorted(root.rglob("*.avi"))):
        noisy(path, seed, codec="libx264")
    shutil.copy(root / "test/a/v0.avi", root / "train/a/other.avi")
    shutil.copy(root / "train/b/v1.avi", root / "train/a/again.avi")
    found = check(open_data(f"folder:{root}"), workers=0)
    assert kinds(found)["copy"] == {"train/a/other.avi", "train/b/v1.avi"}
    details = {Path(p["file"]).name: p["detail"] for p in found["problems"]}
    assert f"a training video is a copy of the test video {root}/test/a/v0.avi" in details["other.avi"]
    assert "whose label is `a`, not `b`" in details["v1.avi"]


def test_short_turned_and_uneven_videos(tmp_path: Path) -> None:
    for part in ("train", "test"):
        noisy(tmp_path / part / "x" / "v.mp4", ord(part[1]))
    encode_numbered(tmp_path / "train/x/short.mp4", 3)
    encode_numbered(tmp_path / "train/x/turned.mp4", 20, 32, 64, codec="libx264", rotation=90)
    times = [0, 10, 500, 540, 580, *range(600, 1350, 50)]
    encode_numbered(tmp_path / "train/x/uneven.mp4", 20, codec="libx264", times=times)
    result = run(f"folder:{tmp_path}")
    assert result.exit_code == 0
    for line in ("short: ", "rotated: ", "variable: "):
        assert sum(shown.startswith(line) for shown in result.stdout.splitlines()) == 1, result.stdout
    assert "3 frames, a clip has 16" in result.stdout
    assert run(f"folder:{tmp_path}", "--clip", 3).stdout.count("short: ") == 0


def test_files_that_no_reader_takes_and_odd_labels(folder_set: Callable[..., Path]) -> None:
    root = folder_set(train=1, test=1)
    for name in ("train/a/deeper/v.avi", "train/a/v.rm", "train/stray.mp4", "train/A/w.avi", "test/A/w.avi"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(root / "train/a/v0.avi", root / name)
    found = kinds(check(open_data(f"folder:{root}"), workers=0))
    assert found["unused"] == {"a/deeper/v.avi", "train/a/v.rm", "set/train/stray.mp4"}
    assert found["label"] == {"a"}


def test_a_class_of_which_nothing_can_be_read_fails(folder_set: Callable[..., Path]) -> None:
    root = folder_set(train=1, test=1)
    (root / "train/b/v0.avi").write_bytes(b"")
    found = check(open_data(f"folder:{root}"), workers=0, most_unreadable=1.0)
    assert found["fails"] == ["no training video of class `b` can be read"]


@pytest.mark.parametrize("workers", [0, 2])
def test_all_unreadable_videos_are_named_before_any_is_used(folder_set: Callable[..., Path], workers: int) -> None:
    root = folder_set(train=3, test=2)
    bad = [root / "train/a/v1.avi", root / "test/b/v0.avi"]
    for path in bad:
        path.write_bytes(b"nothing")
    data = open_data(f"folder:{root}")
    with pytest.raises(UserError) as caught:
        require_readable((*data.train, *data.test), FaultLog(), workers)
    assert "2 of 10 videos are unreadable" in caught.value.message
    assert all(str(path) in caught.value.message for path in bad)
    assert "data check" in str(caught.value.help)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("exlude=x", "did you mean `exclude`"),
        ("exclude=/no/such/list", "cannot be read"),
        ("split=1&size=3", "given by `size=3`"),
    ],
)
def test_options_that_are_none(folder_set: Callable[..., Path], option: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        open_data(f"folder:{folder_set(train=1, test=1)}?{option}")
    assert words in f"{caught.value.message} {caught.value.help}"


def test_lists_that_are_none(folder_set: Callable[..., Path], tmp_path: Path) -> None:
    root = folder_set(train=1, test=1)
    (tmp_path / "list").write_text('{"exclude": [1]}')
    with pytest.raises(UserError, match="is no list of videos"):
        open_data(f"folder:{root}?exclude={tmp_path / 'list'}")
    (tmp_path / "list").write_text("# relative to the list\nset/train/b/v0.avi\n")
    with pytest.raises(UserError, match="class `b` has no train videos"):
        open_data(f"folder:{root}?exclude={tmp_path / 'list'}")


def test_a_copy_in_another_container_has_the_same_content(tmp_path: Path) -> None:
    import av

    path = noisy(tmp_path / "v.mp4")
    with av.open(str(path)) as source, av.open(str(tmp_path / "v.mov"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    assert path.read_bytes() != (tmp_path / "v.mov").read_bytes()
    assert examine(str(path)).digest == examine(str(tmp_path / "v.mov")).digest
