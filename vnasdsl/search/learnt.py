"""The probabilities in a checkpoint of a search, read without its weights: only alphas and betas are loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import safetensors
import torch

from vnasdsl.codegen import compile_supernet
from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.checkpoint import Checkpoints
from vnasdsl.train.generated import load_text

Probabilities = tuple[dict[str, list[list[float]]], dict[str, list[float]]]


def checkpoint_probabilities(run: Path, which: str, space: Space, temperature: float) -> Probabilities:
    """Path weights by stage and mixture weights by mixture of checkpoint `which` ("last", "best" or a name).

    Raises: UserError when there is no such checkpoint, or it is of another space.
    """
    index = Checkpoints(run / "checkpoints").index()
    name = index.get(which, which)
    if name not in index.values():
        known = ", ".join(f"{role} ({kept})" for role, kept in index.items())
        raise UserError(f"`{run}` has no checkpoint `{which}`", f"there are {known}" if known else None)
    source = run / "checkpoints" / name / "weights.safetensors"
    with torch.device("meta"):  # shapes without memory: a supernet may be large, its choices are not
        supernet: Any = load_text(compile_supernet(space, "space.vns"), "Supernet", run / "supernet.py")(
            temperature=temperature
        )
    names = [n for n, _ in supernet.named_parameters(remove_duplicate=False)]  # those of tied choices are shared
    wanted = [n for n in names if n.rpartition(".")[2] in ("alphas", "betas")]
    try:
        with safetensors.safe_open(source, framework="pt") as file:
            found = {n: file.get_tensor(n) for n in wanted}
        supernet.load_state_dict(found, strict=False, assign=True)
    except FileNotFoundError:
        raise UserError(f"there is no file `{source}`") from None
    except (safetensors.SafetensorError, RuntimeError) as fault:
        detail = " ".join(str(fault).split())[:120]
        raise UserError(f"`{source}` does not hold the choices of `{space.name}`: {detail}") from None
    # A stage of one candidate has no betas: its ones are known without a file.
    paths = {
        stage: (torch.ones(matrix.shape) if matrix.is_meta else matrix.detach()).double().tolist()
        for stage, matrix in supernet.path_probabilities().items()
    }
    mixtures = {key: row.detach().double().tolist() for key, row in supernet.mixture_probabilities().items()}
    return paths, mixtures
