"""`vnasdsl latency`: how long a network takes for one clip on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vnasdsl.cli.options import POSITIVE, device_option_of, input_options, json_option
from vnasdsl.cli.output import print_json

if TYPE_CHECKING:
    from vnasdsl.elaborate import Overrides
    from vnasdsl.searching.latency import Latency


@click.command()
@click.argument("target", metavar="FILE[:NAME]")
@device_option_of("cpu")
@click.option("--threads", type=POSITIVE, default=1, show_default=True, metavar="N", help="Threads to compute with.")
@click.option("--runs", type=click.IntRange(min=2), default=50, show_default=True, metavar="N", help="Timed runs.")
@click.option(
    "--warm-up", type=click.IntRange(min=0), default=10, show_default=True, metavar="N", help="Untimed runs before."
)
@input_options
@json_option
def command(
    target: str, device: str, threads: int, runs: int, warm_up: int, overrides: Overrides, as_json: bool
) -> None:
    """Measure how long a network takes for one clip on this machine: the median of many runs.

    The network has random weights, is in evaluation mode and gets one clip of noise at a time. The spread (the
    interquartile range of the runs, divided by their median) tells how far to trust the figure: above 10 % the runs are
    repeated, up to three times, and if none is better a warning says so.

    \b
    Examples:
      vnasdsl latency spaces/x3d3_k400.vns
      vnasdsl latency nets.vns:small --threads 4 --runs 200
      vnasdsl latency spaces/x3d3_k400.vns --device cuda --json
    """
    from vnasdsl.cli.targets import load_space
    from vnasdsl.searching.latency import network_latency

    network = load_space(target, overrides)
    latency = network_latency(network, device, threads=threads, runs=runs, warm_up=warm_up)
    if as_json:
        print_json({"name": network.name, **latency.as_dict()})
    else:
        click.echo(as_text(network.name, latency))
    if latency.warning is not None:
        click.echo(f"warning: {latency.warning}", err=True)


def as_text(name: str, latency: Latency) -> str:
    """Two lines: the figure, and how it was measured."""
    p = latency.protocol
    threads = f"{p['threads']} thread" + "s" * (p["threads"] != 1)
    clip = " x ".join(map(str, p["shape"]))
    rounds = f"{p['rounds']} round" + "s" * (p["rounds"] != 1)
    return (
        f"{name}: {latency.median_ms:.4g} ms, median of {latency.runs} runs, spread {latency.spread:.1%}\n"
        f"{p['device']} ({p['hardware']}), {threads}, torch {p['torch']}; one clip of {clip} in {p['precision']},"
        f" {p['warm_up']} runs to warm up, {rounds}"
    )
