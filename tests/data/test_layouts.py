"""Lists and folders only: the files are empty, since nothing is decoded before training."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vnasdsl.data import open_data
from vnasdsl.data.layouts.readers import clip_name
from vnasdsl.language.diagnostics import UserError


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def fails(spec: str, *words: str, **more: int) -> UserError:
    with pytest.raises(UserError) as caught:
        open_data(spec, **more)
    text = f"{caught.value.message} {caught.value.help}"
    for word in words:
        assert word in text, text
    return caught.value


# --- UCF101 ---------------------------------------------------------------------------------------------------------

UCF_TRAIN = ["Archery/v_Archery_g08_c01.avi 1", "Archery/v_Archery_g08_c02.avi 1", "Biking/v_Biking_g09_c01.avi 2"]
UCF_TEST = ["Archery/v_Archery_g01_c01.avi", "Biking/v_Biking_g02_c03.avi"]


@pytest.fixture
def ucf(tmp_path: Path) -> Callable[..., Path]:
    """Makes a small UCF101: lists with CR LF as published, in `lists`, videos under `videos`."""

    def make(
        lists: str = "ucfTrainTestlist", videos: str = ".", train=UCF_TRAIN, test=UCF_TEST, split: int = 1
    ) -> Path:
        root = tmp_path / "UCF101"
        folder = root / lists
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "classInd.txt").write_bytes(b"1 Archery\r\n2 Biking\r\n\r\n")
        (folder / f"trainlist{split:02d}.txt").write_bytes("\r\n".join(train).encode())
        (folder / f"testlist{split:02d}.txt").write_bytes("\r\n".join(test).encode())
        for line in (*UCF_TRAIN, *UCF_TEST):
            touch(root / videos / line.split()[0])
        return root

    return make


@pytest.mark.parametrize("lists", ["ucfTrainTestlist", ".", "../ucfTrainTestlist", ".."])
@pytest.mark.parametrize("videos", [".", "UCF-101"])
def test_ucf101_in_every_published_arrangement(ucf: Callable[..., Path], lists: str, videos: str) -> None:
    root = ucf(lists, videos)
    data = open_data(f"ucf101:{root}")
    assert data.classes == ("Archery", "Biking")
    assert [(Path(video.path).name, video.label, video.class_name, video.group) for video in data.train] == [
        ("v_Archery_g08_c01.avi", 0, "Archery", "g08"),
        ("v_Archery_g08_c02.avi", 0, "Archery", "g08"),
        ("v_Biking_g09_c01.avi", 1, "Biking", "g09"),
    ]
    assert [video.label for video in data.test] == [0, 1]
    assert all(Path(video.path).is_file() for video in data.train + data.test)
    assert (data.name, data.layout, data.notes) == (f"ucf101:{root}", "ucf101", ())


def test_ucf101_names_may_hold_spaces(tmp_path: Path) -> None:
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_text("1 Play Guitar\n2 Biking\n")
    (lists / "trainlist01.txt").write_text("Play Guitar/my video 1.avi 1\nBiking/b.avi  2\n")
    (lists / "testlist01.txt").write_text("Play Guitar/my video 2.avi\nBiking/c 2.avi\n")
    for name in ("Play Guitar/my video 1.avi", "Play Guitar/my video 2.avi", "Biking/b.avi", "Biking/c 2.avi"):
        touch(tmp_path / name)
    data = open_data(f"ucf101:{tmp_path}")
    assert data.classes == ("Play Guitar", "Biking")
    assert [(Path(video.path).name, video.label) for video in data.train] == [("my video 1.avi", 0), ("b.avi", 1)]
    assert [Path(video.path).name for video in data.test] == ["my video 2.avi", "c 2.avi"]


def test_ucf101_split_number(ucf: Callable[..., Path]) -> None:
    root = ucf()
    ucf(train=UCF_TRAIN[1:], split=2)
    assert len(open_data(f"ucf101:{root}").train) == 3
    assert len(open_data(f"ucf101:{root}", split=2).train) == 2
    assert len(open_data(f"ucf101:{root}?split=2").train) == 2
    fails(f"ucf101:{root}?split=3", "has no list `trainlist03.txt`")
    fails(f"ucf101:{root}?split=4", "no split 4")
    fails(f"ucf101:{root}?split=two", "`two`", "not a split number")


@pytest.mark.parametrize("name", ["classInd.txt", "trainlist01.txt", "testlist01.txt"])
def test_ucf101_missing_split_file(ucf: Callable[..., Path], name: str) -> None:
    root = ucf()
    (root / "ucfTrainTestlist" / name).unlink()
    fails(f"ucf101:{root}", name, "ucfTrainTestlist")


@pytest.mark.parametrize(
    ("train", "words"),
    [
        (
            ["Archery/v.avi 1", "Bikng/v.avi 2"],
            ["line 2", "`Bikng` is not in the class list", "did you mean `Biking`?"],
        ),
        (["Archery/v_Archery_g08_c01.avi 2"], ["line 1", "label 2 is not the number of class `Archery`, which is 1"]),
        ([UCF_TRAIN[0], UCF_TRAIN[0], UCF_TRAIN[2]], ["v_Archery_g08_c01.avi", "twice", "train"]),
        ([*UCF_TRAIN, "Biking/v_Biking_g02_c03.avi 2"], ["v_Biking_g02_c03.avi", "both a train and a test video"]),
        ([*UCF_TRAIN, "Biking/v_Biking_g11_c01.avi 2"], ["1 of 4 listed train videos", "v_Biking_g11_c01.avi"]),
        (UCF_TRAIN[:2], ["class `Biking` has no train videos"]),
        (["v_Archery_g08_c01.avi 1"], ["line 1", "expected `<Class>/<video>.avi`"]),
        (["Archery/v_Archery_g08_c01.avi 1 x"], ["line 1", "expected"]),
        ([], ["no training videos"]),
    ],
)
def test_ucf101_faulty_lists(ucf: Callable[..., Path], train: list[str], words: list[str]) -> None:
    fails(f"ucf101:{ucf(train=train)}", *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 Archery\n3 Biking\n", ["must be numbered 1 to 2"]),
        ("1 Archery\n1 Biking\n", ["line 2", "twice"]),
        ("1 Archery\n2 Archery\n", ["line 2", "twice"]),
        ("Archery\n", ["line 1", "expected a number and a class name"]),
    ],
)
def test_ucf101_faulty_class_list(ucf: Callable[..., Path], text: str, words: list[str]) -> None:
    root = ucf()
    (root / "ucfTrainTestlist" / "classInd.txt").write_text(text)
    fails(f"ucf101:{root}", *words)


# --- Kinetics -------------------------------------------------------------------------------------------------------

HEADER = "label,youtube_id,time_start,time_end,split\n"
K_TRAIN = 'riding a bike,-0aBcDeFgHi,5,15,train\n"playing, chess",_zZ12345678,120,130,train\n'
K_VAL = 'riding a bike,AAAAAAAAAAA,0,10,val\n"playing, chess",BBBBBBBBBBB,7,17,val\n'
K_NAMES = {
    "-0aBcDeFgHi_000005_000015.mp4": ("train", "riding a bike"),
    "_zZ12345678_000120_000130.mp4": ("train", "playing, chess"),
    "AAAAAAAAAAA_000000_000010.mp4": ("val", "riding a bike"),
    "BBBBBBBBBBB_000007_000017.mp4": ("val", "playing, chess"),
}


def kinetics(root: Path, place: str = "{split}/{label}", train: str = K_TRAIN, val: str = K_VAL) -> Path:
    root.mkdir(exist_ok=True)
    (root / "train.csv").write_text(HEADER + train)
    (root / "val.csv").write_text(HEADER + val)
    for name, (split, label) in K_NAMES.items():
        touch(root / place.format(split=split, label=label, under=label.replace(" ", "_")) / name)
    return root


@pytest.mark.parametrize("place", [".", "{split}", "{split}/{label}", "{split}/{under}", "{label}", "{under}"])
def test_kinetics_in_every_usual_arrangement(tmp_path: Path, place: str) -> None:
    data = open_data(f"kinetics:{kinetics(tmp_path / 'k', place)}")
    assert data.classes == ("playing, chess", "riding a bike")
    assert [(Path(video.path).name, video.label) for video in data.train] == [
        ("-0aBcDeFgHi_000005_000015.mp4", 1),
        ("_zZ12345678_000120_000130.mp4", 0),
    ]
    assert [video.class_name for video in data.test] == ["riding a bike", "playing, chess"]
    assert data.notes == ()


def test_kinetics_names_have_six_digits() -> None:
    assert clip_name("---QUuC4vJs", 84, 94) == "---QUuC4vJs_000084_000094.mp4"


@pytest.mark.parametrize("name", ["validate.csv", "test.csv"])
def test_kinetics_other_names_of_the_second_list(tmp_path: Path, name: str) -> None:
    root = kinetics(tmp_path / "k", ".")
    (root / "val.csv").rename(root / name)
    assert len(open_data(f"kinetics:{root}").test) == 2


def test_kinetics_counts_what_is_not_on_disk(tmp_path: Path) -> None:
    gone = "riding a bike,CCCCCCCCCCC,1,11,train\nriding a bike,DDDDDDDDDDD,1,11,train\n"
    root = kinetics(tmp_path / "k", train=K_TRAIN + gone)
    (root / "val/playing, chess/BBBBBBBBBBB_000007_000017.mp4").unlink()
    data = open_data(f"kinetics:{root}")
    assert len(data.train) == 2
    assert data.missing == {
        "train": ("CCCCCCCCCCC_000001_000011.mp4", "DDDDDDDDDDD_000001_000011.mp4"),
        "test": ("BBBBBBBBBBB_000007_000017.mp4",),
    }
    assert data.notes == (
        "2 of 4 listed train videos are not on disk",
        "1 of 2 listed test videos are not on disk",
        "1 of 2 classes have no test video: `playing, chess`",
    )


def test_kinetics_faults(tmp_path: Path) -> None:
    spec = f"kinetics:{tmp_path / 'k'}"
    kinetics(tmp_path / "k", val="riding a bik,AAAAAAAAAAA,0,10,val\n")
    fails(spec, "val.csv`, line 2", "label `riding a bik` is not in the class list", "did you mean `riding a bike`?")
    kinetics(tmp_path / "k", train=K_TRAIN + "eating,EEEEEEEEEEE,0,10,train\n")
    fails(spec, "class `eating` has no train videos")
    kinetics(tmp_path / "k", train=K_TRAIN + K_TRAIN)
    fails(spec, "-0aBcDeFgHi_000005_000015.mp4", "twice")
    kinetics(tmp_path / "k", train=K_TRAIN.replace(",5,", ",five,"))
    fails(spec, "line 2", "`five`", "time_start")
    (tmp_path / "k/train.csv").write_text("label,youtube_id,start\na,b,1\n")
    fails(spec, "no column `time_start`")
    (tmp_path / "k/train.csv").write_text(HEADER + "a,b\n")
    fails(spec, "line 2", "2 cells, but 5 columns")
    (tmp_path / "k/train.csv").write_bytes(b"label\xff\n")
    fails(spec, "not UTF-8")
    (tmp_path / "k/train.csv").unlink()
    fails(spec, "has no list `train.csv`")
    kinetics(tmp_path / "k")
    (tmp_path / "k/val.csv").unlink()
    fails(spec, "has no list `val.csv` or `validate.csv` or `validation.csv` or `test.csv`")


def test_kinetics_one_clip_in_both_lists(tmp_path: Path) -> None:
    root = kinetics(tmp_path / "k", ".", val=K_VAL + "riding a bike,-0aBcDeFgHi,5,15,val\n")
    fails(f"kinetics:{root}", "both a train and a test video")


# --- folders and CSV ------------------------------------------------------------------------------------------------


def class_folders(root: Path, second: str = "test") -> Path:
    for name in (
        "train/jump/a.mp4",
        "train/jump/b.avi",
        "train/walk/c.mp4",
        f"{second}/jump/d.mp4",
        f"{second}/walk/e.webm",
    ):
        touch(root / name)
    touch(root / "train/jump/notes.txt")
    touch(root / "train/jump/.hidden.mp4")
    return root


@pytest.mark.parametrize("second", ["test", "val"])
def test_folders(tmp_path: Path, second: str) -> None:
    data = open_data(f"folder:{class_folders(tmp_path, second)}")
    assert data.classes == ("jump", "walk")
    assert [(Path(video.path).name, video.label) for video in data.train] == [("a.mp4", 0), ("b.avi", 0), ("c.mp4", 1)]
    assert [Path(video.path).name for video in data.test] == ["d.mp4", "e.webm"]


def test_folder_faults(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "f")
    touch(root / "test/wlak/w.mp4")
    fails(f"folder:{root}", "label `wlak` is not in the class list", "did you mean `walk`?")
    shutil.rmtree(root / "test/wlak")
    (root / "train/run").mkdir()
    fails(f"folder:{root}", "class `run` has no train videos")
    touch(root / "train/run/r.mp4")
    assert open_data(f"folder:{root}").notes == ("1 of 3 classes have no test video: `run`",)
    (root / "test/run").mkdir()
    (root / "test/run/r.mp4").symlink_to(root / "train/run/r.mp4")
    fails(f"folder:{root}", "r.mp4", "both a train and a test video")
    (root / "train").rename(root / "training videos")
    fails(f"folder:{root}", "no folder `train`")
    (tmp_path / "empty/train").mkdir(parents=True)
    (tmp_path / "empty/test").mkdir()
    fails(f"folder:{tmp_path / 'empty'}", "no training videos")


def csv_set(tmp_path: Path, text: str) -> str:
    for name in ("one.mp4", "two.mp4", "sub/three.mp4", "sub/four.mp4"):
        touch(tmp_path / name)
    (tmp_path / "list.csv").write_text(text)
    return f"csv:{tmp_path / 'list.csv'}"


def test_csv_with_splits(tmp_path: Path) -> None:
    text = (
        f"split,label,path\ntrain,10,one.mp4\ntrain,9,sub/three.mp4\ntest,9,{tmp_path}/two.mp4\nval,10,sub/four.mp4\n"
    )
    data = open_data(csv_set(tmp_path, text))
    assert data.classes == ("9", "10")  # numbers by value
    assert [(Path(video.path).name, video.label) for video in data.train] == [("one.mp4", 1), ("three.mp4", 0)]
    assert [(Path(video.path).name, video.label) for video in data.test] == [("two.mp4", 0), ("four.mp4", 1)]


def test_csv_without_splits_draws_a_fifth(tmp_path: Path) -> None:
    rows = "".join(f"{name}{number}.mp4,{name}\n" for name in "ab" for number in range(10))
    for row in rows.splitlines():
        touch(tmp_path / row.split(",")[0])
    (tmp_path / "list.csv").write_text("path,label\n" + rows)
    data = open_data(f"csv:{tmp_path / 'list.csv'}")
    assert [sum(video.class_name == name for video in data.test) for name in "ab"] == [2, 2]
    assert len(data.train) == 16
    assert data.notes == ("no column `split`: 4 of 20 videos drawn for testing, a fifth of every class",)
    assert open_data(f"csv:{tmp_path / 'list.csv'}") == data


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path\none.mp4\n", ["no column `label`"]),
        ("", ["no column `path`"]),
        ("path,label,split\none.mp4,a,train\nfive.mp4,a,test\n", ["line 3", "`five.mp4` does not exist"]),
        ("path,label,split\none.mp4,abc,train\ntwo.mp4,abd,test\n", ["line 3", "`abd`", "did you mean `abc`?"]),
        ("path,label,split\none.mp4,a,train\ntwo.mp4,a,tset\n", ["line 3", "unknown split `tset`"]),
        ("path,label,split\none.mp4,a,train\none.mp4,a,test\n", ["one.mp4", "both a train and a test video"]),
        ("path,label,split\none.mp4,a,train\n", ["no test videos"]),
        ("path,label\none.mp4,a\none.mp4,a\n", ["one.mp4", "twice"]),
        ("path,label\none.mp4,a\n", ["class `a`", "too few"]),
        ('path,label\n"one.mp4,a\n', ["line"]),
        ("path,label\none.mp4,jump, high\ntwo.mp4,jump, long\n", ["line 2", "3 cells, but 2 columns", "quoted"]),
        ("path,label\none.mp4,a\ntwo.mp4,\n", ["line 3", "column `label` is empty"]),
        ("path,label\n,a\n", ["line 2", "column `path` is empty"]),
        ("path,label,split\none.mp4,a,test\n", ["no training videos", "every row is a test row"]),
    ],
)
def test_csv_faults(tmp_path: Path, text: str, words: list[str]) -> None:
    fails(csv_set(tmp_path, text), *words)


def test_csv_with_commas_after_the_last_cell(tmp_path: Path) -> None:
    """As spreadsheets write them."""
    text = "path,label,split\none.mp4,a,train,,\ntwo.mp4,a,test,\n"
    assert open_data(csv_set(tmp_path, text)).classes == ("a",)


# --- specs ----------------------------------------------------------------------------------------------------------


def test_specs_that_name_nothing(tmp_path: Path) -> None:
    fails("ucf11:x", "unknown data `ucf11:x`", "did you mean `ucf101`?")
    fails("", "unknown data")
    fails("qqq", "`ucf101`", "`synthetic`")
    fails(str(tmp_path), f"`folder:{tmp_path}`")
    fails("ucf101", "needs a place", "`ucf101:DIR`")
    fails("csv:", "needs a place", "`csv:FILE`")
    for layout in ("ucf101", "kinetics", "folder"):
        fails(f"{layout}:{tmp_path}/none", "does not exist", str(tmp_path / "none"))
        touch(tmp_path / "file")
        fails(f"{layout}:{tmp_path}/file", "is a file")
    fails(f"csv:{tmp_path}/none.csv", "does not exist")
    fails(f"synthetic:{tmp_path}/dta", "no synthetic set", f"vnasdsl data synthetic {tmp_path}/dta")
    assert not (tmp_path / "dta").exists()


def test_opening_imports_neither_torch_nor_av(tmp_path: Path) -> None:
    code = (
        "import sys; from vnasdsl.data import open_data, three_way_split; "
        f"open_data('folder:{class_folders(tmp_path)}'); print('torch' in sys.modules, 'av' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
