"""Recipes: how a space is searched, a network retrained and evaluated. Every key, its type, default and meaning.

The defaults are the appendix of Zhou et al. 2021 (A.1). Where it is silent the description says whose value it is;
those of evolution and random search are ours: their authors printed none.
This module knows nothing of torch: `check` and the documentation read it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)


def _word_is_call(value: object) -> object:
    """`cost = none` means `cost = none()`."""
    return {"kind": value} if isinstance(value, str) else value


class _Part(BaseModel):
    """What every recipe and part of one shares: immutable, no unknown keys, no silent conversion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Sgd(_Part):
    """Stochastic gradient descent with a cosine schedule, stepped with every batch."""

    kind: Literal["sgd"] = "sgd"
    lr: float = Field(gt=0, description="learning rate of the first step")
    end: float | None = Field(
        default=None, ge=0, description="learning rate at the end of the cosine; without it `lr` is constant"
    )
    momentum: float = Field(default=0.9, ge=0, lt=1, description="momentum")
    decay: float = Field(default=0.0, ge=0, description="weight decay (L2), on every parameter")
    nesterov: bool = Field(default=False, description="Nesterov momentum")


class Adam(_Part):
    """Adam, with a cosine schedule when `end` is given."""

    kind: Literal["adam"] = "adam"
    lr: float = Field(gt=0, description="learning rate of the first step")
    end: float | None = Field(
        default=None, ge=0, description="learning rate at the end of the cosine; without it `lr` is constant"
    )
    betas: tuple[float, float] = Field(default=(0.9, 0.999), description="decay of the two running means")
    decay: float = Field(default=0.0, ge=0, description="weight decay (L2), on every parameter")

    @field_validator("betas")
    @classmethod
    def _below_one(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= beta < 1 for beta in value):
            raise ValueError("should be two numbers from 0 up to, but not including, 1")
        return value


class MacsCost(_Part):
    """weight * log_base(c), c the expected MACs per clip in millions (Eq. 5, in DenseNAS's unit)."""

    kind: Literal["macs"] = "macs"
    weight: float = Field(default=0.2, ge=0, description="lambda of Eq. 5; not given in the paper, DenseNAS's value")
    base: float = Field(
        default=3500,
        gt=1,
        description="base k of the logarithm, which only rescales `weight`; not given in the paper, DenseNAS's value",
    )


class NoCost(_Part):
    """Off: as `cost` accuracy alone, as `guide` mutations alone."""

    kind: Literal["none"] = "none"


class Accuracy(_Part):
    """Top-1 on the validate part."""

    kind: Literal["accuracy"] = "accuracy"


class Score(_Part):
    """Top-1 on the validate part (from 0 to 1) less weight * log10(cost)."""

    kind: Literal["score"] = "score"
    cost: Literal["macs", "params", "latency_cpu", "latency_gpu"] = Field(default="macs", description="what costs")
    weight: float = Field(
        default=0.05, ge=0, description="the accuracy that ten times the cost has to bring: 0.05 is five points"
    )


def _in_unit(unit: str, others: dict[str, float]) -> BeforeValidator:
    """A number in a unit, or one with its unit: `40ms`, `0.04s`."""

    def convert(value: object) -> object:
        match = re.fullmatch(r"([0-9.e+-]+)(ms|s)", value) if isinstance(value, str) else None
        return float(match[1]) * others[match[2]] if match is not None else value

    return BeforeValidator(convert, json_schema_input_type=float)


Milliseconds = Annotated[float, _in_unit("ms", {"ms": 1.0, "s": 1000.0})]
Seconds = Annotated[float, _in_unit("s", {"ms": 0.001, "s": 1.0})]


class Limits(_Part):
    """Hard limits: a network that breaks one is dropped before it is trained. Those of `require` lines hold besides."""

    kind: Literal["at_most"] = "at_most"
    params: float | None = Field(default=None, gt=0, description="parameters, such as 30M")
    macs: float | None = Field(default=None, gt=0, description="multiply-adds per clip, such as 5G")
    latency_cpu: Milliseconds | None = Field(
        default=None,
        gt=0,
        description="milliseconds of one clip on the CPU, measured",
        json_schema_extra={"unit": "ms"},
    )
    latency_gpu: Milliseconds | None = Field(
        default=None,
        gt=0,
        description="milliseconds of one clip on the GPU, measured",
        json_schema_extra={"unit": "ms"},
    )


