"""The page about custom layers does what it says, with the files and the commands that it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from tests.support import ROOT, run_here
from vnasdsl.elaborate import load
from vnasdsl.train.generated import build

PAGE = (ROOT / "docs" / "custom_layers.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r'^```\w+ title="(?:custom: )?([^"]+)"\n(.*?)^```', PAGE, re.M | re.S))
COMMANDS = re.findall(r"^```console\n\$ vnasdsl ([^\n]+)\n(.*?)^```", PAGE, re.M | re.S)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_commands_print_what_the_page_shows(project: Path) -> None:
    assert [command.split()[0] for command, _ in COMMANDS] == ["check", "compile"]
    for command, shown in COMMANDS:
        result = run_here(*command.split(), cwd=project)
        assert result.returncode == 0, result.stderr
        assert result.stdout + result.stderr == shown


def test_the_mistake_that_the_page_describes_is_found(project: Path) -> None:
    text = FILES["mylayers.py"]
    (project / "mylayers.py").write_text(text.replace("macs=channels * width", "macs=channels"), encoding="utf-8")
    result = run_here("compile", "--verify", "net.vns", cwd=project)
    said = re.findall(r"^```text\n(.*?); \.\.\.\n```", PAGE, re.M | re.S)
    assert result.returncode == 1
    assert said and said[0] in result.stderr


def test_it_is_the_attention_of_the_paper(project: Path) -> None:
    """Against the formula, written out for each channel."""
    space = load("net.vns").get()
    module = build(
        space.network(
            {
                "s1.unit.channel_attention.width": "3",
                "s2.unit.channel_attention.width": "3",
                "s2.layer.op": "channel_attention",
            }
        )
    )
    attention = module.s2.channel_attention
    x = torch.randn(2, 16, 4, 8, 8)
    means = torch.nn.functional.pad(x.mean(dim=(2, 3, 4)), (1, 1))
    weight = attention.conv.weight.flatten()
    gates = torch.stack([(means[:, c : c + 3] * weight).sum(1).sigmoid() for c in range(16)], dim=1)
    torch.testing.assert_close(attention(x), x * gates[:, :, None, None, None])
