"""Where trials run: in this process, in local processes, or on a Ray cluster. One interface: `make_pool`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vnasdsl.language.diagnostics import UserError
from vnasdsl.searching.pool.pool import ATTEMPTS, Executor, Inline, Pool, Result
from vnasdsl.searching.pool.workers import Function, Local

if TYPE_CHECKING:  # workers import this before torch may be imported
    from vnasdsl.train.recipes import SearchRecipe

__all__ = ["ATTEMPTS", "Function", "Pool", "Result", "make_pool", "pool_of"]

MAX_WORKERS = 1024


def make_pool(
    workers: str | int, *, threads: int = 1, memory: int | None = None, timeout: float | None = None, cuda: bool = False
) -> Pool:
    """A pool of workers, for a `with` statement. Raises: UserError for unknown workers, and without Ray or its answer.

    workers: `0` or `1` in this process, `N` local processes, `ray:N` a local Ray cluster started and ended here,
    `ray://host:port` a running one. threads: of torch in each worker; memory: bytes a worker may allocate; timeout:
    seconds of an attempt (both have no effect in this process). cuda: each worker on a running Ray cluster gets a GPU
    to itself; local workers share all GPUs.
    """
    return Pool(_executor(str(workers).strip(), threads, memory, timeout, cuda))


def pool_of(recipe: SearchRecipe) -> Pool:
    """The pool that the recipe of a search asks for."""
    return make_pool(recipe.pool, threads=recipe.threads, memory=recipe.memory, timeout=recipe.timeout)


def _executor(workers: str, threads: int, memory: int | None, timeout: float | None, cuda: bool) -> Executor:
    if re.fullmatch(r"\d{1,4}", workers) and int(workers) <= MAX_WORKERS:
        return Inline(threads) if int(workers) <= 1 else Local(int(workers), threads, memory, timeout)
    local = re.fullmatch(r"ray:([1-9]\d{0,3})", workers)
    if local and int(local[1]) <= MAX_WORKERS:
        from vnasdsl.searching.pool.cluster import local_cluster

        return local_cluster(int(local[1]), threads, memory, timeout)
    if re.fullmatch(r"ray://[^\s/]+:\d{1,5}", workers):
        from vnasdsl.searching.pool.cluster import existing_cluster

        return existing_cluster(workers, threads, memory, timeout, cuda)
    raise UserError(
        f"workers must be N, ray:N or ray://host:port, not `{workers}`",
        "use 1 for this process, 4 for four processes, ray:4 for a local Ray cluster",
    )
