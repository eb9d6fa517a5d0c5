"""The calls in a recipe, such as `sgd(lr=0.1)`: their arguments, types, defaults and meaning."""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from itertools import pairwise
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic.fields import FieldInfo


class Strict(BaseModel):
    """Immutable, no unknown keys, no silent conversion of types. The docstring of a field is its description."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        defer_build=True,  # a command reads one or two of them
    )


class Part(Strict):
    """A value that is written as a call; `kind` is its name."""

    kind: str


class _Optimiser(Part):
    lr: float = Field(gt=0)
    """Learning rate of the first step."""
    end: float | None = Field(None, ge=0)
    """Learning rate at the end of the cosine; without it `lr` is constant."""
    warmup: float = Field(0.0, ge=0, lt=1)
    """Share of all steps, at the start, in which the rate rises in equal steps to `lr` (Goyal et al. 2017); the cosine
    takes the rest."""


class Sgd(_Optimiser):
    """Stochastic gradient descent; cosine schedule over all steps when `end` is given."""

    kind: Literal["sgd"] = "sgd"
    momentum: float = Field(0.9, ge=0, lt=1)
    """Momentum."""
    decay: float = Field(0.0, ge=0)
    """Weight decay (L2), on every parameter."""
    nesterov: bool = False
    """Nesterov momentum."""


class Adam(_Optimiser):
    """Adam; cosine schedule over all steps when `end` is given."""

    kind: Literal["adam"] = "adam"
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay rates of the two running means."""
    decay: float = Field(0.0, ge=0)
    """Weight decay (L2), on every parameter."""

    @field_validator("betas")
    @classmethod
    def _below_one(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= beta < 1 for beta in value):
            raise ValueError("two numbers from 0 up to, but not including, 1")
        return value


class _Cost(Part):
    weight: float = Field(0.2, ge=0)
    """Lambda of Eq. 5, with a target where it begins; the paper does not say: the value of DenseNAS."""
    base: float = Field(3500, gt=1)
    """Base of the logarithm, it only rescales `weight`; the paper does not say: the value of DenseNAS."""
    target: float | None = Field(None, gt=0)
    """What c is to be at the end, such as 10G: `weight` then grows where c is above it and falls where c is below."""


class MacsCost(_Cost):
    """weight * log_base(c), where c is the expected MACs per clip in millions (Eq. 5, in the unit of DenseNAS)."""

    kind: Literal["macs"] = "macs"


class ParamsCost(_Cost):
    """weight * log_base(c), where c is the expected number of parameters in millions."""

    kind: Literal["params"] = "params"


class Nothing(Part):
    """Off: as `cost` the loss is cross entropy alone, as `guide` edges change by mutation alone."""

    kind: Literal["none"] = "none"


class Accuracy(Part):
    """Top-1 accuracy on the validate part."""

    kind: Literal["accuracy"] = "accuracy"


class Score(Part):
    """Top-1 accuracy on the validate part (0 to 1) minus weight * log10(cost)."""

    kind: Literal["score"] = "score"
    cost: Literal["macs", "params", "latency_cpu", "latency_gpu"] = "macs"
    """Which cost."""
    weight: float = Field(0.05, ge=0)
    """Accuracy that ten times the cost must bring: 0.05 is five points."""


def _in_unit(factors: dict[str, float]) -> BeforeValidator:
    """A plain number, or one written with its unit: `40ms`, `0.04s`."""

    def convert(value: object) -> object:
        match = re.fullmatch(r"([0-9.e+-]+)(ms|s)", value) if isinstance(value, str) else None
        return float(match[1]) * factors[match[2]] if match is not None else value

    return BeforeValidator(convert, json_schema_input_type=float)


Milliseconds = Annotated[float, Field(gt=0), _in_unit({"ms": 1.0, "s": 1000.0})]
Seconds = Annotated[float, Field(gt=0), _in_unit({"ms": 0.001, "s": 1.0})]


class Limits(Part):
    """Hard limits: a network that breaks one is never trained. The `require` lines of the space hold as well."""

    kind: Literal["at_most"] = "at_most"
    params: float | None = Field(None, gt=0)
    """Parameters, such as 30M."""
    macs: float | None = Field(None, gt=0)
    """MACs per clip, such as 5G."""
    latency_cpu: Milliseconds | None = Field(None, json_schema_extra={"unit": "ms"})
    """Measured milliseconds per clip on the CPU."""
    latency_gpu: Milliseconds | None = Field(None, json_schema_extra={"unit": "ms"})
    """Measured milliseconds per clip on the GPU."""


