"""Several inputs of any kind: through checks, texts, costs, membership and generated code."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from vnasdsl.codegen import compile_supernet
from vnasdsl.codegen.supernet import inherited_names
from vnasdsl.elaborate import Overrides, Space
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.source import Source
from vnasdsl.network.graph import matching
from vnasdsl.show.diff import compare
from vnasdsl.show.emit import as_object
from vnasdsl.show.table import as_table
from vnasdsl.train.generated import build, load_class

UNIT = """
block unit(width, stride) {
  conv(width, 1x3x3, stride=(1, stride, stride)) -> bn -> relu
}
"""
THREE = f"""{UNIT}
network three {{
  input rgb = video(frames=4, size=12x20, classes=5)
  input motion = optical_flow(frames=4, size=(12, 20))
  input sound = spectrogram(frames=6, bins=10)
  a = rgb -> unit(8, 2)
  b = motion -> unit(8, 2)
  c = sound -> conv(4, 3x3x1) -> bn -> relu -> pool
  d = concat(a, b) -> unit(16, 2) -> pool
  concat(c, d) -> linear(classes)
}}
"""
TWO = f"""{UNIT}
space two {{
  input rgb = video(frames=4, size=16, classes=5)
  input objects = maps(7, frames=4, size=16)
  stage s1 {{
    a = rgb -> unit(8, 2)
    b = objects -> unit(8, 2)
    concat(a, b) -> (conv(same, 1x3x3) | conv(same, 3x1x1) | skip)
  }}
  stage s2 {{
    unit(8 | 16, 2)
    2 * (conv(same, 1x3x3) | skip)
  }}
  pool -> linear(classes)
}}
"""


def read(text: str, overrides: Overrides | None = None, name: str | None = None) -> Space:
    return load_source(Source("made.vns", text), None, overrides or Overrides()).get(name)


def clips(space: Space) -> list[Tensor]:
    seed = torch.Generator().manual_seed(1)
    return [torch.randn((2, *one.shape), generator=seed) for one in space.inputs.given]


class Three(nn.Module):
    """The network `three`, by hand."""

    def __init__(self) -> None:
        super().__init__()

        def unit(before: int, width: int) -> nn.Sequential:
            conv = nn.Conv3d(before, width, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False)
            return nn.Sequential(conv, nn.BatchNorm3d(width), nn.ReLU())

        self.a, self.b = unit(3, 8), unit(2, 8)
        self.c = nn.Sequential(nn.Conv3d(1, 4, (3, 3, 1), padding=(1, 1, 0), bias=False), nn.BatchNorm3d(4), nn.ReLU())
        self.d = unit(16, 16)
        self.linear = nn.Linear(20, 5)

    def forward(self, rgb: Tensor, motion: Tensor, sound: Tensor) -> Tensor:
        maps = torch.cat([self.a(rgb), self.b(motion)], dim=1)
        both = [self.c(sound).mean((2, 3, 4)), self.d(maps).mean((2, 3, 4))]
        return self.linear(torch.cat(both, dim=1))


def test_a_network_of_three_inputs_computes_what_a_module_by_hand_does() -> None:
    space = read(THREE)
    model, oracle, given = build(space).eval(), Three().eval(), clips(space)
    oracle.load_state_dict(dict(zip(oracle.state_dict(), model.state_dict().values(), strict=True)))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        found = model(*given)
    assert torch.allclose(found, oracle(*given), atol=1e-6)
    assert counter.get_total_flops() == 2 * 2 * space.macs[0]
    assert sum(p.numel() for p in model.parameters()) == space.params[0]


def test_every_network_of_a_supernet_of_two_inputs_is_the_network_itself() -> None:
    space = read(TWO)
    torch.manual_seed(0)
    supernet = load_class(compile_supernet(space, "made.vns"), "TwoSupernet", Path("made.py"))().eval()  # type: ignore[operator]
    tensors, given = supernet.state_dict(), clips(space)
    assert space.size == 3 * 2 * 2**2
    for made in list(space.networks())[::5]:
        supernet.set_choices(made)
        network = build(space.network(made)).eval()
        network.load_state_dict({mine: tensors[theirs] for mine, theirs in inherited_names(space, made).items()})
        with torch.no_grad():
            assert torch.allclose(supernet(*given), network(*given), atol=1e-5)


def test_the_text_of_a_network_is_the_network_and_lies_in_its_space() -> None:
    space = read(TWO)
    for seed in range(5):
        made = space.sample(Random(seed))
        child = read(space.network(made).text())
        assert matching(child.graph, space.choose(made)) is not None
        assert matching(child.graph, space.choose(child.choices_in(space))) is not None
        assert [one.shape for one in child.inputs.given] == [(3, 4, 16, 16), (7, 4, 16, 16)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("maps(channels=7,", "maps(channels=6,"), "channels is 6 and not 7"),
        (("maps(channels=7, ", "optical_flow(channels=7, "), "it is `optical_flow` and not `maps`"),
        (("b = objects", "b = rgb"), "nothing reads|the space has"),
    ],
)
def test_a_network_with_another_input_leaves_the_space(change: tuple[str, str], says: str) -> None:
    space = read(TWO)
    child = space.network(space.sample(Random(1))).text()
    assert change[0] in child
    with pytest.raises(VnsError) as raised:
        read(child.replace(*change)).choices_in(space)
    (found,) = raised.value.diagnostics
    assert found.code == "E0601"
    if "nothing" not in says:
        assert found.primary is not None and found.primary.text == says


def test_inputs_of_one_shape_are_not_taken_for_each_other() -> None:
    text = """space s {
  input a = video(frames=2, size=8, classes=5)
  input b = video(frames=2, size=8)
  concat(a -> conv(4 | 8, 1x1x1), b -> conv(4, 3x1x1)) -> pool -> linear(classes)
}
"""
    swapped = """network n {
  input a = video(frames=2, size=8, classes=5)
  input b = video(frames=2, size=8)
  concat(b -> conv(8, 1x1x1), a -> conv(4, 3x1x1)) -> pool -> linear(classes)
}
"""
    space = read(text)
    assert space.choose({"concat.a.channels": "8"}) is not None
    with pytest.raises(VnsError):
        read(swapped).choices_in(space)
    straight = swapped.replace("concat(b", "concat(a").replace(", a ->", ", b ->")
    assert read(straight).choices_in(space) == {"concat.a.channels": "8"}


@pytest.mark.parametrize(
    ("lines", "given", "shapes"),
    [
        (("video(frames=8, size=32)", "optical_flow(frames=8, size=32)"), {"size": 16}, ((8, 16, 16), (8, 16, 16))),
        (("video(frames=8, size=32)", "maps(4, frames=8, size=8)"), {"size": 16}, ((8, 16, 16), (8, 8, 8))),
        (("video(frames=8, size=32)", "video(frames=2, size=32)"), {"frames": 4}, ((4, 32, 32), (2, 32, 32))),
        (
            ("video(frames=8, size=32x48)", "spectrogram(frames=8, bins=9)"),
            {"frames": 4, "size": 16},
            ((4, 16, 16), (4, 9, 1)),
        ),
        (("video(4 | 8, size=32)", "video(4 | 8, 32 | 16)"), {"frames": 2, "size": 8}, ((2, 8, 8), (2, 32, 32))),
    ],
)
def test_overrides_are_for_the_first_input_and_those_alike(
    lines: tuple[str, str], given: dict[str, int], shapes: tuple[tuple[int, ...], ...]
) -> None:
    text = f"space s {{\n  input a = {lines[0]}\n  input b = {lines[1]}\n  a -> pool -> linear(classes)\n}}\n"
    inputs = read(text, Overrides(**given)).inputs.given
    assert tuple(one.shape[1:] for one in inputs) == shapes


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("maps(frames=8, size=32)", "E0301", "`maps` needs `channels`"),
        ("spectrogram(frames=8, size=32)", "E0301", "`spectrogram` has no parameter `size`"),
        ("video(frames=8, size=1x32x32)", "E0302", "`size` of `video` must be rows x columns, found `1x32x32`"),
        (
            "video(frames=8, size=[32.0, 32.0])",
            "E0302",
            "`size` of `video` must be a whole number, found `[32.0, 32.0]`",
        ),
        ("video(frames=8, size=32x0)", "E0303", "`size` of `video` must be from 1 to 1,000,000, found `0`"),
        ("optical_flow(frames=8, size=32, classes=7)", "E0301", "two inputs say how many classes there are"),
        (
            "flow(frames=8, size=32)",
            "E0306",
            "an input must be `video(...)`, `optical_flow(...)`, `maps(...)` or `spectrogram(...)`",
        ),
    ],
)
def test_what_is_wrong_with_an_input_is_said(line: str, code: str, says: str) -> None:
    lines = ("input a = video(frames=8, size=32, classes=5)", f"input b = {line}", "a -> pool -> linear(classes)")
    text = "\n".join(("network n {", *lines, "}"))
    with pytest.raises(VnsError) as raised:
        read(text)
    assert [(d.code, d.message) for d in raised.value.diagnostics if d.severity == "error"] == [(code, says)]


def test_streams_that_do_not_join_are_one_error_at_the_join() -> None:
    with pytest.raises(VnsError) as raised:
        read(TWO.replace("maps(7, frames=4", "maps(7, frames=2 | 4"))
    errors = [d for d in raised.value.diagnostics if d.severity == "error"]
    assert [d.code for d in errors] == ["E0409"]
    assert "joins 8 x 4 x 8 x 8 and 8 x 2 x 8 x 8" in errors[0].message


def test_an_input_that_nothing_reads_is_warned_of_and_stays_in_the_code() -> None:
    space = read(THREE.replace("c = sound", "c = rgb").replace("3x3x1", "1x1x1"))
    assert [(d.code, d.message) for d in space.check()] == [("W0209", "nothing reads the input `sound`")]
    model, given = build(space).eval(), clips(space)
    with torch.no_grad():
        assert torch.equal(model(*given), model(given[0], given[1], given[2] + 1))


def test_show_and_diff_tell_the_inputs_apart() -> None:
    text = "space s {\n  input a = maps(7, frames=4, size=16 | 16x24)\n  a -> pool -> linear(classes)\n}\n"
    space = read(text)
    assert "input a: 7 x 4 x 16 x 16..24 (channels x frames x rows x columns), maps of any kind" in as_table(space)
    assert json.loads(json.dumps(as_object(space)))["input"]["size"] == [16, [16, 24]]
    assert [one["name"] for one in as_object(read(TWO))["inputs"]] == ["rgb", "objects"]
    changes = compare(read(THREE), read(THREE.replace("bins=10", "bins=12"))).changes
    (changed,) = (change for change in changes if change.what == "input")
    assert changed.before and changed.after
    assert (changed.before.text, changed.after.text) == ("sound.bins=10", "sound.bins=12")
