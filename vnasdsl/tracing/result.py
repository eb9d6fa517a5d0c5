"""The whole way from a module to a text that is known to compute the same."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from vnasdsl.codegen.supernet import layer_modules
from vnasdsl.elaborate import Space
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.diagnostics import UserError, did_you_mean
from vnasdsl.language.format import format_text
from vnasdsl.language.source import Source
from vnasdsl.layers.base import NORM, Shape
from vnasdsl.tracing.text import RESERVED, find_blocks, free, network_text
from vnasdsl.tracing.trace import arguments_of, input_names, trace
from vnasdsl.tracing.tree import Chain, Lines, Operation, decompose
from vnasdsl.train.generated import build

CLOSE = 1e-4
"""The greatest difference of two outputs, as a share of the greatest number in them."""


@dataclass(frozen=True)
class Imported:
    """A module written in the language. Its text was compiled, and gave the outputs of the module for weights drawn at
    random, copied from the one to the other."""

    text: str
    space: Space
    tensors: Mapping[str, str]
    """The names in the state dictionary of the compiled network, each with that of the same tensor in the module."""
    difference: float
    """The greatest difference between the outputs, as a share of the greatest output."""
    remarks: tuple[str, ...] = ()
    softmax: bool = False
    """Whether the module ends with a softmax, which is left out."""

    def weights(self, module: nn.Module) -> dict[str, Tensor]:
        """The weights of the module by the names of the compiled network."""
        return _renamed(self, module.state_dict())


def from_torch(module: nn.Module, clip: Sequence[int] | Sequence[Sequence[int]], name: str = "imported") -> Imported:
    """Write a module that takes clips of a shape, (channels, frames, rows, columns), as a network.

    A module of several inputs gets a list of shapes, in the order of its arguments; the first is that of the videos.

    Raises: UserError that names everything no layer of the language does, or where the outputs differ.
    """
    if not isinstance(module, nn.Module):
        raise UserError(f"expected a torch.nn.Module, found {type(module).__name__}")
    several: Any = [clip] if not clip or isinstance(clip[0], int) else clip
    shapes = [tuple(shape) for shape in several]
    if any(len(shape) != 4 or not all(isinstance(n, int) and n > 0 for n in shape) for shape in shapes):
        raise UserError("a clip has four sizes", "give channels, frames, rows and columns, such as (3, 16, 112, 112)")
    before = module.training
    module.eval()
    try:
        output, clips, remarks = trace(module, shapes)
        if len(clips) != len(shapes):
            raise UserError(f"the module does not use all of its {len(shapes)} inputs", "give a shape for each it uses")
        _use_classes(output)
        lines = decompose(output)
        blocks = find_blocks(lines)
        labels = _labels(module, len(clips))
        inputs = dict(zip(labels, clips, strict=True))
        text = format_text(network_text(name, lines, blocks, inputs, output.shape[0]))
        network = load_source(Source("<imported>", text), None).get()
        tensors = _tensors(network, lines)
        imported = Imported(text, network, tensors, 0.0, tuple(remarks), softmax=bool(remarks))
        return _compared(imported, module, shapes)
    finally:
        module.train(before)


def _labels(module: nn.Module, count: int) -> list[str]:
    """Names of the inputs: those of the module's arguments, where it has one for each."""
    names, taken = input_names(module, count), set(RESERVED)
    if len(names) != count:
        names = [f"input{i + 1}" for i in range(count)]
    return ["clip"] if count == 1 else [free(name.strip("_").lower(), taken) for name in names]


def _use_classes(output: Operation) -> None:
    """Write the classifier for any number of classes."""
    while len(output.inputs) == 1 and output.shape[0] == output.inputs[0].shape[0] and not output.weights:
        output = output.inputs[0]
    key = {"linear": "features", "conv": "channels"}.get(output.layer)
    if key is not None:
        output.arguments[key] = "classes"


def _tensors(network: Space, lines: Lines) -> dict[str, str]:
    """Names of tensors here and there: layers stand in the text in the order in which the tree has them."""
    places = layer_modules(network)
    nodes = [node for node in network.graph.order if places.get(node.label, ("", ()))[1]]
    found: dict[str, str] = {}
    theirs = _weights(lines.chains)
    for node in nodes:
        place, names = places[node.label]
        weights = next(theirs, {})
        own = {name.removeprefix(f"{place}."): name for name in names}
        if not {k for k in own if not k.endswith("num_batches_tracked")} == set(weights):
            raise UserError(f"the text of the module is another network at `{node.label}`", "please report this module")
        found |= {own[key]: name for key, name in weights.items()}
    return found