class Mix(_Part):
    """Kinds of mutation by weight, 0 is off. A list of words, `(resample, edge)`, weighs them alike."""

    kind: Literal["mix"] = "mix"
    resample: float = Field(default=0.0, ge=0, description="draw another value for any one choice")
    step: float = Field(default=0.0, ge=0, description="go to a neighbour among options that differ in one number")
    jitter: float = Field(default=0.0, ge=0, description="move a real number by a normal step of a tenth of its range")
    insert: float = Field(default=0.0, ge=0, description="one copy more somewhere in a list; later ones move along")
    delete: float = Field(default=0.0, ge=0, description="one copy less somewhere in a list; later ones move along")
    edge: float = Field(default=0.0, ge=0, description="add, drop or exchange one edge of a `pick`")
    split: float = Field(default=0.0, ge=0, description="one copy into two that share its width and its edges")
    merge: float = Field(default=0.0, ge=0, description="two neighbouring copies into one of their widths together")

    @model_validator(mode="after")
    def _some(self) -> Mix:
        if not any(getattr(self, name) for name in MUTATIONS):
            raise ValueError("should be `mix(...)` with a weight above 0")
        return self


MUTATIONS = tuple(name for name in Mix.model_fields if name != "kind")


def _words_are_mix(value: object) -> object:
    """`(resample, step)` means `mix(resample=1, step=1)`."""
    words = (value,) if isinstance(value, str) and value != "mix" else value
    if not isinstance(words, tuple):
        return value
    unknown = [word for word in words if word not in MUTATIONS]
    if unknown or not words:
        raise ValueError(f"should be `mix(...)` or a list of {', '.join(f'`{name}`' for name in MUTATIONS)}")
    return {"kind": "mix", **dict.fromkeys(words, 1.0)}


class Edges(_Part):
    """Learned connections guide which edges are kept (AssembleNet): before its mutations a child keeps each edge of
    its parent with the probability learned_weight ^ power, and gets as many absent ones as it lost."""

    kind: Literal["edges"] = "edges"
    power: float = Field(default=1.0, gt=0, description="above 1 drops more edges, below 1 fewer")
    share: float = Field(default=1.0, gt=0, le=1, description="share of the children that are guided")


Optimiser = Annotated[Sgd | Adam, Field(discriminator="kind"), BeforeValidator(_word_is_call)]
Cost = Annotated[MacsCost | NoCost, Field(discriminator="kind"), BeforeValidator(_word_is_call)]
Objective = Annotated[Accuracy | Score, Field(discriminator="kind"), BeforeValidator(_word_is_call)]
Guide = Annotated[Edges | NoCost, Field(discriminator="kind"), BeforeValidator(_word_is_call)]
Precision = Literal["fp32", "bf16"]
PositiveInt = Annotated[int, Field(ge=1)]
Scale = PositiveInt | tuple[PositiveInt, PositiveInt]


class _Common(_Part):
    """Keys of all three kinds of recipe: how clips are read and where the arithmetic runs."""

    frame_stride: int | None = Field(
        default=None, ge=1, description="take every n-th frame; without it that of the text's input"
    )
    scale: Scale | None = Field(
        default=None,
        description="frames are scaled to (height, width), or to a short side, before they are cropped;"
        " without it (256, 342) at crops of 224 as in the paper, in proportion at other sizes",
    )
    workers: int = Field(
        default=2, ge=0, description="processes that decode videos; does not change which clips are seen"
    )
    precision: Precision = Field(default="fp32", description="bf16: autocast in the forward pass")
    unreadable: float = Field(
        default=0.01, ge=0, le=1, description="share of the videos that may be unreadable before the run stops"
    )


class _Training(_Common):
    """Keys of the recipes that train."""

    flip: bool = Field(
        default=False, description="mirror half of the training clips; changes left and right, so off unless asked"
    )
    seed: int = Field(default=0, ge=0, description="seed of weights, splits, clips, crops and dropout")
    grad_clip: float = Field(
        default=0.0, ge=0, description="largest norm of the weights' gradient; 0 is off (as in the paper)"
    )


