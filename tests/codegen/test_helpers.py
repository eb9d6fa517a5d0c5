"""Classes that generated modules bring along: each file is one plain class, and a module holds what it uses."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import Any

import pytest

from tests.codegen.code import read, run
from tests.support import ROOT
from vnasdsl.codegen import compile_network, compile_supernet
from vnasdsl.codegen.helpers import helper_texts, helpers_for, modules_used
from vnasdsl.codegen.names import class_name
from vnasdsl.codegen.render import check_code

IMPORTS = "import math\n\nimport torch\nimport torch.nn.functional as F\nfrom torch import Tensor, nn\n"
NAMES = sorted(helper_texts())
TEXT = """
network n {
  input clip = video(frames=4, size=9, classes=3)
  %s
  pool -> linear(classes)
}
"""


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_one_class_of_its_name_without_anything_to_fill_in(name: str) -> None:
    text = helper_texts()[name]
    (definition,) = ast.parse(text).body
    assert isinstance(definition, ast.ClassDef) and definition.name == name
    assert "(B, " in (ast.get_docstring(definition) or ""), "the shapes that it takes and gives"
    assert "{{" not in text and "{%" not in text and "{#" not in text
    assert text.endswith("\n") and not text.endswith("\n\n") and not text.startswith("\n")
    check_code("\n\n".join([IMPORTS, *(helper_texts()[helper] for helper in helpers_for([name], helper_texts()))]))


def test_every_file_is_as_the_formatter_leaves_it() -> None:
    whole = IMPORTS + "".join(f"\n\n{helper_texts()[name]}" for name in helpers_for(NAMES, helper_texts()))
    for options in (
        ["format", "--check", "-"],
        ["check", "--stdin-filename", str(ROOT / "generated" / "look.py"), "-"],
    ):
        command = [sys.executable, "-m", "ruff", *options]
        made = subprocess.run(command, input=whole, cwd=ROOT, capture_output=True, text=True)
        assert made.returncode == 0, made.stdout + made.stderr


def test_a_helper_stands_behind_those_it_needs_and_only_where_it_is_used() -> None:
    assert helpers_for(["nn.Conv3d", "nn.BatchNorm3d"], helper_texts()) == {}
    assert list(helpers_for(["Separable", "Separable", "nn.Conv3d"], helper_texts())) == ["Pseudo3d", "Separable"]
    assert list(helpers_for(["Conv2Plus1"], helper_texts())) == ["PaddedConv3d", "Conv2Plus1"]
    with pytest.raises(KeyError):
        helpers_for(["NoSuchClass"], helper_texts())


def classes(code: str) -> list[str]:
    return [node.name for node in ast.parse(code).body if isinstance(node, ast.ClassDef)]


def imports(code: str) -> list[str]:
    return [ast.unparse(node) for node in ast.parse(code).body if isinstance(node, (ast.Import, ast.ImportFrom))]


@pytest.mark.parametrize(
    ("lines", "helpers", "modules"),
    [
        ("conv(4, 1x3x3)", [], []),
        ("conv(4, 1x3x3) -> relu", [], ["F"]),
        ("none", [], ["torch"]),
        ("max_pool(1x2x2)\n  conv(4, 1x2x2)\n  conv(8, 2x2x2)", ["PaddedConv3d", "PaddedMaxPool3d"], ["F"]),
        ("itgm(4, 3x3x3) -> bn(start=0)", ["Itgm", "StartedBatchNorm3d"], ["math", "torch", "F"]),
        ("itgm(4, 1x3x3)", [], []),
        ("separable(4, 3)\n  dilated(8, 5)", ["Pseudo3d", "Separable"], ["F"]),
    ],
)
def test_a_network_has_the_helpers_and_imports_that_it_uses(lines: str, helpers: list[str], modules: list[str]) -> None:
    code = compile_network(read(TEXT % lines), "made.vns")
    assert classes(code) == [*helpers, "N"]
    known = {"math": "import math", "torch": "import torch", "F": "import torch.nn.functional as F"}
    assert imports(code) == [*(known[module] for module in modules), "from torch import Tensor, nn"]
    assert run(code)["Network"]


def test_a_supernet_has_them_in_stages_heads_and_mixtures() -> None:
    text = """
space s {
  input clip = video(frames=4, size=9, classes=3)
  stage a { conv(4 | 6, 1x2x2) }
  stage b { 2 * (itgm(same, 3x3x3) | separable(same, 3) | none | skip) }
  pool -> linear(classes)
}
"""
    code = compile_supernet(read(text), "made.vns")
    assert {"PaddedConv3d", "Itgm", "Pseudo3d", "Separable"} <= set(classes(code))
    assert len(classes(code)) == len(set(classes(code)))
    assert imports(code)[0] == "import math"
    assert run(code)["Supernet"]()


def test_no_class_of_a_text_takes_the_name_of_a_helper() -> None:
    for name in NAMES:
        assert class_name(name, NAMES) == f"{name}Block"
    text = """
block separable2(channels) { separable(channels, 3) }
block Pseudo3d(channels) { dilated(channels, 3) -> relu }
network Separable {
  input clip = video(frames=4, size=9, classes=3)
  separable2(4)
  Pseudo3d(4)
  Pseudo3d(6)
  pool -> linear(classes)
}
"""
    code = compile_network(read(text), "made.vns")
    assert classes(code) == ["Pseudo3d", "Separable", "Pseudo3dBlock", "SeparableBlock"]
    assert run(code)["Network"]


def test_modules_are_found_by_their_use_and_not_by_their_letters() -> None:
    def used(*lines: str) -> dict[str, Any]:
        return modules_used(lines)

    assert used("return self.BUF.x + self.mytorch.y") == {"math": False, "torch": False, "functional": False}
    assert used("x = F.relu(x)", "torch.cat(x)") == {"math": False, "torch": True, "functional": True}
