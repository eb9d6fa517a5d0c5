"""A module of torch becomes a text that computes the same; what no layer does is named."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

import vnasdsl
from tests.oracles import originals
from tests.support import ROOT, examples, run_here, shipped_space
from vnasdsl.elaborate import Overrides, Space, load
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.diagnostics import UserError
from vnasdsl.language.source import Source
from vnasdsl.tracing import from_torch
from vnasdsl.train.generated import build


class Unit(nn.Module):
    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv3d(before, after, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False)
        self.bn = nn.BatchNorm3d(after)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x)).relu()


class Basic(nn.Module):
    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.one, self.two = (
            Unit(before, after, stride),
            nn.Conv3d(after, after, (3, 1, 1), padding=(1, 0, 0), bias=False),
        )
        self.bn = nn.BatchNorm3d(after)
        changes = before != after
        self.way = (
            nn.Sequential(nn.Conv3d(before, after, 1, (1, stride, stride), bias=False), nn.BatchNorm3d(after))
            if changes
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn(self.two(self.one(x)))
        out += x if self.way is None else self.way(x)
        return F.relu(out, inplace=True)


class Net(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv3d(3, width, (1, 4, 4), 2, bias=False), nn.Hardswish(), nn.MaxPool3d(2, ceil_mode=False)
        )
        self.body = nn.Sequential(
            Basic(width, 16, 2), Basic(16, 16), Basic(16, 16), nn.Conv3d(16, 16, 3, padding=1, groups=16, bias=False)
        )
        self.head = nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Dropout(0.25), nn.Linear(16, 6))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(self.stem(x)))


TEXT = """\
block unit(stride) {
  conv(16, 1x3x3, stride=stride) -> bn -> relu
}

block basic(stride) {
  residual(project=auto) {
    unit(stride)
    conv(16, 3x1x1) -> bn
  } -> relu
}

network net {
  input clip = video(frames=4, size=24, classes=6)
  stage stem {
    conv(8, 1x4x4, stride=2, padding=valid) -> hardswish
    max_pool(2x2x2, stride=2, padding=valid)
  }
  stage body {
    basic(1x2x2)
    2 * basic(1)
    depthwise(3x3x3)
  }
  stage head {
    pool -> dropout(0.25)
    linear(classes)
  }
}
"""


def test_blocks_residuals_and_stages() -> None:
    imported = from_torch(Net(), (3, 4, 24, 24), "net")
    assert imported.text == TEXT
    assert imported.space.params[0] == sum(p.numel() for p in Net().parameters())


def test_weights_of_the_module_give_its_outputs() -> None:
    torch.manual_seed(1)
    module = Net(10)
    for norm in (m for m in module.modules() if isinstance(m, nn.BatchNorm3d)):
        nn.init.uniform_(norm.running_mean)
    imported = vnasdsl.from_torch(module, (3, 4, 24, 24))
    assert module.training and imported.remarks == ()
    network = vnasdsl.load(imported.text).module()
    network.load_state_dict(imported.weights(module))
    x = torch.randn(3, 3, 4, 24, 24)
    torch.testing.assert_close(network.eval()(x), module.eval()(x))


class Tangled(nn.Module):
    """Values that several lines need, and a tensor that is changed in place and read again."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = Unit(3, 4), Unit(4, 4), Unit(4, 4)
        self.head = nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        a = self.a(x)
        b = self.b(a)
        c = self.c(a + b)
        b.mul_(c)
        return self.head(torch.cat([a, b, b * torch.sigmoid(b)], 1).mean((2, 3, 4)))


def test_values_that_several_lines_need_get_names() -> None:
    imported = from_torch(Tangled(), (3, 2, 8, 8), "tangled")
    assert imported.difference < 1e-6
    assert "a = unit" in imported.text and "silu" in imported.text
    assert imported.text.count("unit") == 4  # the block, and each once


class Random3d(nn.Module):
    """Units whose inputs are drawn among all values before them."""

    def __init__(self, picks: list[tuple[int, int]]) -> None:
        super().__init__()
        self.picks = picks
        self.stem = Unit(3, 4)
        self.units = nn.ModuleList(Unit(4, 4) for _ in picks)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        values = [self.stem(x)]
        for (i, j), unit in zip(self.picks, self.units, strict=True):
            a, b = values[i % len(values)], values[j % len(values)]
            values.append(unit(a) if a is b else unit(a + b))
        return self.head(sum(values[1:], values[0]).mean((2, 3, 4)))


