"""`vnasdsl report`: what the page says, against the files of the run."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from vnasdsl.cli.main import cli
from vnasdsl.runs.folder import JsonLines, RunReader
from vnasdsl.runs.predictions import Predictions
from vnasdsl.runs.report import report_html

Command = Callable[..., Result]
VOID = {"meta", "img", "br", "input", "link", "hr"}


class Page(HTMLParser):
    """Raises AssertionError where tags are not closed in order."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(html)
        assert not self.open
        assert len(self.ids) == len(set(self.ids)), "an id stands twice"
        self.data = json.loads(html.split('id="data">')[1].split("</script>")[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "action", "srcset"):
                self.links.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def words_of(html: str) -> str:
    body = html.split("<body>")[1].split("<footer>")[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.fixture(scope="module")
def trained(searched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a search with a training below it."""
    run = tmp_path_factory.mktemp("report") / "run"
    shutil.copytree(searched, run)
    arguments = ["retrain", str(run), "-q", "--device", "cpu", "--set", "epochs=2"]
    result = CliRunner().invoke(cli, arguments, prog_name="vnasdsl")
    assert result.exit_code == 0, result.output
    return run


@pytest.fixture(scope="module")
def evolution(searched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search by evolution that was stopped, as far as a report reads it."""
    run = tmp_path_factory.mktemp("report") / "evolution"
    run.mkdir()
    for name in ("space.vns", "recipe.vns"):
        shutil.copy(searched / name, run)
    (run / "recipe.json").write_text(json.dumps({"search": {"rounds": 9}}))
    facts = json.loads((searched / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**facts, "recipe": {"strategy": "evolution"}}))
    choices = json.loads((searched / "choices.json").read_text())["choices"]
    for number, (macs, top1) in enumerate([(3e6, 0.5), (2e6, 0.4), (4e6, 0.9), (5e6, 0.8), (1e6, 0.1)]):
        JsonLines(run / "trials.jsonl").append(
            {
                "id": number,
                "status": "trained",
                "parents": [number - 1] if number else [],
                "mutations": [f"<b>mutation</b> {number}"] if number else [],
                "choices": choices,
                "macs": macs,
                "params": 1000,
                "fitness": top1,
                "score": {"top1": top1, "top5": 1.0, "loss": 1.0},
            }
        )
    return run


def test_charts_hold_what_the_metrics_hold(trained: Path) -> None:
    run = RunReader(trained)
    page = Page(report_html([run]))
    for chart, line, key, factor in (
        ("run-1-loss", 0, "train_loss", 1),
        ("run-1-accuracy", 0, "train_top1", 100),
        ("run-1-cost", 0, "expected_macs", 1e-6),
    ):
        shown: dict[str, Any] = page.data["charts"][chart]
        assert shown["x"] == [record["epoch"] for record in run.metrics]
        assert shown["lines"][line]["values"] == pytest.approx([record[key] * factor for record in run.metrics])
    entropies = page.data["charts"]["run-1-entropy"]["lines"]
    assert {line["label"]: line["values"][-1] for line in entropies} == run.metrics[-1]["entropy"]
    assert set(page.data["charts"]) <= set(page.ids)
    assert page.data["charts"]["run-1-1-loss"]["x"] == [1, 2]  # of the training below


def test_every_choice_has_its_probabilities_over_the_epochs(trained: Path) -> None:
    run = RunReader(trained)
    heats = [heat for name, heat in Page(report_html([run])).data["heats"].items() if "choice" in name]
    final = {name: options for name, options in run.choices["probabilities"].items() if len(options) > 1}
    assert len(heats) == len(final)
    for heat, options in zip(heats, final.values(), strict=True):
        rows = np.array(heat["rows"])
        assert heat["names"] == list(options) and heat["columns"] == [f"epoch {r['epoch']}" for r in run.metrics]
        assert np.allclose(rows.sum(axis=0), 1.0, atol=1e-3)
        assert np.allclose(rows[:, -1], list(options.values()), atol=1e-3)


def test_the_page_says_result_network_classes_recipe_and_command(trained: Path) -> None:
    html = report_html([RunReader(trained)])
    words, outer, inner = words_of(html), RunReader(trained), RunReader(trained / "retrained")
    assert f"Trained (retrained): {100 * inner.report['top1']:.1f} % top-1 on 6 test videos" in words
    for text in ("Trellis and path", "What was chosen in the space", "chosen: ", "network.vns", "recipe.vns"):
        assert text in words
    assert " ".join((trained / "network.vns").read_text().split()) in words
    command = shlex.join(["vnasdsl", *RunReader(trained).facts["command"]])
    assert command in unescape(html) and "torch 2." in words
    assert all(name in words for name in inner.classes)
    wrong = 0
    for run, key in ((outer, "run-1"), (inner, "run-1-1")):  # the search on its inference part
        found = run.predictions
        assert found is not None and len(found.videos) == run.result["videos"]
        assert float((found.predicted == found.labels).mean()) == pytest.approx(run.result["top1"])
        shares = {row.name: row.top1 for row in found.table if row.top1 is not None}
        assert shares == pytest.approx(run.result["per_class"])
        confusion = np.array(Page(html).data["heats"][f"{key}-confusion"]["rows"])
        assert np.allclose(confusion, found.confusion / found.confusion.sum(1, keepdims=True).clip(min=1))
        wrong += int((found.predicted != found.labels).sum())
    assert html.count("data:image/jpeg;base64,") == wrong
    assert report_html([RunReader(trained)], videos=0).count("data:image/jpeg") == 0


def test_nothing_is_fetched(trained: Path, evolution: Path) -> None:
    links = Page(report_html([RunReader(trained), RunReader(evolution)])).links
    assert links and all(link.startswith(("data:image/jpeg", "#run-")) for link in links)


def test_evolution_shows_front_and_family(evolution: Path) -> None:
    html = report_html([RunReader(evolution)])
    page = Page(html)
    chart = page.data["charts"]["run-1-pareto"]
    assert chart["x"] == [1.0, 2.0, 3.0, 4.0, 5.0]
    lines = {line["label"]: line["values"] for line in chart["lines"]}
    assert lines["trained"] == pytest.approx([10, 40, 50, 90, 80])
    assert lines["Pareto front"] == pytest.approx([10, 40, 50, 90, None])
    assert lines["chosen"] == [None, None, None, pytest.approx(90), None]
    words = words_of(html)
    assert "It stopped after 5 of 9 trials; `--resume` continues it." in words
    family = html.split('aria-label="family of the winner')[1].split("</svg>")[0]
    assert all(f">#{number}<" in family for number in range(3)) and ">#3<" not in family
    assert "&lt;b&gt;mutation" in family and "<b>mutation" not in html


def test_several_runs_stand_side_by_side(vnasdsl: Command, trained: Path, evolution: Path, tmp_path: Path) -> None:
    result = vnasdsl("report", trained, evolution, trained / "retrained", trained, "-o", tmp_path / "all.html")
    assert result.exit_code == 0 and result.stdout == f"wrote {tmp_path / 'all.html'}\n", result.output
    html = (tmp_path / "all.html").read_text()
    page, words = Page(html), words_of(html)
    assert "3 runs side by side" in words and "Recipe keys that differ" in words
    labels = [line["label"] for line in page.data["charts"]["all-train_loss"]["lines"]]
    assert labels == ["1. run", "3. run/retrained"]
    assert html.count('class="run"') == 4  # the comparison and each run once


def test_the_same_run_gives_the_same_page_and_hostile_names_stay_text(trained: Path, tmp_path: Path) -> None:
    assert report_html([RunReader(trained)]) == report_html([RunReader(trained)])
    evil = "</script><script>alert(1)</script>"
    run = tmp_path / "run"
    shutil.copytree(trained / "retrained", run)
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**facts, "data": evil, "command": [evil]}))
    found = Predictions.read(run / "predictions.csv")
    Predictions((evil, *found.classes[1:]), found.videos, found.labels, found.scores).write(run / "predictions.csv")
    html = report_html([RunReader(run)])
    Page(html)
    assert "<script>alert" not in html and "alert(1)" in html


def test_folders_that_are_no_runs_are_refused(vnasdsl: Command, tmp_path: Path) -> None:
    result = vnasdsl("report", tmp_path, "-o", tmp_path / "x.html")
    assert result.exit_code == 1 and "is not a run folder" in result.output and not (tmp_path / "x.html").exists()
    result = vnasdsl("report", tmp_path / "none")
    assert result.exit_code == 1 and "there is no folder" in result.output
