"""Whatever `check` accepts as an argument of a layer, `compile` compiles; what it does not accept, it names."""

from __future__ import annotations

import pytest
import torch

from tests.support import parts
from vnasdsl.codegen import compile_network
from vnasdsl.elaborate.program import examine
from vnasdsl.language.diagnostics import Diagnostic
from vnasdsl.language.source import Source
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.activation import FUNCTIONS
from vnasdsl.layers.base import Layer, Parameter

VALUES = (
    "0", "1", "2", "3", "-1", "0.5", "1.0", "2.5", "1x3x3", "3x3x3", "2x2", "0x1x1", "1x1x1x1", "(1, 2, 2)", "(3, 3)",
    "[3, 3, 3]", "[3.5, 3, 3]", "[1, 2, 2]", "[2]", "[0.5, 0.5]", "[]", "[-1, 1, 1]", "true", "same", "valid",
    "classes", "learned", "auto", "always", "half", "relu", '"text"', "1 + 1", "3 // 2", "4 // 0", "frames", "channels",
    "(1, rows // 2, 1)", "[frames, 3, 3]", "1 if frames > 1 else 2", "1000000", "10000000",
)  # fmt: skip
PLAIN = {"channels": "8", "kernel": "3x3x3", "share": "0.5", "count": "2", "features": "classes", "window": "2x2x2"}


def written(layer: Layer, parameter: Parameter, value: str) -> str:
    """A use of a layer with a value for one parameter."""
    given = {p.name: PLAIN.get(p.name, "1") for p in layer.parameters if p.required} | {parameter.name: value}
    arguments = ", ".join(f"{name}={text}" for name, text in given.items())
    if layer.body is not None:
        return f"{layer.name}({arguments}) {{ conv(same, 1x3x3) }}"
    if layer.join is not None:
        return f"{layer.name}(relu, bn, {arguments})"
    return f"{layer.name}({arguments})"


def network(line: str) -> str:
    return (
        f"network n {{\n  input clip = video(frames=8, size=16, classes=5)\n  {line}\n  pool -> linear(classes)\n}}\n"
    )


def errors(text: str) -> list[Diagnostic]:
    """What `check` says against a text; one that it accepts must compile."""
    program, found = examine(Source("made.vns", text), None)
    wrong = [d for d in found if d.severity == "error"]
    if not wrong:
        assert program is not None
        compile_network(program.get(), "made.vns")
    return wrong


@pytest.mark.parametrize(
    "layer", [layer for layer in CATALOGUE.values() if layer.parameters], ids=lambda layer: layer.name
)
@pytest.mark.parametrize("part", parts(8))
def test_what_is_accepted_compiles(layer: Layer, part: int) -> None:
    for number, parameter in enumerate(layer.parameters):
        for value in VALUES[(number + part) % 8 :: 8]:
            line = written(layer, parameter, value)
            assert all(d.primary is not None for d in errors(network(line))), line
            block = f"block b(v) {{\n  {written(layer, parameter, 'v')}\n}}\n\n"
            errors(block + network(f"b({value})"))


@pytest.mark.parametrize(
    ("line", "help"),
    [
        ("conv(8, [3, 3, 3])", "write `3x3x3`"),
        ("conv(8, 3x3x3, stride=[1, 2, 2])", "write `1x2x2`"),
        ("max_pool([1, 2, 2])", "write `1x2x2`"),
        ("conv(8, 3x3x3, padding=[0, 1, 1])", "write `0x1x1`"),
        ("conv(8, [3.5, 3, 3])", "such as `1x3x3`"),
        ("conv(8, [0, 3, 3])", "such as `1x3x3`"),
    ],
)
def test_a_list_where_sizes_are_expected(line: str, help: str) -> None:
    (fault,) = errors(network(line))
    assert fault.code == "E0302"
    assert fault.message.endswith("takes sizes, not a list of numbers")
    assert fault.help == help


def test_a_layer_handed_to_a_parameter_that_is_read_as_a_value() -> None:
    blocks = "block outer(w) {\n  inner(w)\n}\n\nblock inner(v) {\n  conv(8, v)\n}\n\n"
    (fault,) = errors(blocks + network("outer(bn)"))
    assert fault.code == "E0305"
    assert fault.message == "`w` is read as a value, and is handed a layer"
    assert fault.primary is not None and fault.primary.span.text == "bn"


def test_a_word_that_is_a_layer_too_can_be_handed_as_a_value() -> None:
    blocks = "block outer(w) {\n  inner(w)\n}\n\nblock inner(v) {\n  inverted_bottleneck(8, activation=v)\n}\n\n"
    assert errors(blocks + network("outer(relu) -> outer(hardswish)")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [("hswish", "hardswish"), ("hsigmoid", "hardsigmoid"), ("swish", "silu"), ("HardSwish", "hardswish")],
)
def test_activations_have_the_names_of_torch(old: str, new: str) -> None:
    """Other spellings are errors with a fix, as a layer and as an argument."""
    for line in (f"conv(8, 1x1x1) -> {old}", f"inverted_bottleneck(8, activation={old})"):
        (fault,) = errors(network(line))
        assert fault.fix is not None and fault.fix.replacement == new
        assert new in FUNCTIONS
        assert hasattr(torch.nn.functional, new)
