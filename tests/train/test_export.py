"""Exported networks, run by onnxruntime and by torch.export's reader, against the network and the loader."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file

from tests.conftest import RunCli
from tests.data.videos import encode
from vnasdsl import Network
from vnasdsl.data import ClipShape, Video
from vnasdsl.data.clips import ViewLoader
from vnasdsl.elaborate import load
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train import export as exporting
from vnasdsl.train.export import FramesIn, export
from vnasdsl.train.generated import build
from vnasdsl.train.predict import TrainedNetwork, open_trained

NETWORK = """\
block unit(width, stride) { conv(width, 3x3x3, stride=(1, stride, stride)) -> bn -> relu }

network tiny {
  input clip = video(frames=4, size=16, classes=3)
  unit(8, 2)
  residual { unit(8, 1) }
  pool -> dropout(0.5) -> linear(classes)
}

evaluate quick for tiny { scale = 20 }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tiny")
    (place / "tiny.vns").write_text(NETWORK)
    (place / "labels.txt").write_text("left\nright\nstill\n")
    torch.manual_seed(1)
    module = build(load(place / "tiny.vns").get())
    for name, buffer in module.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2.0)
    save_file(module.state_dict(), place / "tiny.safetensors")
    return place


@pytest.fixture(scope="module")
def model(folder: Path) -> TrainedNetwork:
    return open_trained(folder / "tiny.vns", folder / "tiny.safetensors", folder / "labels.txt")


def test_onnx_takes_any_batch_and_says_its_classes(run_cli: RunCli, folder: Path, model: TrainedNetwork) -> None:
    given = ("--weights", folder / "tiny.safetensors", "--labels", folder / "labels.txt")
    result = run_cli("export", folder / "tiny.vns", *given, "--format", "onnx", "--json")
    assert result.returncode == 0, result.stderr
    figures = json.loads(result.stdout)
    assert figures["file"].endswith("tiny.onnx") and figures["difference"] < 1e-5
    session = onnxruntime.InferenceSession(figures["file"], providers=["CPUExecutionProvider"])
    for batch in (1, 5):
        clips = torch.randn(batch, 3, 4, 16, 16)
        torch.testing.assert_close(
            torch.from_numpy(session.run(None, {"clips": clips.numpy()})[0]), model.module(clips), rtol=1e-4, atol=1e-5
        )
    said = {
        entry.key: json.loads(entry.value) for entry in onnx.load(figures["file"]).metadata_props if "vnas" in entry.key
    }
    assert said["vnasdsl.classes"] == ["left", "right", "still"] and said["vnasdsl.preprocessing"]["scale"] == 20


def test_torch_export_takes_frames_as_they_are_decoded(model: TrainedNetwork, tmp_path: Path) -> None:
    done = export(model, tmp_path / "t.pt2", "torch", preprocess=True, source=(24, 40))
    assert done.input == "uint8 frames (batch, 4, 24, 40, 3)"
    told = {"vnasdsl.json": ""}
    program = torch.export.load(tmp_path / "t.pt2", extra_files=told).module()
    frames = torch.randint(256, (3, 4, 24, 40, 3), dtype=torch.uint8)
    wanted = model.module(FramesIn(model.module, model.preprocessing, (24, 40)).clips(frames))
    torch.testing.assert_close(program(frames), wanted)
    assert json.loads(told["vnasdsl.json"])["classes"] == ["left", "right", "still"]


@pytest.mark.parametrize("size", [(24, 40), (40, 24), (20, 20)])
def test_preprocessing_is_that_of_the_loader(tmp_path: Path, model: TrainedNetwork, size: tuple[int, int]) -> None:
    y, x, channel = np.meshgrid(np.arange(size[0]), np.arange(size[1]), np.arange(3), indexing="ij")
    smooth = (128 + 60 * np.sin(x / 4) + 60 * np.cos(y / 5) + 0 * channel).astype(np.uint8)
    path = str(encode(tmp_path / "v.mp4", [np.roll(smooth, n, axis=1) for n in range(4)], codec="libx264"))
    with av.open(path) as container:
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    cut = model.preprocessing
    shape = ClipShape(cut.frames, cut.size, scale=cut.scale)
    ((views, _, _),) = ViewLoader([Video(path, 0, "")], shape, clips=1, crops=1, workers=0)
    found = FramesIn(model.module, cut, size).clips(torch.from_numpy(frames)[None])
    assert found.shape == views.shape
    # Grey, as ffmpeg scales colours at half the size. Its bilinear scaler and torch's differ by some levels of 255.
    assert (found - views).abs().mean() * 0.225 * 255 < 2.0
    moved = FramesIn(model.module, cut, size).clips(torch.from_numpy(np.roll(frames, 2, axis=2))[None])
    assert (found - views).abs().mean() < 0.5 * (moved - views).abs().mean()


def test_what_cannot_be_exported_is_said(
    run_cli: RunCli, folder: Path, model: TrainedNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ("--weights", folder / "tiny.safetensors", "-o", tmp_path / "no.onnx")
    for size in ("0x3", "24", "axb"):
        assert run_cli("export", folder / "tiny.vns", *given, f"--preprocess={size}").returncode == 2
    gone = run_cli("export", folder / "gone.vns", *given)
    assert gone.returncode == 1 and "there is no network" in gone.stderr
    monkeypatch.setattr(exporting, "find_spec", lambda name: None if name == "onnxscript" else name)
    lacking = run_cli("export", folder / "tiny.vns", *given)
    assert lacking.returncode == 1 and "`onnxscript`" in lacking.stderr and "vnasdsl[onnx]" in lacking.stderr
    monkeypatch.setattr(exporting, "_torch", lambda program, about: (b"", lambda clips: model.module(clips) + 1))
    with pytest.raises(UserError, match="differs from this one by 1"):
        export(model, tmp_path / "no.pt2", "torch")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "layers", ["window_attention(2, 2x3x3, shift=1x1x1)", "class_token -> layer_norm -> attention(2, grid=2x4x4)"]
)
def test_transformers_take_any_batch(layers: str) -> None:
    body = ("input clip = video(frames=4, size=16, classes=3)", "conv(8, 2x4x4, stride=2x4x4)", layers)
    text = "\n".join(("network n {", *body, "pool -> linear(classes)", "}"))
    network = Network.load(text)
    module = network.module().eval()
    exported = torch.export.export(
        module, (torch.rand(2, *network.input.shape),), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)
    ).module()
    for batch in (1, 3):
        clips = torch.rand(batch, *network.input.shape)
        torch.testing.assert_close(exported(clips), module(clips))
