"""Texts made to break generated code: names that collide, arguments that coincide, layers in odd places.

Each is compiled; every network has the parameters it should have, runs, and equals the supernet that chose it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.codegen.code import child, read, run, shuffle, supernet
from tests.support import ROOT
from vnasdsl.codegen import compile_network, compile_supernet
from vnasdsl.elaborate import Space

BLOCKS = """\
block basic(d) { residual { conv(same, 1x3x3) -> bn -> relu
  conv(same, 3x1x1, dilation=(d, 1, 1)) -> bn -> relu } }
block head(c, s) { conv(c, 1x3x3, stride=(1, s, s)) -> bn -> relu }
"""


def space(*lines: str) -> str:
    body = "\n  ".join(lines)
    return f"{BLOCKS}space made {{\n  input clip = video(frames=4, size=8, classes=3)\n  {body}\n}}\n"


def with_blocks(blocks: str, *lines: str) -> str:
    return blocks + "\n" + space(*lines)


TAIL = "pool -> linear(classes)"
TEXTS = {
    "residual straight into pool": space("stage s1 { head(4 | 6, 2) }", "residual { conv(same, 1x1x1) } -> " + TAIL),
    "copies as the head": space("stage s1 { 2 * conv(4, 1x3x3)\n basic(1 | 2) }", TAIL),
    "a number of copies of blocks as the head": space("stage s1 { (1 | 2) * head(4, 1) }", TAIL),
    "a function as the head": space("stage s1 { relu\n basic(1 | 2) }", TAIL),
    "a residual as the head": space("stage s1 { residual { conv(same, 1x1x1) }\n basic(1 | 2) }", TAIL),
    "a choice of chain and block as the head": space(
        "stage s1 { head(4 | 6, 2) | conv(5, 1x1x1, stride=1x2x2) -> bn }", "stage s2 { head(4, 2) }", TAIL
    ),
    "copies of copies": space("stage s1 { head(4 | 6, 2)\n 2 * (2 * (basic(1) | skip)) }", TAIL),
    "lines outside twice behind one stage": space(
        "stage s1 { head(4 | 6, 2) }",
        "conv(same, 1x1x1)",
        "stage s2 { basic(1 | 2) }",
        "conv(same, 3x1x1)",
        TAIL,
    ),
    "a line named like the next stage": space(
        "stage s1 { head(4 | 6, 2)\n s2 = basic(1)\n s22 = relu }", "stage s2 { basic(1 | 2) }", TAIL
    ),
    "a line in a residual named like the next stage": space(
        "stage s1 { head(4 | 6, 2)\n residual { s2 = conv(same, 1x1x1) } }", "stage s2 { basic(1 | 2) }", TAIL
    ),
    "a stage named like a bare line": space("conv(4, 1x1x1)", "stage conv { head(4 | 6, 1) }", "stage bn { bn }", TAIL),
    "lines between stages that may vanish": space(
        "stage s1 { head(4 | 6, 2) }", "relu | skip", "stage s2 { head(5, 1) }", TAIL
    ),
    "the input's name in the first line": space("stage s1 { clip -> head(4 | 6, 2) }", TAIL),
    "the classifier inside the last stage": space(
        "stage s1 { head(4 | 6, 2) }", "stage s2 { head(4 | 5, 2)\n pool -> linear(classes) }"
    ),
    "a chain named like a block": with_blocks(
        "block conv_bn(k) { conv(same, 1x3x3) -> bn }",
        "stage s1 { head(4 | 6, 2)\n conv_bn(1 | 2)\n (conv(same, 1x3x3) -> bn) | skip }",
        TAIL,
    ),
    "a stage named like a block": with_blocks(
        "block q(k) { conv(same, 1x3x3) -> bn }", "stage q { head(4 | 6, 1)\n q(1)\n q(2) }", TAIL
    ),
    "blocks named like classes": with_blocks(
        "block mixture { relu }\nblock candidate { bn }\nblock stage_ { relu }\nblock layers { bn }\n"
        "block tensor { bn }\n"
        "block value_error { relu }\nblock made_supernet { relu }\nblock f { relu }",
        "stage s1 { head(4 | 6, 1)\n mixture | candidate | layers\n stage_ -> tensor -> value_error -> f }",
        "made_supernet | skip",
        TAIL,
    ),
    "parameters that hide what the code needs": with_blocks(
        "block q(label, shortcut, i) { conv(label, 1x3x3) -> bn\n 2 * (conv(same, 1x1x1) | skip)\n"
        " conv(shortcut, 1x1x1)\n"
        " 3 * (basic(i) | skip) }\nblock inner(Basic, Mixture) { basic(Basic) | basic(Mixture) }",
        "stage s1 { head(4 | 6, 1)\n q(4, 5, 1) -> q(6, 7, 2) -> head(4, 1)\n inner(1, 2)\n inner(2, 1) }",
        TAIL,
    ),
    "parameters with coinciding values": with_blocks(
        "block q(a, b, c) { conv(a, 3x1x1, padding=(c, 0, 0)) -> bn\n conv(b, 1x1x1) -> bn\n conv(a, 1x1x1, groups=c)"
        " }\n"
        "block r(f, d) { conv(same, 3x1x1, bias=f, padding=(d, 0, 0)) }",
        "stage s1 { head(4 | 6, 1)\n q(4, 4, 1)\n q(6, 6, 2)\n q(4, 6, 1)\n q(2, 2, 2)\n r(true, 1)\n r(false, 0)\n"
        " conv(5, 1x1x1) }",
        TAIL,
    ),
    "bottlenecks and multiples": with_blocks(
        "block narrow(c) { residual { conv(c // 4, 1x1x1) -> bn\n conv(c, 1x3x3, bias=true) } }\n"
        "block wide(d) { residual { conv(same, 3x3x3, dilation=(d, 2 * d, 1), padding=(d, 2 * d, 1)) } }\n"
        "block both(c, d) { narrow(c) -> wide(d) -> narrow(2 * c // 2) }",
        "stage s1 { head(8, 1)\n both(8, 1) | wide(2) }",
        "stage s2 { head(12 | 16, 2) }",
        "stage s3 { head(5, 1)\n (wide(1) | wide(2)) | skip }",
        TAIL,
    ),
    "one block with two shapes": with_blocks(
        "block q(c, k) { conv(c, 1x3x3 if k == 1 else 3x1x1, bias=true if k == 1 else false)\n relu }",
        "stage s1 { q(4 | 6, 1)\n q(4, 2)\n 2 * q(4, 1) }",
        TAIL,
    ),
    "nothing at all": space("stage s1 { head(4 | 6, 1) }", "stage s2 { }", "stage s3 { skip\n 0 * basic(1) }", TAIL),
    "residuals of residuals": space(
        "stage s1 { head(4 | 6, 1)\n a = residual { residual { bn | skip }\n b = residual { c = relu } -> bn }\n"
        " residual { skip } }",
        TAIL,
    ),
    "windows": space(
        "stage s1 { head(4 | 6, 1)\n max_pool(1x3x3, stride=1x2x2) | avg_pool(3x3x3, stride=1x2x2)\n"
        " conv(same, 3x3x3, groups=same) | hardswish }",
        "dropout(0.25 | 0.5) -> pool -> dropout(0) -> linear(5) -> linear(classes, bias=false)",
    ),
    "states whose names are alike in the weights": with_blocks(
        "block a { conv(4, 1x1x1) }\nblock a_op_b { conv(5, 1x1x1) }\n"
        "block b_op_c { conv(6, 1x1x1) }\nblock e { conv(7, 1x1x1) }",
        "stage s1 { (a | a_op_b) -> (b_op_c | e) }",
        TAIL,
    ),
    "a long chain": space(
        f"stage s1 {{ head(4 | 5, 1)\n ({' -> '.join(['conv(same, 1x3x3) -> bn -> relu'] * 5)}) | skip }}",
        "residual { relu } -> " + " -> ".join(["relu -> hardswish"] * 12) + " -> " + TAIL,
    ),
    "two heads in a line": space(
        "stage s1 { head(4 | 6, 1) -> head(3 | 5, 2) }",
        "stage s2 { head(4 | 6, 1) -> bn -> head(3, 2)\n basic(1) | skip }",
        TAIL,
    ),
    "a number whose copies have choices": space(
        "stage s1 { head(4 | 6, 1)\n (1..3) * (basic(1) | basic(2)) }", "stage s2 { head(4 | 5, 1) }", TAIL
    ),
}


def different(made: Space, most: int) -> list[dict[str, str]]:
    """Networks of a space, drawn; all different."""
    drawn: list[dict[str, str]] = []
    generator = Random(0)
    while len(drawn) < min(most, int(made.size or most)):
        way = made.sample(generator)
        if way not in drawn:
            drawn.append(way)
    return drawn


@pytest.mark.parametrize("name", TEXTS)
def test_every_network_is_what_the_supernet_makes_of_it(name: str) -> None:
    made = read(TEXTS[name])
    clips = torch.randn(2, *made.input.shape)
    model = supernet(made, path_weights="mass").eval()
    shuffle(model)
    assert model(clips).shape == (2, 3)
    for way in different(made, 5):
        network = made.network(way)
        module = child(made, way, model).eval()
        assert sum(p.numel() for p in module.parameters()) == network.params[0]
        model.set_choices(way)
        with FlopCounterMode(display=False) as counter:
            logits = module(clips[:1])
        assert counter.get_total_flops() == 2 * network.macs[0] == 2 * model.expected_macs().item()
        torch.testing.assert_close(model(clips[:1]), logits, rtol=1e-4, atol=1e-4)
        assert made.network(network.choices_in(made)).layers() is not None


def test_generated_code_of_all_of_them_passes_ruff(tmp_path: Path) -> None:
    for i, text in enumerate(TEXTS.values()):
        made = read(text)
        (tmp_path / f"supernet{i}.py").write_text(compile_supernet(made, "made.vns"))
        way = {c.name: c.options[0] for c in made.choices}
        (tmp_path / f"network{i}.py").write_text(compile_network(made.network(way), "made.vns"))
    for command in (
        ["format", "--check", "--isolated", "--line-length", "120"],
        [
            "check",
            "--isolated",
            "--line-length",
            "120",
            "--select",
            "E,F,W,I,B,UP",
            "--ignore",
            "E501",
        ],  # texts of options are as long as they are
    ):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, str(tmp_path)], capture_output=True, text=True, cwd=ROOT
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_network_named_like_its_blocks() -> None:
    text = """
