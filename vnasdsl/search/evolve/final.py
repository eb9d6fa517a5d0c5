"""The result of a search by trials: the best network scored on videos that decided nothing, and an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vnasdsl.codegen import compile_network
from vnasdsl.search.evolve.history import Record
from vnasdsl.search.evolve.trial import network_of
from vnasdsl.search.task import SearchTask
from vnasdsl.train.clips import clip_shape, evaluation_views
from vnasdsl.train.evaluation import Evaluation, Scores, score_views, summarise
from vnasdsl.train.generated import build
from vnasdsl.train.weights import load_exactly, load_weights, save_weights


def evaluate_trial(task: SearchTask[Any], record: Record, weights: Mapping[str, Tensor]) -> Evaluation:
    """Accuracy of a trained network on the inference part."""
    return summarise(scores_of(task, record, weights), task.classes)


def scores_of(task: SearchTask[Any], record: Record, weights: Mapping[str, Tensor]) -> Scores:
    """Its averaged scores of every video of the inference part, with clips as its own input says."""
    assert record.text is not None
    network = network_of(record.text, len(task.classes))
    model = build(network)
    load_exactly(model, dict(weights), f"the file of trial {record.id}")
    shape = clip_shape(network.input, task.recipe)
    threads = torch.get_num_threads()
    torch.set_num_threads(task.recipe.threads)  # as in its training, so that sums are equal to the last bit
    try:
        with closing(evaluation_views(task.parts.inference, shape, task.recipe, task.faults)) as views:
            return score_views(model.to(task.device), views, task.device, task.recipe.precision)
    finally:
        torch.set_num_threads(threads)


def write_ensemble(
    task: SearchTask[Any], chosen: Sequence[Record], weights_of: Callable[[int], Path]
) -> dict[str, Any]:
    """Write source, code and weights of each into RUN/ensemble and evaluate them together: the mean of their softmax.

    Returns: for report.json, the members and their accuracy on the inference part, alone and together.
    """
    members, each = [], []
    for place, record in enumerate(chosen, 1):
        assert record.text is not None
        weights = load_weights(weights_of(record.id))
        name = f"ensemble/{place}"
        text = task.run.write(f"{name}.vns", record.text)
        task.run.write(f"{name}.py", compile_network(network_of(record.text, len(task.classes)), text.name))
        save_weights(task.run / f"{name}.safetensors", weights, {"trial": str(record.id)})
        scores = scores_of(task, record, weights)
        each.append(scores)
        alone = summarise(scores, task.classes)
        members.append({"file": f"{name}.vns", "trial": record.id, "top1": alone.top1, "top5": alone.top5})
    return {"members": members, "inference": summarise(Scores.mean_of(each), task.classes).as_dict()}
