"""`model.json` beside the weights of a network: all that a program needs in order to use them, and a card for people.

network.vns has model.json and MODEL_CARD.md, any other NAME.vns has NAME.model.json and NAME.card.md.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

import torch.nn.functional as F
from jinja2 import Environment, StrictUndefined
from pydantic import ConfigDict, Field, ValidationError
from torch import Tensor

from vnasdsl.data import ClipShape
from vnasdsl.data.loader import MEAN, STD
from vnasdsl.data.sampling import Stream
from vnasdsl.elaborate import Space
from vnasdsl.elaborate.inputs import Inputs
from vnasdsl.language.diagnostics import UserError
from vnasdsl.language.visible import visible
from vnasdsl.resources import templates_dir
from vnasdsl.train.clips import clip_shape
from vnasdsl.train.progress import megas, percent
from vnasdsl.train.recipe_parts import Strict
from vnasdsl.train.recipe_text import read_recipes, resolve_recipe
from vnasdsl.train.recipes import Recipe
from vnasdsl.train.run_folder import RunFolder

MODEL_FILE, CARD_FILE = "model.json", "MODEL_CARD.md"
Three = tuple[float, float, float]


class _Described(Strict):
    """A part of the file. Its schema, which docs/generate.py writes, has the docstrings of the keys."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class NamedFile(_Described):
    """A file in the folder of model.json."""

    file: str
    """Its name."""
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    """Of its bytes."""

    @classmethod
    def of(cls, path: Path) -> NamedFile:
        return cls(file=path.name, sha256=sha256(path.read_bytes()).hexdigest())

    def find(self, folder: Path) -> Path:
        """Raises: UserError when it is not there, or its content is not what it was."""
        path = folder / Path(self.file).name
        try:
            found = sha256(path.read_bytes()).hexdigest()
        except OSError as fault:
            raise UserError(f"`{path}`, which the model file names, cannot be read: {fault.strerror}") from None
        if found != self.sha256:
            raise UserError(
                f"`{path}` is not the file that the model file beside it names: its checksum differs",
                "restore it from a copy, or make it anew with `vnasdsl derive` or `vnasdsl retrain`",
            )
        return path


class StreamInput(_Described):
    """Maps that were computed before, as bytes: an input of the network besides the frames of the video."""

    name: str
    """Of the input."""
    channels: int = Field(ge=1)
    """Of each pixel."""
    is_flow: bool = False
    """Optical flow, to the right and down in turns: 127.5 is no motion. Bytes become -1 to 1; of other maps 0 to 1."""


class Preprocessing(_Described):
    """From the frames of a video to the input of the network: (clips, 3, frames, size, size), float32."""

    frames: int = Field(ge=1)
    """Frames of a clip."""
    frame_stride: int = Field(ge=1)
    """Every n-th frame of the video is taken."""
    segments: int = Field(ge=1)
    """A clip has frames / segments frames from each of so many equal parts of the video."""
    scale: int = Field(ge=1)
    """Short side of the frames in pixels before they are cropped, bilinear, with the aspect ratio kept."""
    size: Annotated[int, Field(ge=1)] | tuple[int, int]
    """Side of the square crop in pixels, or its rows and columns."""
    color: Literal["RGB"] = "RGB"
    """Order of the channels."""
    mean: Three = (MEAN,) * 3
    """Subtracted from each channel, which is first divided by 255."""
    deviation: Three = (STD,) * 3
    """Each channel is divided by it then."""

    streams: tuple[StreamInput, ...] = ()
    """Further maps, in the order of the channels behind RGB, for the same frames and crops."""

    @property
    def clip_shape(self) -> ClipShape:
        streams = tuple(Stream(one.name, one.channels, one.is_flow) for one in self.streams)
        return ClipShape(self.frames, self.size, self.frame_stride, self.segments, self.scale, streams)

    @classmethod
    def of(cls, inputs: Inputs, recipe: Recipe) -> Preprocessing:
        """How the clips of test videos are cut."""
        shape = clip_shape(inputs, recipe)
        return cls(
            frames=shape.frames,
            frame_stride=shape.frame_stride,
            segments=shape.segments,
            scale=shape.short_side,
            size=shape.size,
            streams=tuple(StreamInput(**asdict(stream)) for stream in shape.streams),
        )


class Protocol(_Described):
    """How a video is scored: the scores of clips x crops views are averaged."""

    clips: int = Field(ge=1)
    """Clips, evenly over the video."""
    crops: int = Field(ge=1, le=3)
    """Crops of each clip: the middle, or left, middle and right (of an upright frame top, middle and bottom)."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """bf16 and fp16: autocast in the forward pass."""
    scores: Literal["softmax", "sigmoid"] = "softmax"
    """Of the network's outputs. Sigmoid: videos have several labels, and each class is scored by itself."""

    def of_outputs(self, outputs: Tensor) -> Tensor:
        """outputs: (B, classes). Gives the same shape, float64."""
        return outputs.double().sigmoid() if self.scores == "sigmoid" else F.softmax(outputs.double(), dim=1)


