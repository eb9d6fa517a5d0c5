"""The parts of a generated module: regions of the graph, each of which will be an object of a class.

A region is a use of a block, a stage, a body or an option of a choice. Its forward method is a list of steps, each of
which makes a value from others; a module that a step calls is a layer, a region or a container of such.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from vnasdsl.layers.base import Field, Shape, Value


@dataclass(eq=False, slots=True)
class Tensor:
    """A tensor in a forward method, and the line or parameter it is named after."""

    shape: Shape
    name: str = ""
    read: bool = False
    """Whether something reads it by its name."""


Tensors: TypeAlias = "Tensor | tuple[Tensor, ...]"
"""A tensor, or a list of tensors."""


@dataclass(eq=False, slots=True)
class LayerModule:
    """`nn.Conv3d(...)`."""

    callee: str
    fields: tuple[Field, ...] = ()
    tensors: tuple[str, ...] = ()
    """The names of its parameters and buffers."""
    node: str = ""
    """The node of the graph that it belongs to."""


@dataclass(eq=False, slots=True)
class Copies:
    """`nn.Sequential(...)`, or `nn.ModuleList([...])` of modules that are called alike."""

    items: list[Module]
    path: str
    """What the names of choices inside the copies begin with, before `[0]`."""
    sequential: bool = True


@dataclass(eq=False, slots=True)
class Layers:
    """`Layers(head=..., basic=...)`: a stage of nothing but modules one after the other."""

    steps: list[Step]


@dataclass(eq=False, slots=True)
class Choosing:
    """A choice of a supernet: a Mixture, or Edges of which `keep` remain."""

    choice: str
    options: list[tuple[str, Module]]
    macs: tuple[int, ...]
    keep: int | None = None


@dataclass(eq=False, slots=True)
class Step:
    """A call of a module, or a formula: `F.relu({x})`."""

    out: Tensors
    args: tuple[Tensors, ...]
    """What a module is called with; of a formula what `{x}` or `{xs}` stands for."""
    module: Module | None = None
    path: tuple[str, ...] = ()
    """The labels on the way down to the module."""
    formula: str = "{x}"
    kept: Tensor | None = None
    """What `{kept}` stands for."""
    ends_line: bool = False
    is_silent: bool = False
    """Whether nothing reads what it makes: a supernet holds the module because of the choices in it."""
    is_copy: bool = False
    """Whether it only keeps a value under another name."""
    attr: str = ""
    """The attribute that holds the module."""

    @property
    def reads(self) -> Iterator[Tensor]:
        for value in (*self.args, self.kept or ()):
            yield from flat(value)


@dataclass(eq=False, slots=True)
class Param:
    """A parameter of a forward method: what it is called, what it is inside, and what it is given."""

    name: str
    inner: Tensors
    given: Tensors


@dataclass(eq=False, slots=True)
class Region:
    name: str
    """What its class is named after."""
    kind: str = "part"
    """`block`, `stage` or `part`."""
    doc: str = ""
    params: list[Param] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    out: Tensors = ()
    seeds: tuple[tuple[str, str, Value], ...] = ()
    """(parameter, kind, value) of the block it is a use of: these names are preferred for constructor arguments."""

    @property
    def has_modules(self) -> bool:
        return any(step.module is not None for step in self.steps)

    @property
    def outs(self) -> tuple[Tensor, ...]:
        return flat(self.out)


Module: TypeAlias = LayerModule | Region | Copies | Layers | Choosing


def flat(value: Tensors) -> tuple[Tensor, ...]:
    return (value,) if isinstance(value, Tensor) else value


def modules_in(module: Module) -> Iterator[Module]:
    """The modules directly inside a module."""
    match module:
        case Region() | Layers():
            for step in module.steps:
                if step.module is not None:
                    yield step.module
        case Copies():
            yield from module.items
        case Choosing():
            for _, option in module.options:
                yield option


def regions_in(module: Module) -> Iterator[Region]:
    """The regions inside a module that no other region is around, in order."""
    for inner in modules_in(module):
        if isinstance(inner, Region):
            yield inner
        else:
            yield from regions_in(inner)


def simplest(region: Region) -> Module:
    """A region, or the only module in it where that is called in the same way."""
    inner = [param.inner for param in region.params]
    if not region.steps and inner == [region.out]:
        return LayerModule("nn.Identity")
    if len(region.steps) == 1:
        (step,) = region.steps
        if step.module is not None and step.out is region.out and list(step.args) == inner:
            return step.module
    return region


def as_module(region: Region) -> Module:
    """A region that stands alone as simply as it can be; what comes in is `x` if there is nothing else."""
    if len(region.params) == 1:
        region.params[0].name = "x"
    return simplest(region)


def as_layers(region: Region) -> Region | Layers:
    """A region that only hands on from module to module, without names of its own for what is between them."""
    before = [param.inner for param in region.params]
    for step in region.steps:
        named = any(tensor.read for tensor in flat(step.out))
        if step.module is None or list(step.args) != before or named or not isinstance(step.out, Tensor):
            return region
        before = [step.out]
    return Layers(region.steps) if region.steps and before == [region.out] else region


def finish(region: Region, whole: bool = False) -> None:
    """Drop steps that nothing reads, and parameters that are not used; add those for values from outside.

    With `whole` the modules of such steps stay.
    """
    used = set(region.outs)
    kept: list[Step] = []
    for step in reversed(region.steps):
        step.is_silent = not used.intersection(flat(step.out))
        if not step.is_silent:
            used.update(step.reads)
        if not step.is_silent or (whole and step.module is not None):
            kept.append(step)
    region.steps = kept[::-1]
    called = [step for step in region.steps if step.module is not None and step.path != ("shortcut",)]
    while len({step.path[:1] for step in called}) == 1 and all(len(step.path) > 1 for step in called):
        for step in called:  # a label that all have in common tells nothing
            step.path = step.path[1:]
    known = {tensor for param in region.params for tensor in flat(param.inner)}
    known.update(tensor for step in region.steps for tensor in flat(step.out))
    region.params = [param for param in region.params if used.intersection(flat(param.inner))]
    reads = [tensor for step in region.steps if not step.is_silent for tensor in step.reads]
    for tensor in (*reads, *region.outs):
        if tensor not in known:
            known.add(tensor)
            region.params.append(Param(tensor.name, tensor, tensor))


def splice(region: Region, path: tuple[str, ...], steps: list[Step], givens: Sequence[Tensors]) -> Tensors:
    """Write the steps of a region where it is called; what it gives there."""
    instead: dict[Tensor, Tensor] = {}
    for param, given in zip(region.params, givens, strict=True):
        instead.update(zip(flat(param.inner), flat(given), strict=True))

    def put(value: Tensors) -> Tensors:
        if isinstance(value, Tensor):
            return instead.get(value, value)
        return tuple(instead.get(tensor, tensor) for tensor in value)

    for step in region.steps:
        step.args = tuple(map(put, step.args))
        step.kept = instead.get(step.kept, step.kept) if step.kept is not None else None
        step.path = (*path, *step.path)
        steps.append(step)
    return put(region.out)
