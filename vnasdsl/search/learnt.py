"""The probabilities in a checkpoint of a search, read without its weights: only `alphas` and `betas` are loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import safetensors
import torch

from vnasdsl.codegen import compile_supernet
from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.search.monitor import Probabilities, learned_probabilities
from vnasdsl.train.checkpoint import Checkpoints
from vnasdsl.train.generated import load_class


def checkpoint_probabilities(run: Path, which: str, space: Space, temperature: float) -> Probabilities:
    """Path weights by stage and mixture weights by mixture of checkpoint `which` ("last", "best" or a name).

    Raises: UserError when there is no such checkpoint, or it belongs to another space.
    """
    file = Checkpoints(run / "checkpoints").find(which) / "weights.safetensors"
    supernet_class: Any = load_class(compile_supernet(space, "space.vns"), "Supernet", run / "supernet.py")
    with torch.device("meta"):  # shapes without memory: a supernet may be large, its choices are not
        supernet = supernet_class(temperature=temperature)
    names = [name for name, _ in supernet.named_parameters(remove_duplicate=False)]  # tied choices share theirs
    wanted = [name for name in names if name.rpartition(".")[2] in ("alphas", "betas")]
    try:
        with safetensors.safe_open(file, framework="pt") as tensors:
            supernet.load_state_dict({name: tensors.get_tensor(name) for name in wanted}, strict=False, assign=True)
    except FileNotFoundError:
        raise UserError(f"there is no file `{file}`") from None
    except (safetensors.SafetensorError, RuntimeError) as fault:
        detail = " ".join(str(fault).split())[:120]
        raise UserError(f"`{file}` does not hold the choices of `{space.name}`: {detail}") from None
    return learned_probabilities(supernet)
