"""Videos that show several actions each: Charades."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.conftest import RunCli
from tests.data.test_layouts import fails
from tests.data.videos import clip_loader, encode_numbered, view_loader
from vnasdsl.data import ClipShape, FaultLog, Video, open_data
from vnasdsl.data.check import check
from vnasdsl.data.videos import listing
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.clips import training_clips
from vnasdsl.train.evaluation import average_precision, evaluate_views
from vnasdsl.train.loop import NetworkTraining
from vnasdsl.train.predict import open_trained, predict_each
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipes import RetrainRecipe, Sgd

CPU = torch.device("cpu")
HEADER = "id,subject,script,actions,length\n"
TRAIN = (
    'AAAA1,X,"sits, then eats",c000 1.00 5.00;c002 2.00 3.00;c000 7.0 8.0,30\nBBBB2,X,,c001 0.00 9.00,12\nCCCC3,X,,,9\n'
)
TEST = "DDDD4,X,,c002 0.0 1.0;c001 0.0 2.0,8\nEEEE5,X,,c000 0 1,8\n"


def charades(root: Path, train: str = TRAIN, test: str = TEST) -> str:
    root.mkdir(exist_ok=True)
    (root / "Charades_v1_classes.txt").write_text("c000 Sitting down\nc001 Eating\nc002 Holding a book\n")
    (root / "Charades_v1_train.csv").write_text(HEADER + train)
    (root / "Charades_v1_test.csv").write_text(HEADER + test)
    for name in ("AAAA1", "BBBB2", "CCCC3", "DDDD4"):
        encode_numbered(root / "Charades_v1_480" / f"{name}.mp4", 8, codec="libx264")
    return f"charades:{root}"


def test_lists(tmp_path: Path) -> None:
    data = open_data(charades(tmp_path))
    assert data.classes == ("Sitting down", "Eating", "Holding a book")
    assert [(Path(video.path).stem, video.labels) for video in data.train] == [("AAAA1", (0, 2)), ("BBBB2", (1,))]
    assert data.train[0].target == [True, False, True]
    assert data.notes[:2] == (
        "1 train videos without an action are left out",
        "1 of 2 listed test videos are not on disk",
    )
    assert data.missing["test"] == ("EEEE5",)


def test_faulty_lists(tmp_path: Path) -> None:
    spec = charades(tmp_path, TRAIN + "FFFF6,X,,c009 1.0 2.0,3\n")
    fails(spec, "line 5", "`c009` is not in the class list")
    fails(charades(tmp_path, "BBBB2,X,,c001 0.00 9.00,12\n"), "classes `Sitting down`, `Holding a book` have no train")
    fails(f"{charades(tmp_path)},{charades(tmp_path)}", "cannot be joined")
    (tmp_path / "Charades_v1_classes.txt").unlink()
    fails(spec, "no list `Charades_v1_classes.txt`")


@pytest.mark.parametrize("workers", [0, 1])
def test_loaders_give_truth_values(tmp_path: Path, workers: int) -> None:
    data = open_data(charades(tmp_path))
    shape = {"frames": 4, "size": 16, "scale": 24, "workers": workers}
    (batch,) = list(clip_loader(data.train, shuffle=False, **shape))
    assert batch[1].tolist() == [[True, False, True], [False, True, False]]
    views = list(view_loader(data.test, clips=2, crops=1, **shape))
    assert torch.cat([labels for _, labels, _ in views]).tolist() == [[False, True, True]] * 2


def test_training_follows_the_binary_cross_entropy_of_each_class(tmp_path: Path) -> None:
    data = open_data(charades(tmp_path))
    recipe = RetrainRecipe(weights=Sgd(lr=0.5, momentum=0), epochs=1, batch=2, workers=0, scale=16)
    clips = training_clips(data.train, ClipShape(4, 16, scale=16), recipe, FaultLog())
    ((pixels, labels),) = list(clips(1))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 16 * 16, 3))
    layer = model[1]
    expected = [parameter.detach().clone().requires_grad_() for parameter in layer.parameters()]
    scores = F.linear(pixels.flatten(1), *expected).sigmoid()
    truth = torch.tensor([[1.0, 0, 1], [0, 1, 0]])[[0, 1] if labels[0, 0] else [1, 0]]
    loss = -(truth * scores.log() + (1 - truth) * (1 - scores).log()).mean()
    gradients = torch.autograd.grad(loss, expected)
    record = NetworkTraining(model, recipe, clips, CPU).run_epoch(1, Reporter(quiet=True))
    assert record["train_loss"] == pytest.approx(loss.item(), rel=1e-5)
    for parameter, before, gradient in zip(layer.parameters(), expected, gradients, strict=True):
        torch.testing.assert_close(parameter.detach(), before.detach() - 0.5 * gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("key", [{"mixup": 0.2}, {"label_smoothing": 0.1}, {"class_weights": "balanced"}])
def test_keys_for_one_label_are_refused(tmp_path: Path, key: dict[str, object]) -> None:
    data = open_data(charades(tmp_path))
    with pytest.raises(UserError, match=f"`{next(iter(key))}` is for videos with one label"):
        training_clips(data.train, ClipShape(4, 16, scale=16), RetrainRecipe(**key), FaultLog())


def test_every_label_counts_in_a_check(tmp_path: Path) -> None:
    data = open_data(charades(tmp_path))
    found = check(data, workers=0)
    for of in (found, listing(data)):
        assert [(row["train"], row["test"]) for row in of["classes"]] == [(1, 0), (1, 1), (1, 1)]
    assert found["fails"] == []


def test_figures_over_views() -> None:
    logits = torch.tensor([[2.0, -1, 0], [0, 1, 0], [-1, 3, 1], [2, 0, -2]])  # two views of each of two videos
    truth = torch.tensor([[True, False, True], [False, True, True]])

    class Table(nn.Module):
        def forward(self, views: Tensor) -> Tensor:
            return logits[views.flatten().long()]

    numbers, videos = torch.tensor([0, 0, 1, 1]), [Video("x", 0, "a"), Video("y", 1, "b")]
    found = evaluate_views(Table(), [(torch.arange(4.0), truth[numbers], numbers)], ["a", "b", "c"], CPU, videos=videos)
    averaged = logits.sigmoid().view(2, 2, 3).mean(dim=1).double()
    mean = averaged.numpy()
    assert found.top1 == 1.0
    by_class = {n: average_precision(averaged[:, i], truth[:, i]) for i, n in enumerate("abc")}
    assert found.per_class == pytest.approx(by_class)
    assert found.mean_class == pytest.approx(sum(filter(None, by_class.values())) / 3)
    assert found.loss == pytest.approx(-np.log(np.where(truth.numpy(), mean, 1 - mean)).mean(), rel=1e-6)
    said = found.predictions
    assert said is not None
    assert said.labels.tolist() == [0, 1] and said.predicted.tolist() == mean.argmax(axis=1).tolist()


def test_predictions_are_scores_of_each_class_by_itself(run_cli: RunCli, tmp_path: Path) -> None:
    data = charades(tmp_path / "charades")
    network = tmp_path / "small.vns"
    network.write_text("network small {\n  input clip = video(frames=2, size=8)\n  pool -> linear(classes)\n}\n")
    settings = [f"--set={key}" for key in ("epochs=1", "batch=2", "clips=1", "crops=1")]
    trained = run_cli("retrain", network, "--data", data, "--out", tmp_path / "run", "--device", "cpu", *settings)
    assert trained.returncode == 0, trained.stderr
    model = open_trained(tmp_path / "run")
    assert model.protocol.scores == "sigmoid"
    weights = model.module.state_dict()
    for tensor in weights.values():
        tensor.zero_()
    (bias,) = (tensor for tensor in weights.values() if tensor.shape == (3,))
    bias.copy_(torch.tensor([0.0, 2.0, -2.0]))
    video = str(tmp_path / "charades" / "Charades_v1_480" / "AAAA1.mp4")
    (prediction,) = predict_each(model, [video], workers=0, device="cpu")
    expected = [1 / (1 + math.exp(-2)), 0.5, 1 / (1 + math.exp(2))]
    assert [each.score for each in prediction.top] == pytest.approx(expected)
