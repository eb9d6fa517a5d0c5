"""Watching the choices during a search: what would be decoded now, how certain it is, and whether it collapses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vnasdsl.derive import Decoded, decode
from vnasdsl.derive.decode import SKIP
from vnasdsl.relax.trellis import Trellis
from vnasdsl.train.evaluation import Evaluation
from vnasdsl.train.progress import Reporter

# Warn when this share of the layers that could be skipped would be.
_SKIP_LIMIT = 0.9
# Warn when choices are still this near to uniform at the end (1 is uniform).
_UNDECIDED = 0.999
_DIGITS = 4
"""Of the probabilities in the metrics."""

Probabilities = tuple[dict[str, list[list[float]]], dict[str, list[float]]]
"""Path weights by stage, mixture weights by mixture."""


def learned_probabilities(model: Any) -> Probabilities:
    """The probabilities of a supernet as plain numbers."""
    paths = {stage: matrix.detach().double().tolist() for stage, matrix in model.path_probabilities().items()}
    return paths, {name: row.detach().double().tolist() for name, row in model.mixture_probabilities().items()}


def decode_supernet(model: Any, trellis: Trellis, skips: int | None = None) -> Decoded:
    """The network that a supernet points at now, with at most `skips` skips."""
    return decode(trellis, *learned_probabilities(model), skips)


def entropy(probabilities: Mapping[str, float]) -> float:
    """Entropy of a distribution relative to the largest possible: 0 is decided, 1 is uniform; 0 for a single option.

    Options of probability 0 do not count, such as `none` on an edge.
    """
    open_to = [p for p in probabilities.values() if p > 0]
    if len(open_to) < 2:
        return 0.0
    return -sum(p * math.log(p) for p in open_to) / math.log(len(open_to))


def stage_entropies(probabilities: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Mean entropy of the choices of every stage, the part of a choice's name before the first dot."""
    stages: dict[str, list[float]] = {}
    for name, options in probabilities.items():
        if len(options) > 1:
            stages.setdefault(name.partition(".")[0], []).append(entropy(options))
    return {stage: sum(values) / len(values) for stage, values in stages.items()}


class Monitor:
    """Observes a supernet after each epoch."""

    def __init__(
        self,
        trellis: Trellis,
        macs_of: Callable[[dict[str, str]], int],
        score: Callable[[dict[str, str]], Evaluation] | None,
        score_from: int,
        epochs: int,
        skips: int | None = None,
    ):
        """macs_of: choices to the MACs of their network; score: choices to its accuracy in the supernet."""
        self.trellis = trellis
        self.macs_of = macs_of
        self.score = score
        self.score_from = score_from
        self.epochs = epochs
        self.skips = skips
        self._warned: set[str] = set()

    def observe(self, model: Any, epoch: int, searching: bool, reporter: Reporter) -> dict[str, Any]:
        """Metrics of the choices after `epoch`."""
        probabilities = model.probabilities()
        decoded = decode_supernet(model, self.trellis, self.skips)
        skippable = [name for name, options in probabilities.items() if SKIP in options and len(options) > 1]
        entropies = stage_entropies(probabilities)
        record: dict[str, Any] = {
            "decoded_macs": self.macs_of(decoded.choices),
            "decoded_log_probability": decoded.log_probability,
            "entropy": entropies,
            "probabilities": {
                choice: {option: round(p, _DIGITS) for option, p in options.items()}
                for choice, options in probabilities.items()
                if len(options) > 1
            },
        }
        if skippable:
            record["skip_share"] = sum(probabilities[name][SKIP] for name in skippable) / len(skippable)
            record["decoded_skip_share"] = sum(decoded.choices.get(name) == SKIP for name in skippable) / len(skippable)
        if self.score is not None and epoch > self.score_from:
            scored = self.score(decoded.choices)
            record["score_top1"], record["score_top5"] = scored.top1, scored.top5
        if searching:
            for key, text in self._warnings(record, entropies, epoch):
                if key not in self._warned:
                    self._warned.add(key)
                    reporter.warn(text)
        return record

    def _warnings(self, record: dict[str, Any], entropies: dict[str, float], epoch: int) -> Iterator[tuple[str, str]]:
        """What users otherwise notice too late, by a key under which it is said once."""
        if record.get("decoded_skip_share", 0) >= _SKIP_LIMIT:
            yield (
                "skips",
                f"{100 * record['decoded_skip_share']:.0f} % of the layers that can be skipped would be skipped now:"
                " the search is collapsing; a longer warm-up, a larger batch or"
                " a smaller cost weight (--set cost.weight=...) may help",
            )
        if entropies and min(entropies.values()) < 0.02 and epoch <= self.epochs // 2:
            stage = min(entropies, key=lambda name: entropies[name])
            yield (
                "early",
                f"the choices of stage `{stage}` are already decided after {epoch} of {self.epochs} epochs; a smaller"
                " choices.lr or a longer warm-up lets the weights catch up",
            )
        if entropies and epoch == self.epochs and min(entropies.values()) > _UNDECIDED:
            yield (
                "undecided",
                "the choices are still almost uniform: more epochs or a larger choices.lr are needed to tell options"
                " apart",
            )
