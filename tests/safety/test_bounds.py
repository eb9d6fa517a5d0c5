"""Every bound has a code of its own, and what is refused is refused before it takes time or memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from vnasdsl.cli.main import cli
from vnasdsl.elaborate.program import examine
from vnasdsl.elaborate.scope import LONGEST_NAME
from vnasdsl.language.codes import CODES
from vnasdsl.language.limits import MAX_BLOCKS, MAX_BYTES, MAX_CHOICES, MAX_NETS, MAX_TOKENS
from vnasdsl.language.source import Source


def net(*lines: str, kind: str = "space") -> str:
    body = "\n  ".join(lines)
    start = "input clip = video(frames=4, size=8, classes=3)"
    return f"{kind} n {{\n  {start}\n  {body}\n  pool -> linear(classes)\n}}\n"


def tower(first: str, step: str, height: int) -> str:
    blocks = [f"block t0 {{ {first} }}"]
    blocks += [f"block t{i} {{ {step.replace('$', f't{i - 1}')} }}" for i in range(1, height)]
    return "\n".join(blocks) + "\n" + net(f"t{height - 1}", kind="network")


GRADIENT = "search n_search for n { strategy = gradient }\n"
TEXTS = {
    "bytes": ("E0105", "#" * (MAX_BYTES + 1)),
    "words": ("E0105", "x " * (MAX_TOKENS + 1)),
    "spaces": ("E0105", "".join(net("relu").replace(" n ", f" n{i} ") for i in range(MAX_NETS + 1))),
    "many blocks": ("E0105", "".join(f"block b{i} {{ relu }}\n" for i in range(MAX_BLOCKS + 1)) + net("relu")),
    "choices": ("E0502", net(f"{MAX_CHOICES + 1} * (relu | skip)")),
    "brackets": ("E0108", net("(" * 200 + "relu" + ")" * 200)),
    "operators": ("E0108", net("- " * 3000 + "1")),
    "blocks in blocks": ("E0108", tower("relu", "$", 130)),
    "a whole number": ("E0106", net(f"conv({10**30}, 1x1x1)")),
    "a product": ("E0106", net("conv(1000000000 * 1000000000 * 1000000000, 1x1x1)")),
    "channels": ("E0303", net("conv(1000001, 1x1x1)")),
    "copies": ("E0502", net("1000000000 * relu")),
    "copies of copies": ("E0502", net("1000 * (1000 * (1000 * relu))")),
    "copies in many lines": ("E0502", net(*["1000 * relu"] * 100)),
    "doubling": ("E0502", tower("relu", "$ -> $", 60)),
    "doubling of choices": ("E0502", tower("relu | bn", "$\n$", 60)),
    "options in options": ("E0502", tower("relu", "($ -> relu) | ($ -> bn)", 25)),
    "combinations of arguments": ("E0510", net(*["conv(1..900, 1..9)"] * 9) + GRADIENT),
    "options": ("E0507", net("conv(1..1000000, 1x1x1)")),
    "states": ("E0508", net("stage s { 30 * (relu | skip) -> conv(2 | 4, 1x1x1) }") + GRADIENT),
    "shapes": ("E0509", net(*(f"stage s{i} {{ conv(1..{200 + i}, 1x1x1) }}" for i in range(4)))),
    "a name": ("E0208", f"block {'b' * (LONGEST_NAME + 1)} {{ relu }}\n" + net("relu")),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_is_too_large_in_some_way(name: str) -> None:
    code, text = TEXTS[name]
    _, found = examine(Source("x.vns", text), None)
    assert [d.code for d in found if d.severity == "error"][:1] == [code], found
    assert code in CODES


def test_names_as_long_as_they_may_be() -> None:
    text = f"block {'b' * LONGEST_NAME} {{ relu }}\n" + net("b" * LONGEST_NAME)
    assert not examine(Source("x.vns", text), None)[1]


def test_chains_of_imports_and_many_of_them(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    for i in range(150):
        (tmp_path / f"deep{i}.vns").write_text(f'import "deep{i + 1}.vns"\n')
        (tmp_path / f"large{i}.vns").write_text(("# " + "x" * 100 + "\n") * 400)
        (tmp_path / f"many{i}.vns").write_text("")
    expected = {"deep": ("E0704", 1), "many": ("E0705", 150), "large": ("E0705", 50)}
    for what, (code, count) in expected.items():
        text = "".join(f'import "{what}{i}.vns"\n' for i in range(count)) + net("relu")
        _, found = examine(Source("main.vns", text), tmp_path / "main.vns")
        assert [d.code for d in found] == [code]


def test_more_than_a_file_from_standard_input() -> None:
    for data in (b"#" * (MAX_BYTES + 1), "é".encode() * (MAX_BYTES // 2 + 1)):
        done = CliRunner().invoke(cli, ["fmt", "-"], input=data)
        assert done.exit_code == 1
        assert "E0105" in done.output
