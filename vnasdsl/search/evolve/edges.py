"""Learned edge weights: from the fusions of a trained network back to the choices of edges that made them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from vnasdsl.network.graph import many
from vnasdsl.space.elements import picked

if TYPE_CHECKING:
    from vnasdsl.network.graph import NetworkGraph


def learned_edges(model: nn.Module) -> list[list[float]]:
    """The weights from 0 to 1 that each fusion learned for its inputs; fusions in the order of the file."""
    found = []
    for module in model.modules():
        scalars = getattr(module, "edges", None)
        if isinstance(scalars, nn.Parameter) and scalars.requires_grad:  # given weights are not learned
            found.append([round(value, 6) for value in torch.sigmoid(scalars.detach().double().cpu()).tolist()])
    return found


def edges_by_choice(graph: NetworkGraph, learned: Sequence[Sequence[float]]) -> dict[str, list[float]]:
    """Learned weights by the name of their choice, in the order of the edges it took.

    learned: as `learned_edges` of the network. A choice counts if its `pick` is an input of the fusion itself and each
    edge has one weight; others are left out, and so is everything if the fusions do not fit the network.
    """
    fusions = {
        node.label: node
        for node in graph.order
        if node.operation == "weighted" and dict(node.attributes).get("by") == "learned"
    }
    if [len(node.inputs) for node in fusions.values()] != [len(weights) for weights in learned]:
        return {}
    weights_of = dict(zip(fusions, learned, strict=True))
    found: dict[str, list[float]] = {}
    for part in (part for section in graph.sections for part in section.body.walk() if part.node in weights_of):
        position = 0
        for item in part.items:
            count = len(many(item.value))
            if item.choice and len(picked(graph.choices[item.choice])) == count:
                found[item.choice] = list(weights_of[str(part.node)][position : position + count])
            position += count
    return found