@examples(20, shrink=False)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=7))
def test_any_wiring_of_units(picks: list[tuple[int, int]]) -> None:
    module = Random3d(picks)
    imported = from_torch(module, (3, 1, 4, 4))
    convs = [node for node in imported.space.graph.order if node.operation == "conv"]
    assert len(convs) == 1 + len(picks)  # each once
    assert imported.space.params[0] == sum(p.numel() for p in module.parameters())


class TwoStreams(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rgb, self.motion = nn.Conv3d(3, 4, 3, padding=1), nn.Conv3d(2, 4, 1)
        self.head = nn.Linear(4, 3)

    def forward(self, rgb: Tensor, motion: Tensor) -> Tensor:
        return self.head((self.rgb(rgb) + self.motion(motion)).relu().mean((2, 3, 4)))


class OneList(TwoStreams):
    """Takes a list of inputs and changes it, as the pathways of pytorchvideo do."""

    def forward(self, x: list[Tensor]) -> Tensor:  # type: ignore[override]
        x[0], x[1] = self.rgb(x[0]), self.motion(x[1])
        return self.head((x[0] + x[1]).relu().mean((2, 3, 4)))


@pytest.mark.parametrize(("module", "names"), [(TwoStreams(), ("rgb", "motion")), (OneList(), ("input1", "input2"))])
def test_several_inputs(module: nn.Module, names: tuple[str, str]) -> None:
    imported = from_torch(module, [(3, 4, 8, 8), (2, 4, 8, 8)])
    assert f"input {names[0]} = video(frames=4, size=8, classes=3)" in imported.text
    assert f"input {names[1]} = maps(2, frames=4, size=8)" in imported.text
    assert imported.difference < 1e-6 and imported.space.params[0] == sum(p.numel() for p in module.parameters())


class Transformer(nn.Module):
    """Written as such networks usually are: positions as rows of a matrix, heads split off by hand."""

    def __init__(self, token: bool, over: str = "joint") -> None:
        super().__init__()
        self.patch = nn.Conv3d(3, 8, 2, 2)
        self.token = nn.Parameter(torch.randn(1, 1, 8)) if token else None
        self.place = nn.Parameter(torch.randn(1, 32 + token, 8))
        self.norm, self.qkv, self.out, self.head = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8), nn.Linear(8, 3)
        self.scale = nn.Parameter(torch.randn(8))
        self.over = over

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        if self.token is not None:
            x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        x = x + self.place
        groups = self.norm(x)
        if self.over != "joint":
            groups = groups.view(-1, 2, 16, 8)
            groups = groups.transpose(1, 2) if self.over == "temporal" else groups
        groups = groups.reshape(-1, *groups.shape[-2:])
        q, k, v = self.qkv(groups).reshape(*groups.shape[:2], 3, 2, 4).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(groups.shape)
        seen = seen.view(-1, 16, 2, 8).transpose(1, 2) if self.over == "temporal" else seen
        x = x + self.scale * self.out(seen.reshape(x.shape))
        return self.head(x[:, 0] if self.token is not None else x.mean(1))


@pytest.mark.parametrize(
    ("module", "layers"),
    [
        (Transformer(True), ("class_token -> position", "attention(2) -> scale(channelwise=true)", "read_token")),
        (Transformer(False), ("position", "attention(2)", "pool")),
        (Transformer(False, "spatial"), ("attention(2, over=spatial)",)),
        (Transformer(False, "temporal"), ("attention(2, over=temporal)",)),
    ],
)
def test_attention_is_read_from_views_and_products(module: nn.Module, layers: tuple[str, ...]) -> None:
    imported = from_torch(module, (3, 4, 8, 8))
    for layer in layers:
        assert layer in imported.text
    assert imported.difference < 1e-6 and imported.space.params[0] == sum(p.numel() for p in module.parameters())


class Block(nn.Module):  # `block` is a keyword
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(8), nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        return x + self.attention(x, x, x)[0]


