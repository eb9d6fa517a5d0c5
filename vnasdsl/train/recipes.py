"""Recipes: how a space is searched, a network retrained and evaluated. Every key, its type, default and meaning.

The defaults are those of the appendix of Zhou et al. 2021 (A.1). Where it says nothing, the description names the
source; the defaults of evolution and random search are our own.
This module does not import torch: `check` and the documentation read it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

from vnasdsl.train.recipe_parts import (
    MUTATIONS,
    Accuracy,
    Adam,
    Cost,
    Guide,
    Limits,
    MacsCost,
    Mix,
    Mutations,
    Nothing,
    Objective,
    Optimiser,
    Seconds,
    Sgd,
    Strict,
)

_Positive = Annotated[float, Field(gt=0)]
_PositiveInt = Annotated[int, Field(ge=1)]


class Recipe(Strict):
    """Keys of all recipes: how videos are read and where the arithmetic runs."""

    batch: int = Field(16, ge=1)
    """Views in a forward pass; affects only memory and speed."""
    clips: int = Field(10, ge=1)
    """Clips of each video, evenly over the video."""
    crops: int = Field(3, ge=1, le=3)
    """Crops of each clip: middle, or left, middle, right."""
    frame_stride: int | None = Field(None, ge=1)
    """Take every n-th frame; without it the stride of the network's input."""
    scale: _PositiveInt | tuple[_PositiveInt, _PositiveInt] | None = None
    """Frames are scaled to (height, width), or to a short side, before they are cropped; without it (256, 342) for
    crops of 224 as in the paper, in proportion for other sizes."""
    workers: int = Field(2, ge=0)
    """Processes that decode videos; results do not depend on it."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """bf16, fp16: autocast in the forward pass; fp16 trains with a scaled loss (Micikevicius et al. 2018)."""
    unreadable: float = Field(0.01, ge=0, le=1)
    """Share of the videos that may be unreadable before the run stops."""


class EvaluateRecipe(Recipe):
    """`evaluate NAME for SPACE { ... }`"""


class TrainingRecipe(Recipe):
    """Keys of the recipes that train."""

    epochs: int = Field(150, ge=1)
    """Passes over the training set."""
    batch: int = Field(16, ge=1)
    """Clips per step and device."""
    weights: Optimiser = Sgd(lr=0.1, end=1e-4, momentum=0.9, decay=4e-5)
    """Optimiser of the weights."""
    flip: bool = False
    """Mirror half of the training clips; off by default because it swaps left and right."""
    seed: int = Field(0, ge=0)
    """Seed of weights, splits, clips, crops and dropout."""
    grad_clip: float = Field(0.0, ge=0)
    """Largest norm of the gradient of the weights; 0 is off (as in the paper)."""
    colour: float = Field(0.0, ge=0, le=1)
    """Brightness, contrast and saturation of each training clip vary by random factors from 1 - colour to 1 + colour
    (Howard 2013), the same for all of its frames."""
    rand_augment: int = Field(0, ge=0, le=10)
    """Magnitude of two random changes of each training clip: colours, sharpness, turning, shearing, shifting
    (RandAugment, Cubuk et al. 2020, without equalize); 0 is off, 9 is usual."""
    mixup: float = Field(0.0, ge=0)
    """Alpha of mixup: each training clip is blended with another by a share from Beta(alpha, alpha) (Zhang et al.
    2018); 0 is off, 0.2 to 0.8 are usual."""
    cutmix: float = Field(0.0, ge=0)
    """Alpha of CutMix: a box of each training clip, the same in all frames, is taken from another (Yun et al. 2019); 0
    is off, 1 is usual. With `mixup` too, every batch gets one of the two."""
    accumulate: int = Field(1, ge=1)
    """Batches whose gradients make up one step: the step of a batch so many times as large, in the memory of one; batch
    norms still see one batch. Not in gradient search."""
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Share of each target that is spread evenly over the classes (Szegedy et al. 2016)."""
    class_weights: Literal["none", "balanced"] = "none"
    """`balanced`: a clip counts by the inverse share of its class, so that rare classes count as much as others (King
    and Zeng 2001)."""
    ema: float = Field(0.0, ge=0, lt=1)
    """Decay of the moving average of the weights (Polyak and Juditsky 1992) that a training ends with, such as 0.999;
    0 is off. It is for networks trained apart, not for supernets."""


