"""`vnasdsl show`: the table for people and the object for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import prod
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.support import CASES, ROOT, some_slow
from vnasdsl.cli.main import cli
from vnasdsl.show.numbers import ordinal

SPACES = ROOT / "spaces"


def show(*arguments: str) -> Result:
    result = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1"}).invoke(cli, ["show", *arguments])
    assert "Traceback" not in result.output and "bug in vnasdsl" not in result.output, result.output
    return result


SYSTEMS = ["peng2019_tiny", "evanet_tiny", "assemblenet_tiny", "tinyvideonet_tiny"]
"""A space of each system but that of `tiny`."""
LONG = ["evanet_tiny", "assemblenet_tiny", "peng2019"]
"""Their lists of layers are long."""


@pytest.mark.parametrize("name", ["tiny", "x3d3_k400", *SYSTEMS, "tvn1"])
def test_tables(name: str, golden: Callable[[str, str], None]) -> None:
    text = show(str(SPACES / f"{name}.vns")).stdout
    golden(f"show/{name}.txt", text)
    assert widest(text) <= 100


def test_objects(golden: Callable[[str, str], None]) -> None:
    text = show(str(SPACES / "tiny.vns"), "--json").stdout
    golden("show/tiny.json", text)
    found = json.loads(text)
    assert (found["name"], found["kind"], found["size"]) == ("tiny", "space", str(27 * 4**6))
    assert found["macs"]["min"] < found["macs"]["max"] and found["params"]["min"] < found["params"]["max"]
    assert prod(len(choice["options"]) for choice in found["choices"]) == int(found["size"])
    assert {choice["kind"] for choice in found["choices"]} == {"channels", "op"}


def test_a_network_has_one_cost_and_its_layers_add_up_to_it() -> None:
    found = json.loads(show(str(SPACES / "x3d3_k400.vns"), "--json").stdout)
    assert found["kind"] == "network" and found["size"] == "1" and found["choices"] == []
    assert (found["macs"], found["params"]) == (15783796736, 13447792)
    assert sum(row["macs"] for row in found["layers"]) == 15783796736
    assert sum(row["params"] for row in found["layers"]) == 13447792
    for row in found["layers"]:
        assert {"label", "operation", "input_shape", "output_shape", "macs", "params"} <= set(row)
    for before, after in zip(found["layers"], found["layers"][1:], strict=False):
        assert before["output_shape"] == after["input_shape"]


def test_the_size_is_a_string_because_programs_lose_digits() -> None:
    text = show(str(SPACES / "x3d3.vns"), "--json").stdout
    assert json.loads(text)["size"] == "5836665117072162816"
    assert "5836665117072162816" in show(str(SPACES / "x3d3.vns")).stdout


def test_overrides_are_followed() -> None:
    found = json.loads(
        show(str(SPACES / "tiny.vns"), "--json", "--frames", "4", "--size", "16", "--classes", "3").stdout
    )
    assert found["input"]["frames"] == 4 and found["input"]["size"] == 16 and found["input"]["classes"] == 3
    assert found["layers"][0]["input_shape"] == [3, 4, 16, 16]


def test_names(tmp_path: object) -> None:
    k400 = str(SPACES / "x3d3_k400.vns")
    assert show(k400, "x3d3_k400").stdout == show(f"{k400}:x3d3_k400").stdout == show(k400).stdout
    result = show(k400, "x3d3k400")
    assert result.exit_code == 1 and "x3d3_k400" in result.stderr
    assert show("nowhere.vns").exit_code == 1
    assert show().exit_code == 2


def test_layers_have_a_row_each() -> None:
    found = json.loads(show(str(SPACES / "tiny_spatial.vns"), "--json").stdout)
    table = show(str(SPACES / "tiny_spatial.vns"), "--layers").stdout
    for row in found["layers"]:
        assert row["label"] in table


def widest(text: str) -> int:
    return max(len(line) for line in text.splitlines() if " " in line)  # the name of a weight is not broken


@pytest.mark.parametrize("name", some_slow(["peng2019_tiny", "tvn1", *LONG], LONG))
def test_tables_of_layers_fit_100_columns(name: str) -> None:
    assert widest(show(str(SPACES / f"{name}.vns"), "--layers").stdout) <= 100


INFINITE = """\
space s {
  input clip = video(frames=2 | 4 | 8, size=4, classes=2)
  conv(4, 1x1x1) -> squeeze_excite(0.0..1.0)
  pool -> linear(classes)
}
"""


def test_infinite_sizes_have_no_number(tmp_path: Path) -> None:
    (tmp_path / "s.vns").write_text(INFINITE, encoding="utf-8")
    shown = (CASES / "show" / "tinyvideonet_tiny.txt").read_text(encoding="utf-8")
    found = json.loads(show(str(tmp_path / "s.vns"), "--json").stdout)
    assert found["size"] is None and "infinite (real choices)" in shown
    assert found["input"]["frames"] == [2, 4, 8] and "  frames: 2 | 4 | 8\n" in shown
    reals = [c for c in found["choices"] if "low" in c]
    assert reals and all(c["options"] == [] and (c["low"], c["high"]) == (0.0, 1.0) for c in reals)


BOUNDED = """\
tied block normal {
  conv(4, 1x1x1) | conv(4, 3x3x3)
}

space s {
  input clip = video(frames=2, size=4, classes=2)
  normal
  conv(4, 1x1x1)
  (normal | skip)
  pool -> linear(classes)
}
"""


def test_choices_of_a_tied_block_stand_at_its_first_use(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("", encoding="utf-8")
    (tmp_path / "s.vns").write_text(BOUNDED, encoding="utf-8")
    shown = show(str(tmp_path / "s.vns"))
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert [line for line in lines if "op (2)" in line] == [
        next(line for line in lines if line.startswith("normal")),
        next(line for line in lines if line.startswith("layer")),
    ]


@pytest.mark.parametrize(
    ("number", "text"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (12, "12th"), (22, "22nd")]
)
def test_ordinals(number: int, text: str) -> None:
    assert ordinal(number) == text


def test_the_layers_of_a_large_space_are_those_of_its_outline() -> None:
    found = json.loads(show(str(SPACES / "evanet.vns"), "--json").stdout)
    named = [row["label"] for row in found["layers"]]
    assert len(set(named)) == len(named) < 1000
    assert {"conv2plus1", "itgm", "max_pool"} <= {row["operation"] for row in found["layers"]}