class Mix(Part):
    """Kinds of mutation and their weights; 0 is off. The list `(resample, edge)` weights them equally."""

    kind: Literal["mix"] = "mix"
    resample: float = Field(0.0, ge=0)
    """Draw another value for one choice."""
    step: float = Field(0.0, ge=0)
    """Move a choice to the next option, where options differ in one number."""
    jitter: float = Field(0.0, ge=0)
    """Move a real number by a normal step, a tenth of its range."""
    insert: float = Field(0.0, ge=0)
    """Insert a copy into a list; later copies move up."""
    delete: float = Field(0.0, ge=0)
    """Remove a copy from a list; later copies move down."""
    edge: float = Field(0.0, ge=0)
    """Add, drop or replace one edge of a `pick`"""
    split: float = Field(0.0, ge=0)
    """Split a copy into two that share its width and its edges."""
    merge: float = Field(0.0, ge=0)
    """Merge two neighbouring copies into one as wide as both."""

    @model_validator(mode="after")
    def _some(self) -> Mix:
        if not any(getattr(self, name) for name in MUTATIONS):
            raise ValueError("`mix(...)` with a weight above 0")
        return self


MUTATIONS = tuple(name for name in Mix.model_fields if name != "kind")


class Edges(Part):
    """Learned edge weights guide which edges are kept (AssembleNet): before its mutations a child keeps each edge of
    its parent with probability learned_weight ^ power, and gets as many new ones as it lost."""

    kind: Literal["edges"] = "edges"
    power: float = Field(1.0, gt=0)
    """Above 1 drops more edges, below 1 fewer."""
    share: float = Field(1.0, gt=0, le=1)
    """Share of the children that are guided."""


def _word_to_call(value: object) -> object:
    """`cost = none` means `cost = none()`."""
    return {"kind": value} if isinstance(value, str) else value


def _words_to_mix(value: object) -> object:
    """`(resample, step)` means `mix(resample=1, step=1)`."""
    words = (value,) if isinstance(value, str) and value != "mix" else value
    if not isinstance(words, tuple):
        return value
    if not words or any(word not in MUTATIONS for word in words):
        raise ValueError(f"`mix(...)` or a list of {', '.join(f'`{name}`' for name in MUTATIONS)}")
    return {"kind": "mix", **dict.fromkeys(words, 1.0)}


_CALL = (Field(discriminator="kind"), BeforeValidator(_word_to_call))
Optimiser = Annotated[Sgd | Adam, *_CALL]
Cost = Annotated[MacsCost | ParamsCost | Nothing, *_CALL]
Objective = Annotated[Accuracy | Score, *_CALL]
Guide = Annotated[Edges | Nothing, *_CALL]
Mutations = Annotated[Mix, BeforeValidator(_words_to_mix)]


def meaning(field: FieldInfo) -> str:
    """The description of a key, on one line."""
    _read_docstrings()
    return " ".join((field.description or "").split())


@cache
def _read_docstrings() -> None:
    """Describe every key by the docstring below it. Pydantic would do so at each start of `check`, in 50 ms."""
    models: list[type[BaseModel]] = [Strict]
    for model in models:
        models += model.__subclasses__()
        (source,) = ast.parse(inspect.getsource(model)).body
        assert isinstance(source, ast.ClassDef)
        texts = {
            line.target.id: inspect.cleandoc(str(after.value.value))
            for line, after in pairwise(source.body)
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        }
        for name, field in model.model_fields.items():
            above = (
                b.model_fields[name].description for b in models if b in model.__bases__ and name in b.model_fields
            )
            field.description = texts.get(name) or next(above, None)


PARTS: dict[str, type[Part]] = {
    part.model_fields["kind"].default: part
    for part in (Sgd, Adam, MacsCost, ParamsCost, Nothing, Accuracy, Score, Limits, Mix, Edges)
}
"""Every call by its name."""


def parts_of(field: FieldInfo | None) -> tuple[str, ...]:
    """The names of the calls a key takes (`sgd`, `adam` for `weights`); empty where it takes a plain value."""
    types = () if field is None else get_args(field.annotation) or (field.annotation,)
    return tuple(name for type_ in types for name, part in PARTS.items() if part is type_)
