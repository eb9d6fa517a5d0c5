"""What stands between a text and the code that is run: names, filters of the templates, the last look at the code."""

from __future__ import annotations

import ast
import builtins
import keyword
import re
import sys

import jinja2
import pytest
import torch
from jinja2 import nodes
from torch import nn

from tests.support import ROOT
from vnasdsl.codegen.guard import check_code
from vnasdsl.codegen.literals import literal, plain
from vnasdsl.codegen.render import environment
from vnasdsl.codegen.slots import FILTERS, check_statements, number, prose, signature, statement
from vnasdsl.codegen.slots import name as name_filter
from vnasdsl.elaborate.names import BUILTINS, GENERATED, MODULE_ATTRIBUTES, MODULES, WORDS_OF_PYTHON, check_name
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.source import Source, Span
from vnasdsl.layers import CATALOGUE

TEMPLATES = sorted((ROOT / "templates").rglob("*.j2"))
KINDS = ("block", "space", "network", "stage", "line", "input", "parameter", "recipe")


def refused(name: str, what: str) -> bool:
    try:
        check_name(name, what, Span(Source("x", name), 0, len(name)))
    except VnsError as fault:
        return fault.diagnostics[0].code == "E0205"
    return False


def public(names: list[str]) -> set[str]:
    return {name for name in names if not name.startswith("_")}


# ------------------------------------------------------------------------- names


def test_every_attribute_of_the_modules_that_hold_others_is_refused() -> None:
    """All of the installed torch's; the list may hold more, which other versions of it have or had."""
    kinds = (nn.Module, nn.Sequential, nn.ModuleDict)
    attributes = {name for kind in kinds for name in public([*dir(kind), *vars(kind())])}
    assert attributes <= MODULE_ATTRIBUTES | GENERATED
    if torch.__version__.startswith("2.13."):
        assert public([*dir(nn.Module), *vars(nn.Module())]) == MODULE_ATTRIBUTES


def test_words_and_builtins_of_python_are_refused() -> None:
    """Those of the running Python; the lists may hold more, which other versions have."""
    assert {*keyword.kwlist, *keyword.softkwlist} <= WORDS_OF_PYTHON
    site = {"copyright", "credits", "exit", "license", "quit"}
    assert public(dir(builtins)) | site <= BUILTINS
    for name in sorted(WORDS_OF_PYTHON | BUILTINS | MODULE_ATTRIBUTES | GENERATED):
        assert name in CATALOGUE or all(refused(name, what) for what in KINDS), name


def test_a_network_takes_the_place_of_no_module() -> None:
    loaded = {name.partition(".")[0] for name in sys.modules} & set(sys.stdlib_module_names)
    assert {"torch", "nn"} <= GENERATED
    assert MODULES & loaded
    assert all(refused(name, "network") for name in MODULES)
    assert refused("Random", "network") and refused("com1", "network") and not refused("random", "stage")


def test_no_layer_or_made_up_label_is_a_name_that_is_refused() -> None:
    from vnasdsl.elaborate.names import Namer

    for name in CATALOGUE:
        assert refused(name, "stage") == (name == "sum"), name
    assert Namer().label("sum") == "sum_"
    for base in (*CATALOGUE, "chain", "layer", "stack", "train", "items"):
        namer = Namer()
        labels = [namer.label(base) for _ in range(3)]
        assert len(set(labels)) == 3
        assert not any(refused(label, "stage") for label in labels)


@pytest.mark.parametrize("pair", [("add", "module"), ("zero", "grad"), ("expected", "macs"), ("state", "dict")])
def test_an_option_is_not_called_like_a_part_of_every_module(pair: tuple[str, str]) -> None:
    from tests.codegen.code import read

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
    with pytest.raises(VnsError, match="E0205"):
        read(text)


def own_names() -> set[str]:
    """What the class of a supernet and its parts have of their own: methods, and what they give to `self`."""
    text = (ROOT / "generated" / "tiny_supernet.py").read_text(encoding="utf-8")
    found: set[str] = set()
    for definition in ast.parse(text).body:
        if not isinstance(definition, ast.ClassDef) or definition.name not in ("Mixture", "Stage", "TinySupernet"):
            continue
        for node in ast.walk(definition):
            if isinstance(node, ast.FunctionDef) and node in definition.body:
                found.add(node.name)
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.attr)
    own_stages = {"s1", "s2", "s3", "s4"}
    registered = set(re.findall(r'register_buffer\("(\w+)"', text))
    return (found | registered) - own_stages


def test_what_the_supernet_calls_its_own_cannot_be_a_label() -> None:
    names = public(sorted(own_names()))
    assert {"expected_macs", "stages", "ones", "betas"} <= names
    for name in names:
        assert refused(name, "stage") and refused(name, "line"), name