_TRIALS = ("evolution", "random")
KEY_STRATEGIES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("warmup", "score_from", "choices", "cost", "paths", "temperature", "order", "alternate", "recalibrate"),
        ("gradient",),
    ),
    **dict.fromkeys(("start", "second_order", "affine"), ("gradient",)),
    **dict.fromkeys(("rounds", "objective", "limits", "ensemble", "pool", "threads", "memory", "timeout"), _TRIALS),
    **dict.fromkeys(
        ("population", "sample", "aging", "mutations", "strength", "cooling", "crossover", "guide", "inherit"),
        ("evolution",),
    ),
}
"""The keys of a search recipe that only some strategies use, with these."""


def has_key(strategy: str, key: str) -> bool:
    """Whether a strategy uses a key of the search recipe."""
    return strategy in KEY_STRATEGIES.get(key, (strategy,))


def same_meaning(strategy: str, other: str, key: str) -> bool:
    """Whether a key says the same to two strategies: `epochs` is a whole search, or the training of one child."""
    return has_key(strategy, key) and (key != "epochs" or (strategy in _TRIALS) == (other in _TRIALS))


class SearchRecipe(_Training):
    """`search NAME for SPACE { ... }`"""

    strategy: Literal["evolution", "gradient", "random"] = Field(
        default="gradient", description="how the space is searched"
    )
    epochs: int = Field(
        default=70,
        ge=1,
        description="passes over the train part, by evolution and random those of each child; `--set epochs=...` alone"
        " moves the text's `warmup` and `score_from` in proportion",
        json_schema_extra={"default_text": "70 (gradient), 5 (evolution, random)"},
    )
    warmup: int = Field(
        default_factory=lambda known: known.get("epochs", 70) // 7,
        ge=0,
        description="epochs at the start that train weights only",
        json_schema_extra={"default_text": "epochs // 7 (10 of 70)"},
    )
    score_from: int = Field(
        default_factory=lambda known: known.get("epochs", 70) * 5 // 7,
        ge=0,
        description="after this many epochs, the network decoded after each epoch is scored on the inference part",
        json_schema_extra={"default_text": "epochs * 5 // 7 (50 of 70)"},
    )
    split: tuple[float, float, float] = Field(
        default=(0.6, 0.2, 0.2), description="shares of the training videos, by video: train, validate, inference"
    )
    batch: int = Field(default=8, ge=1, description="clips in a step on a device; the paper has two GPUs with 8 each")
    weights: Optimiser = Field(
        default=Sgd(lr=0.02, end=1e-4, momentum=0.9, decay=4e-5),
        description="optimiser of the weights, on the train part",
    )
    choices: Optimiser = Field(
        default=Adam(lr=3e-4, betas=(0.5, 0.999), decay=1e-3),
        description="optimiser of alphas and betas, on the validate part",
    )
    cost: Cost = Field(default=MacsCost(), description="cost term added to the loss of the choice step")
    paths: Literal["paper", "mass"] = Field(
        default="paper",
        description="how the branches into a stage are summed: paper is Eq. 1, mass weighs each by the probability"
        " that a path arrives over it",
    )
    temperature: float = Field(
        default=1.0, gt=0, description="softmax temperature of the path weights; DenseNAS has 0.9"
    )
    order: Literal["choices_first", "weights_first"] = Field(
        default="choices_first",
        description="which of the two steps comes first; A.1 says choices, section 3.3 says weights",
    )
    alternate: Literal["step", "epoch"] = Field(
        default="step",
        description="change between the two parts with every batch (DARTS) or by whole passes (DenseNAS)",
    )
    start: float = Field(
        default=0.0,
        ge=0,
        description="standard deviation of the normal numbers that alphas and betas start with; DARTS has 1e-3",
    )
    second_order: bool = Field(
        default=False,
        description="the choice step sees where the next weight step leads (DARTS, Eq. 6): exact, by a gradient through"
        " that step; about three times the memory and time of a choice step",
    )
    affine: bool = Field(
        default=True,
        description="batch norms inside options learn scale and shift; false (DARTS): they keep 1 and 0 in the search,"
        " so that no option makes up for its weight",
    )
    fix: tuple[str, ...] = Field(
        default=(), description='choices kept to the options given, such as "op=basic(1)|skip"'
    )
    open: tuple[str, ...] = Field(
        default=(), description='choices that `fix` entries leave open after all, such as "s7.*"'
    )
    clips: int = Field(default=1, ge=1, description="clips of each video when a network is scored")
    crops: int = Field(default=1, ge=1, le=3, description="crops of each clip when a network is scored")
    recalibrate: int = Field(
        default=20,
        ge=0,
        description="batches of the train part that measure the batch-norm statistics of a decoded network before it is"
        " scored or written; 0 keeps those of the mixture (ours: the paper does not say)",
    )
    rounds: int = Field(
        default=100, ge=1, description="trainings in all, failed ones among them; a run can go on with more"
    )
    population: int = Field(default=20, ge=1, description="networks that parents are taken from")
    sample: int = Field(
        default_factory=lambda known: min(5, known.get("population", 20)),
        ge=1,
        description="networks in a tournament; the best of them is the parent",
        json_schema_extra={"default_text": "5, or all of a smaller population"},
    )
    aging: bool = Field(default=True, description="the oldest of the population makes room; false: the worst")
    mutations: Annotated[Mix, BeforeValidator(_words_are_mix)] = Field(
        default=Mix.model_validate(dict.fromkeys(MUTATIONS, 1.0)), description="kinds of mutation and their weights"
    )
    strength: float = Field(
        default=3.0, ge=1, description="mutations of a child are max(1, strength - round / cooling), rounded"
    )
    cooling: float = Field(default=20.0, gt=0, description="rounds after which a child has one mutation less")
    crossover: float = Field(
        default=0.0, ge=0, le=1, description="share of the children that take each choice from either of two parents"
    )
    guide: Guide = Field(default=NoCost(), description="what beside chance decides on the edges of a child")
    inherit: bool = Field(
        default=False, description="a child starts from its parent's weights where names and shapes are equal"
    )
    objective: Objective = Field(default=Accuracy(), description="what is maximised")
    limits: Limits = Field(
        default=Limits(), description="what no network may exceed: `limits.params = 30M`, `limits.latency_cpu = 40ms`"
    )
    ensemble: int = Field(
        default=0, ge=0, description="write out so many of the best, and evaluate them together; 0 is off"
    )
    pool: str = Field(
        default="1",
        description='where children are trained: "1" here one by one, "N" processes, "ray:N", "ray://host:port";'
        " --workers sets it",
    )
    threads: int = Field(default=1, ge=1, description="threads that each of them computes with")
    memory: int | None = Field(default=None, ge=1, description="bytes that each process of them may take, such as 8G")
    timeout: Seconds | None = Field(
        default=None,
        gt=0,
        description="seconds after which a child's training counts as hung",
        json_schema_extra={"unit": "s"},
    )

    @model_validator(mode="before")
    @classmethod
    def _short_training(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("strategy") in _TRIALS:
            return {"epochs": 5, **values}
        return values

    @model_validator(mode="after")
    def _one_step_ahead(self) -> SearchRecipe:
        if self.strategy == "gradient" and self.second_order:
            if not isinstance(self.weights, Sgd):
                raise ValueError("should have `weights = sgd(...)` where `second_order` looks one step of them ahead")
            if self.alternate != "step":
                raise ValueError("should have `alternate = step` where `second_order` looks one step ahead")
        return self

    @field_validator("split")
    @classmethod
    def _split_adds_up(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(value) <= 0 or abs(sum(value) - 1) > 1e-6:
            raise ValueError("should be three positive shares that add up to 1")
        return value

    @field_validator("sample")
    @classmethod
    def _within_population(cls, value: int, info: ValidationInfo) -> int:
        population = info.data.get("population")
        if population is not None and value > population:
            raise ValueError(f"should be at most `population`, which is {population}")
        return value

    @field_validator("warmup", "score_from")
    @classmethod
    def _within_epochs(cls, value: int, info: ValidationInfo) -> int:
        epochs = info.data.get("epochs")
        if epochs is not None and value > epochs:
            raise ValueError(f"should be at most `epochs`, which is {epochs}")
        return value

    @model_serializer(mode="wrap")
    def _used_keys(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if has_key(self.strategy, key)}


class RetrainRecipe(_Training):
    """`retrain NAME for SPACE { ... }`; dropout is a layer of the text, not a key."""

    epochs: int = Field(default=150, ge=1, description="passes over the whole training set")
    batch: int = Field(default=16, ge=1, description="clips in a step on a device")
    weights: Optimiser = Field(
        default=Sgd(lr=0.1, end=1e-4, momentum=0.9, decay=4e-5), description="optimiser of the weights"
    )
    clips: int = Field(
        default=10, ge=1, description="clips of each test video in the final evaluation, evenly over the video"
    )
    crops: int = Field(default=3, ge=1, le=3, description="crops of each clip: middle, or left, middle, right")
    watch: int = Field(
        default=0,
        ge=0,
        description="every n epochs one view of each test video is scored for the curve; selects nothing; 0 is off",
    )


class EvaluateRecipe(_Common):
    """`evaluate NAME for SPACE { ... }`"""

    clips: int = Field(default=10, ge=1, description="clips of each video, evenly over the video")
    crops: int = Field(default=3, ge=1, le=3, description="crops of each clip: middle, or left, middle, right")
    batch: int = Field(default=16, ge=1, description="views in a forward pass; changes nothing but memory and speed")


Recipe = SearchRecipe | RetrainRecipe | EvaluateRecipe
KINDS: dict[str, type[SearchRecipe] | type[RetrainRecipe] | type[EvaluateRecipe]] = {
    "search": SearchRecipe,
    "retrain": RetrainRecipe,
    "evaluate": EvaluateRecipe,
}
PARTS: dict[str, type[_Part]] = {
    "sgd": Sgd,
    "adam": Adam,
    "macs": MacsCost,
    "none": NoCost,
    "accuracy": Accuracy,
    "score": Score,
    "at_most": Limits,
    "mix": Mix,
    "edges": Edges,
}
_PARTS_AT = {
    "weights": ("sgd", "adam"),
    "choices": ("sgd", "adam"),
    "cost": ("macs", "none"),
    "objective": ("accuracy", "score"),
    "limits": ("at_most",),
    "mutations": ("mix",),
    "guide": ("edges", "none"),
}


def parts_of(kind: str, key: str) -> tuple[str, ...]:
    """The calls that may stand at a key (`sgd`, `adam` at `weights`); empty where the key takes a plain value."""
    return _PARTS_AT.get(key, ()) if key in KINDS[kind].model_fields else ()


def used_keys(recipe: Recipe) -> tuple[str, ...]:
    """The keys of a recipe that its strategy uses; all of them where there is none."""
    keys = tuple(type(recipe).model_fields)
    return tuple(key for key in keys if has_key(recipe.strategy, key)) if isinstance(recipe, SearchRecipe) else keys


def evaluation_of(retrain: RetrainRecipe) -> EvaluateRecipe:
    """How a network trained by this recipe is evaluated where nothing else is said: the same clips and crops."""
    return EvaluateRecipe(**{key: getattr(retrain, key) for key in EvaluateRecipe.model_fields})


def recipe_keys() -> list[dict[str, str]]:
    """Every key of every recipe and call, as rows for the documentation: recipe, name, type, default, description."""
    from vnasdsl.train.recipe_text import value_text

    rows: list[dict[str, str]] = []
    for owner, model in {**KINDS, **{f"{name}(...)": part for name, part in PARTS.items()}}.items():
        for name, field in model.model_fields.items():
            if name == "kind":
                continue
            extra: Any = field.json_schema_extra
            if isinstance(extra, dict) and "default_text" in extra:
                default = str(extra["default_text"])
            elif field.is_required():
                default = "required"
            else:
                default = "" if field.default is None else value_text(field.default)
            rows.append(
                {
                    "recipe": owner,
                    "name": name,
                    "type": _type_text(model, name),
                    "default": default,
                    "description": (field.description or "") + (_strategies_text(name) if owner == "search" else ""),
                }
            )
    return rows


def _strategies_text(key: str) -> str:
    return f" ({', '.join(KEY_STRATEGIES[key])})" if key in KEY_STRATEGIES else ""


def _type_text(model: type[BaseModel], name: str) -> str:
    """The type of a key in words, from its JSON schema."""
    part = next((names for key, names in _PARTS_AT.items() if key == name and model is SearchRecipe), ())
    if len(part) == 1:
        return f"`{part[0]}(...)`"
    return _schema_text(model.model_json_schema()["properties"][name])


def _schema_text(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "discriminator" in schema:
        return " or ".join(f"`{name}(...)`" for name in schema["discriminator"]["mapping"])
    if "anyOf" in schema:
        return " or ".join(_schema_text(option) for option in schema["anyOf"] if option.get("type") != "null")
    if schema.get("type") == "array":
        items = schema.get("prefixItems")
        return (
            f"({', '.join(_schema_text(item) for item in items)})"
            if items
            else f"list of {_schema_text(schema['items'])}s"
        )
    return {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}[schema["type"]]
