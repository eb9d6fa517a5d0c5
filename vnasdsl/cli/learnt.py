"""What a run of a search has learnt, for pictures: held against the space that is drawn."""

from __future__ import annotations

from pathlib import Path

from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.relax.trellis import trellis
from vnasdsl.runs.folder import RunReader
from vnasdsl.show.draw.learnt import Learnt


def read_learnt(path: Path, space: Space, checkpoint: str | None = None) -> Learnt:
    """The probabilities of a finished search, or of a checkpoint, and the path decoded from them.

    space: what they must belong to. Raises: VnsError, UserError.
    """
    run = RunReader(path)
    if run.space.name != space.name:
        raise UserError(f"`{path}` is a search of `{run.space.name}`, not of `{space.name}`")
    if trellis(space) != trellis(run.space):
        raise UserError(
            f"`{space.name}` is no longer the space that was searched in `{path}`",
            f"draw the run itself: vnasdsl draw {path} -o ...",
        )
    if checkpoint is None:
        return run.learnt
    from vnasdsl.searching.monitor import checkpoint_probabilities  # torch, only where it is needed

    probabilities = checkpoint_probabilities(path, checkpoint, space, float(run.recipe.get("temperature", 1.0)))
    return run.learnt_from(space, *probabilities, "the checkpoint", f"{run.name}, checkpoint {checkpoint}")