class Encoder(nn.Module):
    """Attention by modules of torch, over all positions."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.blocks, self.head = nn.Conv3d(3, 8, 2, 2), nn.Sequential(Block(), Block()), nn.Linear(8, 3)
        layer = nn.TransformerEncoderLayer(8, 2, 12, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        return self.head(self.encoder(self.blocks(x)).mean(1))


def test_attention_of_torch() -> None:
    imported = from_torch(Encoder(), (3, 4, 8, 8))
    assert "block block2 {" in imported.text and imported.text.count("attention(2)") == 3
    assert imported.difference < 1e-6


class Moved(nn.Module):
    """Numbers that only move: parts, frames as channels or left out, blocks as channels, frames shifted."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Conv3d(8, 4, 1), nn.Conv3d(8, 4, 1), nn.Conv3d(32, 4, 1)
        self.head = nn.Linear(44, 3)

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.split(4, dim=1)
        x = torch.cat([self.first(x), right * left], 1).tanh()
        x = torch.cat([F.pad(x[:, :2, 1:], (0, 0, 0, 0, 0, 1)), F.pad(x[:, 2:4, :-1], (0, 0, 0, 0, 1, 0)), x[:, 4:]], 1)
        x = x.relu()
        deep = self.second(x).view(-1, 4, 4, 4, 2, 4, 2).permute(0, 6, 4, 1, 2, 3, 5).reshape(-1, 16, 4, 4, 4)
        channels = self.third(x.reshape(-1, 32, 8, 8)[:, :, None])
        large = F.interpolate(x, scale_factor=2.0)
        vectors = [part.sigmoid().mean((2, 3, 4)) for part in (deep, channels, x[:, :, [0, 1, 3]], large, x)]
        return self.head(torch.cat(vectors, 1))


def test_layers_that_only_move_numbers() -> None:
    imported = from_torch(Moved(), (8, 4, 8, 8))
    layers = ("chunk(2, 0)", "shift(share=0.25)", "space_to_depth(1x2x2)", "sample_frames(3)", "flatten(time=true)")
    for layer in (*layers, "upsample(2)"):
        assert layer in imported.text
    assert imported.difference < 1e-6


@pytest.mark.parametrize("name", ["mini", "nas_bench_macro", "tiny"])
def test_generated_code_comes_back(name: str) -> None:
    space = shipped_space(name)
    assert_comes_back(space.network(space.sample(Random(3))))


def assert_comes_back(network: Space) -> None:
    shapes = [given.shape for given in network.inputs.given]
    imported = from_torch(build(network), shapes, network.name)
    assert imported.difference < 1e-5
    assert imported.space.macs == network.macs and imported.space.params == network.params


