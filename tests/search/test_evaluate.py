"""What `vnasdsl evaluate` writes beside its line: predictions, confusion matrix, means of several runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import pytest
from click.testing import Result

from vnasdsl.data import open_data
from vnasdsl.runs.predictions import Predictions

Command = Callable[..., Result]
QUICK = ("--device", "cpu", "-q", "--clips", "1", "--crops", "1")


@pytest.fixture(scope="module")
def splits(searched: Path, videos: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The run of a search, as if of each of the three official splits of UCF101."""
    folder = tmp_path_factory.mktemp("splits")
    shutil.copytree(videos, folder / "ucf")
    (lists,) = {file.parent for file in (folder / "ucf").rglob("trainlist01.txt")}
    listed = [*lists.joinpath("trainlist01.txt").read_text().splitlines()]
    tests = lists.joinpath("testlist01.txt").read_text().split()
    for number in (2, 3):  # others are tested: some that split 1 trains on
        others = [line for place, line in enumerate(listed) if place % 8 == number]
        kept = [line for line in listed if line not in others]
        ids = {line.split("/")[0]: line.split()[1] for line in listed}
        kept += [f"{name} {ids[name.split('/')[0]]}" for name in tests]
        lists.joinpath(f"trainlist0{number}.txt").write_text("\n".join(kept) + "\n")
        lists.joinpath(f"testlist0{number}.txt").write_text("\n".join(x.split()[0] for x in others) + "\n")
    runs = []
    for number in (1, 2, 3):
        run = folder / f"split{number}"
        shutil.copytree(searched, run)
        facts = json.loads((run / "run.json").read_text())
        (run / "run.json").write_text(json.dumps({**facts, "data": f"ucf101:{folder / 'ucf'}?split={number}"}))
        runs.append(run)
    return runs


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_predictions_and_confusion_matrix(vnasdsl: Command, searched: Path, suffix: str, tmp_path: Path) -> None:
    file, picture = tmp_path / f"scores{suffix}", tmp_path / "confusion.png"
    result = vnasdsl("evaluate", searched, *QUICK, "--json", "--predictions", file, "--confusion", picture)
    assert result.exit_code == 0, result.output
    figures, found = json.loads(result.stdout), Predictions.read(file)
    data = open_data(json.loads((searched / "run.json").read_text())["data"])
    assert list(found.videos) == [video.path for video in data.test]
    assert [found.classes[label] for label in found.labels] == [video.class_name for video in data.test]
    assert figures["classes"] == list(data.classes)
    assert figures["confusion"] == found.confusion.tolist()
    assert figures["top1"] == pytest.approx((found.predicted == found.labels).mean())
    assert figures["mean_class"] == pytest.approx(fmean(row["top1"] for row in figures["table"]))
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_table_has_a_line_for_every_class(vnasdsl: Command, searched: Path) -> None:
    result = vnasdsl("evaluate", searched, *QUICK)
    classes = json.loads((searched / "run.json").read_text())["classes"]
    head, *rows, last = result.stdout.splitlines()
    assert head.split() == ["class", "videos", "top-1", "precision", "F1", "often", "taken", "for"]
    assert [row.split()[0] for row in rows] == classes
    assert "mean class accuracy on 6 videos" in last


def test_three_splits_of_ucf101_are_its_protocol(vnasdsl: Command, splits: list[Path], tmp_path: Path) -> None:
    file = tmp_path / "all.csv"
    result = vnasdsl("evaluate", *splits, *QUICK, "--json", "--predictions", file)
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["protocol"] == "ucf101"
    assert figures["top1"] == pytest.approx(fmean(run["top1"] for run in figures["runs"]))
    assert sum(map(sum, figures["confusion"])) == sum(run["videos"] for run in figures["runs"])
    assert len(Predictions.read(file).videos) == sum(run["videos"] for run in figures["runs"])
    words = vnasdsl("evaluate", *splits, *QUICK).stdout
    assert "mean of the three official splits of UCF101" in words
    twice = json.loads(vnasdsl("evaluate", splits[0], splits[0], splits[1], *QUICK, "--json").stdout)
    assert twice["protocol"] is None and twice["runs"][0]["top1"] == twice["runs"][1]["top1"]


def test_test_videos_that_were_trained_on_are_told(vnasdsl: Command, splits: list[Path]) -> None:
    other = json.loads((splits[1] / "run.json").read_text())["data"]
    result = vnasdsl("evaluate", splits[0], *QUICK, "--data", other)
    assert result.exit_code == 0 and "was trained on 3 of these 3 test videos" in result.stderr


def test_files_of_unknown_kinds_are_refused_before_anything_runs(vnasdsl: Command, searched: Path) -> None:
    for option, words in (("--predictions", "ends in .csv or .json"), ("--confusion", ".png, .svg, .pdf")):
        result = vnasdsl("evaluate", searched, *QUICK, option, "x.txt")
        assert result.exit_code == 1 and words in result.output
    both = vnasdsl("evaluate", searched, searched, "--weights", "x.safetensors")
    assert both.exit_code == 2 and "--weights are those of one network" in both.output
