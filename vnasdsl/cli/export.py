"""`vnasdsl export`: a trained network as an ONNX file or a torch.export archive."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from vnasdsl.cli.options import FILE, json_option, option, weights_options
from vnasdsl.cli.output import print_json
from vnasdsl.language.visible import visible

_CROPPED = "cropped"


def _source(_context: Any, _parameter: Any, value: str | None) -> tuple[bool, tuple[int, int] | None]:
    if value in (None, _CROPPED):
        return value is not None, None
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", value or "")
    if match is None:
        raise click.BadParameter(f"`{value}` is not of the form HxW, as in 240x320")
    return True, (int(match[1]), int(match[2]))


@click.command()
@click.argument("target", metavar="NETWORK")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["onnx", "torch"]),
    default="onnx",
    show_default=True,
    help="ONNX (extra `onnx`), or torch.export (.pt2).",
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
def command(
    target: str,
    kind: str,
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
      vnasdsl export runs/tiny/retrained --format torch -o tiny.pt2
      vnasdsl export runs/tiny/retrained --preprocess=240x320 -o tiny.onnx
    """
    from vnasdsl.elaborate.imports import split_target
    from vnasdsl.train.export import SUFFIXES, export
    from vnasdsl.train.trained import open_trained

    model = open_trained(target, weights, labels)
    suffix = SUFFIXES["onnx" if kind == "onnx" else "torch"]
    place = split_target(target)[0]
    file = output or (place / f"network{suffix}" if place.is_dir() else place.with_suffix(suffix))
    done = export(model, file, "onnx" if kind == "onnx" else "torch", *preprocess)
    if as_json:
        print_json(done.as_dict())
        return
    click.echo(f"wrote {visible(done.file)} ({done.bytes:,} bytes)")
    click.echo(f"input {done.input}, output logits (batch, {len(model.classes)})")
    click.echo(f"read back: logits differ by at most {done.difference:.2g} on {done.clips} random clips")
