"""Candidate widths as slices of the widest one (`mode = shared`).

The weights of a state are the first channels of those of the widest state of its stage (Slimmable networks, Yu et al.
2019; Once-for-all, Cai et al. 2020), and the operations of a layer have the same alphas in all states. Batch norms stay
apart, as in slimmable networks: the statistics of a width are its own. States may differ in operations, too: they share
the weights that have the same name and kernel in both (our own).

Where kernels are `elastic`, options of one choice that are built alike and differ in kernels or in widths inside share
their weights, too: a smaller kernel is the centre of the largest (Once-for-all, without the transformations that it
learns between kernels).
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import add
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from vnasdsl.searching.draws import mixtures_in

Part = tuple[nn.Parameter, tuple[int, ...]]
"""Of which weight another one is a part, and where that begins along each axis."""


def slice_widths(model: Any, elastic: bool = False) -> set[nn.Parameter]:
    """Make the weights of narrower states views of the widest one's, and where `elastic` those of smaller options views
    of the largest one's; returns those that are views now.

    A view keeps its name and its shape. Its gradient is added to that of the weight it is a part of.
    """
    parts: dict[nn.Parameter, Part] = {}
    widest_before = ""
    for stage in model.stages().values():
        size = {name: sum(p.numel() for p in state.parameters()) for name, state in stage.items()}
        widest = max(size, key=lambda name: size[name])
        whole = _named(stage[widest])
        for state in stage.values():
            if state is stage[widest]:
                continue
            for ours, theirs in zip(mixtures_in(state), mixtures_in(stage[widest]), strict=True):
                ours.alphas = theirs.alphas
        for state in stage.values():
            for name, parameter in _named(state).items():
                owner = whole.get(_in_the_widest(name, state.heads, widest_before))
                if owner is not None and owner is not parameter and _covers(owner, parameter):
                    parts[parameter] = owner, (0,) * parameter.dim()
        widest_before = widest
    if elastic:
        for mixture in mixtures_in(model):
            for parameter, part in _parts_of_options(mixture):
                parts.setdefault(parameter, part)
    for parameter, (owner, begin) in parts.items():
        while owner in parts:
            owner, outer = parts[owner]
            begin = tuple(map(add, begin, outer))
        _make_view(parameter, owner, begin)
    return set(parts)


def _parts_of_options(mixture: Any) -> Iterator[tuple[nn.Parameter, Part]]:
    """The weights of options that are parts of those of a larger option with the same names and dilations."""
    alike: dict[object, list[dict[str, nn.Parameter]]] = {}
    for option in mixture.values():
        named = _named(option)
        dilations = tuple(getattr(module, "dilation", None) for module in option.modules())
        alike.setdefault((*named, dilations), []).append(named)
    for group in alike.values():
        largest = max(group, key=lambda named: sum(p.numel() for p in named.values()))
        for named in group:
            pairs = [(p, largest[name]) for name, p in named.items()]
            if any(p.shape != owner.shape for p, owner in pairs) and all(_centred(owner, p) for p, owner in pairs):
                for p, owner in pairs:
                    margins = (a - b for a, b in zip(owner.shape[2:], p.shape[2:], strict=True))
                    yield p, (owner, (0,) * min(2, p.dim()) + tuple(margin // 2 for margin in margins))


def _named(state: nn.Module) -> dict[str, nn.Parameter]:
    """The weights of a state by name, without those of batch norms, and without projections to queries, keys and values
    in one: their first channels are queries only."""
    apart = {id(p) for module in state.modules() if isinstance(module, _BatchNorm) for p in module.parameters()}
    apart |= {id(p) for name, p in state.named_parameters() if name.endswith(("alphas", "qkv.weight", "qkv.bias"))}
    return {name: p for name, p in state.named_parameters() if id(p) not in apart}


def _in_the_widest(name: str, heads: nn.ModuleDict, widest_before: str) -> str:
    """The name of a weight in the widest state: a head is part of that from the widest state before."""
    parts = name.split(".")
    if parts[0] == "heads" and widest_before in heads:
        parts[1] = widest_before
    return ".".join(parts)


def _covers(owner: Tensor, part: Tensor) -> bool:
    """Whether `part` may be the first channels of `owner`: kernels are alike, channels no more."""
    same = owner.dim() == part.dim() and owner.shape[2:] == part.shape[2:]
    return same and all(a >= b for a, b in zip(owner.shape, part.shape, strict=True))


def _centred(owner: Tensor, part: Tensor) -> bool:
    """Whether `part` may be first channels of `owner`, and the centre of its kernel."""
    return owner.dim() == part.dim() and all(
        a >= b and (axis < 2 or (a - b) % 2 == 0)
        for axis, (a, b) in enumerate(zip(owner.shape, part.shape, strict=True))
    )


def _make_view(parameter: nn.Parameter, owner: nn.Parameter, begin: tuple[int, ...]) -> None:
    place = tuple(slice(first, first + size) for first, size in zip(begin, parameter.shape, strict=True))
    parameter.data = owner.data[place]

    def hand_over(part: Tensor) -> None:
        if owner.grad is None:
            owner.grad = torch.zeros_like(owner)
        assert part.grad is not None
        owner.grad[place] += part.grad
        part.grad = None

    parameter.register_post_accumulate_grad_hook(hand_over)
