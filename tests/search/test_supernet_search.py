"""The two steps, their order, and going on after an interruption, on a supernet written by hand."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from tests.search.fake import FakeSupernet, batches, fake_trellis
from vnasdsl.language.diagnostics import UserError
from vnasdsl.searching.deciding import CostTerm
from vnasdsl.searching.monitor import Monitor, decode_supernet, entropy
from vnasdsl.searching.supernet import SupernetSearch, as_child
from vnasdsl.train.devices import seed_everything
from vnasdsl.train.evaluation import Evaluation, evaluate_views
from vnasdsl.train.loop import Meter, learning_rate, run_epochs
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipe_parts import Adam, Cost, MacsCost, Nothing, ParamsCost
from vnasdsl.train.recipes import GradientRecipe
from vnasdsl.train.run_folder import RunFolder, open_run

CPU = torch.device("cpu")
NO_VIDEOS = {part: {"videos": 0, "digest": ""} for part in ("train", "test")}
RECIPE = GradientRecipe(epochs=4, warmup=1, score_from=2, batch=4, choices=Adam(lr=0.05), recalibrate=2)


def quiet() -> tuple[Reporter, io.StringIO]:
    text = io.StringIO()
    return Reporter(console=Console(file=text, width=200)), text


def score(model: Any, choices: dict[str, str]) -> Evaluation:
    views = [(clips, labels, torch.arange(i * 4, i * 4 + 4)) for i, (clips, labels) in enumerate(batches(2, 99))]
    with as_child(model, choices, (clips for clips, _ in batches(2, 98))) as child:
        return evaluate_views(child, views, ("a", "b", "c"), CPU)


def new_search(recipe: GradientRecipe = RECIPE) -> SupernetSearch:
    seed_everything(recipe.seed)
    model = FakeSupernet()
    monitor = Monitor(
        fake_trellis(), lambda _: 10_000_000, lambda made: score(model, made), recipe.score_from, recipe.epochs
    )
    return SupernetSearch(
        model, recipe, lambda epoch: batches(3, epoch), lambda number: batches(2, 1000 + number), CPU, monitor
    )


def snapshot(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def changed(before: dict[str, torch.Tensor], model: torch.nn.Module) -> set[str]:
    return {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}


def test_the_weight_step_changes_weights_and_nothing_of_the_choices() -> None:
    search = new_search()
    before = snapshot(search.model)
    search.model.train()
    search.weight_step(*batches(1, 0)[0], 0.1, Meter(CPU))
    assert changed(before, search.model) & {"alphas", "beta2", "beta3"} == set()
    assert "stem.0.weight" in changed(before, search.model)
    assert all(parameter.grad is None for parameter in search.model.choice_parameters())


def test_the_choice_step_changes_choices_and_nothing_else_not_even_statistics() -> None:
    search = new_search()
    before = snapshot(search.model)
    search.model.train()
    search.choice_step(*batches(1, 0)[0], 0.1, Meter(CPU))
    assert changed(before, search.model) == {"alphas", "beta2", "beta3"}
    assert all(parameter.grad is None for parameter in search.model.weight_parameters())


def test_the_cost_is_the_logarithm_of_millions() -> None:
    model = FakeSupernet()
    macs, params = model.expected_macs().item(), model.expected_params().item()
    term = CostTerm(model, MacsCost(weight=0.2, base=10)).term()
    assert term.item() == pytest.approx(0.2 * math.log10(macs / 1e6))
    term = CostTerm(model, ParamsCost(weight=0.2, base=10)).term()
    assert term.item() == pytest.approx(0.2 * math.log10(params / 1e6))
    assert CostTerm(model, Nothing()).term().item() == 0.0


@pytest.mark.parametrize(
    ("cost", "reached"),
    [
        (MacsCost(target=12e6), "expected_macs"),
        (MacsCost(target=20e6), "expected_macs"),
        (ParamsCost(target=220), "expected_params"),
    ],
)
def test_the_expected_cost_ends_at_its_target(cost: MacsCost | ParamsCost, reached: str) -> None:
    """From above and from below: 15.5 million MACs are expected at the beginning."""
    adam = Adam(lr=0.1, betas=(0.5, 0.999))
    search = new_search(GradientRecipe(epochs=14, warmup=2, score_from=14, batch=4, choices=adam, cost=cost))
    reporter, _ = quiet()
    records = [search.run_epoch(epoch, reporter) for epoch in range(1, 15)]
    assert cost.target is not None
    first, last = records[1], records[-1]
    assert abs(first[reached] / cost.target - 1) > 0.15
    assert last[reached] == pytest.approx(cost.target, rel=0.04)
    assert last[reached.replace("expected", "target")] == cost.target
    assert last["cost_weight"] != first["cost_weight"] == cost.weight
    assert f"cost weight {last['cost_weight']:.3f}" in search.summary(last)


@pytest.mark.parametrize(("order", "expected"), [("choices_first", "cwcwcw"), ("weights_first", "wcwcwc")])
def test_order(order: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    search = new_search(RECIPE.model_copy(update={"order": order}))
    steps: list[str] = []
    monkeypatch.setattr(search, "weight_step", lambda *_: steps.append("w"))
    monkeypatch.setattr(search, "choice_step", lambda *_: steps.append("c"))
    search.run_epoch(2, quiet()[0])
    assert "".join(steps) == expected


def test_warm_up_steps_weights_only() -> None:
    search = new_search()
    before = snapshot(search.model)
    record = search.run_epoch(1, quiet()[0])
    assert record["phase"] == "warmup" and record["validate_loss"] is None
    assert changed(before, search.model) & {"alphas", "beta2", "beta3"} == set()


def test_the_time_of_the_search_is_said_in_the_warm_up() -> None:
    """With a clock that only steps move: three weight steps an epoch, and as many choice steps after the warm-up."""
    search, now, text = new_search(), [0.0], io.StringIO()

    def taking(seconds: float, step: Any) -> Any:
        def timed(*given: Any) -> None:
            step(*given)
            now[0] += seconds

        return timed

    search.weight_step = taking(10.0, search.weight_step)  # type: ignore[method-assign]
    reporter = Reporter(console=Console(file=text, width=200), clock=lambda: now[0])
    reporter.begin("search", RECIPE.epochs, 0)
    search.run_epoch(1, reporter)
    assert "about 3:30 for 4 epochs" in text.getvalue()  # 12 + 9 steps of 10 s


class Interrupted(Exception):
    pass


def run_all(
    path: Path, stop_in: int | None = None, resume: bool = False, cost: Cost = RECIPE.cost
) -> tuple[SupernetSearch, RunFolder]:
    run = open_run(path, {"kind": "search", "data": "none", "videos": NO_VIDEOS}, {"space.vns": "text"}, resume)
    search = new_search(RECIPE.model_copy(update={"cost": cost}))
    if stop_in is not None:
        whole = search.run_epoch

        def stopping(epoch: int, reporter: Reporter) -> dict[str, Any]:
            record = whole(epoch, reporter)
            if epoch == stop_in:
                raise Interrupted
            return record

        search.run_epoch = stopping  # type: ignore[method-assign]
    run_epochs(search, RECIPE.epochs, run, quiet()[0], resume)
    return search, run


@pytest.mark.parametrize("cost", [RECIPE.cost, MacsCost(target=12e6)])
def test_resuming_gives_the_uninterrupted_result_bit_for_bit(tmp_path: Path, cost: Cost) -> None:
    whole, whole_run = run_all(tmp_path / "whole", cost=cost)
    with pytest.raises(Interrupted):
        run_all(tmp_path / "cut", stop_in=3, cost=cost)
    resumed, resumed_run = run_all(tmp_path / "cut", resume=True, cost=cost)
    assert changed(snapshot(whole.model), resumed.model) == set()
    for name in ("weight_optimiser", "choice_optimiser"):
        one, two = getattr(whole, name).state_dict(), getattr(resumed, name).state_dict()
        assert str(one) == str(two)

    def timeless(run: RunFolder) -> list[dict[str, Any]]:
        timed = ("seconds", "waited")
        return [{key: value for key, value in record.items() if key not in timed} for record in run.metrics.read()]

    assert timeless(whole_run) == timeless(resumed_run)
    assert [record["epoch"] for record in resumed_run.metrics.read()] == [1, 2, 3, 4]


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_what_was_whole(tmp_path: Path) -> None:
    run = open_run(tmp_path / "run", {"kind": "search"}, {}, resume=False)
    search = new_search()
    whole = search.weight_step

    def exploding(clips: torch.Tensor, labels: torch.Tensor, rate: float, meter: Meter) -> None:
        whole(clips, labels, rate, meter)
        if rate < learning_rate(RECIPE.weights, 6, 12):  # in the third epoch of three steps each
            with torch.no_grad():
                search.model.stem[0].weight.fill_(float("nan"))

    search.weight_step = exploding  # type: ignore[method-assign]
    with pytest.raises(UserError, match=r"train loss of epoch \d is nan: training has diverged"):
        run_epochs(search, RECIPE.epochs, run, quiet()[0], resume=False)
    kept = run.checkpoints.load()
    assert kept is not None and all(tensor.isfinite().all() for tensor in kept.weights.values())


def test_the_last_two_and_the_best_checkpoints_are_kept(tmp_path: Path) -> None:
    _, run = run_all(tmp_path / "run")
    index = run.checkpoints.index()
    scores = {record["epoch"]: record["score_top1"] for record in run.metrics.read() if "score_top1" in record}
    best = max(scores, key=lambda epoch: (scores[epoch], epoch))
    assert sorted(scores) == [3, 4]
    assert index == {"last": "epoch-0004", "previous": "epoch-0003", "best": f"epoch-{best:04d}"}
    kept = {entry.name for entry in (tmp_path / "run" / "checkpoints").iterdir()}
    assert kept == {"best", *index.values()}


def test_scoring_leaves_the_supernet_as_it_was() -> None:
    search = new_search()
    search.model.train()
    before = snapshot(search.model)
    state = torch.get_rng_state()
    score(search.model, decode_supernet(search.model, fake_trellis()).choices)
    assert changed(before, search.model) == set()
    assert search.model.fixed is None and search.model.training
    assert torch.equal(state, torch.get_rng_state())


def test_entropy_is_a_share_of_the_largest() -> None:
    assert entropy({"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25}) == pytest.approx(1)
    assert entropy({"a": 1.0, "b": 0.0}) == 0
    assert entropy({"a": 1.0}) == 0


def test_a_collapse_to_skips_is_said_once() -> None:
    search = new_search()
    with torch.no_grad():
        search.model.alphas[..., 1] = 3.0
    reporter, text = quiet()
    for epoch in (2, 3):
        record = search.monitor.observe(search.model, epoch, True, reporter)
    assert record["decoded_skip_share"] == 1 and record["skip_share"] == pytest.approx(0.9526, abs=1e-4)
    assert text.getvalue().count("the search is collapsing") == 1


def test_choices_that_never_move_are_said_at_the_end() -> None:
    search = new_search()
    reporter, text = quiet()
    search.monitor.observe(search.model, RECIPE.epochs, True, reporter)
    assert "still almost uniform" in text.getvalue()
