"""`vnasdsl evaluate` and `vnasdsl bench`: accuracy over several views, speed and memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any

import click

from vnasdsl.cli.options import (
    FILE,
    PATH,
    POSITIVE,
    device_option_of,
    exclude_option,
    input_options,
    json_option,
    option,
    print_json,
    quiet_option,
    set_option,
    tell_written,
    training_options,
)
from vnasdsl.language.diagnostics import UserError
from vnasdsl.language.visible import visible

if TYPE_CHECKING:
    from vnasdsl.api.requests import EvaluationRequest
    from vnasdsl.elaborate import Overrides, Space
    from vnasdsl.runs.predictions import Predictions
    from vnasdsl.searching.bench import Measured
    from vnasdsl.train.evaluation import Evaluation


_MEANS = ("top1", "top5", "mean_class")


@click.command("evaluate")
@click.argument("targets", metavar="RUN|FILE.vns[:NAME]...", nargs=-1, required=True)
@option("--weights", "FILE", "Weights, .safetensors or `torchvision:FILE`.  [default: RUN's]", PATH)
@click.option("--data", metavar="SPEC", help="Videos, of which the test part is used.  [default: RUN's]")
@exclude_option
@click.option("--recipe", metavar="NAME", help="An evaluate recipe of the file.  [default: the network's first]")
@click.option("--clips", type=POSITIVE, metavar="N", help="Clips of each video, instead of the recipe's.")
@click.option("--crops", type=click.IntRange(1, 3), metavar="M", help="Crops of each clip, instead of the recipe's.")
@option("--predictions", "FILE", "Write class, predicted class and scores of every video: .csv or .json.", FILE)
@option("--confusion", "PICTURE", "Draw the confusion matrix: .png, .svg or .pdf.", FILE)
@set_option
@input_options
@training_options
def evaluate_command(
    targets: tuple[str, ...],
    weights: Path | None,
    clips: int | None,
    crops: int | None,
    predictions: Path | None,
    confusion: Path | None,
    settings: dict[str, str],
    device: str,
    quiet: bool,
    as_json: bool,
    **more: Any,
) -> None:
    """Evaluate a network on test videos: softmax scores averaged over N x M views of each (10 clips x 3 crops).

    RUN is the folder of a training, or of a search (then the inherited weights are evaluated). Several runs give the
    mean of their accuracies too: three trainings on the official splits of UCF101 make that set's protocol.

    \b
    Examples:
      vnasdsl evaluate runs/tiny/retrained
      vnasdsl evaluate runs/tiny/retrained --clips 1 --crops 1 --json
      vnasdsl evaluate runs/tiny/retrained --predictions scores.csv --confusion confusion.png
      vnasdsl evaluate nets/mine.vns --weights mine.safetensors --data folder:videos
      vnasdsl evaluate nets/mine.vns --weights mine.safetensors --data folder:videos --recipe quick
      vnasdsl evaluate runs/split1 runs/split2 runs/split3
    """
    from vnasdsl.api.requests import Asked, evaluation_request
    from vnasdsl.runs.predictions import Predictions, suffix_of
    from vnasdsl.show.charts import SUFFIXES
    from vnasdsl.train.devices import pick_device
    from vnasdsl.train.progress import Reporter
    from vnasdsl.train.retrain import evaluate_file

    if len(targets) > 1 and weights is not None:
        raise click.UsageError("--weights are those of one network: give one")
    if predictions is not None:
        suffix_of(predictions)
    if confusion is not None and confusion.suffix.lower() not in SUFFIXES:
        raise UserError(f"`{confusion}` is no kind of picture", f"name a file that ends in {', '.join(SUFFIXES)}")
    given = {key: str(value) for key, value in (("clips", clips), ("crops", crops)) if value is not None}
    reporter = Reporter(quiet)
    settings = {**settings, **given}
    asked = [evaluation_request(Asked(target, settings=settings, **more), weights, reporter) for target in targets]
    if any(each.videos.classes != asked[0].videos.classes for each in asked):
        raise UserError("the runs have different classes: their accuracies have no mean", "evaluate them one by one")
    where = pick_device(device)
    results = []
    for each in asked:
        result = evaluate_file(each.network, each.weights, each.recipe, each.videos, where, reporter)
        results.append((each, result))
    scores = Predictions.together([result.predictions for _, result in results if result.predictions is not None])
    _tell(results, scores, as_json)
    if predictions is not None:
        scores.write(predictions)
    if confusion is not None:
        _draw(scores, confusion)
    if not as_json:
        for written in (predictions, confusion):
            if written is not None:
                tell_written(written, True)


def _tell(results: Sequence[tuple[EvaluationRequest, Evaluation]], scores: Predictions, as_json: bool) -> None:
    each = [
        {
            **({"run": asked.target, "data": asked.videos.name} if len(results) > 1 else {}),
            "weights": str(asked.weights),
            "macs": asked.network.macs[0],
            "params": asked.network.params[0],
            **result.as_dict(),
        }
        for asked, result in results
    ]
    mean = _mean(results)
    if as_json:
        print_json({**each[0], **scores.as_dict()} if mean is None else {"runs": each, **mean, **scores.as_dict()})
        return

    from vnasdsl.show.table import columns
    from vnasdsl.train.progress import megas, percent

    rows = [("class", "videos", "top-1", "precision", "F1", "often taken for")]
    for row in scores.table:
        if row.videos:
            shares = percent(row.top1 or 0.0), "-" if row.precision is None else percent(row.precision)
            rows.append((visible(row.name), str(row.videos), *shares, f"{row.f1:.3f}", visible(row.taken_for or "")))
    click.echo(columns(rows, right=(1, 2, 3, 4)))
    for asked, result in results:
        views = f"{asked.recipe.clips} x {asked.recipe.crops} views"
        click.echo(
            (f"{visible(asked.target)}: " if mean else "")
            + f"{percent(result.top1)} top-1, {percent(result.top5)} top-5, {percent(result.mean_class)} mean class"
            f" accuracy on {result.videos} videos, {views}; {megas(asked.network.macs[0])} per view,"
            f" {asked.network.params[0]:,} parameters"
        )
    if mean:
        what = "the three official splits of UCF101" if mean["protocol"] else f"{len(results)} runs"
        click.echo(
            f"mean of {what}: {percent(mean['top1'])} top-1 (deviation {percent(mean['top1_deviation'])}),"
            f" {percent(mean['top5'])} top-5, {percent(mean['mean_class'])} mean class accuracy"
        )


def _mean(results: Sequence[tuple[EvaluationRequest, Evaluation]]) -> dict[str, Any] | None:
    """Mean accuracies of several runs; `protocol` where they are those of a data set's official protocol."""
    if len(results) < 2:
        return None
    from vnasdsl.data.spec import official_split

    values = {key: [getattr(result, key) for _, result in results] for key in _MEANS}
    splits = [official_split(asked.videos) for asked, _ in results]
    return {
        "protocol": "ucf101" if sorted(split or 0 for split in splits) == [1, 2, 3] else None,
        **{key: fmean(of_key) for key, of_key in values.items()},
        "top1_deviation": pstdev(values["top1"]),
    }


def _draw(scores: Predictions, file: Path) -> None:
    from vnasdsl.files import write_atomic
    from vnasdsl.show.charts import confusion_picture

    hits = int(scores.confusion.trace())
    title = f"{100 * hits / len(scores.videos):.1f} % of {len(scores.videos)} videos"
    write_atomic(file, confusion_picture(scores.classes, scores.confusion.tolist(), file.suffix.lower(), title))


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
