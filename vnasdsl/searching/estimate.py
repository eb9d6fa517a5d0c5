"""How much memory a step of a supernet takes, before it is taken.

Nothing is computed: the step runs on torch's meta device, whose tensors have a size and no content, and what it
allocates and releases is added up. What a device's kernels allocate for themselves, and what its allocator cannot use,
is not counted: `TOLERANCE` is for that, and on a CPU a constant.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from weakref import finalize

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vnasdsl.codegen import compile_supernet
from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.searching.draws import mixtures_in
from vnasdsl.searching.supernet import Ahead, SupernetSearch
from vnasdsl.searching.task import SearchTask
from vnasdsl.train import ranks
from vnasdsl.train.devices import free_bytes
from vnasdsl.train.generated import load_class
from vnasdsl.train.inputs import packed_shape, taking_inputs
from vnasdsl.train.loop import Meter
from vnasdsl.train.recipes import GradientRecipe, OneShotRecipe

TOLERANCE = 0.25
"""By how much the measured peak may differ."""
_CPU_BYTES = 250_000_000
"""What a process on a CPU takes besides: libraries, compiled kernels and their buffers, gaps in the heap (measured)."""
_META = torch.device("meta")
_MODES: tuple[str, ...] = get_args(GradientRecipe.model_fields["mode"].annotation)


def require_memory(task: SearchTask[Any]) -> None:
    """Say how much memory a step takes. Raises: UserError that names a mode or batch that fits when this cannot."""
    recipe = task.recipe
    if not isinstance(recipe, GradientRecipe | OneShotRecipe):
        return
    free = free_bytes(task.device)
    if free is None:
        return
    if task.device.type == "cpu":
        free //= ranks.count()
    if _is_small(task.space, recipe.batch, free):
        return
    supernet = Estimate(task.space, task.device)
    needed = supernet.peak(recipe)
    sizes = f"a step takes about {_shown(needed)}, and {_shown(free)} are free on {task.device.type}"
    if needed > free * (1 + TOLERANCE):
        smaller = " or ".join(_remedies(supernet, recipe, needed, free))
        raise UserError(sizes, smaller or "search a space of fewer or narrower options")
    if needed > free * (1 - TOLERANCE):
        task.reporter.warn(f"{sizes}: it may fail")
    else:
        task.reporter.note(sizes)


def _is_small(space: Space, batch: int, free: int) -> bool:
    """Whether a step is so small that it need not be looked at: it takes far less than a byte for each MAC."""
    options = max((len(choice.options) for choice in space.choices), default=1)
    return batch * space.macs[1] * options + _CPU_BYTES < free / 4


def _remedies(supernet: Estimate, recipe: GradientRecipe | OneShotRecipe, needed: int, free: int) -> Iterator[str]:
    """The first mode that fits with this batch, and the largest batch that fits in this mode."""
    room = int(free * (1 - TOLERANCE))
    if isinstance(recipe, GradientRecipe):
        for mode in _MODES[_MODES.index(recipe.mode) + 1 :]:
            changes = {"mode": mode, "second_order": False, "gumbel": False}
            size = supernet.peak(recipe.model_copy(update=changes))
            if size < room:
                yield f"--set mode={mode}, which takes about {_shown(size)}"
                break
    if recipe.batch > 1:
        least = supernet.peak(recipe.model_copy(update={"batch": 1}))
        each = (needed - least) // (recipe.batch - 1)  # what is kept for a clip
        if least < room:
            batch = 1 + (room - least) // each
            yield f"--set batch={batch}, which takes about {_shown(least + each * (batch - 1))}"


class Estimate:
    """Of the supernet of a space."""

    def __init__(self, space: Space, device: torch.device):
        self.inputs = space.inputs.given
        self._more = _CPU_BYTES if device.type == "cpu" else 0
        self._class: Any = load_class(compile_supernet(space, "space.vns"), "Supernet", Path("supernet.py"))

    def peak(self, recipe: GradientRecipe | OneShotRecipe) -> int:
        """The most bytes that one of the two steps takes, weights and optimisers included.

        Of a mode that draws: for the largest candidates, which a search will draw sooner or later.
        """
        if isinstance(recipe, OneShotRecipe):  # a step trains one path, and there are no choice steps
            one_path = {"mode": "paths", "warmup": 1, "epochs": 1, "score_from": 1}
            keys = ("batch", "weights", "precision", "grad_clip", "checkpoint", "memory_format")
            shared = {key: getattr(recipe, key) for key in keys}
            return self._peak(GradientRecipe(**shared, **one_path), both=False)  # type: ignore[arg-type]
        # Sampled networks run one by one, without gradients.
        return self._peak(recipe.model_copy(update={"compile": False}), both=not recipe.samples)

    def _peak(self, recipe: GradientRecipe, both: bool) -> int:
        with _Allocations() as seen:
            search = self.search_on(_META, recipe)
            if recipe.precision == "bf16":  # autocast: weights stay as they are, what layers give out is half as large
                seen.live += sum(parameter.nbytes for parameter in search.model.parameters()) // 2
                search.model.to(torch.bfloat16)
            search.recipe = recipe.model_copy(update={"precision": "fp32"})
            dtype = next(search.model.parameters()).dtype
            clips = torch.empty(recipe.batch, *packed_shape(self.inputs), dtype=dtype, device=_META)
            labels = torch.empty(recipe.batch, dtype=torch.long, device=_META)
            ahead = Ahead(clips, labels, 0.1) if recipe.second_order else None
            for of_choices in (True, False) if both else (False,):
                draw_largest(search.model, recipe.mode, 2 if of_choices else 1)
                if of_choices and search.choice_optimiser is not None:
                    search.choice_step(clips, labels, 0.1, Meter(_META), ahead)
                elif not of_choices:
                    search.weight_step(clips, labels, 0.1, Meter(_META))
        return seen.peak + self._more

    def search_on(self, device: torch.device, recipe: GradientRecipe) -> SupernetSearch:
        """A search of its own that draws nothing by itself, without videos."""
        with device:
            model = taking_inputs(self._class(path_weights=recipe.paths), self.inputs)
        nothing: Any = None
        search = SupernetSearch(model.train(), recipe, nothing, nothing, device, nothing)
        search.draws = None
        return search


def draw_largest(model: Any, mode: str, count: int) -> None:
    """Let the candidates with the most parameters run, as many as a mode draws."""
    drawn = [] if mode == "full" else list(mixtures_in(model))
    for part in drawn + (list(model.stages().values()) if mode in ("paths", "shared") else []):
        sizes = [sum(parameter.numel() for parameter in candidate.parameters()) for candidate in part.children()]
        part.drawn = tuple(sorted(sorted(range(len(sizes)), key=lambda i: -sizes[i])[:count]))


class _Allocations(TorchDispatchMode):
    """Bytes of the tensors that are alive, and the most there were."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                self._count(tensor)
        return made

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = id(storage), storage.nbytes()
        if key not in self._known:
            self._known.add(key)
            self.live += size
            self.peak = max(self.peak, self.live)
            finalize(storage, self._release, key, size)

    def _release(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


def _shown(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