# --------------------------------------------------------------------- templates


def test_every_place_of_every_template_says_what_may_stand_there() -> None:
    count = 0
    for path in TEMPLATES:
        strict = environment().parse(path.read_text(encoding="utf-8"))
        for output in strict.find_all(nodes.Output):
            for part in output.nodes:
                if not isinstance(part, nodes.TemplateData):
                    assert isinstance(part, nodes.Filter) and part.name in FILTERS, path.name
                    count += 1
    assert count > 15
    assert set(environment().filters) == set(FILTERS)


def test_nothing_is_written_without_a_filter() -> None:
    for template in ("{{ x }}", "{{ x ~ 'y' }}", "{{ x | name ~ '' }}"):
        with pytest.raises(TypeError, match="without saying"):
            environment().from_string(template).render(x="a")
    assert environment().from_string("{{ x | name }} {{ n | number }}").render(x="a", n=3) == "a 3"
    with pytest.raises(jinja2.UndefinedError):
        environment().from_string("{{ y | name }}").render()


BAD = {
    name_filter: ["", "a b", "class", "a.b", "a\n", "1a", "é", "a;b", "a()"],
    number: ["", "1\n", "-1", "1e5", "a", "1 2", "١", "1_000"],
    prose: ['"', "\\", "a\nb", "a\rb", "a\u2028b", "\u202e", "\x00", "\ud800", "# noqa", "\x85"],
    signature: [
        "self, a",
        "self, a: int = 1",
        "a: int",
        "self, a: print()",
        "self, a: int\n",
        "self, *a: int",
        "self) -> None: pass",
        "\n        self,\n        a: int\n    ",
        "\n        self,\n    print: int,\n    ",
        "",
    ],
    statement: ["a = 1; b = 2", "import os", "a", "print()", "a = 1\nb = 2", "", "del a", "if a: b = 1", "exec('')"],
}


@pytest.mark.parametrize(("check", "text"), [(check, text) for check, texts in BAD.items() for text in texts])
def test_filters_refuse_what_does_not_belong(check: object, text: str) -> None:
    with pytest.raises((ValueError, SyntaxError)):
        check(text)  # type: ignore[operator]


GOOD_STATEMENTS = [
    "x = self.conv(x)",
    "return F.relu(x) + shortcut  # (B, 8, 4, 16, 16)",
    "self.a = nn.Sequential(\n    nn.ReLU(),\n    *(A(i) for i in (1, 2)),\n)",
    'self.m = Mixture("s[0].op", {"a | b": nn.Identity(), "c": A(3)}, macs=(0, 1))',
    'self.m = Mixture(f"s[{i}].op", {})',
    "x = a  # why",
    'x = "#" + "\\""',
]


def written(values: list[str]) -> str:
    """What a template makes of some statements, checked as `render` checks them."""
    kept: list[str] = []
    template = environment().from_string("{% for value in values %}{{ value | statement }}\n{% endfor %}")
    text = template.render(values=values, statements=kept)
    check_statements(kept)
    ast.parse(text)  # as `check_code` does with the whole file
    return text


def test_statements_are_looked_at_together_as_each_alone() -> None:
    assert written(GOOD_STATEMENTS) == "".join(f"{statement(value)}\n" for value in GOOD_STATEMENTS)


SPLIT = [
    ["a = (", "b)"], ["a = (1", ")"], ["a = [", "]"], ["a = 1 + \\", "b = 1"], ['a = """', '"""'], ["a = b", "  c = d"],
    ['a = (""""\n)', 'b = (""""\n)'], ["a = 1; b = 2", "# c"], ["a = 1", "# c"], ["a = , "], ["", "a = 1; b = 2"],
    ["a = 1\rb = 2"], ["a = 1\fb = 2"], ['a = "\r"'], ["a = 1\nb = 2"], ["a = b)", "c = (d"], ["a = (b]", "c = d"],
]  # fmt: skip


@pytest.mark.parametrize("values", [*([bad] for bad in BAD[statement]), *SPLIT])
@pytest.mark.parametrize("around", [[], ["x = self.conv(x)"], ["x = a  # why"]])
def test_no_statement_hides_among_others(values: list[str], around: list[str]) -> None:
    with pytest.raises((ValueError, SyntaxError)):
        written([*around, *values, *around])


def test_literals_are_read_back_as_what_they_were() -> None:
    values = [0, -3, 1.5, 1e300, True, "same", 'a"b\\c\nd\u2028\ud800{x}', (1, 2, 3), (1,), ()]
    for value in values:
        text = literal(value)
        assert ast.literal_eval(text) == value
        assert text.isascii() and text.isprintable()
    for value in (float("inf"), float("nan"), -float("inf"), None, b"", [1]):
        with pytest.raises(TypeError):
            literal(value)  # type: ignore[arg-type]


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
