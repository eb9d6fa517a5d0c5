"""A trained network for other programs: an ONNX file or a torch.export archive, each read back and compared."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vnasdsl.data.sampling import scaled_size
from vnasdsl.files import write_atomic
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.model_file import Preprocessing
from vnasdsl.train.predict import TrainedNetwork

Format = Literal["onnx", "torch"]
SUFFIXES: dict[Format, str] = {"onnx": ".onnx", "torch": ".pt2"}
BATCHES = (2, 1, 3)
"""Batch sizes that the file is tried with; it was made with the first."""
TOLERANCE = 1e-4
"""Largest difference of a logit, as a share of the largest logit where that is above 1."""
Run = Callable[..., Tensor]


class FramesIn(nn.Module):
    """A network that takes uint8 RGB frames (batch, frames, height, width, 3) instead of normalised clips.

    source: (height, width) of the frames, which are then scaled (bilinear, antialiased) and cropped in the middle; None
    for frames that are cropped already.
    """

    def __init__(self, network: nn.Module, cut: Preprocessing, source: tuple[int, int] | None):
        super().__init__()
        self.network = network
        self.cut = cut
        self.scaled = None if source is None else scaled_size(*source, cut.scale)
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor(cut.mean).view(3, 1, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(cut.deviation).view(3, 1, 1, 1), persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        return self.network(self.clips(frames))

    def clips(self, frames: Tensor) -> Tensor:
        """(batch, 3, frames, size, size), normalised."""
        x = frames.permute(0, 4, 1, 2, 3).to(torch.float32) / 255
        if self.scaled is not None:
            rows, columns = self.cut.clip_shape.crop
            top, left = (self.scaled[0] - rows) // 2, (self.scaled[1] - columns) // 2
            pictures = x.transpose(1, 2).flatten(0, 1)
            pictures = F.interpolate(pictures, self.scaled, mode="bilinear", antialias=True)
            pictures = pictures[:, :, top : top + rows, left : left + columns]
            x = pictures.unflatten(0, (-1, self.cut.frames)).transpose(1, 2)
        return (x - self.mean) / self.deviation


@dataclass(frozen=True)
class Exported:
    """A file that was written, and how far what it computes is from the network."""

    file: str
    format: Format
    input: str
    """What goes in, in words."""
    difference: float
    """Largest difference of a logit, over `clips` random clips."""
    clips: int
    bytes: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def export(
    model: TrainedNetwork,
    file: Path,
    format: Format,
    preprocess: bool = False,
    source: tuple[int, int] | None = None,
) -> Exported:
    """Write a network with a dynamic batch; class names and preprocessing go into the file. It gives logits.

    preprocess: uint8 frames go in, see `FramesIn`. Raises: UserError when a package is missing, or what is read back
    differs from the network.
    """
    if format == "onnx":
        _require_onnx()
    cut, inputs = model.preprocessing, model.network.inputs.given
    if preprocess and (len(inputs) > 1 or inputs[0].kind != "video" or inputs[0].channels != 3):
        raise UserError("preprocessing can be put into the file only of a network whose one input is RGB video")
    module = FramesIn(model.module, cut, source) if preprocess else model.module
    module = module.cpu().eval()
    sizes = source or cut.clip_shape.crop
    shapes = [(cut.frames, *sizes, 3)] if preprocess else [one.shape for one in inputs]
    names = [one.name for one in inputs] if len(inputs) > 1 else ["clips"]
    clips = _random_clips(shapes, preprocess)
    about = {"classes": list(model.classes), "preprocessing": cut.model_dump(mode="json")}
    with torch.no_grad(), _quiet():
        program = torch.export.export(
            module, clips[0], dynamic_shapes=tuple({0: torch.export.Dim.DYNAMIC} for _ in shapes)
        )
        content, run = _onnx(program, about, names) if format == "onnx" else _torch(program, about)
        expected = [module(*batch) for batch in clips]
        found = [run(*batch) for batch in clips]
    difference = max(float((one - two).abs().max()) for one, two in zip(expected, found, strict=True))
    largest = max(1.0, *(float(one.abs().max()) for one in expected))
    if not difference <= TOLERANCE * largest:
        raise UserError(f"the exported network differs from this one by {difference:.3g}, so `{file}` was not written")
    write_atomic(file, content)
    kind = "uint8 frames" if preprocess else "normalised clips"
    each = [f"(batch, {', '.join(map(str, shape))})" for shape in shapes]
    words = f"{kind} {each[0]}"
    if len(inputs) > 1:
        words = f"{kind} {', '.join(f'{name} {shape}' for name, shape in zip(names, each, strict=True))}"
    return Exported(str(file), format, words, difference, sum(BATCHES), len(content))


def _random_clips(shapes: Sequence[tuple[int, ...]], pixels: bool) -> list[tuple[Tensor, ...]]:
    seed = torch.Generator().manual_seed(0)
    if pixels:
        return [(torch.randint(256, (n, *shapes[0]), generator=seed, dtype=torch.uint8),) for n in BATCHES]
    return [tuple(torch.randn((n, *shape), generator=seed) for shape in shapes) for n in BATCHES]


def _torch(program: torch.export.ExportedProgram, about: dict[str, Any]) -> tuple[bytes, Run]:
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={"vnasdsl.json": json.dumps(about)})
    return buffer.getvalue(), torch.export.load(io.BytesIO(buffer.getvalue())).module()


def _onnx(program: torch.export.ExportedProgram, about: dict[str, Any], names: list[str]) -> tuple[bytes, Run]:
    import onnx
    import onnxruntime

    made = torch.onnx.export(program, dynamo=True, input_names=names, output_names=["logits"], verbose=False)
    assert made is not None
    for key, value in about.items():
        made.model.metadata_props[f"vnasdsl.{key}"] = json.dumps(value)
    content = made.model_proto.SerializeToString()
    onnx.checker.check_model(content, full_check=True)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(*clips: Tensor) -> Tensor:
        given = {name: each.numpy() for name, each in zip(names, clips, strict=True)}
        return torch.from_numpy(session.run(None, given)[0])

    return content, run


def _require_onnx() -> None:
    """Raises: UserError that names the extra. torch's exporter is written in onnxscript."""
    for name in ("onnx", "onnxruntime", "onnxscript"):
        if find_spec(name) is None:
            raise UserError(f"ONNX needs the package `{name}`", "install it: pip install 'vnasdsl[onnx]'")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch says of packages that are not there, and of itself."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        log.setLevel(level)
