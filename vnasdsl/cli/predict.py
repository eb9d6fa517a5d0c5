"""`vnasdsl predict` and `vnasdsl export`: what a trained network is for."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vnasdsl.cli.options import FILE, PATH, POSITIVE, json_option, option, print_json, training_options, weights_options
from vnasdsl.language.visible import visible

if TYPE_CHECKING:
    from vnasdsl.train.predict import Prediction


@click.command("predict")
@click.argument("target", metavar="NETWORK")
@click.argument("videos", nargs=-1, required=True, metavar="VIDEO...")
@weights_options
@click.option("--top", type=POSITIVE, default=5, show_default=True, metavar="N", help="Classes to name.")
@click.option("--clips", type=POSITIVE, metavar="N", help="Clips of each video, evenly over it.  [default: NETWORK's]")
@click.option("--crops", type=click.IntRange(1, 3), metavar="M", help="Crops of each clip.  [default: NETWORK's]")
@option(
    "--stream streams",
    "NAME=DIR",
    "Where the maps for a further input of NETWORK lie, as in --data 'folder:videos?NAME=DIR'; repeatable.",
    multiple=True,
)
@option(
    "-o --output",
    "FILE.mp4|DIR",
    "Write the video with the classes below it; of several videos one each into a folder.",
    PATH,
)
@training_options
def predict_command(
    target: str,
    videos: tuple[str, ...],
    weights: Path | None,
    labels: Path | None,
    top: int,
    clips: int | None,
    crops: int | None,
    streams: tuple[str, ...],
    output: Path | None,
    device: str,
    workers: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Say what a trained network sees in videos: the best classes of each, in all and over time.

    NETWORK is the folder of a search or training, or a .vns file with its weights. VIDEO is a file, a folder or a
    pattern. Softmax scores are averaged over clips and crops as in `evaluate`; what is said of a moment is the mean
    over the crops of one clip. A file that cannot be read is named and passed over; the exit status is 1 then.

    \b
    Examples:
      vnasdsl predict runs/tiny/retrained swipe.mp4
      vnasdsl predict runs/tiny/retrained clips 'more/*.avi' --json
      vnasdsl predict runs/tiny/retrained swipe.mp4 --clips 40 -o annotated.mp4
      vnasdsl predict nets/mine.vns --weights mine.safetensors --labels classes.txt swipe.mp4
    """
    from vnasdsl.train.predict import find_videos, open_trained, predict_each
    from vnasdsl.train.progress import Reporter

    files = find_videos(videos)
    places = dict(_place(text) for text in streams)
    copies = {} if output is None else _copies(files, output)
    model = open_trained(target, weights, labels)
    reporter = Reporter(quiet)
    found: list[Prediction] = []
    reporter.begin("predict", 1, 0)
    reporter.epoch(1, len(files))
    wanted = 2 if workers is None else workers
    with closing(predict_each(model, files, top, clips, crops, wanted, device, places)) as predictions:
        try:
            for prediction in predictions:
                found.append(prediction)
                if prediction.error is not None:
                    reporter.warn(f"{prediction.path} cannot be read: {prediction.error}")
                elif prediction.path in copies:
                    _annotate(prediction, copies[prediction.path])
                reporter.step(lambda path=prediction.path: visible(Path(path).name))  # type: ignore[misc]
        finally:
            reporter.end()
    place = {file: number for number, file in enumerate(files)}
    found.sort(key=lambda prediction: place[prediction.path])
    failed = sum(prediction.error is not None for prediction in found)
    if as_json:
        print_json([prediction.as_dict() for prediction in found])
    else:
        click.echo("\n".join(line for prediction in found for line in _lines(prediction)))
    for copy in copies.values():
        if copy.is_file() and not quiet and not as_json:
            click.echo(f"wrote {visible(str(copy))}")
    if failed:
        click.echo(f"{failed} of {len(files)} videos cannot be read", err=True)
        raise SystemExit(1)


def _place(text: str) -> tuple[str, str]:
    name, equal, place = text.partition("=")
    if not (name and equal and place):
        raise click.BadParameter(f"`{text}` is not NAME=DIR", param_hint="--stream")
    return name, place


def _lines(prediction: Prediction) -> list[str]:
    from vnasdsl.train.progress import percent

    if prediction.error is not None:
        return [visible(f"{prediction.path}  cannot be read: {prediction.error}")]
    width = max(len(visible(each.name)) for each in prediction.top)
    lines = [f"{visible(prediction.path)}  {prediction.seconds:.1f} s"]
    lines += [f"  {visible(each.name):<{width}}  {percent(each.score):>8}" for each in prediction.top]
    spans = prediction.spans()
    if len(spans) > 1:
        lines += [
            f"  {start:6.1f} to {end:6.1f} s  {visible(best.name):<{width}}  {percent(best.score):>8}"
            for start, end, best in spans
        ]
    return lines


