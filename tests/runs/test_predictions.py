"""Figures of a classification, against scikit-learn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from vnasdsl.data import Video
from vnasdsl.language.diagnostics import UserError
from vnasdsl.runs.predictions import Predictions
from vnasdsl.train.evaluation import Scores, average_precision, summarise

CLASSES = ("a", "b,c", 'd"', "e é", "=f", "g", "never")


def drawn(seed: int, videos: int = 60) -> Scores:
    """Scores of which about half are right; the last class has no videos, and class `g` is never predicted."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, len(CLASSES) - 1, videos)
    logits = draw.normal(size=(videos, len(CLASSES)))
    logits[np.arange(videos), labels] += 1.0
    logits[:, CLASSES.index("g")] = -20.0
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Scores(tuple(range(videos)), torch.tensor(scores), torch.tensor(labels), videos)


def predictions_of(scores: Scores) -> Predictions:
    videos = [Video(f"/v/{number}, x.avi", int(label), "") for number, label in enumerate(scores.labels)]
    return scores.predictions(videos, CLASSES)


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_those_of_scikit_learn(seed: int) -> None:
    from sklearn import metrics  # takes seconds: only where it is used

    scores = drawn(seed)
    result, found = summarise(scores, CLASSES), predictions_of(scores)
    truth, values, numbers = scores.labels.numpy(), scores.mean.numpy(), range(len(CLASSES))
    best = values.argmax(axis=1)
    assert result.top1 == pytest.approx(metrics.accuracy_score(truth, best))
    assert result.top5 == pytest.approx(metrics.top_k_accuracy_score(truth, values, k=5, labels=numbers))
    assert result.mean_class == pytest.approx(metrics.balanced_accuracy_score(truth, best))
    assert result.loss == pytest.approx(metrics.log_loss(truth, values, labels=numbers))
    assert (found.confusion == metrics.confusion_matrix(truth, best, labels=numbers)).all()
    expected = metrics.precision_recall_fscore_support(truth, best, labels=numbers, zero_division=np.nan)
    for row, precision, recall, f1, support in zip(found.table, *expected, strict=True):
        assert row.videos == support
        assert np.allclose([row.precision or 0.0, row.top1 or 0.0], np.nan_to_num([precision, recall]))
        assert row.f1 == pytest.approx(0.0 if np.isnan(f1) else f1)
    assert found.table[CLASSES.index("never")].top1 is None
    assert found.table[CLASSES.index("g")].f1 == 0.0


def test_average_precision_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import average_precision_score

    draws = np.random.default_rng(0)
    for _ in range(50):
        scores = draws.integers(0, 6, 12) / 5 if draws.random() < 0.5 else draws.random(12)  # half with equal scores
        positive = draws.random(12) < 0.4
        found = average_precision(torch.tensor(scores), torch.tensor(positive))
        if positive.any():
            assert found == pytest.approx(average_precision_score(positive, scores))
        else:
            assert found is None


def test_a_row_names_the_class_that_is_taken_for_it_most() -> None:
    labels = torch.tensor([0, 0, 0, 0, 1, 2])
    predicted = torch.tensor([0, 2, 2, 1, 1, 2])
    scores = Scores(tuple(range(6)), torch.eye(3, dtype=torch.float64)[predicted], labels, 6)
    videos = [Video(str(number), int(label), "") for number, label in enumerate(labels)]
    table = scores.predictions(videos, "abc").table
    assert [row.taken_for for row in table] == ["c", None, None]


def test_the_worst_videos_have_the_lowest_scores_of_their_class() -> None:
    found = predictions_of(drawn(0))
    own = [found.scores[place, label] for place, label in enumerate(found.labels)]
    assert [own[place] for place in found.worst(5)] == sorted(own)[:5]


@pytest.mark.parametrize("suffix", [".csv", ".json", ".JSON"])
def test_files_are_read_as_they_were_written(suffix: str, tmp_path: Path) -> None:
    found = predictions_of(drawn(1))
    file = tmp_path / f"scores{suffix}"
    found.write(file)
    again = Predictions.read(file)
    assert (again.classes, again.videos) == (found.classes, found.videos)
    assert (again.labels == found.labels).all() and (again.predicted == found.predicted).all()
    assert np.abs(again.scores - found.scores).max() < 1e-6
    again.write(tmp_path / f"again{suffix}")
    assert (tmp_path / f"again{suffix}").read_bytes() == file.read_bytes()


def test_predictions_of_several_networks_follow_each_other() -> None:
    one, two = predictions_of(drawn(1, 20)), predictions_of(drawn(2, 30))
    both = Predictions.together([one, two])
    assert (both.confusion == one.confusion + two.confusion).all()
    assert both.videos == one.videos + two.videos


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", ""),
        ("a.csv", "path,label\nx,y\n"),
        ("a.csv", "video,class,predicted,score,a\nv,b,a,1,1\n"),
        ("a.csv", "video,class,predicted,score,a\nv,a,a,1,one\n"),
        ("a.json", "{}"),
        ("a.json", json.dumps({"classes": ["a"], "videos": [{"video": "v", "class": "a", "scores": [1, 2]}]})),
        ("a.json", "[1"),
    ],
)
def test_other_files_are_refused(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match="holds no predictions"):
        Predictions.read(tmp_path / name)
    with pytest.raises(UserError, match="there is no file"):
        Predictions.read(tmp_path / f"no_{name}")
    with pytest.raises(UserError, match="no kind of file"):
        Predictions.read(tmp_path / "a.txt")
