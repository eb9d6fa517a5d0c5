"""`vnasdsl derive`: decode a search again."""

from __future__ import annotations

from pathlib import Path

import click

from vnasdsl.cli.options import FILE, amount_option, option, training_options


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@option(
    "-o --output", "FILE.vns", "Write the network here, code and weights beside it.  [default: RUN/network.vns]", FILE
)
@option("--checkpoint", "NAME", "last, best (by its score), or its name.", default="last")
@click.option("--data", metavar="SPEC", help="The run's videos, where they have been moved.")
@amount_option("--max-macs", "The most probable network of at most N MACs, such as 10G: see --top.")
@amount_option("--max-params", "The same of at most N parameters.")
@option(
    "--top",
    "N",
    "The N most probable networks, widths and operations decided together; the first is written.",
    click.IntRange(1, 100),
)
@click.option("--curve", is_flag=True, help="The greatest probability within every budget, as table and picture.")
@training_options
def command(
    run: Path,
    output: Path | None,
    checkpoint: str,
    data: str | None,
    max_macs: float | None,
    max_params: float | None,
    top: int | None,
    curve: bool,
    device: str,
    workers: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Decode the network of a search again: argmax for each layer, Viterbi over the path weights.

    `search` does this at its end; `derive` does it for a search that was interrupted, or for its best epoch. With a
    budget, --top or --curve it takes the most probable network instead, and compares it with what Viterbi, greedy
    decoding and argmax give.

    \b
    Examples:
      vnasdsl derive runs/tiny
      vnasdsl derive runs/tiny --checkpoint best -o nets/tiny_best.vns
      vnasdsl derive runs/x3d3 --max-macs 10G --top 5 --curve
    """
    from vnasdsl.cli.runs import tell_outcome
    from vnasdsl.language.diagnostics import UserError
    from vnasdsl.searching.probable import Wanted
    from vnasdsl.searching.run import derive_again
    from vnasdsl.train.devices import pick_device
    from vnasdsl.train.progress import Reporter
    from vnasdsl.train.run_folder import RunFolder

    if output is not None and output.suffix != ".vns":
        raise UserError(f"`{output}` does not end in .vns")
    asked = curve or any(value is not None for value in (max_macs, max_params, top))
    wanted = Wanted(top or 1, max_macs, max_params, curve) if asked else None
    outcome = derive_again(run, checkpoint, output, pick_device(device), Reporter(quiet), workers, wanted, data)
    again = [str(run)]
    if output is not None:  # a file of its own, which the run does not know
        weights, videos = str(outcome.weights or "none"), data or RunFolder(run).facts()["data"]
        again = [str(output), "--weights", weights, "--data", videos, "--out", str(output.with_suffix(""))]
    tell_outcome(run, outcome, again, as_json)