def _copies(files: list[str], output: Path) -> dict[str, Path]:
    """Where the annotated copy of each file goes. Raises: UserError for a name that cannot be."""
    from vnasdsl.language.diagnostics import UserError

    if output.suffix:
        if len(files) > 1:
            raise UserError(f"`{output}` is one file, for {len(files)} videos", "name a folder, such as `-o annotated`")
        if output.suffix.lower() != ".mp4":
            raise UserError(f"`{output}` does not end in .mp4")
        copies = {files[0]: output}
    else:
        stems = [Path(file).stem for file in files]
        twice = {stem for stem in stems if stems.count(stem) > 1}
        names = {f: Path(f).name.replace(".", "_") if Path(f).stem in twice else Path(f).stem for f in files}
        if len(set(names.values())) < len(files):
            raise UserError(f"several videos have the same name, so their copies cannot all go into `{output}`")
        copies = {file: output / f"{name}.mp4" for file, name in names.items()}
    for file, copy in copies.items():
        if copy.exists() and copy.samefile(file):
            raise UserError(f"`{copy}` is the video itself", "give another -o")
    return copies


def _annotate(prediction: Prediction, copy: Path) -> None:
    """Below each frame stand the best classes of the clip whose middle is nearest."""
    from vnasdsl.data.timeline import annotate
    from vnasdsl.train.progress import percent

    def caption(time: float) -> tuple[str, ...]:
        nearest = min(prediction.moments, key=lambda moment: abs((moment.start + moment.end) / 2 - time))
        return tuple(f"{percent(each.score)}  {visible(each.name)}" for each in nearest.top[:3])

    annotate(prediction.path, copy, caption, lines=min(3, len(prediction.top)))


_CROPPED = "cropped"


def _source(_context: Any, _parameter: Any, value: str | None) -> tuple[bool, tuple[int, int] | None]:
    if value in (None, _CROPPED):
        return value is not None, None
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", value or "")
    if match is None:
        raise click.BadParameter(f"`{value}` is not of the form HxW, as in 240x320")
    return True, (int(match[1]), int(match[2]))


@click.command("export")
@click.argument("target", metavar="NETWORK")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["onnx", "torch"]),
    help="ONNX (extra `onnx`), or torch.export (.pt2).  [default: by the suffix of -o, else torch]",
)
@option("-o --output", "FILE", "The file to write.  [default: network.onnx or network.pt2 in NETWORK]", FILE)
@option(
    "--preprocess",
    "[HxW]",
    "Take uint8 RGB frames: of this size, which are then scaled and cropped, or without a size cropped ones.",
    is_flag=False,
    flag_value=_CROPPED,
    callback=_source,
)
@weights_options
@json_option
def export_command(
    target: str,
    kind: str | None,
    output: Path | None,
    preprocess: tuple[bool, tuple[int, int] | None],
    weights: Path | None,
    labels: Path | None,
    as_json: bool,
) -> None:
    """Write a trained network for other programs, with any number of clips in a batch.

    The file is read back, by onnxruntime or torch, and compared with the network on random clips. It gives logits: a
    softmax over them (a sigmoid where videos have several labels) is a score for each class. Class names and
    preprocessing are in its metadata.

    \b
    Examples:
      vnasdsl export runs/tiny/retrained
      vnasdsl export runs/tiny/retrained --format onnx
      vnasdsl export runs/tiny/retrained --preprocess=240x320 -o tiny.onnx
    """
    from vnasdsl.elaborate.imports import split_target
    from vnasdsl.train.export import SUFFIXES, Format, export
    from vnasdsl.train.predict import open_trained

    model = open_trained(target, weights, labels)
    onnx = kind == "onnx" or (kind is None and output is not None and output.suffix == SUFFIXES["onnx"])
    format: Format = "onnx" if onnx else "torch"
    place = split_target(target)[0]
    file = output or (place / f"network{SUFFIXES[format]}" if place.is_dir() else place.with_suffix(SUFFIXES[format]))
    done = export(model, file, format, *preprocess)
    if as_json:
        print_json(done.as_dict())
        return
    click.echo(f"wrote {visible(done.file)} ({done.bytes:,} bytes)")
    click.echo(f"input {done.input}, output logits (batch, {len(model.classes)})")
    click.echo(f"read back: logits differ by at most {done.difference:.2g} on {done.clips} random clips")