GENERATED = {
    match[1]: match[2]
    for path in sorted((ROOT / "generated").rglob("*.py"))
    if (match := re.search(r'"""Network (\w+) of (\S+)\.\n', path.read_text(encoding="utf-8")))
}
"""The committed networks, each with its .vns file."""
QUICK = {"mini_spatial", "tiny_spatial"}
FULL = {"mvit_v1_b", "mvit_v2_s", "s3d", "timesformer"}
"""Networks that name the sizes of their maps, or end with a window of them; others are tried on small clips."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in GENERATED]
)
def test_every_generated_network_comes_back(name: str) -> None:
    small = Overrides() if name in FULL else Overrides(frames=8, size=64)
    assert_comes_back(load(ROOT / GENERATED[name], small).get(name))


PARTS = """
network parts {
  input clip = video(frames=6, size=12, classes=4)
  motion = clip -> flow(iterations=3)
  a = clip -> conv(8, 3x3x3, stride=1x2x2, padding=causal) -> bn -> relu -> squeeze_excite(0.25, least=3)
  b = concat(clip, motion) -> itgm(8, 3x3x3, stride=1x2x2) -> non_local(4) -> context_gate
  sum(a, b) -> space_to_depth(1x2x2) -> layer_norm
  residual { layer_norm -> window_attention(2, 2x3x3, shift=1x1x1) }
  max_pool(2x2x2, stride=2) -> conv2plus1(8, 3x3x3) -> pool -> linear(classes)
}
"""


def test_layers_of_generated_code_are_known_as_a_whole() -> None:
    network = load_source(Source("parts.vns", PARTS), None).get()
    imported = from_torch(build(network), network.input.shape)
    whole = ("flow", "squeeze_excite", "itgm", "non_local", "context_gate", "space_to_depth", "layer_norm")
    for layer in (*whole, "window_attention"):
        ours, theirs = (
            [n.code for n in g.order if n.operation == layer] for g in (network.graph, imported.space.graph)
        )
        assert ours == theirs and ours
    assert imported.space.macs == network.macs and imported.space.params == network.params
    assert "padding=causal" in imported.text


class Refused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = Sorted(), nn.Linear(4, 2)
        self.conv = nn.Conv3d(3, 4, 3, padding=1, padding_mode="zeros")

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.fft.rfft(self.inner(self.conv(x))).abs().mean((2, 3, 4)))


class Sorted(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sort(2)[0].cumsum(1) * 2


def test_everything_that_no_layer_does_is_named_at_once() -> None:
    with pytest.raises(UserError) as raised:
        from_torch(Refused(), (3, 2, 8, 8))
    for part in ("`sort` in `inner` (Sorted)", "`cumsum` in `inner` (Sorted)", "`fft_rfft` in the module itself"):
        assert part in raised.value.message
    assert "Custom layers" in (raised.value.help or "")


@pytest.mark.parametrize(
    ("module", "clip", "message"),
    [
        (Net(), (4, 4, 24, 24), "cannot be traced for a clip of 4 x 4 x 24 x 24"),
        (Net(), (3, 4, 24), "a clip has four sizes"),
        (nn.Sequential(nn.Conv3d(3, 2, 1)), (3, 2, 4, 4), "does not give one vector of numbers"),
        (nn.Sequential(nn.BatchNorm3d(3, track_running_stats=False)), (3, 2, 4, 4), "not use running statistics"),
        (nn.Sequential(nn.AvgPool3d(3, padding=1)), (3, 3, 6, 6), "with padding that counts"),
        (nn.Sequential(nn.LeakyReLU(0.3)), (3, 2, 4, 4), "`leaky_relu` in `0` (LeakyReLU)"),
        (torch.zeros(1), (3, 2, 4, 4), "expected a torch.nn.Module, found Tensor"),
    ],
)
def test_what_cannot_be_written_is_one_error(module: nn.Module, clip: tuple[int, ...], message: str) -> None:
    with pytest.raises(UserError) as raised:
        from_torch(module, clip)
    assert message in raised.value.message


SOURCE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.conv, self.spare = nn.Conv3d(3, width, 3, bias=True), nn.Linear(2, 2)
        self.head = nn.Linear(width, 5)

    def forward(self, x):
        return self.head(torch.tanh(self.conv(x)).mean((2, 3, 4))).softmax(1)

def number():
    return 3

def failing():
    raise RuntimeError("no")
"""


