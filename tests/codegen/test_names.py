"""Names that users may not give are exactly those that would break a generated class."""

from __future__ import annotations

import pytest
from torch import nn

from vnasdsl.elaborate.names import GENERATED, MODULE_ATTRIBUTES
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.source import Source


def test_the_list_of_module_attributes_is_that_of_torch() -> None:
    assert {n for n in (*dir(nn.Module), *vars(nn.Module())) if not n.startswith("_")} <= MODULE_ATTRIBUTES
    containers = {n for c in (nn.Sequential, nn.ModuleDict) for n in dir(c) if not n.startswith("_")}
    assert containers <= MODULE_ATTRIBUTES | GENERATED


@pytest.mark.parametrize(
    "name", ["forward", "betas", "stages", "training", "class", "match", "print", "_a", "keys", "T"]
)
@pytest.mark.parametrize("place", ["stage", "line", "block", "input"])
def test_names_that_would_break_it_are_refused_wherever_they_stand(name: str, place: str) -> None:
    given = {"stage": "s1", "line": "first", "block": "b", "input": "clip", place: name}
    text = f"""
block {given["block"]} {{ relu }}
space s {{
  input {given["input"]} = video(frames=2, size=4, classes=3)
  stage {given["stage"]} {{
    {given["line"]} = conv(2 | 3, 1x1x1)
    {given["block"]} | skip
  }}
  pool -> linear(classes)
}}
"""
    if name == "T":
        load_source(Source("x.vns", text), None)
        return
    with pytest.raises(VnsError) as raised:
        load_source(Source("x.vns", text), None)
    assert {d.code for d in raised.value.diagnostics} <= {"E0205", "E0101"}
