"""The shared options: what they give to a command, what they refuse."""

from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner, Result

from vnasdsl.cli import options
from vnasdsl.elaborate import Overrides
from vnasdsl.elaborate.drawing import split_options


@click.command
@options.input_options
@options.json_option
@options.device_option
@options.seed_option
@options.set_option
@options.fix_options
@options.quiet_option
def command(overrides: Overrides, **values: object) -> None:
    click.echo(json.dumps({"overrides": [overrides.frames, overrides.size, overrides.classes], **values}))


def invoke(*args: str) -> Result:
    return CliRunner().invoke(command, args)


def values(*args: str) -> dict[str, object]:
    result = invoke(*args)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_defaults() -> None:
    assert values() == {
        "overrides": [None, None, None],
        "as_json": False,
        "device": "auto",
        "seed": None,
        "settings": {},
        "fix": {},
        "open_": [],
        "quiet": False,
    }


def test_values() -> None:
    got = values(
        *("--frames", "8", "--size", "64", "--classes", "5", "--json", "--device", "cuda:1", "--seed", "0", "-q"),
        *("--set", "epochs=20", "--set", "weights = sgd(lr=0.1, end=1e-4)"),
        *("--fix", "op=basic(1)|skip", "--fix", "s2.head.channels=48, 56", "--open", "number"),
    )
    assert got == {
        "overrides": [8, 64, 5],
        "as_json": True,
        "device": "cuda:1",
        "seed": 0,
        "settings": {"epochs": "20", "weights": "sgd(lr=0.1, end=1e-4)"},
        "fix": {"op": ["basic(1)", "skip"], "s2.head.channels": ["48", "56"]},
        "open_": ["number"],
        "quiet": True,
    }


@pytest.mark.parametrize(
    "args",
    [
        ("--frames", "0"),
        ("--size", "many"),
        ("--device", "gpu"),
        ("--device", "cuda:"),
        ("--seed", "-1"),
        ("--set", "epochs"),
        ("--set", "=3"),
        ("--set", "epochs="),
        ("--set", "epochs=1", "--set", "epochs=2"),
        ("--fix", "op"),
        ("--fix", "op=basic(1"),
        ("--fix", "op=basic(1))"),
        ("--fix", "op=basic(1),,skip"),
        ("--fix", "op=a", "--fix", "op=b"),
    ],
    ids=" ".join,
)
def test_refused_as_wrong_usage(args: tuple[str, ...]) -> None:
    result = invoke(*args)
    assert result.exit_code == 2
    assert f"Invalid value for '{args[0]}'" in result.output


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("48", ["48"]),
        ("basic(1, 2), skip", ["basic(1, 2)", "skip"]),
        ("conv(8, (1, 3, 3)) | [a, b] | skip", ["conv(8, (1, 3, 3))", "[a, b]", "skip"]),
        ("head(48 | 56)", ["head(48 | 56)"]),
    ],
)
def test_split_options(text: str, parts: list[str]) -> None:
    assert split_options(text) == parts