class RetrainRecipe(TrainingRecipe):
    """`retrain NAME for SPACE { ... }`; dropout is a layer of the network, not a key."""

    clips: int = Field(10, ge=1)
    """Clips of each test video in the final evaluation, evenly over the video."""
    watch: int = Field(0, ge=0)
    """Score one view of each test video every n epochs, for the curve only; 0 is off."""
    freeze: tuple[str, ...] = ()
    """Parts of the network that do not learn, batch-norm statistics included, by the names of their modules: ("s1",
    "s2"), or patterns such as "s?.bn"."""
    rates: tuple[str, ...] = ()
    """Learning rates of parts as multiples of that of `weights`, such as ("s1=0.1", "s2=0.3"): discriminative
    fine-tuning (Howard and Ruder 2018). The first that names a part holds."""

    @field_validator("rates")
    @classmethod
    def _factors(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for rate in value:
            if re.fullmatch(r".+=\d+(\.\d+)?(e-?\d+)?", rate) is None:
                raise ValueError('parts with a factor each, such as "s1=0.1"')
        return value


class SearchRecipe(TrainingRecipe):
    """`search NAME for SPACE { ... }`; every strategy has keys of its own besides these."""

    strategy: Literal["evolution", "gradient", "one_shot", "random"] = "gradient"
    """How the space is searched."""
    batch: int = Field(8, ge=1)
    """Clips per step and device; the paper has 8 on each of two GPUs."""
    weights: Optimiser = Sgd(lr=0.02, end=1e-4, momentum=0.9, decay=4e-5)
    """Optimiser of the weights, on the train part."""
    split: tuple[float, float, float] = (0.6, 0.2, 0.2)
    """Shares of the training videos, by video: train, validate, inference."""
    clips: int = Field(1, ge=1)
    """Clips of each video when a network is scored."""
    crops: int = Field(1, ge=1, le=3)
    """Crops of each clip when a network is scored."""
    fix: tuple[str, ...] = ()
    """Choices restricted to the given options, such as "op=basic(1)|skip"."""
    open: tuple[str, ...] = ()
    """Choices that `fix` entries leave open after all, such as "s7.*"."""
    pool: str = "1"
    """Where networks are trained: "1" in this process, "N" processes, "ray:N", "ray://host:port"; --workers sets
    it for evolution and random search."""
    threads: int = Field(1, ge=1)
    """Threads of each worker."""
    memory: int | None = Field(None, ge=1)
    """Bytes that each worker may allocate, such as 8G."""
    timeout: Seconds | None = Field(None, json_schema_extra={"unit": "s"})
    """Seconds after which a training counts as hung and is tried again."""

    @field_validator("split")
    @classmethod
    def _split_adds_up(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(value) <= 0 or abs(sum(value) - 1) > 1e-6:
            raise ValueError("three positive shares that add up to 1")
        return value


class SupernetRecipe(SearchRecipe):
    """Networks share the weights of a supernet."""

    epochs: int = Field(70, ge=1)
    """Passes over the train part; `--set epochs=...` alone also scales the `warmup` and `score_from` of the file."""
    recalibrate: int = Field(20, ge=0)
    """Batches of the train part that re-estimate the batch-norm statistics of a network before it is scored or
    written; 0 keeps those of the supernet (our own: the paper does not say)."""
    finalists: int = Field(0, ge=0)
    """Train this many of the best networks apart, from scratch, and keep the best of them; 0 is off."""
    finalist_epochs: int = Field(5, ge=1)
    """Passes over the train part in the training of each finalist."""
    checkpoint: bool = False
    """Heads and mixtures keep only inputs; the gradient computes the rest again: less memory, more time (Chen 2016)."""
    memory_format: Literal["auto", "contiguous", "channels_last"] = "auto"
    """Layout of the supernet's activations and kernels; `auto` is `channels_last` on a CPU where a step uses each
    weight 500 times and more, which is faster there, and `contiguous` elsewhere."""

    @field_validator("elastic", check_fields=False)
    @classmethod
    def _shares(cls, value: bool, info: ValidationInfo) -> bool:
        if value and "shared" not in (info.data.get("mode"), info.data.get("widths")):
            raise ValueError("false unless widths are shared")
        return value


class RankedRecipe(SearchRecipe):
    """Networks are compared by their own scores."""

    objective: Objective = Accuracy()
    """What is maximised."""
    limits: Limits = Limits()
    """What no network may exceed: `limits.params = 30M`, `limits.latency_cpu = 40ms`"""


class GradientRecipe(SupernetRecipe):
    """A supernet is trained; weights and choices step in turn (Zhou et al. 2021)."""

    strategy: Literal["gradient"] = "gradient"
    mode: Literal["full", "operations", "paths", "shared"] = "full"
    """What a step runs of the supernet: all candidates (Eq. 1 to 3); or of every mixture one operation in a weight step
    and two in a choice step; or the same for the states of every stage as well, each state with weights of its own or,
    with `shared`, with a slice of the widest one's."""
    elastic: bool = False
    """With `mode = shared`: options share kernels and widths inside, too (Once-for-all, Cai et al. 2020)."""
    warmup: int = Field(
        default_factory=lambda known: known.get("epochs", 70) // 7,
        ge=0,
        json_schema_extra={"default_text": "epochs // 7"},
    )
    """Epochs at the start that train weights only."""
    score_from: int = Field(
        default_factory=lambda known: known.get("epochs", 70) * 5 // 7,
        ge=0,
        json_schema_extra={"default_text": "epochs * 5 // 7"},
    )
    """After this many epochs, the network decoded after each epoch is scored on the inference part."""
    choices: Optimiser = Adam(lr=3e-4, betas=(0.5, 0.999), decay=1e-3)
    """Optimiser of `alphas` and `betas`, on the validate part."""
    cost: Cost = MacsCost()
    """Cost term in the loss of the choice step."""
    paths: Literal["paper", "mass"] = "paper"
    """How the branches into a stage are summed: `paper` is Eq. 1, `mass` weights each by the probability that a path
    takes it."""
    temperature: float = Field(1.0, gt=0)
    """Softmax temperature of the path weights; DenseNAS has 0.9."""
    anneal: tuple[_Positive, _Positive] = (1.0, 1.0)
    """Temperature of all weights in the supernet in the first and in the last epoch after the warm-up, geometric in
    between; a low one makes it the network it points at. SNAS anneals so, GDAS from 10 to 0.1 in equal steps."""
    gumbel: bool = False
    """Every step adds fresh Gumbel noise to `alphas` and `betas` (SNAS), so that each weight is now and then near 1."""
    entropy: float = Field(0.0, ge=0)
    """Weight, in the last epoch, of the mean entropy of the choices (0 decided, 1 uniform) in the loss of the choice
    step; it rises from 0 after the warm-up (Tian et al. 2021, Discretization-aware architecture search)."""
    skip_dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout behind each option `skip` of a mixture, falling to 0 in the last epoch: skips learn no faster than what
    has weights (P-DARTS)."""
    skips: int | None = Field(None, ge=0)
    """At most so many `skip` in the decoded network, where it is most sure of them (P-DARTS has 2 in a cell)."""
    order: Literal["choices_first", "weights_first"] = "choices_first"
    """Which of the two steps comes first; A.1 says choices, section 3.3 says weights."""
    start: float = Field(0.0, ge=0)
    """Standard deviation of the initial `alphas` and `betas`; DARTS has 1e-3."""
    samples: int = Field(0, ge=0)
    """Networks that a choice step draws and compares on its clips, without gradients through them; what lost less than
    the others becomes more probable (REINFORCE; ProxylessNAS, Cai et al. 2019, section 3.3.2). 0: the gradient of the
    mixture."""
    compile: bool = False
    """Compile the supernet with `torch.compile`, which takes minutes at the start; for `mode = full`."""
    second_order: bool = False
    """The choice step looks ahead to the next weight step (DARTS, Eq. 6), exactly: by a gradient through that step,
    for about three times the memory and time."""
    affine: bool = True
    """Batch norms inside options learn scale and shift; false (DARTS) keeps them at 1 and 0 during the search, so that
    an option cannot make up for its weight."""

    @field_validator("warmup", "score_from")
    @classmethod
    def _within_epochs(cls, value: int, info: ValidationInfo) -> int:
        return _at_most("epochs", value, info)

    @field_validator("precision", "accumulate")
    @classmethod
    def _not_by_gradient(cls, value: Any) -> Any:
        if value == "fp16":
            raise ValueError("`fp32` or `bf16`: the gradient of the choices is not scaled")
        if value not in (1, "fp32", "bf16"):
            raise ValueError("1: weights and choices step with every batch")
        return value

    @field_validator("samples")
    @classmethod
    def _compared(cls, value: int, info: ValidationInfo) -> int:
        if value == 1:
            raise ValueError("0, or 2 and more: networks are compared with each other")
        if value and info.data.get("gumbel"):
            raise ValueError("0 with `gumbel = true`, which is for the gradient of the mixture")
        return value

    @field_validator("compile")
    @classmethod
    def _always_the_same(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("mode") != "full":
            raise ValueError("false unless `mode = full`: the other modes run something else in every step")
        if value and info.data.get("samples"):
            raise ValueError("false with `samples`, which runs other networks in every step")
        return value

    @field_validator("gumbel")
    @classmethod
    def _drawn_anyway(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("mode") != "full":
            raise ValueError("false unless `mode = full`: the other modes draw what runs")
        return value

    @field_validator("second_order")
    @classmethod
    def _one_step_ahead(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("mode") != "full":
            raise ValueError("false unless `mode = full`: every other mode draws anew for the weight step")
        if value and info.data.get("samples"):
            raise ValueError("false with `samples`, which takes no gradient through a network")
        if value and not isinstance(info.data.get("weights"), Sgd):
            raise ValueError("false unless `weights = sgd(...)`: it looks one SGD step ahead")
        if value and (info.data.get("checkpoint") or info.data.get("compile")):
            raise ValueError("false with `checkpoint` or `compile`, which know no gradient through a gradient")
        return value


class OneShotRecipe(SupernetRecipe, RankedRecipe):
    """A supernet is trained by single paths, then networks are scored with its weights (Guo et al. 2020)."""

    strategy: Literal["one_shot"] = "one_shot"
    finalists: int = Field(4, ge=0)
    """Train this many of the best networks apart, from scratch, and keep the best of them; 0 is off."""
    sampling: Literal["uniform", "fair"] = "uniform"
    """Paths of a step: `uniform` is one network within the limits, all equally likely; `fair` (FairNAS) as many as the
    largest choice has options, each option once, their gradients added up."""
    widths: Literal["shared", "apart"] = "shared"
    """Candidate widths use slices of the weights of the widest one, as in the paper, or have weights of their own."""
    elastic: bool = False
    """With `widths = shared`: options share kernels and widths inside, too (Once-for-all, Cai et al. 2020)."""
    enumerate_up_to: int = Field(1000, ge=0)
    """A space of at most this many networks is scored whole; a larger one is searched by evolution."""
    scored: int = Field(1000, ge=1)
    """Networks that evolution scores."""
    score_videos: int = Field(1000, ge=1)
    """Videos of the validate part that networks are scored on, at most; their clips stay in memory up to 4 GiB."""
    population: int = Field(50, ge=1)
    """Networks that parents are chosen from, and children of a generation."""


class TrialRecipe(RankedRecipe):
    """Networks are trained one by one, for a short time each."""

    epochs: int = Field(5, ge=1)
    """Passes over the train part in the training of each network."""
    rounds: int = Field(100, ge=1)
    """Trainings in all, including failed ones; `--resume` may raise it."""
    confirm: float = Field(0.15, ge=0, lt=1)
    """Share of the trainings, the last ones, that train again, with another seed, whichever network leads by its mean
    (our own: one training is noisy, and the best of many a lucky one). 0 is off."""
    ensemble: int = Field(0, ge=0)
    """Write this many of the best networks and evaluate them together; 0 is off."""

    @property
    def new_networks(self) -> int:
        """The rounds that train networks for the first time."""
        return self.rounds - int(self.rounds * self.confirm)


class RandomRecipe(TrialRecipe):
    """Networks are drawn at random."""

    strategy: Literal["random"] = "random"


class EvolutionRecipe(TrialRecipe):
    """Children of the best networks so far, each a few mutations away from its parent (Real et al. 2019)."""

    strategy: Literal["evolution"] = "evolution"
    population: int = Field(10, ge=1)
    """Networks that parents are chosen from."""
    sample: int = Field(
        default_factory=lambda known: min(5, known.get("population", 10)),
        ge=1,
        json_schema_extra={"default_text": "5, or all of a smaller population"},
    )
    """Networks in a tournament; the best of them is the parent. It, `population` and `strength` were tuned on the table
    of NAS-Bench-Macro (`benchmarks/tabular.py`)."""
    aging: bool = True
    """The oldest network leaves the population; false: the worst one."""
    mutations: Mutations = Mix.model_validate(dict.fromkeys(MUTATIONS, 1.0))
    """Kinds of mutation and their weights."""
    strength: float = Field(1.0, ge=1)
    """A child gets max(1, strength - round / cooling) mutations, rounded, one more after every five misses."""
    cooling: float = Field(20.0, gt=0)
    """Rounds after which a child gets one mutation less, where `strength` is above 1."""
    crossover: float = Field(0.0, ge=0, le=1)
    """Share of the children that take each choice from one of two parents."""
    predicted: int = Field(100, ge=0)
    """Up to this trial, the one of 20 children is trained whose predicted fitness plus deviation is highest: by a
    Gaussian process over choices, as BANANAS (White et al. 2021) does with networks. 0 is off."""
    guide: Guide = Nothing()
    """What decides, besides chance, which edges a child keeps."""
    inherit: bool = False
    """A child starts from its parent's weights where names and shapes match; then no network is trained again."""

    @property
    def new_networks(self) -> int:
        return self.rounds if self.inherit else super().new_networks

    @field_validator("sample")
    @classmethod
    def _within_population(cls, value: int, info: ValidationInfo) -> int:
        return _at_most("population", value, info)


def _at_most(key: str, value: int, info: ValidationInfo) -> int:
    if value > info.data.get(key, value):
        raise ValueError(f"at most `{key}`, which is {info.data[key]}")
    return value


STRATEGIES: dict[str, type[SearchRecipe]] = {
    "gradient": GradientRecipe,
    "evolution": EvolutionRecipe,
    "random": RandomRecipe,
    "one_shot": OneShotRecipe,
}
KINDS: dict[str, type[Recipe]] = {"search": SearchRecipe, "retrain": RetrainRecipe, "evaluate": EvaluateRecipe}


def recipe_model(kind: str, values: Mapping[str, Any]) -> type[Recipe]:
    """The schema of a recipe: that of its strategy for a search."""
    model = KINDS[kind]
    return STRATEGIES.get(values.get("strategy", "gradient"), model) if model is SearchRecipe else model


def recipe_of(kind: str, values: Mapping[str, Any]) -> Any:
    """A recipe from the values of its `model_dump`."""
    return recipe_model(kind, values).model_validate(values)


def recipe_fields(kind: str) -> dict[str, FieldInfo]:
    """Every key of a kind of recipe; of a search with those of all strategies."""
    model = KINDS[kind]
    if model is not SearchRecipe:
        return dict(model.model_fields)
    found = {"strategy": model.model_fields["strategy"]}
    for strategy in STRATEGIES.values():
        for name, field in strategy.model_fields.items():
            found.setdefault(name, field)
    return found


def strategies_with(key: str) -> tuple[str, ...]:
    """The strategies whose recipes have a key."""
    return tuple(name for name, model in STRATEGIES.items() if key in model.model_fields)


def evaluation_of(retrain: RetrainRecipe) -> EvaluateRecipe:
    """The evaluation of a network trained by this recipe where no other is given: the same clips and crops."""
    return EvaluateRecipe(**{key: getattr(retrain, key) for key in EvaluateRecipe.model_fields})
