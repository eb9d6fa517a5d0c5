"""`vnasdsl data`: make the synthetic set, look at a data set."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import click

from vnasdsl.cli.options import json_option
from vnasdsl.cli.output import echo
from vnasdsl.language.visible import visible

if TYPE_CHECKING:
    from vnasdsl.data.survey import Survey
    from vnasdsl.data.videos import DataSet


@click.group(name="data", short_help="Make or look at video data sets.")
def command() -> None:
    """Make or look at video data sets.

    \b
    Examples:
      vnasdsl data synthetic data/motion          # 8 classes told apart only by motion
      vnasdsl data info ucf101:data/UCF101        # classes, counts, lengths, sizes
    """


def _sizes(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[int, int], ...]:
    sizes = []
    for value in values:
        match = re.fullmatch(r"(\d{1,9})x(\d{1,9})", value)
        if match is None:
            raise click.BadParameter(f"`{value}` is not of the form HxW, as in 48x64")
        sizes.append((int(match[1]), int(match[2])))
    return tuple(sizes)


def _length(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", value)
    if match is None:
        raise click.BadParameter(f"`{value}` is neither a number of frames nor a range, as in 16-32")
    return int(match[1]), int(match[2] or match[1])


@command.command()
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option(
    "--layout",
    type=click.Choice(["ucf101", "kinetics"]),
    default="ucf101",
    show_default=True,
    help="Folders, lists and encoding as that set: MPEG-4 in .avi, or H.264 in .mp4.",
)
@click.option("--classes", type=int, default=8, show_default=True, metavar="N", help="Classes, 2 to 16.")
@click.option("--clips", type=int, default=40, show_default=True, metavar="N", help="Training videos per class.")
@click.option("--test-clips", type=int, default=20, show_default=True, metavar="N", help="Test videos per class.")
@click.option(
    "--size",
    "sizes",
    callback=_sizes,
    multiple=True,
    metavar="HxW",
    help="Height and width in pixels; several are mixed.  [default: four sizes, 48x64 to 72x96]",
)
@click.option(
    "--length",
    callback=_length,
    default="16-32",
    show_default=True,
    metavar="MIN-MAX",
    help="Length in frames, a number or a range.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    metavar="N",
    help="The same seed makes the same videos.",
)
@click.option("--force", is_flag=True, help="Replace a synthetic set that DIR already holds.")
def synthetic(
    folder: str,
    layout: str,
    classes: int,
    clips: int,
    test_clips: int,
    sizes: tuple[tuple[int, int], ...],
    length: tuple[int, int],
    seed: int,
    force: bool,
) -> None:
    """Make real encoded video files in DIR whose classes differ only by motion.

    Texture, colours, position and background are drawn at random alike for all classes: one frame says nothing.
    The classes are drifts, swings and circles of several periods; motion is per frame, and the frame rate is drawn at
    random. DIR appears only when complete.

    \b
    Examples:
      vnasdsl data synthetic data/motion
      vnasdsl data synthetic data/motion16 --classes 16 --clips 100 --seed 1
      vnasdsl data synthetic data/like-kinetics --layout kinetics --size 120x160 --length 60-300
      vnasdsl search spaces/tiny.vns --data synthetic:data/motion --out runs/motion
    """
    from pathlib import Path

    from vnasdsl.data.synthetic.make import make, refuse_to_overwrite
    from vnasdsl.data.synthetic.settings import Settings

    settings = Settings(layout, classes, clips, test_clips, sizes or Settings.sizes, length, seed)
    refuse_to_overwrite(Path(folder), force)
    total = classes * (clips + test_clips)
    with click.progressbar(length=total, label=f"making {total} videos", file=sys.stderr) as bar:

        def advance(_done: int, _total: int) -> None:
            bar.update(1)

        make(Path(folder), settings, force, advance)
    echo(f"{total} videos of {classes} classes in {folder}; read them with --data synthetic:{folder}")


@command.command()
@click.argument("spec")
@click.option(
    "--split", type=click.Choice(["1", "2", "3"]), default="1", show_default=True, help="UCF101's official split."
)
@click.option(
    "--look",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    metavar="N",
    help="Look into at most N files of each split for lengths and sizes; 0 for none.",
)
@json_option
def info(spec: str, split: str, look: int, as_json: bool) -> None:
    """List classes, counts, lengths and frame sizes of the data that SPEC names.

    \b
    SPEC is one of
      ucf101:DIR      DIR/<Class>/*.avi, or DIR/UCF-101/<Class>/*.avi, with the official lists in
                      DIR/ucfTrainTestlist (classInd.txt, trainlist01.txt, testlist01.txt; also 02, 03)
      kinetics:DIR    DIR/train.csv and val.csv (label,youtube_id,time_start,time_end,split) with
                      ID_START_END.mp4 in DIR, DIR/train or DIR/train/<label>
      folder:DIR      DIR/train/<class>/ and DIR/test/<class>/
      csv:FILE        columns path and label, and split (train or test) if you like
      synthetic       made once in $VNASDSL_DATA or ~/.cache/vnasdsl
      synthetic:DIR   made by `vnasdsl data synthetic DIR`

    \b
    Examples:
      vnasdsl data info synthetic
      vnasdsl data info ucf101:data/UCF101 --split 2
      vnasdsl data info kinetics:data/k400 --json
    """
    from vnasdsl.data import open_data
    from vnasdsl.data.survey import survey

    data = open_data(spec, int(split))
    surveys = {part: survey(videos, look) for part, videos in (("train", data.train), ("test", data.test))}
    if as_json:
        click.echo(json.dumps(_as_object(data, surveys), indent=2, ensure_ascii=False))
    else:
        _print(data, surveys)


def _counts(data: DataSet) -> dict[str, dict[str, int]]:
    counts = {name: {"train": 0, "test": 0} for name in data.classes}
    for part, videos in (("train", data.train), ("test", data.test)):
        for video in videos:
            counts[video.class_name][part] += 1
    return counts


def _as_object(data: DataSet, surveys: dict[str, Survey]) -> dict[str, Any]:
    counts = _counts(data)
    parts = {"train": data.train, "test": data.test}
    return {
        "name": data.name,
        "layout": data.layout,
        "classes": [{"name": name, **counts[name]} for name in data.classes],
        "splits": {
            part: {
                "videos": len(parts[part]),
                "missing": len(data.missing.get(part, ())),
                "looked_into": seen.looked_into,
                "lengths": _spread(seen),
                "sizes": [{"height": h, "width": w, "files": n} for (h, w), n in seen.sizes.items()],
                "unreadable": seen.unreadable,
            }
            for part, seen in surveys.items()
        },
        "notes": list(data.notes),
    }


def _spread(seen: Survey) -> dict[str, int] | None:
    """Frames: shortest, median and longest of the files looked into."""
    if not seen.lengths:
        return None
    return {"min": seen.lengths[0], "median": seen.lengths[len(seen.lengths) // 2], "max": seen.lengths[-1]}


def _print(data: DataSet, surveys: dict[str, Survey]) -> None:
    counts = _counts(data)
    wide = max(len("class"), *(len(visible(name)) for name in data.classes))
    echo(f"{data.name}: {len(data.classes)} classes, layout {data.layout}\n")
    echo(f"{'class':<{wide}}  {'train':>7}  {'test':>7}")
    for name in data.classes:
        echo(f"{visible(name):<{wide}}  {counts[name]['train']:>7}  {counts[name]['test']:>7}")
    echo(f"{'all':<{wide}}  {len(data.train):>7}  {len(data.test):>7}\n")
    for part, seen in surveys.items():
        spread = _spread(seen)
        if spread is not None:
            sizes = sorted(seen.sizes.items(), key=lambda item: (-item[1], item[0]))
            shown = ", ".join(f"{h}x{w} ({n})" for (h, w), n in sizes[:6]) + (", ..." if len(sizes) > 6 else "")
            echo(
                f"{part}: {spread['min']} to {spread['max']} frames, median {spread['median']}; "
                f"height x width (files): {shown}; {seen.looked_into} files looked into"
            )
        for path, reason in seen.unreadable.items():
            echo(f"unreadable: {path}: {reason}")
    for note in data.notes:
        echo(f"note: {note}")
