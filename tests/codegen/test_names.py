"""Every name that the language takes can be given: generated code renames its own, or the user's."""

from __future__ import annotations

import builtins
import keyword

import pytest
import torch
from torch import nn

from tests.codegen.code import read, run
from tests.support import parts, some_slow
from vnasdsl.codegen import compile_network, compile_supernet
from vnasdsl.language.lexer import KEYWORDS
from vnasdsl.language.limits import LONGEST_NAME
from vnasdsl.layers import CATALOGUE
from vnasdsl.space.elements import label_text
from vnasdsl.space.values import AXES, WORDS

OF_PYTHON = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
OF_TORCH = {n for kind in (nn.Module(), nn.Sequential(), nn.ModuleDict(), nn.ModuleList()) for n in dir(kind)}
OF_GENERATED_CODE = set(
    """betas alphas stages temperature path_weights probabilities set_choices choice_parameters expected_macs tied
    branch_weights weight_parameters mixture_probabilities path_probabilities make_choices is_tied x y self keep kept
    torch nn F math Tensor Network Supernet Stage Mixture Edges Candidate Layers shortcut options choice chosen macs
    ones indices strengths judged tail on_edge layer layers branches clip stage1 l O I i j k os sys re abc con random
    _a a_ __a B SqueezeExcite eval_ train_ keys_ keys__ x_ self_ forward_ basic_2""".split()
)
TAKEN = {*KEYWORDS, *CATALOGUE, *WORDS, *AXES, "_"}
USES = ["block", "parameter", "line", "stage", "option"]
NAMES = sorted(n for n in OF_PYTHON | OF_TORCH | OF_GENERATED_CODE if n not in TAKEN and len(n) <= LONGEST_NAME)


def lines(use: str, names: list[str], layer: str) -> tuple[str, list[str]]:
    """Definitions and the body of a net that uses names in one way, each with a layer (in a space a choice)."""
    match use:
        case "block":
            made = [f"block {n} {{ conv(same, 1x1x1) -> {layer} }}" for n in names]
            return "\n".join(made), ["stage s1 {", "conv(2, 1x1x1)", *names, "}"]
        case "parameter":
            body = "\n".join(f"conv({n}, 1x1x1)" for n in names)
            return f"block b({', '.join(names)}) {{\n{body}\n}}", [
                "stage s1 {",
                f"b({', '.join('2' for _ in names)})",
                "}",
            ]
        case "line":
            body = [f"{n} = conv(2, 1x1x1) -> {layer}" for n in names]
            block = "\n".join(("block b {", *body, f"sum({', '.join(names)})", "}"))
            return block, [*body, f"total = sum({', '.join(names)})", "stage s1 {", "total -> b", *body, "}"]
        case "stage":
            return "", [line for n in names for line in (f"stage {n} {{", f"conv(2, 1x1x1) -> {layer}", "}")]
        case "option":
            names = [*{label_text(n): n for n in names}.values()]  # an option is called by its letters and digits
            made = [f"block {n} {{ conv(same, 1x1x1) }}" for n in names]
            return "\n".join(made), [
                "stage s1 {",
                "conv(2, 1x1x1)",
                " | ".join((*names, "skip")) if "|" in layer else names[0],
                "}",
            ]
    raise AssertionError(use)


def net(what: str, name: str, given: str, body: list[str]) -> str:
    text = "\n".join((f"input {given} = video(frames=2, size=4, classes=3)", *body, "pool -> linear(classes)"))
    return f"{what} {name} {{\n{text}\n}}\n"


def works(text: str, kind: str) -> None:
    """Compile a net, build its module and run it."""
    space = read(text)
    assert space.kind == kind
    code = compile_network(space, "made.vns") if kind == "network" else compile_supernet(space, "made.vns")
    module = run(code)["Network" if kind == "network" else "Supernet"]()
    assert module(torch.rand(2, 3, 2, 4, 4)).shape == (2, 3)
    assert len(module.state_dict()) == len({*module.state_dict()}) > 2
    module.eval().to(torch.float64)
    assert not module.training


@pytest.mark.parametrize("part", parts(3))
@pytest.mark.parametrize("start", range(0, len(NAMES), 120))
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("kind", ["network", "space"])
def test_a_net_of_such_names(use: str, kind: str, start: int, part: int) -> None:
    turn = (part + USES.index(use) + (kind == "space")) % 3
    made, body = lines(use, NAMES[start + turn : start + 120 : 3], "relu" if kind == "network" else "(relu | skip)")
    if kind == "space" and use == "parameter":
        body = ["stage s0 { conv(2 | 3, 1x1x1) }", *body]
    works(f"{made}\n{net(kind, 'small', 'source', body)}", kind)


@pytest.mark.parametrize("name", some_slow(NAMES, {*NAMES} - OF_GENERATED_CODE))
def test_an_input_and_a_net_of_such_a_name(name: str) -> None:
    body = ["stage s1 {", f"sum({name} -> conv(2, 1x1x1), {name} -> conv(2, 3x1x1))", "}"]
    works(net("network", name, name, body), "network")
    works(net("space", name, name, ["stage s1 {", "conv(2 | 3, 1x1x1)", "bn | skip", "}"]), "space")
