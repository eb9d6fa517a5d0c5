"""Generated code brought to life, and the probability of a network under a supernet's parameters, by enumeration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from vnasdsl.codegen import compile_network, compile_supernet, inherited_names
from vnasdsl.elaborate import Space
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.source import Source
from vnasdsl.relax.trellis import Trellis


def read(text: str, name: str | None = None) -> Space:
    return load_source(Source("made.vns", text), None).get(name)


def run(code: str) -> dict[str, Any]:
    module: dict[str, Any] = {"__name__": "generated"}
    exec(compile(code, "generated.py", "exec"), module)  # noqa: S102
    return module


def supernet(space: Space, **options: Any) -> Any:
    return run(compile_supernet(space, "made.vns"))["Supernet"](**options)


def child(space: Space, choices: Mapping[str, str], model: nn.Module | None = None) -> Any:
    """The network that the choices make, with the weights of the supernet when there is one."""
    network = run(compile_network(space.network(choices), "made.vns"))["Network"]()
    if model is not None:
        network.to(next(model.parameters()).dtype)
        names = inherited_names(space, choices)
        theirs = model.state_dict()
        network.load_state_dict({mine: theirs[name].clone() for mine, name in names.items()}, strict=True)
    return network


def shuffle(model: Any, seed: int = 0) -> None:
    """Random alphas, betas, weights and statistics: nothing is equal by chance."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.dtype.is_floating_point:
                tensor.add_(torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype) * 0.5)
        for tensor in model.choice_parameters():
            tensor.copy_(torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype))


def probability(
    trellis: Trellis, paths: Mapping[str, torch.Tensor], mixtures: Mapping[str, torch.Tensor], way: Mapping[str, str]
) -> float:
    """The product of the weights along the path of one network and of its options in the states on that path."""
    logs, before = 0.0, 0
    for stage in trellis.stages:
        (here,) = [j for j, s in enumerate(stage.states) if all(way.get(c) == o for c, o in s.choices)]
        logs += math.log(paths[stage.name][before, here].item())
        for mixture in stage.states[here].mixtures:
            if all(way.get(c) == o for c, o in mixture.when):
                logs += math.log(mixtures[mixture.name][mixture.options.index(way[mixture.choice])].item())
        before = here
    return math.exp(logs)
