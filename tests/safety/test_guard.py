"""What stands between a text and the code that is run: names, filters of the templates, the last look at the code."""

from __future__ import annotations

import ast
import re
import sys

import jinja2
import pytest
import torch
from jinja2 import nodes
from torch import nn

from tests.codegen.code import read, supernet
from tests.support import ROOT
from vnasdsl.codegen.forward import Expression
from vnasdsl.codegen.names import ATTRIBUTES, FILES, LABELS, LOOP, MODULE_ATTRIBUTES, SUPERNET_ATTRIBUTES, Joined, Name
from vnasdsl.codegen.outputs import compile_space
from vnasdsl.codegen.render import (
    FILTERS,
    annotation,
    callee,
    check_code,
    constant,
    environment,
    expression,
    identifier,
    number,
    plain,
    prose,
)

TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*.j2") if path.suffixes[0] not in (".html", ".md"))
"""Of generated code. What a page shows is escaped by Jinja (tests/search/test_report.py)."""


def public(names: list[str]) -> set[str]:
    return {name for name in names if not name.startswith("_")}


# ------------------------------------------------------------------------- names


def test_every_attribute_of_the_modules_that_hold_others_is_known() -> None:
    """All of the installed torch's; the lists may hold more, which other versions of it have or had."""
    kinds = (nn.Module, nn.Sequential, nn.ModuleDict)
    attributes = {name for kind in kinds for name in public([*dir(kind), *vars(kind())])}
    assert attributes <= ATTRIBUTES & LABELS
    if torch.__version__.startswith("2.13."):
        assert public([*dir(nn.Module), *vars(nn.Module())]) == MODULE_ATTRIBUTES


def test_a_network_takes_the_place_of_no_module() -> None:
    loaded = {name.partition(".")[0] for name in sys.modules} & set(sys.stdlib_module_names)
    assert FILES & loaded
    for name in ("random", "Random", "torch", "com1"):
        text = f"network {name} {{\ninput clip = video(4, 8, classes=3)\npool -> linear(classes)\n}}\n"
        assert compile_space(read(text), "made.vns")[0] == f"{name}_.py"


@pytest.mark.parametrize("pair", [("add", "module"), ("zero", "grad"), ("expected", "macs"), ("state", "dict")])
def test_an_option_that_would_be_called_like_a_part_of_every_module(pair: tuple[str, str]) -> None:
    first, second = pair
    text = f"""
block {first} {{ relu }}
block {second} {{ bn }}
space s {{
  input clip = video(frames=4, size=8, classes=3)
  conv(4, 1x1x1)
  ({first} -> {second}) | skip
  pool -> linear(classes)
}}
"""
    model = supernet(read(text))
    assert model(torch.rand(2, 3, 4, 8, 8)).shape == (2, 3)


def own_names(kinds: tuple[str, ...]) -> set[str]:
    """What classes of a supernet have of their own: methods, and what they give to `self`."""
    text = (ROOT / "generated" / "peng2019_tiny_supernet.py").read_text(encoding="utf-8")
    found: set[str] = set(re.findall(r'register_buffer\("(\w+)"', text))
    for definition in ast.parse(text).body:
        if isinstance(definition, ast.ClassDef) and definition.name in kinds:
            for node in ast.walk(definition):
                if isinstance(node, ast.FunctionDef) and node in definition.body:
                    found.add(node.name)
                own = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
                if own and ast.unparse(node).startswith("self."):
                    found.add(node.attr)
    return {name for name in found if not name.startswith("_")}


def test_the_lists_of_names_that_are_escaped_are_those_of_the_templates() -> None:
    assert own_names(("Mixture", "Edges", "Stage")) <= LABELS
    assert own_names(("Peng2019TinySupernet",)) <= SUPERNET_ATTRIBUTES | ATTRIBUTES | {"clip", "alphas", "ones"}


# --------------------------------------------------------------------- templates


def test_every_place_of_every_template_says_what_may_stand_there() -> None:
    """A filter, or a macro whose own places do."""
    macros = {"make", "copies", "options", "candidate"}
    count = 0
    for path in TEMPLATES:
        strict = environment().parse(path.read_text(encoding="utf-8"))
        for output in strict.find_all(nodes.Output):
            for part in output.nodes:
                if isinstance(part, nodes.TemplateData):
                    continue
                if isinstance(part, nodes.Call):
                    assert isinstance(part.node, nodes.Name) and part.node.name in macros, path.name
                else:
                    assert isinstance(part, nodes.Filter) and part.name in FILTERS, path.name
                count += 1
    assert count > 15
    assert set(environment().filters) == {*FILTERS, "length"}


