"""`vnasdsl derive`: decode a search again."""

from __future__ import annotations

from pathlib import Path

import click

from vnasdsl.cli.options import training_options


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.vns",
    help="Write the network here, code and weights beside it.  [default: RUN/network.vns]",
)
@click.option(
    "--checkpoint", default="last", show_default=True, metavar="NAME", help="last, best (by its score), or its name."
)
@training_options
def command(
    run: Path, output: Path | None, checkpoint: str, device: str, workers: int | None, quiet: bool, as_json: bool
) -> None:
    """Decode the network of a search again: argmax for each layer, Viterbi over the path weights.

    `search` does this at its end; `derive` does it for a search that was interrupted, or for its best epoch.

    \b
    Examples:
      vnasdsl derive runs/tiny
      vnasdsl derive runs/tiny --checkpoint best -o nets/tiny_best.vns
    """
    from vnasdsl.cli.runs import tell_outcome
    from vnasdsl.language.diagnostics import UserError
    from vnasdsl.search.run import derive_again
    from vnasdsl.train.devices import pick_device
    from vnasdsl.train.progress import Reporter
    from vnasdsl.train.run_folder import RunFolder

    if output is not None and output.suffix != ".vns":
        raise UserError(f"`{output}` does not end in .vns")
    outcome = derive_again(run, checkpoint, output, pick_device(device), Reporter(quiet), workers)
    again = [str(run)]
    if output is not None:  # a file of its own, which the run does not know
        weights, data = str(outcome.weights or "none"), RunFolder(run).facts()["data"]
        again = [str(output), "--weights", weights, "--data", data, "--out", str(output.with_suffix(""))]
    tell_outcome(run, outcome, again, as_json)