def _weights(chains: Iterable[Chain]) -> Iterator[dict[str, str]]:
    """The tensors of each layer that has any, in the order of the text."""
    for item in (item for chain in chains for item in chain.items):
        yield from _weights(item.branches)
        if item.kind == "block":
            continue
        if item.shortcut:
            conv, norm = item.shortcut
            yield {f"conv.{k}": v for k, v in conv.weights.items()} | {f"bn.{k}": v for k, v in norm.weights.items()}
        elif item.operation.weights:
            yield item.operation.weights


def _renamed(imported: Imported, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dictionary of the module as one of the compiled network."""
    own = build(imported.space).state_dict()
    given = {name: state[theirs].reshape(own[name].shape) for name, theirs in imported.tensors.items()}
    return {**{name: value for name, value in own.items() if name.endswith(NORM[-1])}, **given}


def _compared(imported: Imported, module: nn.Module, shapes: Sequence[Shape]) -> Imported:
    """Raises: UserError where the two give different outputs or have other parameters."""
    random = torch.Generator().manual_seed(0)
    state = {name: _drawn(name, value, random) for name, value in module.state_dict().items()}
    ours = build(imported.space).eval()
    ours.load_state_dict(_renamed(imported, state))
    xs = [torch.randn(1, *shape, generator=random) for shape in shapes]
    with torch.no_grad():
        expected = torch.func.functional_call(module, state, arguments_of(module, xs))
        found = ours(*xs)
        if imported.softmax:
            found = found.softmax(1)
    expected = expected.reshape(found.shape)
    difference = float((found - expected).abs().max() / expected.abs().max().clamp_min(1e-30))
    names = set(imported.tensors.values())
    params = sum(value.numel() for name, value in module.named_parameters() if name in names)
    unused = [name for name, _ in module.named_parameters() if name not in names]
    if not difference <= CLOSE or params != imported.space.params[0]:
        raise UserError(
            f"the text does not compute what the module does: outputs differ by {difference:.2g} of their size,"
            f" parameters are {imported.space.params[0]} and {params}",
            "please report this module",
        )
    if unused:
        more = f" and {len(unused) - 3} more" if len(unused) > 3 else ""
        said = f"the module does not use its parameters {', '.join(f'`{name}`' for name in unused[:3])}{more}"
        imported = replace(imported, remarks=(*imported.remarks, said))
    return replace(imported, difference=difference)


def _drawn(name: str, value: Tensor, random: torch.Generator) -> Tensor:
    """Numbers in the place of a tensor that keep the size of what goes through."""
    if not value.is_floating_point():
        return value
    if value.dim() < 2:
        return torch.rand(value.shape, generator=random) + 0.5
    return torch.randn(value.shape, generator=random) / (value[0].numel() ** 0.5)


# ------------------------ the module that a command names; this runs Python of the user


def load_module(target: str, arguments: dict[str, str]) -> nn.Module:
    """Import the file or package, and call the class or function. Values of arguments are JSON, else words.

    Raises: UserError.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        help = "write `module.py:Class` or `package.module:function`"
        raise UserError(f"`{target}` names no class or function", help)
    found = _file(Path(place)) if place.endswith(".py") else _package(place)
    if not hasattr(found, name):
        known = [each for each in vars(found) if not each.startswith("_")]
        raise UserError(f"`{place}` has no `{name}`", did_you_mean(name, known))
    made = getattr(found, name)
    if callable(made) and not isinstance(made, nn.Module):
        try:
            made = made(**{key: _value(text) for key, text in arguments.items()})
        except Exception as fault:  # whatever it raises
            help = "give its arguments with `--arg NAME=VALUE`, or name a function without arguments"
            raise UserError(f"`{name}` cannot be called: {_said(fault)}", help) from None
    if not isinstance(made, nn.Module):
        raise UserError(f"`{target}` gives a {type(made).__name__}, not a torch.nn.Module")
    return made


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"there is no file `{path}`")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # for dataclasses and the like; never in the place of another module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as fault:
        raise UserError(f"`{path}` cannot be imported: {_said(fault)}") from None
    finally:
        sys.path.pop(0)
    return module


def _package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as fault:
        help = "for a file write its path: `./module.py:Class`"
        raise UserError(f"`{name}` cannot be imported: {_said(fault)}", help) from None


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _said(fault: BaseException) -> str:
    return f"{type(fault).__name__}: {' '.join(str(fault).split())[:300]}"
