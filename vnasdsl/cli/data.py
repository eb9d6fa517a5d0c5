"""`vnasdsl data`: make the synthetic set, look at a data set."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vnasdsl.cli.options import PATH, SEED, exclude_option, json_option, option, print_json
from vnasdsl.language.visible import visible

if TYPE_CHECKING:
    from vnasdsl.data import DataSet


@click.group(name="data", short_help="Make or inspect video data sets.")
def data_command() -> None:
    """Make or inspect video data sets.

    \b
    Examples:
      vnasdsl data synthetic data/motion          # 8 classes told apart only by motion
      vnasdsl data info ucf101:data/UCF101        # classes and counts
      vnasdsl data check ucf101:data/UCF101       # decode everything and say what is wrong
    """


def _sizes(_context: Any, _parameter: Any, values: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    return tuple(_pair(value, r"(\d{1,9})x(\d{1,9})", "is not of the form HxW, as in 48x64") for value in values)


def _length(_context: Any, _parameter: Any, value: str) -> tuple[int, int]:
    return _pair(value, r"(\d{1,9})(?:-(\d{1,9}))?", "is neither a number of frames nor a range such as 16-32")


def _pair(value: str, pattern: str, fault: str) -> tuple[int, int]:
    match = re.fullmatch(pattern, value)
    if match is None:
        raise click.BadParameter(f"`{value}` {fault}")
    return int(match[1]), int(match[2] or match[1])


@data_command.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--task",
    type=click.Choice(["motions", "periods"]),
    default="motions",
    show_default=True,
    help="What tells the classes apart.",
)
@click.option(
    "--layout",
    type=click.Choice(["ucf101", "kinetics"]),
    default="ucf101",
    show_default=True,
    help="Folders, lists and encoding of that data set: MPEG-4 in .avi, or H.264 in .mp4.",
)
@option("--classes", "N", "Classes, 2 to 16; 2 to 8 of periods.", int, default=8)
@click.option("--clips", type=int, metavar="N", help="Training videos per class.  [default: 40; 120 of periods]")
@click.option("--test-clips", type=int, metavar="N", help="Test videos per class.  [default: 20; 60 of periods]")
@option(
    "--size sizes",
    "HxW",
    "Height and width in pixels; may be repeated to mix sizes.  [default: four sizes, 48x64 to 72x96]",
    callback=_sizes,
    multiple=True,
)
@option("--length", "MIN-MAX", "Length in frames, a number or a range.", callback=_length, default="16-32")
@option("--seed", "N", "The same seed makes the same videos.", SEED, default=0)
@click.option("--force", is_flag=True, help="Replace a synthetic set that DIR already holds.")
def synthetic(
    folder: Path,
    task: str,
    layout: str,
    classes: int,
    clips: int | None,
    test_clips: int | None,
    sizes: tuple[tuple[int, int], ...],
    length: tuple[int, int],
    seed: int,
    force: bool,
) -> None:
    """Make encoded video files in DIR whose classes differ only over time.

    Texture, colours, position, background and frame rate are drawn at random in the same way for all classes, so that a
    single frame does not tell the class. DIR appears only when it is complete.

    \b
    Tasks:
      motions   drifts, swings and circles of several periods; most networks learn them
      periods   random textures that repeat after 1 to 8 frames; the architecture decides

    \b
    Examples:
      vnasdsl data synthetic data/motion
      vnasdsl data synthetic data/periods --task periods
      vnasdsl data synthetic data/motion16 --classes 16 --clips 100 --seed 1
      vnasdsl data synthetic data/like-kinetics --layout kinetics --size 120x160 --length 60-300
      vnasdsl search spaces/tiny.vns --data synthetic:data/motion --out runs/motion
    """
    from vnasdsl.data.synthetic.make import Settings, check_may_write, make

    usual = Settings.default(task)
    clips = usual.clips if clips is None else clips
    test_clips = usual.test_clips if test_clips is None else test_clips
    settings = Settings(layout, classes, clips, test_clips, sizes or usual.sizes, length, seed, task)
    check_may_write(folder, force)
    total = classes * (clips + test_clips)
    with click.progressbar(length=total, label=f"making {total} videos", file=sys.stderr) as bar:

        def advance(_done: int, _total: int) -> None:
            bar.update(1)

        make(folder, settings, force, advance)
    place = visible(str(folder))
    click.echo(f"{total} videos of {classes} classes in {place}; read them with --data synthetic:{place}")


@data_command.command()
@click.argument("spec")
@click.option(
    "--split", type=click.Choice(["1", "2", "3"]), default="1", show_default=True, help="UCF101's official split."
)
@exclude_option
@json_option
def info(spec: str, split: str, exclude: str | None, as_json: bool) -> None:
    """List the classes of the data that SPEC names, and how many videos they have. No video is opened.

    \b
    SPEC is one of
      ucf101:DIR      DIR/<Class>/*.avi, or DIR/UCF-101/<Class>/*.avi, with the official lists in
                      DIR/ucfTrainTestlist (classInd.txt, trainlist01.txt, testlist01.txt; also 02, 03)
      kinetics:DIR    DIR/train.csv and val.csv (label,youtube_id,time_start,time_end,split) with
                      ID_START_END.mp4 in DIR, DIR/train or DIR/train/<label>
      folder:DIR      DIR/train/<class>/ and DIR/test/<class>/
      csv:FILE        columns path and label, and optionally split (train or test)
      mmaction2:DIR   DIR/*train*.txt and *val*.txt ("PATH NUMBER", of frames "FOLDER FRAMES NUMBER"),
                      DIR/*label_map*.txt; paths start at DIR, or at videos or rawframes in it
      something:DIR   DIR/*train.json, *validation.json and *labels.json of Something-Something,
                      with ID.webm in DIR or DIR/20bn-something-something-v2
      charades:DIR    DIR/Charades_v1_train.csv, _test.csv and _classes.txt, with ID.mp4 in DIR
      webdataset:DIR  DIR/*train*.tar and *val*.tar of ID.mp4 and ID.cls
      synthetic       motions, made once in $VNASDSL_DATA or ~/.cache/vnasdsl
      periods         periods, made there as well
      synthetic:DIR   made by `vnasdsl data synthetic DIR`
    `?split=2` after it selects a split of UCF101, `?exclude=LIST` leaves out videos as --exclude does; both
    together: `?split=2&exclude=LIST`. Several SPECs with commas between them are one set.

    \b
    Examples:
      vnasdsl data info synthetic
      vnasdsl data info ucf101:data/UCF101 --split 2
      vnasdsl data info kinetics:data/k400 --json
    """
    from vnasdsl.data.videos import listing

    found = listing(_opened(spec, exclude, int(split)))
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(_lines(found)))


@data_command.command()
@click.argument("spec")
@exclude_option
@option("--list list_file", "FILE", "Write what to exclude there.", PATH)
@option("--clip", "N", "Frames of a clip.", click.IntRange(min=1), default=16)
@click.option(
    "--unreadable", type=click.FloatRange(0, 1), default=0.01, show_default=True, help="Share that may be unreadable."
)
@click.option("--workers", type=click.IntRange(min=0), metavar="N", help="Processes that decode.  [default: all cores]")
@json_option
def check(
    spec: str,
    exclude: str | None,
    list_file: Path | None,
    clip: int,
    unreadable: float,
    workers: int | None,
    as_json: bool,
) -> None:
    """Decode every frame of every video that SPEC names, and say what is wrong with them.

    Reported are files that are unreadable or damaged, shorter than a clip, of variable frame rate or turned; copies of
    one another by content, above all training videos that are test videos too; odd labels; and files that no reader
    takes; and lengths and sizes of all. The exit status is 1 where a training would end with an error.

    \b
    Examples:
      vnasdsl data check folder:videos
      vnasdsl data check folder:videos --list bad.txt
      vnasdsl data check folder:videos --exclude bad.txt
      vnasdsl search spaces/tiny.vns --data folder:videos --exclude bad.txt
    """
    import os

    from vnasdsl.data.check import check
    from vnasdsl.files import write_atomic

    data = _opened(spec, exclude)
    total = len(data.train) + len(data.test)
    processes = min(total, os.cpu_count() or 1) if workers is None else workers
    with click.progressbar(length=total, label=f"decoding {total} videos", file=sys.stderr) as bar:
        found = check(data, processes, clip, unreadable, lambda: bar.update(1))
    if list_file is not None:
        write_atomic(list_file, "".join(f"{path}\n" for path in found["exclude"]))
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(_findings(found)))
    if found["fails"]:
        raise SystemExit(1)


def _opened(spec: str, exclude: str | None, split: int = 1) -> DataSet:
    from vnasdsl.data import open_data
    from vnasdsl.data.spec import with_option

    return open_data(spec if exclude is None else with_option(spec, "exclude", exclude), split)


def _findings(found: dict[str, Any]) -> Iterator[str]:
    for problem in found["problems"]:
        yield visible(f"{problem['kind']}: {problem['file']}: {problem['detail']}")
    for note in found["notes"]:
        yield visible(f"note: {note}")
    if found["lengths"] is not None:
        lengths, sizes = found["lengths"], found["sizes"]
        shown = ", ".join(f"{size['height']}x{size['width']} ({size['files']})" for size in sizes[:6])
        yield (
            f"{lengths['min']} to {lengths['max']} frames, median {lengths['median']};"
            f" height x width (files): {shown}{', ...' * (len(sizes) > 6)}"
        )
    counts = found["videos"]
    yield (
        f"{visible(found['name'])}: {counts['train']} training and {counts['test']} test videos, {found['hours']:.2f}"
        f" hours, {len(found['classes'])} classes; the largest has {found['balance']:.1f} times the training videos of"
        f" the smallest; {len(found['problems'])} problems, {len(found['exclude'])} videos to exclude"
    )
    for reason in found["fails"]:
        yield visible(f"a training would fail: {reason}")


def _lines(found: dict[str, Any]) -> Iterator[str]:
    """The object that `--json` prints, as a table and notes for people."""
    from vnasdsl.show.table import columns

    classes = [(visible(entry["name"]), entry["train"], entry["test"]) for entry in found["classes"]]
    videos = {part: split["videos"] for part, split in found["splits"].items()}
    yield f"{visible(found['name'])}: {len(classes)} classes, layout {found['layout']}"
    yield ""
    rows = [("class", "train", "test"), *classes, ("all", videos["train"], videos["test"])]
    yield columns([[str(cell) for cell in row] for row in rows], right=(1, 2))
    for note in found["notes"]:
        yield visible(f"note: {note}")