def test_nothing_is_written_without_a_filter() -> None:
    for template in ("{{ x }}", "{{ x ~ 'y' }}"):
        with pytest.raises(TypeError, match="without saying"):
            environment().from_string(template).render(x="a")
    assert environment().from_string("{{ x | identifier }} {{ n | number }}").render(x="a", n=3456) == "a 3 456"
    with pytest.raises(jinja2.UndefinedError):
        environment().from_string("{{ y | identifier }}").render()


BAD = {
    identifier: ["", "a b", "class", "a.b", "a\n", "1a", "é", "a;b", "a()", "__import__"],
    callee: ["", "a b", "class", "os.system", "nn.functional.x", "nn.", "a()", "é"],
    annotation: ["", "int = 1", "print()", "tuple[str]", "int\n", "list[int]"],
    number: ["", "1"],
    prose: ['"', "\\", "a\nb", "a\rb", "a\u2028b", "\u202e", "\x00", "\ud800", "# noqa", "\x85"],
    constant: [None, b"", [1], float("inf"), float("nan"), -float("inf"), (1, None), Name("a b"), Joined("1", "")],
    expression: ["self.a(x)", "x"],
}


@pytest.mark.parametrize(("check", "value"), [(check, value) for check, values in BAD.items() for value in values])
def test_filters_reject_what_does_not_belong(check: object, value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        check(value)  # type: ignore[operator]


def evaluated(text: str, names: dict[str, object]) -> object:
    return eval(text, {}, names)  # noqa: S307


def test_constants_are_read_back_as_what_they_were() -> None:
    values = [0, -3, 1.5, 1e300, True, "same", 'a"b\\c\nd\u2028\ud800{x}', (1, 2, 3), (1,), ()]
    for value in values:
        text = constant(value)
        assert ast.literal_eval(text) == value
        assert text.isascii() and text.isprintable()
    assert constant((Name("c", times=2), Name("c", over=4), 3)) == "(2 * c, c // 4, 3)"
    assert evaluated(constant(Joined("place", '.a["{x}"].op')), {"place": "s3"}) == 's3.a["{x}"].op'
    looped = f"s3.stack[{LOOP.format('i')}].{{x}}.op"
    assert evaluated(constant(looped), {"i": 4}) == "s3.stack[4].{x}.op"
    assert expression(Expression("self.a(x)")) == "self.a(x)"


def test_a_file_name_keeps_what_does_no_harm() -> None:
    assert plain("spaces/x3d3 (2)-a.b,c@d+e.vns") == "spaces/x3d3 _2_-a.b,c@d+e.vns"
    assert plain("räume/ä.vns") == plain("ra\u0308ume/a\u0308.vns") == "räume/ä.vns"
    assert plain('"\\\n\r\x00\u202e\ud800\u2028#:={}') == "_" * 13
    assert len(plain("a" * 10_000)) == 400


# ---------------------------------------------------------------- the last look

GOOD = '''\
"""Doc."""

import torch
from torch import Tensor, nn


class A(nn.Module):
    def f(self, x: Tensor) -> Tensor:
'''
REFUSED = """\
import os
import torch.hub
import torch as t
from torch import hub
from torch import *
from math import *
from . import x
__import__("os")
eval("1")
exec("1")
open("x")
compile("1", "", "exec")
getattr(x, "y")
globals()
breakpoint()
print(x)
torch.load("x")
torch.save(x, "y")
torch.hub.load("x", "y")
torch.ops.x
torch.utils
torch._C
nn.modules
nn.LSTM(3, 3)
nn.functional
x.__class__
x.__class__.__mro__
().__class__.__bases__
self.__dict__
super().__getattribute__("x")
x._modules
lambda: 1
yield x
await x
global x
with x: pass
assert x
del x
[y := 1]
@property
async def f(): pass
""".splitlines()


@pytest.mark.parametrize("line", REFUSED)
def test_the_last_look_refuses(line: str) -> None:
    check_code(GOOD + "        return x\n")
    with pytest.raises((ValueError, SyntaxError)):
        check_code(GOOD + f"        {line}\n        return x\n")


@pytest.mark.parametrize(
    "line", ["torch.zeros(3)", "x = torch.zeros(3)", "if 1:\n    x = 1", "for i in (1,):\n    x = i"]
)
def test_nothing_runs_as_the_module_is_imported(line: str) -> None:
    with pytest.raises(ValueError, match="as it is imported"):
        check_code(GOOD + f"        return x\n\n\n{line}\n")


def test_every_piece_of_the_catalogue_passes() -> None:
    for path in sorted((ROOT / "generated").glob("*.py")):
        check_code(path.read_text(encoding="utf-8"))
