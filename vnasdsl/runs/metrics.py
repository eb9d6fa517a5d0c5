"""The schema of metrics.jsonl: a record for each epoch of a search or training."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class EpochRecord(BaseModel):
    """One line of metrics.jsonl, without its `crc`. Accuracies and other shares are from 0 to 1. A key that does not
    apply is left out, and what was not measured in an epoch is null."""

    model_config = ConfigDict(extra="forbid", strict=True)

    epoch: int = Field(description="number of the epoch, from 1")
    train_loss: float = Field(description="mean cross entropy of the training clips, while they were trained on")
    train_top1: float = Field(description="top-1 of the same clips")
    lr: float = Field(description="learning rate of the weights at the end of the epoch")
    seconds: float = Field(description="duration, without writing the checkpoint")
    waited: float | None = Field(default=None, description="seconds of it in which the device waited for videos")
    test_top1: float | None = Field(
        default=None, description="top-1 of the test videos, one view of each (`retrain`, with `watch`)"
    )
    phase: Literal["warmup", "search"] | None = Field(
        default=None,
        description="`warmup` as long as only weights are trained, then `search` (this and below: gradient)",
    )
    validate_loss: float | None = Field(
        default=None, description="mean cross entropy of the clips that the choices were trained on"
    )
    validate_top1: float | None = Field(default=None, description="top-1 of the same clips, of the mixture")
    expected_macs: float | None = Field(
        default=None, description="MACs of a clip, expected under the probabilities (Zhou et al. 2021, Eq. 4)"
    )
    expected_params: float | None = Field(default=None, description="parameters, expected the same way")
    cost: float | None = Field(default=None, description="the term of the loss that the cost adds, before its weight")
    target_macs: float | None = Field(default=None, description="what the expected MACs are to be")
    target_params: float | None = Field(default=None, description="what the expected parameters are to be")
    cost_weight: float | None = Field(default=None, description="weight of the cost, which adapts to the target")
    decoded_macs: int | None = Field(default=None, description="MACs of a clip of the network that is decoded now")
    decoded_log_probability: float | None = Field(default=None, description="natural logarithm of its probability")
    entropy: dict[str, float] | None = Field(
        default=None,
        description="mean entropy of the choices of each stage, relative to a uniform choice: 0 decided, 1 open",
    )
    probabilities: dict[str, dict[str, float]] | None = Field(
        default=None, description="of every choice the probability of each option, to four digits"
    )
    skip_share: float | None = Field(default=None, description="mean probability of `skip` in the choices that have it")
    decoded_skip_share: float | None = Field(default=None, description="share of those that are `skip` when decoded")
    score_top1: float | None = Field(
        default=None,
        description="top-1 of the decoded network on the inference part, with the supernet's weights (`score_from`)",
    )
    score_top5: float | None = Field(default=None, description="top-5 of the same")