block a { relu }
block a_network { bn }
block a_network_network { bn }
network a {
  input clip = video(frames=4, size=8, classes=3)
  conv(4, 1x1x1) -> a -> a_network -> a_network_network -> pool -> linear(classes)
}
"""
    module = run(compile_network(read(text), "x.vns"))
    assert module["Network"]()(torch.randn(1, 3, 4, 8, 8)).shape == (1, 3)


def test_repeated_blocks_and_labels_of_a_network() -> None:
    text = (
        BLOCKS
        + """
network n {
  input clip = video(frames=4, size=8, classes=3)
  first = head(4, 2)
  stage body { a = basic(1)
    basic(2)
    2 * basic(1)
    b = residual { c = conv(same, 1x1x1)
      conv(same, 1x1x1) } }
  pool -> linear(classes)
}
"""
    )
    made = read(text)
    module = run(compile_network(made, "x.vns"))["Network"]()
    module(torch.randn(1, 3, 4, 8, 8))
    names = {name.rpartition(".")[0] for name in module.state_dict()}
    assert {"first.conv", "body.a.conv2", "body.basic.conv", "body.stack.1.bn", "body.b.c", "body.b.conv"} <= names
    assert sum(p.numel() for p in module.parameters()) == made.params[0]
    assert {row.label for row in made.layers() if row.params} == names


def test_a_chain_of_residuals_alone_has_a_class() -> None:
    """Neither of them has a name of its own to call the class by."""
    made = read(space("stage s1 { head(4 | 6, 1)\n w = (residual { bn } -> residual { relu }) }", TAIL))
    assert supernet(made)(torch.randn(1, 3, 4, 8, 8)).shape == (1, 3)