def test_the_command_writes_text_and_weights(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(SOURCE, encoding="utf-8")
    words = ("from-torch", "net.py:Net", "--clip", "3x4x16x12", "--arg", "width=6", "-o", "net.vns", "--weights")
    result = run_here(*words, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "video(frames=4, size=16x12, classes=5)" in (tmp_path / "net.vns").read_text()
    assert "note: the softmax at the end is left out" in result.stderr
    assert "note: the module does not use its parameters `spare.weight`, `spare.bias`" in result.stderr
    weights = safetensors.torch.load_file(tmp_path / "net.safetensors")
    assert sum(w.numel() for w in weights.values()) == 6 * 81 + 6 + 35
    assert "527 parameters in both" in result.stderr
    again = run_here(*words, cwd=tmp_path)
    assert again.returncode == 1 and "`net.vns` exists" in again.stderr


@pytest.mark.parametrize(
    ("target", "status", "message"),
    [
        ("net.py", 1, "names no class or function"),
        ("nit.py:Net", 1, "there is no file `nit.py`"),
        ("net.py:Nut", 1, "did you mean `Net`?"),
        ("net.py:number", 1, "gives a int, not a torch.nn.Module"),
        ("net.py:failing", 1, "`failing` cannot be called: RuntimeError: no"),
        ("no.such.module:Net", 1, "`no.such.module` cannot be imported: ModuleNotFoundError"),
        ("broken.py:Net", 1, "`broken.py` cannot be imported: SyntaxError"),
    ],
)
def test_wrong_targets_are_one_error(target: str, status: int, message: str, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "broken.py").write_text("class\n", encoding="utf-8")
    result = run_here("from-torch", target, "--clip", "3x4x16x16", "-o", "out.vns", cwd=tmp_path)
    assert result.returncode == status and message in result.stderr, result.stderr
    assert "Traceback" not in result.stderr and not (tmp_path / "out.vns").exists()


@pytest.mark.parametrize("second", [False, True])
def test_small_multiscale_transformers_of_torchvision(second: bool) -> None:
    """MViT and MViTv2 in two layers, the second of which has half the rows and columns."""
    mvit = originals.load("torchvision.models.video.mvit")
    widths = ((16, 16), (16, 32)) if second else ((16, 32), (32, 32))
    layers = [
        mvit.MSBlockConfig(
            1, *widths[0], [3, 3, 3] if second else [], [3, 3, 3], [1, 1, 1] if second else [], [1, 2, 2]
        ),
        mvit.MSBlockConfig(2, *widths[1], [3, 3, 3], [3, 3, 3], [1, 2, 2], [1, 1, 1]),
    ]
    module = mvit.MViT((32, 32), 4, layers, second, False, second, second, num_classes=5)
    imported = from_torch(module, (3, 4, 32, 32))
    assert imported.space.params[0] == sum(p.numel() for p in module.parameters())
    assert imported.difference < 1e-5
    assert "on_grid(2x8x8) { max_pool(1x3x3, stride=1x2x2) }" in imported.text
    assert ("relative=true" in imported.text) is second and ("position(over=spatial)" in imported.text) is not second


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "clip", "params"),
    [
        ("r3d_18", (3, 8, 64, 64), 33_371_472),
        ("mc3_18", (3, 8, 64, 64), 11_695_440),
        ("r2plus1d_18", (3, 8, 64, 64), 31_505_325),
        ("s3d", (3, 16, 224, 224), 8_320_048),
        ("swin3d_t", (3, 8, 64, 64), 28_158_070),
        ("swin3d_s", (3, 8, 64, 64), 49_816_678),
        ("swin3d_b", (3, 8, 64, 64), 88_048_984),
        ("mvit_v1_b", (3, 16, 224, 224), 36_610_672),
        ("mvit_v2_s", (3, 16, 224, 224), 34_537_744),
    ],
)
def test_video_models_of_torchvision(name: str, clip: tuple[int, ...], params: int) -> None:
    module = getattr(originals.load("torchvision.models.video"), name)()
    imported = from_torch(module, clip, name)
    assert imported.space.params[0] == params and imported.remarks == ()
    assert imported.difference < 1e-5
    assert imported.text.count("\n") < 80


SLOW, FAST = (3, 2, 64, 64), (3, 8, 64, 64)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "settings", "clip", "params"),
    [
        ("resnet.create_resnet", {"head_pool_kernel_size": (8, 2, 2)}, FAST, 32_472_912),
        ("x3d.create_x3d", {"input_clip_length": 4, "input_crop_size": 160}, (3, 4, 160, 160), 3_794_274),
        ("csn.create_csn", {"head_pool_kernel_size": (1, 2, 2)}, FAST, 13_131_152),
        ("r2plus1d.create_r2plus1d", {"head_pool_kernel_size": (2, 2, 2)}, FAST, 28_107_600),
        ("slowfast.create_slowfast", {"head_pool_kernel_sizes": ((2, 2, 2), (8, 2, 2))}, [SLOW, FAST], 34_566_488),
        ("hub.i3d_r50", {}, (3, 8, 224, 224), 28_043_472),
        ("hub.c2d_r50", {}, (3, 8, 224, 224), 24_327_632),
    ],
)
def test_models_of_pytorchvideo(function: str, settings: dict[str, Any], clip: Any, params: int) -> None:
    originals.load("torchvision.models.video")
    place, _, name = function.partition(".")
    imported = from_torch(getattr(originals.load(f"pytorchvideo.models.{place}"), name)(**settings), clip)
    assert imported.space.params[0] == params and imported.difference < 1e-5
    # X3D and R(2+1)D end with a softmax.
    assert len(imported.remarks) == (place in ("x3d", "r2plus1d"))
