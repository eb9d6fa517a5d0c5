"""`Space` and `Network`: what a file means, with its figures, its code and its pictures."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Self

import networkx as nx

from vnasdsl.elaborate import Choice, Overrides, Program, load, load_source
from vnasdsl.elaborate import Space as Meaning
from vnasdsl.elaborate.imports import split_target
from vnasdsl.elaborate.inputs import Input
from vnasdsl.elaborate.space import build
from vnasdsl.language.diagnostics import Diagnostic, UserError, VnsError
from vnasdsl.language.source import Source
from vnasdsl.network.graph import NetworkGraph
from vnasdsl.space.ways import Cost

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Loaded:
    """A space or network, the program it comes from, and what was given instead of its input."""

    program: Program
    meaning: Meaning
    overrides: Overrides

    @classmethod
    def read(cls, source: str | os.PathLike[str], name: str | None, overrides: Overrides) -> Loaded:
        """See `vnasdsl.load`."""
        if isinstance(source, str) and ("\n" in source or "{" in source):
            program = load_source(Source("<text>", source), None, overrides)
        else:
            path, named = split_target(source) if isinstance(source, str) else (Path(source), None)
            program, name = load(path, overrides), name or named
        return cls(program, program.get(name), overrides)

    def for_input(self, overrides: Overrides) -> Meaning:
        """The same with another input. Raises: VnsError where the text cannot have it."""
        own, meaning = self.overrides, self.meaning
        both = Overrides(overrides.frames or own.frames, overrides.size or own.size, overrides.classes)
        return build(meaning.syntax, meaning.definitions, both, meaning.claim)

    def __str__(self) -> str:
        return self.meaning.name


class Model:
    """What spaces and networks have in common."""

    def __init__(self, loaded: Loaded):
        """For `vnasdsl.load` and the methods of `Space`, which make them."""
        self._loaded = loaded
        self._meaning = loaded.meaning

    @classmethod
    def load(
        cls,
        source: str | os.PathLike[str],
        name: str | None = None,
        *,
        frames: int | None = None,
        size: int | None = None,
        classes: int | None = None,
    ) -> Self:
        """`vnasdsl.load` for what must be a space, or must be a network. Raises: UserError where it is the other."""
        loaded = Loaded.read(source, name, Overrides(frames, size, classes))
        made = model_of(loaded)
        if not isinstance(made, cls):
            raise UserError(
                f"`{loaded.meaning.name}` is a {loaded.meaning.kind}", f"`vnasdsl.load` takes both, {cls.__name__} one"
            )
        return made

    @property
    def name(self) -> str:
        """The name in the file; of a network that was chosen, that of its space and `_child`."""
        return self._meaning.name

    @property
    def input(self) -> Input:
        """The first input: `frames`, `size`, `classes` and so on, and `shape`, (channels, frames, rows, columns)."""
        return self._meaning.input

    @property
    def inputs(self) -> tuple[Input, ...]:
        """All inputs, in the order of the text."""
        return self._meaning.inputs.given

    @property
    def cost(self) -> Cost:
        """Least and greatest MACs and parameters of one clip; of a network these are equal.

        Raises: UserError where a call of a space has too many combinations to work them out.
        """
        return self._meaning.cost

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What `vnasdsl check` warns of in the file."""
        return self._loaded.program.warnings

    @property
    def text(self) -> str:
        """The canonical `.vns` text, which stands on its own: without imports and recipes."""
        return self._meaning.text()

    @cached_property
    def code(self) -> str:
        """The PyTorch code, which imports only torch: of a network its class `Network`, of a space its supernet.

        Raises: VnsError where a space has no supernet.
        """
        from vnasdsl.codegen.outputs import compile_space

        return compile_space(self._meaning, Path(self._loaded.program.name).name)[1]

    def show(self, *, layers: bool = False) -> None:
        """Print what `vnasdsl show` prints: shapes, choices, MACs and parameters by stage, or every layer."""
        from vnasdsl.show.table import as_table, layer_table

        print(layer_table(self._meaning) if layers else as_table(self._meaning))

    def draw(self, file: str | os.PathLike[str], *, layers: bool = False, theme: str = "auto") -> Path:
        """Write a picture: .svg, .png, .mmd (Mermaid) or .dot (Graphviz). `theme` is auto, light or dark.

        Raises: UserError for another suffix or theme; OSError where the file cannot be written.
        """
        from vnasdsl.files import write_atomic
        from vnasdsl.show.draw import check_kind, picture_of, render

        path = Path(file)
        suffix = check_kind(path, theme)
        write_atomic(path, render(picture_of(self._meaning, layers=layers), suffix, theme))
        return path

    def _repr_svg_(self) -> str:
        from vnasdsl.show.draw import picture_of, render

        return render(picture_of(self._meaning), ".svg").decode()

    def _repr_html_(self) -> str:
        from base64 import b64encode
        from html import escape

        from vnasdsl.show.table import short_table

        picture = b64encode(self._repr_svg_().encode()).decode("ascii")  # embedded, so its styles stay its own
        image = f'<img alt="{escape(self.name)}" style="max-width:100%" src="data:image/svg+xml;base64,{picture}">'
        return f"<pre>{escape(short_table(self._meaning))}</pre>\n{image}"


