from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.evaluation import evaluate_views

CPU = torch.device("cpu")


class Table(nn.Module):
    """Gives the logarithms of known scores: view number to (0.7, 0.2, 0.1) and so on."""

    scores = torch.tensor(
        [
            [0.6, 0.3, 0.1],  # video 0 (label 0): the views disagree, the mean is (0.40, 0.45, 0.15)
            [0.2, 0.6, 0.2],
            [0.1, 0.2, 0.7],  # video 1 (label 2): mean (0.2, 0.15, 0.65)
            [0.3, 0.1, 0.6],
            [0.5, 0.4, 0.1],  # video 2 (label 1): mean (0.35, 0.55, 0.10)
            [0.2, 0.7, 0.1],
        ]
    )

    def forward(self, views: Tensor) -> Tensor:
        assert not self.training
        return self.scores[views.flatten().long()].log() + 3.0  # a softmax ignores the constant


def batches(*sizes: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """The six views in batches of these sizes, so that videos lie across them."""
    numbers, labels, videos = (
        torch.arange(6.0).view(6, 1),
        torch.tensor([0, 0, 2, 2, 1, 1]),
        torch.tensor([0, 0, 1, 1, 2, 2]),
    )
    return list(zip(numbers.split(sizes), labels.split(sizes), videos.split(sizes), strict=True))


@pytest.mark.parametrize("sizes", [(6,), (2, 2, 2), (1, 4, 1), (5, 1)])
def test_softmax_scores_are_averaged_over_the_views_of_a_video(sizes: tuple[int, ...]) -> None:
    result = evaluate_views(Table().train(), batches(*sizes), ("a", "b", "c"), CPU)
    assert result.top1 == pytest.approx(2 / 3)  # video 0 goes to class 1 by the mean, though its first view was right
    assert result.top5 == 1.0
    assert result.per_class == {"a": 0.0, "b": 1.0, "c": 1.0}
    assert (result.videos, result.views) == (3, 6)
    expected = -(torch.tensor([0.40, 0.65, 0.55], dtype=torch.float64).log().mean().item())
    assert result.loss == pytest.approx(expected, rel=1e-6)


def test_the_mode_of_the_model_comes_back() -> None:
    model = Table().train()
    evaluate_views(model, batches(6), ("a", "b", "c"), CPU)
    assert model.training


def test_a_class_without_videos_is_not_listed() -> None:
    assert evaluate_views(Table(), batches(2, 2, 2)[:1], ("a", "b", "c"), CPU).per_class == {"a": 0.0}


def test_no_video_at_all_is_an_error() -> None:
    with pytest.raises(UserError, match="no video"):
        evaluate_views(Table(), [], ("a",), CPU)
