"""`vnasdsl bench`: speed and memory of networks side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vnasdsl.cli.options import POSITIVE, device_option_of, input_options, json_option, quiet_option
from vnasdsl.cli.output import print_json
from vnasdsl.language.visible import visible

if TYPE_CHECKING:
    from vnasdsl.elaborate import Overrides, Space
    from vnasdsl.searching.bench import Measured


def _batches(_context: Any, _parameter: Any, value: str) -> tuple[int, ...]:
    sizes = value.split(",")
    if not all(size.strip().isdecimal() and 0 < int(size) <= 65536 for size in sizes):
        raise click.BadParameter(f"`{value}` is no list of batch sizes, such as 1,4,16")
    return tuple(dict.fromkeys(map(int, sizes)))


@click.command("bench")
@click.argument("targets", nargs=-1, required=True, metavar="NETWORK...")
@click.option("--batch", "batches", default="1,4", show_default=True, callback=_batches, metavar="N,...", help="Clips.")
@click.option("--bf16", is_flag=True, help="Measure bf16 (autocast) besides fp32.")
@click.option("--compile", "compiled", is_flag=True, help="Measure torch.compile besides eager code.")
@device_option_of("cpu")
@click.option("--threads", type=POSITIVE, default=1, show_default=True, metavar="N", help="Threads to compute with.")
@click.option("--runs", type=click.IntRange(min=2), default=30, show_default=True, metavar="N", help="Runs of each.")
@input_options
@quiet_option
@json_option
def bench_command(
    targets: tuple[str, ...],
    batches: tuple[int, ...],
    bf16: bool,
    compiled: bool,
    device: str,
    threads: int,
    runs: int,
    overrides: Overrides,
    quiet: bool,
    as_json: bool,
) -> None:
    """Measure latency, throughput and memory of networks, and compare them.

    NETWORK is the folder of a run, or a file. All are run in turn, so their ratios hold where the machine is
    busy; the ratio is to the first NETWORK in fp32, eager, of the same batch size. The spread is the interquartile
    range divided by the median.

    \b
    Examples:
      vnasdsl bench runs/tiny runs/other --batch 1,8
      vnasdsl bench vnasdsl:zoo/x3d:x3d_s spaces/x3d3_k400.vns --bf16 --compile --device cuda
    """
    from vnasdsl.searching.bench import Setting, bench
    from vnasdsl.train.progress import Reporter

    networks = {target: _network(target, overrides) for target in targets}
    settings = [
        Setting(precision, code)
        for code in (False, *([True] if compiled else []))
        for precision in ("fp32", *(["bf16"] if bf16 else []))
    ]
    found = list(bench(networks, device, batches, settings, threads=threads, rounds=runs, reporter=Reporter(quiet)))
    if as_json:
        print_json([each.as_dict() for each in found])
    else:
        click.echo(_table(found, threads, device))


def _network(target: str, overrides: Overrides) -> Space:
    from vnasdsl.cli.targets import load_space
    from vnasdsl.elaborate import Overrides as Given
    from vnasdsl.language.diagnostics import UserError
    from vnasdsl.runs.folder import RunReader

    folder = Path(target)
    if not folder.is_dir():
        return load_space(target, overrides)
    if overrides != Given():
        raise UserError(f"`{target}` is a run, whose input is fixed", "measure its network.vns with other sizes")
    return load_space(str(RunReader(folder).network_file))


def _table(found: list[Measured], threads: int, device: str) -> str:
    import torch

    from vnasdsl.searching.bench import hardware
    from vnasdsl.show.numbers import amount
    from vnasdsl.show.table import columns
    from vnasdsl.train.devices import pick_device
    from vnasdsl.train.progress import percent

    rows: list[tuple[str, ...]] = [
        ("network", "MACs", "parameters", "batch", "", "ms", "spread", "clips/s", "memory", "ratio", "spread")
    ]
    for each in found:
        memory = "" if each.memory is None else f"{each.memory / 1e6:.1f} MB"
        rows.append(
            (
                visible(each.network),
                amount(each.macs),
                f"{each.params:,}",
                str(each.batch),
                f"{each.precision}{' compiled' if each.compiled else ''}",
                f"{each.median_ms:.4g}",
                percent(each.spread),
                f"{each.clips_per_second:.4g}",
                memory,
                f"{each.ratio:.3f}",
                percent(each.ratio_spread),
            )
        )
    place = pick_device(device)
    where = f"{place} ({hardware(place)}), {threads} thread{'s' * (threads != 1)}, torch {torch.__version__}"
    return f"{columns(rows, right=(1, 2, 3, 5, 6, 7, 8, 9, 10))}\n{where}"