class Space(Model):
    """A space of networks, as `vnasdsl.load` gives it. Nothing in it changes; figures are worked out when asked for."""

    @property
    def size(self) -> int | None:
        """The exact number of networks; None for infinitely many.

        Raises: UserError where choices depend on each other in too many ways to be counted.
        """
        return self._meaning.size

    @property
    def choices(self) -> tuple[Choice, ...]:
        """Every choice in the order of the file, with its `name`, `kind` and `options`."""
        return self._meaning.choices

    @property
    def macs(self) -> tuple[int, int]:
        """Least and greatest multiply-adds of one clip; bounds, where `exact` says no. Raises: as `cost`."""
        return self._meaning.macs

    @property
    def params(self) -> tuple[int, int]:
        """Least and greatest number of parameters; bounds, where `exact` says no. Raises: as `cost`."""
        return self._meaning.params

    @property
    def exact(self) -> bool:
        """Whether networks have the least and greatest costs; otherwise these are bounds that no network is beyond."""
        return self._meaning.exact

    def sample(self, seed: int | Random) -> Network:
        """A network at random, all networks equally likely; the same one for the same seed.

        Where they are infinite or cannot be counted, each choice is drawn by itself.
        """
        random = seed if isinstance(seed, Random) else Random(seed)
        return self.choose(self._meaning.sample(random))

    def choose(self, choices: Mapping[str, str]) -> Network:
        """The network that some choices make, by name and text of the option.

        Raises: UserError for an unknown choice or option, or a choice that is needed and not made; VnsError where a
        layer does not fit.
        """
        meaning = self._meaning.network(choices)
        return Network(Loaded(self._loaded.program, meaning, self._loaded.overrides), choices)

    def choices_of(self, network: Network) -> dict[str, str]:
        """The choices that make a network. Raises: VnsError, E0601 where it first leaves the space."""
        return network._meaning.choices_in(self._meaning)

    def contains(self, network: Network) -> bool:
        """Whether the space has a network, whatever its layers are called: `choices_of` says why not.

        Raises: VnsError where that cannot be decided.
        """
        try:
            self.choices_of(network)
        except VnsError as fault:
            if {d.code for d in fault.diagnostics} != {"E0601"}:
                raise
            return False
        return True

    def __repr__(self) -> str:
        from vnasdsl.show.table import size_words

        count = len(self.choices)
        return f"<Space {self.name}: {size_words(self._meaning)} in {count} choice{'s' * (count != 1)}>"


class Network(Model):
    """One network, as `vnasdsl.load` or a `Space` gives it. Nothing in it changes."""

    def __init__(self, loaded: Loaded, choices: Mapping[str, str] | None = None):
        """For `vnasdsl.load` and the methods of `Space`, which make them."""
        super().__init__(loaded)
        self._choices = choices

    @cached_property
    def choices(self) -> dict[str, str]:
        """The choices that make it in the space it comes from or claims to lie in; empty without one.

        Raises: VnsError E0601 where it is not in the space it claims.
        """
        return dict(self._meaning.claimed_choices() or {} if self._choices is None else self._choices)

    @property
    def macs(self) -> int:
        """Multiply-adds of one clip."""
        return self._meaning.macs[0]

    @property
    def params(self) -> int:
        """The number of parameters."""
        return self._meaning.params[0]

    @cached_property
    def graph(self) -> NetworkGraph:
        """Its layers as a `networkx.DiGraph`, frozen: keys are labels such as `s4.conv2`, `graph.node(key)` gives the
        layer with its operation, shape, MACs and parameters, `graph.order` all layers in the order they run."""
        return nx.freeze(self._meaning.graph)

    def module(self, weights: str | os.PathLike[str] | Mapping[str, Tensor] | None = None) -> nn.Module:
        """A new `torch.nn.Module` of it, in training mode; clips are (batch, 3, frames, height, width).

        weights: a .safetensors file, `torchvision:FILE` (or pytorchvideo's) or a state dictionary, which must fit
        exactly; without, they are random.
        Raises: UserError for weights that cannot be read, or do not fit.
        """
        from vnasdsl.train.generated import build as build_module
        from vnasdsl.train.weights import load_exactly, weights_for

        model = build_module(self._meaning)
        if isinstance(weights, Mapping):
            load_exactly(model, weights, "the state dictionary")
        elif weights is not None:
            load_exactly(model, weights_for(model.state_dict(), os.fspath(weights)), f"`{os.fspath(weights)}`")
        return model

    def __repr__(self) -> str:
        from vnasdsl.show.numbers import amount

        claim = f" of {self._meaning.claim.name}" if self._meaning.claim else ""
        return f"<Network {self.name}{claim}: {amount(self.macs)} MACs, {amount(self.params)} parameters>"


def model_of(loaded: Loaded) -> Space | Network:
    return Network(loaded) if loaded.meaning.kind == "network" else Space(loaded)
