"""Layers around a body: residual with its projection, and segments."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.layers.built import arguments, evaluate, leave, same_weights
from tests.layers.made import compare
from tests.oracles.same import Conv
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import BodyCode, LayerError, ModuleCode, Shape

torch.set_num_threads(1)


def shortcut(before: Shape, after: Shape, project: str) -> ModuleCode | None:
    code = leave("residual", before, after, project=project).code
    assert isinstance(code, BodyCode) and code.enter == "{x}" and code.leave == "{kept} + {x}"
    return code.shortcut


TRIPLE = st.tuples(*[st.integers(1, 5)] * 3)


@given(st.tuples(*[st.integers(1, 30)] * 3), TRIPLE, st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=80, deadline=None)
def test_a_projection_fits_whatever_strides_the_body_has(
    size: tuple[int, int, int], strides: tuple[int, int, int], before: int, after: int
) -> None:
    shape = (before, *size)
    out = (after, *(-(-n // s) for n, s in zip(size, strides, strict=True)))
    applied = leave("residual", shape, out, project="always")
    assert applied.output == out and isinstance(applied.code, BodyCode) and applied.code.shortcut is not None
    small = all(n <= 9 for n in size)
    if small:
        made = compare(replace(applied, code=applied.code.shortcut), shape)
        given_stride = dict(applied.attributes)["stride"]
        oracle = nn.Sequential(Conv(before, after, stride=given_stride), nn.BatchNorm3d(after))
        same_weights(made, oracle)
        x = torch.randn(1, *shape)
        torch.testing.assert_close(made(x), oracle(x))


def test_where_the_projection_is() -> None:
    same, changed = (4, 2, 6, 6), (8, 2, 3, 3)
    assert shortcut(same, same, "never") is None and shortcut(same, same, "auto") is None
    assert shortcut(same, same, "always") is not None
    code = shortcut(same, changed, "auto")
    assert code is not None and [f.value for f in code.fields] == [4, 8, (1, 2, 2)]
    never = leave("residual", (5,), (5,), project="never")
    assert never.output == (5,) and never.macs == never.params == 0


@pytest.mark.parametrize(
    ("before", "after", "project"),
    [
        ((4, 2, 6, 6), (8, 2, 6, 6), "never"),
        ((4, 2, 6, 6), (4, 2, 3, 3), "never"),
        ((4, 2, 6, 6), (4, 2, 4, 6), "auto"),  # ceil(6 / s) is 6, 3, 2 or 1
        ((4, 2, 6, 6), (4, 4, 6, 6), "always"),
        ((4, 2, 6, 6), (4,), "auto"),
        ((4,), (8,), "auto"),
    ],
)
def test_what_cannot_be_added(before: Shape, after: Shape, project: str) -> None:
    with pytest.raises(LayerError) as raised:
        leave("residual", before, after, project=project)
    assert raised.value.code == "E0402" and raised.value.help


@pytest.mark.parametrize("vector", [False, True])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_segments(count: int, vector: bool) -> None:
    """The same body on each part by itself, averaged."""
    shape, layer = (3, 8, 5, 5), CATALOGUE["segments"]
    given = arguments("segments", {"count": count})
    inside = layer.body.enter(given, shape)
    assert inside == (3, 8 // count, 5, 5) and layer.body.times(given) == count
    body = nn.Conv3d(3, 4, 3, padding=1)

    def run(x: Tensor) -> Tensor:
        return body(x).mean(dim=(2, 3, 4)) if vector else body(x)

    after = (4,) if vector else (4, *inside[1:])
    applied = layer.body.leave(given, shape, after, 5)
    assert applied.output == after and applied.macs == applied.params == 0 and isinstance(applied.code, BodyCode)
    x = torch.randn(2, *shape)
    entered = evaluate(applied.code.enter, x=x)
    got = evaluate(applied.code.leave, x=run(entered), kept=x)
    parts = [run(x[:, :, i * (8 // count) : (i + 1) * (8 // count)]) for i in range(count)]
    torch.testing.assert_close(got, torch.stack(parts).mean(dim=0))
    assert tuple(got.shape) == (2, *after)


def test_segments_that_do_not_divide() -> None:
    with pytest.raises(LayerError, match="cannot cut 8 frames into 3 equal parts") as raised:
        CATALOGUE["segments"].body.enter({"count": 3}, (3, 8, 4, 4))
    assert raised.value.code == "E0406" and raised.value.parameter == "count" and "1, 2, 4, 8" in raised.value.help
    with pytest.raises(LayerError) as raised:
        CATALOGUE["segments"].body.enter({"count": 2}, (3,))
    assert raised.value.code == "E0403"