class Metrics(_Described):
    """How good the network is."""

    part: Literal["test", "inference"]
    """Where it was measured: the test videos, or the part of the training videos that a search keeps for this."""
    top1: float
    """Share of the videos whose class has the best score."""
    top5: float
    """Share of the videos whose class is among the five best."""
    mean_class: float
    """Mean over the classes of the top-1 of each."""
    loss: float
    """Mean negative log of the averaged score of the right class."""
    videos: int
    """Videos that were scored."""
    views: int
    """Views of them."""

    @classmethod
    def of(cls, part: Literal["test", "inference"], score: Mapping[str, Any]) -> Metrics:
        """score: `Evaluation.as_dict()`."""
        return cls(part=part, **{name: score[name] for name in cls.model_fields if name != "part"})


class Training(_Described):
    """Where the weights come from."""

    kind: Literal["search", "retrain"]
    """The command."""
    command: tuple[str, ...]
    """Its arguments."""
    data: str
    """The videos, as the command named them."""
    train_videos: int
    test_videos: int
    seed: int
    versions: dict[str, str]
    """Of vnasdsl, torch and Python."""


class ModelFile(_Described):
    """model.json: a trained network."""

    format: Literal[1] = 1
    """Version of this description."""
    name: str
    """Of the network."""
    classes: tuple[str, ...]
    """Names, in the order of the network's outputs."""
    network: NamedFile
    """Its source, .vns."""
    code: str
    """The name of its PyTorch code, generated from the source."""
    weights: NamedFile | None
    """.safetensors; null where a search trained none."""
    preprocessing: Preprocessing
    protocol: Protocol
    macs: int
    """Multiply-accumulates for one clip."""
    params: int
    """Trainable parameters."""
    metrics: Metrics | None
    training: Training


def model_path(network_file: Path) -> Path:
    """Where the model file of a .vns file is."""
    return network_file.with_name(MODEL_FILE if network_file.stem == "network" else f"{network_file.stem}.model.json")


def card_path(network_file: Path) -> Path:
    return network_file.with_name(CARD_FILE if network_file.stem == "network" else f"{network_file.stem}.card.md")


def write_model(
    run: RunFolder, network_file: Path, network: Space, weights: Path | None, metrics: Metrics | None
) -> ModelFile:
    """Write the model file and the card of a network that a run has just written, beside it."""
    facts = run.facts()
    recipe = resolve_recipe("evaluate", read_recipes(run / "recipe.vns").get("evaluate"))
    model = ModelFile(
        name=network.name,
        classes=tuple(facts["classes"]),
        network=NamedFile.of(network_file),
        code=network_file.with_suffix(".py").name,
        weights=None if weights is None else NamedFile.of(weights),
        preprocessing=Preprocessing.of(network.inputs.given, recipe),
        protocol=Protocol(
            clips=recipe.clips,
            crops=recipe.crops,
            precision=recipe.precision,
            scores="sigmoid" if facts["videos"]["train"].get("several_labels") else "softmax",
        ),
        macs=network.macs[0],
        params=network.params[0],
        metrics=metrics,
        training=Training(
            kind=facts["kind"],
            command=tuple(facts["command"]),
            data=facts["data"],
            train_videos=facts["videos"]["train"]["videos"],
            test_videos=facts["videos"]["test"]["videos"],
            seed=facts["seed"],
            versions=facts["versions"],
        ),
    )
    folder = RunFolder(network_file.parent)
    folder.write_json(model_path(network_file).name, model.model_dump(mode="json"))
    recipes = (run / "recipe.vns").read_text(encoding="utf-8")
    folder.write(card_path(network_file).name, card(model, network.text(), recipes))
    return model


def read_model(path: Path) -> ModelFile:
    """Raises: UserError when there is no such file, or it says something else."""
    try:
        return ModelFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"there is no `{path}`") from None
    except OSError as fault:
        raise UserError(f"`{path}` cannot be read: {fault.strerror}") from None
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"`{path}` is no model file: {f'`{where}`: ' if where else ''}{first['msg']}") from None


def weights_of(folder: Path) -> Path:
    """The weights of a run's network, compared with the checksum in the model file. Raises: UserError."""
    model = model_path(folder / "network.vns")
    named = read_model(model).weights if model.is_file() else None
    return folder / "network.safetensors" if named is None else named.find(folder)


def card(model: ModelFile, source: str, recipe: str) -> str:
    """A model card in Markdown."""
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    environment.filters |= {
        "megas": megas,
        "percent": percent,
        "visible": visible,
        "cell": lambda text: visible(text).replace("|", "\\|"),
        "three": lambda values: (
            f"{values[0]:g}" if len(set(values)) == 1 else f"({', '.join(map('{:g}'.format, values))})"
        ),
    }
    template = environment.from_string((templates_dir() / "model_card.md.j2").read_text(encoding="utf-8"))
    origin = model.training
    names = {"cut": model.preprocessing, "how": model.protocol, "origin": origin, "source": source, "recipe": recipe}
    return template.render(model=model, command=shlex.join(["vnasdsl", *origin.command]), **names) + "\n"


def _three(values: Three) -> str:
    return f"{values[0]:g}" if len(set(values)) == 1 else f"({', '.join(f'{value:g}' for value in values)})"
