"""Whether generated code does what the graph of its network says: shapes, parameters and MACs of every layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from vnasdsl.codegen.supernet import layer_modules
from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.layers.base import Shape, show_shape
from vnasdsl.train.generated import build

MOST_NAMED = 8
REMEDY = "the shape rule, the costs or the code of the layer are wrong"


def verify(network: Space) -> None:
    """Build a network and run one clip on the CPU. Raises: UserError that names every layer that differs."""
    faults = differences(network)
    if faults:
        more = [f"and {len(faults) - MOST_NAMED} more"] * (len(faults) > MOST_NAMED)
        raise UserError(f"`{network.name}` is not what its file says: {'; '.join(faults[:MOST_NAMED] + more)}", REMEDY)


def differences(network: Space) -> list[str]:
    """What the layers of the generated module do otherwise than their rules say; where none does, what the whole does.

    Raises: UserError where it cannot be built or run.
    """
    try:
        module = build(network).eval()
    except Exception as fault:  # whatever the classes of a project raise
        raise UserError(f"the code of `{network.name}` cannot be built: {_said(fault)}", REMEDY) from None
    graph, places = network.graph, layer_modules(network)
    parts = dict(module.named_modules())
    shapes: dict[str, Shape] = {}
    running: list[str] = []
    for name, (place, _) in places.items():
        _watch(parts[place], name, running, shapes)
    try:
        # The fused kernels of attention are not counted on the CPU.
        with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
            output = module(*(torch.zeros(1, *one.shape) for one in network.inputs.given))
    except Exception as fault:
        if wrong := [said for name in shapes for said in _of_shape(network, name, shapes)]:
            return wrong  # and that is why it failed
        where = _shown(network, running[-1]) if running else f"`{network.name}`"
        raise UserError(f"{where} fails as it runs: {_said(fault)}", REMEDY) from None
    root, counts = type(module).__name__, counter.get_flop_counts()
    found: list[str] = []
    for name, (place, tensors) in places.items():
        macs = sum(counts.get(f"{root}.{place}", {}).values()) // 2
        names = {tensor.removeprefix(f"{place}.") for tensor in tensors}
        found += [*_of_shape(network, name, shapes), *_of_layer(network, name, parts[place], macs, names)]
    whole = (
        ("output features", output.shape[1], network.input.classes),
        ("parameters", _params(module), graph.params),
        ("MACs", counter.get_total_flops() // 2, graph.macs),
    )
    return found or [f"the module has {has} {what}, its file says {says}" for what, has, says in whole if has != says]


def _watch(part: nn.Module, name: str, running: list[str], shapes: dict[str, Shape]) -> None:
    """Note when a layer runs, and the shape that it gives."""

    def before(_: nn.Module, given: object) -> None:
        running.append(name)

    def after(_: nn.Module, given: object, output: object) -> None:
        running.pop()
        if isinstance(output, Tensor):
            shapes[name] = tuple(output.shape[1:])

    part.register_forward_pre_hook(before)
    part.register_forward_hook(after)


def _of_shape(network: Space, name: str, shapes: Mapping[str, Shape]) -> Iterator[str]:
    rule = network.graph.node(name).shape
    if shapes.get(name, rule) != rule:
        yield f"{_shown(network, name)} gives {show_shape(shapes[name])}, its rule says {show_shape(rule)}"


def _of_layer(network: Space, name: str, part: nn.Module, macs: int, tensors: set[str]) -> Iterator[str]:
    node, shown = network.graph.node(name), _shown(network, name)
    for what, has, says in (("parameters", _params(part), node.params), ("MACs", macs, node.macs)):
        if has != says:
            yield f"{shown} has {has} {what}, its rule says {says}"
    if set(part.state_dict()) != tensors:
        yield f"{shown} has the tensors {_list(part.state_dict())}, its rule names {_list(tensors)}"


def _params(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _shown(network: Space, name: str) -> str:
    """A node with the layer it is, unless its name says so."""
    operation = network.graph.node(name).operation
    same = name.rpartition(".")[2].rstrip("0123456789") == operation
    return f"`{name}`" if same else f"`{name}` (`{operation}`)"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _said(fault: Exception) -> str:
    return f"{type(fault).__name__}: {' '.join(str(fault).split())[:300]}"
