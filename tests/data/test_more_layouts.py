"""Layouts of other tools: lists of mmaction2, Something-Something, WebDataset, and several sets at once."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import av
import pytest
import torch

from tests.data.test_layouts import fails, touch
from tests.data.videos import clip_loader, encode_numbered, numbered_frame, numbers_in, view_loader
from vnasdsl.data import open_data
from vnasdsl.data.decode import read
from vnasdsl.data.examine import examine
from vnasdsl.data.index import UnreadableVideo, scan
from vnasdsl.data.spec import is_there, rebased


def frames_folder(folder: Path, count: int, suffix: str = ".jpg") -> Path:
    """Numbered pictures as mmaction2 extracts them: img_00001.jpg and so on."""
    folder.mkdir(parents=True)
    for number in range(count):
        with av.open(str(folder / f"img_{number + 1:05d}{suffix}"), "w", format="image2") as container:
            stream = container.add_stream("png" if suffix == ".png" else "mjpeg", rate=25)
            stream.height, stream.width = 32, 48
            stream.pix_fmt = "rgb24" if suffix == ".png" else "yuvj420p"
            frame = av.VideoFrame.from_ndarray(numbered_frame(number, 32, 48), format="rgb24")
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return folder


# --- mmaction2 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["", "videos/", "videos_{}/"])
def test_lists_of_videos(tmp_path: Path, place: str) -> None:
    lists = {"train": ["jump/a b.mp4 0", "walk/b.mp4 1"], "val": ["jump/c.mp4 0", "walk/d.mp4 1"]}
    for part, lines in lists.items():
        for line in lines:
            touch(tmp_path / place.format(part) / line[:-2])
        (tmp_path / f"kinetics_{part}_list.txt").write_text("\n".join(lines) + "\n")
    data = open_data(f"mmaction2:{tmp_path}")
    assert data.classes == ("0", "1")
    assert [(Path(video.path).name, video.label) for video in data.train] == [("a b.mp4", 0), ("b.mp4", 1)]
    assert [Path(video.path).name for video in data.test] == ["c.mp4", "d.mp4"]
    (tmp_path / "label_map_k400.txt").write_text("jumping\nwalking\n")
    assert [video.class_name for video in open_data(f"mmaction2:{tmp_path}").train] == ["jumping", "walking"]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_folders_of_frames_are_read_frame_by_frame(tmp_path: Path, suffix: str) -> None:
    for part, names in (("train", "ab"), ("val", "cd")):
        for name in names:
            frames_folder(tmp_path / f"rawframes_{part}" / name, 12, suffix)
        (tmp_path / f"ucf_{part}_rawframes.txt").write_text("".join(f"{n} 12 {i}\n" for i, n in enumerate(names)))
    data = open_data(f"mmaction2:{tmp_path}")
    folder = data.train[0].path
    pictures, length = read(folder, scan(folder), [2, 3, 11], 32)
    assert (numbers_in(pictures), length) == ([2, 3, 11], 12)
    assert [clips.shape for clips, _ in clip_loader(data.train, frames=4, size=16, scale=24, workers=0)] == [
        (2, 3, 4, 16, 16)
    ]
    views = view_loader(data.test, frames=4, size=16, scale=24, clips=2, crops=1, workers=0)
    assert sum(len(labels) for _, labels, _ in views) == 4
    found = examine(folder)
    assert (found.frames, found.height, found.width, found.reason) == (12, 32, 48, "")
    (Path(folder) / f"img_00005{suffix}").write_bytes(b"nothing")
    assert "of 12 frames can be decoded" in examine(folder).reason
    with pytest.raises(UnreadableVideo):
        read(folder, scan(folder), [3, 4], 32)


def test_faulty_lists(tmp_path: Path) -> None:
    fails(f"mmaction2:{tmp_path}", "no list `*train*.txt`")
    (tmp_path / "train.txt").write_text("a.mp4 0\n")
    (tmp_path / "val.txt").write_text("b.mp4 x\n")
    fails(f"mmaction2:{tmp_path}", "val.txt`, line 1", "`b.mp4 x`")
    (tmp_path / "val.txt").write_text("a.mp4 1\n")
    fails(f"mmaction2:{tmp_path}", "1 of 1 listed train videos are not on disk", "`a.mp4`")
    touch(tmp_path / "a.mp4")
    fails(f"mmaction2:{tmp_path}", "both a train and a test video")
    (tmp_path / "label_map.txt").write_text("only\n")
    fails(f"mmaction2:{tmp_path}", "names 1 classes", "number 1")
    touch(tmp_path / "train_rawframes.txt")
    fails(f"mmaction2:{tmp_path}", "several lists")


# --- Something-Something --------------------------------------------------------------------------------------------


def something(root: Path, folder: str = "20bn-something-something-v2") -> Path:
    lists = {
        "labels": {"Pushing something": "1", "Holding something": "0"},
        "train": [
            {"id": "7", "label": "holding a cup", "template": "Holding [something]", "placeholders": ["a cup"]},
            {"id": "9", "label": "pushing a pen", "template": "Pushing [something]"},
            {"id": "10", "label": "pushing a pen", "template": "Pushing [something]"},
        ],
        "validation": [{"id": "8", "template": "Holding [something]"}, {"id": "11", "template": "Pushing [something]"}],
    }
    root.mkdir(parents=True, exist_ok=True)
    for name, content in lists.items():
        (root / f"something-something-v2-{name}.json").write_text(json.dumps(content))
    for number in (7, 8, 9, 11):
        touch(root / folder / f"{number}.webm")
    return root


@pytest.mark.parametrize("folder", [".", "20bn-something-something-v2"])
def test_something_something(tmp_path: Path, folder: str) -> None:
    data = open_data(f"something:{something(tmp_path / 's', folder)}")
    assert data.classes == ("Holding something", "Pushing something")
    assert [(Path(video.path).name, video.label) for video in data.train] == [("7.webm", 0), ("9.webm", 1)]
    assert [video.label for video in data.test] == [0, 1]
    assert (data.missing["train"], data.notes) == (("10",), ("1 of 3 listed train videos are not on disk",))


def test_something_something_faults(tmp_path: Path) -> None:
    root = something(tmp_path / "s")
    file = root / "something-something-v2-train.json"
    file.write_text('[{"id": "7", "template": "Holdin [something]"}]')
    fails(f"something:{root}", "entry 1", "did you mean `Holding something`?")
    file.write_text('[{"template": "Holding [something]"}]')
    fails(f"something:{root}", "entry 1", "`id`")
    file.write_text("[")
    fails(f"something:{root}", "is not JSON")
    file.unlink()
    fails(f"something:{root}", "no list `*train.json`")


# --- WebDataset -----------------------------------------------------------------------------------------------------


def shard(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def video_bytes(tmp_path: Path) -> Callable[..., bytes]:
    def make(name: str, frames: int = 12) -> bytes:
        more = {"codec": "libx264", "b_frames": 2} if name.endswith("mp4") else {}
        return encode_numbered(tmp_path / "made" / name, frames, **more).read_bytes()

    return make


@pytest.mark.parametrize("suffix", ["mp4", "avi"])
@pytest.mark.parametrize("place", ["set-{}-0001.tar", "{}/0001.tar"])
def test_videos_in_tar_files(tmp_path: Path, video_bytes: Callable[..., bytes], suffix: str, place: str) -> None:
    one, other = video_bytes(f"one.{suffix}"), video_bytes(f"other.{suffix}", 7)
    root = tmp_path / "set"
    for part in ("train", "val"):
        members = {f"x/1.{suffix}": one, "x/1.cls": b"jump", f"2.{suffix}": other, "2.json": b'{"label": "walk"}'}
        shard(root / place.format(part), members)
    data = open_data(f"webdataset:{root}")
    assert [(video.class_name, video.label) for video in data.train] == [("jump", 0), ("walk", 1)]
    index = scan(data.train[1].path)
    pictures, length = read(data.train[1].path, index, [1, 5], 32)
    assert (numbers_in(pictures), length) == ([1, 5], 7)
    plain = tmp_path / "made" / f"one.{suffix}"
    unpacked, _ = read(str(plain), scan(str(plain)), [3, 9], (24, 36))
    assert torch.equal(read(data.train[0].path, scan(data.train[0].path), [3, 9], (24, 36))[0], unpacked)
    assert examine(data.train[0].path) == examine(str(plain))
    assert [len(labels) for _, labels in clip_loader(data.train, frames=4, size=16, scale=24, workers=0)] == [2]


def test_numbers_and_names_of_classes_in_tar_files(tmp_path: Path) -> None:
    members = {"1.mp4": b"v", "1.cls": b"1", "2.mp4": b"w", "2.cls": b"0", "3.mp4": b"w", "3.txt": b"zero"}
    for part in ("train", "test"):
        shard(tmp_path / f"{part}.tar", members)
    (tmp_path / "classes.txt").write_text("zero\none\n")
    data = open_data(f"webdataset:{tmp_path}")
    assert [(video.label, video.class_name) for video in data.test] == [(1, "one"), (0, "zero"), (0, "zero")]


def test_webdataset_faults(tmp_path: Path) -> None:
    spec = f"webdataset:{tmp_path}"
    fails(spec, "no shards `*train*.tar`")
    shard(tmp_path / "train.tar", {"1.mp4": b"v"})
    fails(spec, "`1.mp4`", "has no label", "1.cls")
    (tmp_path / "train.tar").write_bytes(b"nothing" * 200)
    fails(spec, "train.tar` cannot be read")


# --- several --------------------------------------------------------------------------------------------------------


def test_several_sets_are_one(folder_set: Callable[..., Path], tmp_path: Path) -> None:
    first, second = folder_set(train=1, test=1, name="one, two"), folder_set(train=2, test=1, name="second")
    for part in ("train", "test"):
        (second / part / "a").rename(second / part / "c")
    data = open_data(f"folder:{first},folder:{second}")
    assert data.classes == ("a", "b", "c")
    assert [video.label for video in data.train] == [0, 1, 1, 1, 2, 2]
    assert data.layout == "folder"
    (tmp_path / "bad.txt").write_text(data.train[2].path)
    assert len(open_data(f"folder:{first},folder:{second}?exclude={tmp_path / 'bad.txt'}").train) == 5
    fails(f"folder:{first},folder:{first}", "listed twice")


def test_specs_of_several_places_are_moved_whole(tmp_path: Path) -> None:
    fails("folder:a?exclude=a.txt&exclude=b.txt", "has an option twice")
    spec = "folder:a,ucf101:b?split=2&exclude=bad.txt"
    moved = rebased(spec, tmp_path)
    assert moved == f"folder:{tmp_path}/a,ucf101:{tmp_path}/b?split=2&exclude={tmp_path}/bad.txt"
    assert rebased("synthetic", tmp_path) == "synthetic"
    (tmp_path / "a").mkdir()
    assert not is_there(moved)
    (tmp_path / "b").mkdir()
    assert is_there(moved) and is_there("synthetic")
