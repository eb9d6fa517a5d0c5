"""How a supernet is computed: faster or in less memory than its modules are written, with the same outcome."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from vnasdsl.searching.draws import is_mixture, mixtures_in
from vnasdsl.train.batchnorm import statistics_frozen, statistics_restored
from vnasdsl.train.convolutions import QuickConv3d, quicken
from vnasdsl.train.recipes import GradientRecipe, SupernetRecipe

_USES = 500
"""Uses of a weight in a step from which convolutions together, and channels last, pay: both lay weights out anew.

Measured: they pay with 1490 uses (tiny), and take half as much time again with 68 (x3d3 at 4 x 64 x 64)."""


class Kernels:
    """What a recipe and a device make of a supernet. Weights and their names stay as they are."""

    def __init__(self, model: Any, recipe: SupernetRecipe, device: torch.device):
        self._model = model
        self._layout = prepare(model, recipe, device)
        pays, last = _pays(model, recipe, device), self._layout == torch.channels_last_3d
        compiles = isinstance(recipe, GradientRecipe) and recipe.compile
        self._compute: Any = torch.compile(model) if compiles else model
        self._parts = [module for module in model.modules() if hasattr(module, "drawn")]
        self._together = None if compiles or recipe.checkpoint or not pays else Together(model)
        if recipe.checkpoint:
            checkpoint_parts(model)
        if last and not compiles:
            keep_gradients_last(model)

    def __call__(self, clips: Tensor, weights: dict[str, Tensor] | None = None) -> Tensor:
        """The logits of clips; with other weights than the model's own if given."""
        clips = self.laid_out(clips)
        with self._together.forward_pass(clips) if self._together and self._everything_runs() else nullcontext():
            if weights is not None:
                return functional_call(self._model, weights, (clips,))
            logits: Tensor = self._compute(clips)
            return logits

    def _everything_runs(self) -> bool:
        return all(len(part.drawn) == len(part) for part in self._parts)

    def laid_out(self, clips: Tensor) -> Tensor:
        return clips.contiguous(memory_format=self._layout)


@torch.no_grad()
def uses_of_weights(model: Any) -> float:
    """In the network that is expected, for one clip: its MACs by its parameters."""
    return float(model.expected_macs()) / max(float(model.expected_params()), 1.0)


def prepare(model: nn.Module, recipe: SupernetRecipe, device: torch.device) -> torch.memory_format:
    """Quicken a supernet and lay out its kernels. Returns: the layout, of activations as well."""
    quicken(model, device)
    pays = recipe.memory_format == "auto" and _pays(model, recipe, device)
    if recipe.memory_format != "channels_last" and not pays:
        return torch.contiguous_format
    lay_out_weights(model)
    return torch.channels_last_3d


def _pays(model: nn.Module, recipe: SupernetRecipe, device: torch.device) -> bool:
    return device.type == "cpu" and recipe.batch * uses_of_weights(model) >= _USES


def lay_out_weights(model: nn.Module) -> None:
    """Channels last, as the activations. Before weights are shared, as slices are of the new tensors."""
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last_3d)


class Together:
    """Convolutions with the same input run as one. Which these are is found once, by a pass with a single clip."""

    def __init__(self, model: nn.Module):
        self._model = model
        self._convs = [m for m in model.modules() if isinstance(m, QuickConv3d) and m.groups == 1 and m.bias is None]
        self._groups: dict[QuickConv3d, list[QuickConv3d]] | None = None
        self._inputs: list[tuple[QuickConv3d, Tensor]] = []
        self._ready: dict[QuickConv3d, tuple[Tensor, Tensor]] = {}
        """Input and output of what was computed and not asked for yet."""

    @contextmanager
    def forward_pass(self, clips: Tensor) -> Iterator[None]:
        """For a pass of the model in which everything runs."""
        if self._groups is None:
            self._find(clips[:1])
        with self._watching():
            yield

    @contextmanager
    def _watching(self) -> Iterator[None]:
        for conv in self._convs:
            conv.together = self.output
        try:
            yield
        finally:
            for conv in self._convs:
                conv.together = None
            self._inputs, self._ready = [], {}

    def _find(self, clip: Tensor) -> None:
        """In evaluation mode: nothing changes, and nothing random is drawn."""
        alike: dict[object, list[QuickConv3d]] = {}
        training = [module for module in self._model.modules() if module.training]
        self._model.eval()
        with self._watching(), torch.no_grad():
            self._model(clip)
            for conv, x in self._inputs:
                alike.setdefault((id(x), conv.kernel_size, conv.stride, conv.padding, conv.dilation), []).append(conv)
        for module in training:
            module.training = True
        self._groups = {conv: group for group in alike.values() if len(group) > 1 for conv in group}

    def output(self, conv: QuickConv3d, x: Tensor) -> Tensor:
        if self._groups is None:
            self._inputs.append((conv, x))  # keeps the input, so that no other one gets its id
            return conv.convolve(x, conv.weight)
        group = self._groups.get(conv)
        if group is None:
            return conv.convolve(x, conv.weight)
        if conv not in self._ready or self._ready[conv][0] is not x:
            joint = conv.convolve(x, torch.cat([one.weight for one in group]))
            last = joint.is_contiguous(memory_format=torch.channels_last_3d)
            layout = torch.channels_last_3d if last else torch.contiguous_format
            for one, part in zip(group, joint.split([one.out_channels for one in group], dim=1), strict=True):
                self._ready[one] = x, part.contiguous(memory_format=layout)
        return self._ready.pop(conv)[1]


def keep_gradients_last(model: nn.Module) -> None:
    """Have the gradients of mixtures laid out channels last: a mean over places, such as `pool`, gives other ones, and
    layers are slow where their output and its gradient differ."""

    def lay_out(gradient: Tensor) -> Tensor:
        return gradient.contiguous(memory_format=torch.channels_last_3d)

    def watch(_: nn.Module, inputs: Any, output: Tensor) -> None:
        if output.requires_grad and output.dim() == 5:
            output.register_hook(lay_out)

    for mixture in mixtures_in(model):
        mixture.register_forward_hook(watch)


def checkpoint_parts(model: Any) -> None:
    """Heads and mixtures keep only their inputs; the gradient computes what is inside again (Chen et al. 2016)."""
    for stage in model.stages().values():
        for state in stage.values():
            for part in (*state.heads.values(), *_outermost_mixtures(state.layers)):
                part.forward = MethodType(_checkpointed, part)


def _outermost_mixtures(module: nn.Module) -> Iterator[nn.Module]:
    if is_mixture(module):
        yield module
    else:
        for child in module.children():
            yield from _outermost_mixtures(child)


def _checkpointed(part: nn.Module, *inputs: Tensor) -> Tensor:
    plain = partial(type(part).forward, part)
    if not torch.is_grad_enabled():
        return plain(*inputs)
    output: Tensor = checkpoint(plain, *inputs, use_reentrant=False, context_fn=partial(_once, part))
    return output


def _once(part: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Batch norms record in the first pass, where they are to, and not when it is computed again."""
    frozen = not any(getattr(module, "track_running_stats", False) for module in part.modules())
    return nullcontext(), statistics_frozen(part) if frozen else statistics_restored(part)
