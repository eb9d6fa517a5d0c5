"""From the input of a network and a recipe to clips."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
import torch

from tests.data.videos import encode_numbered, numbers_in
from vnasdsl.data import ClipShape, FaultLog, Video
from vnasdsl.data.loader import MEAN, STD
from vnasdsl.elaborate.inputs import Input
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.clips import clip_shape, evaluation_views, training_clips
from vnasdsl.train.recipes import EvaluateRecipe, RetrainRecipe

SEGMENTED = Input("clip", 4, 16, frame_stride=3, segments=2)


def frames_of(clips: torch.Tensor) -> list[list[int]]:
    """The frame numbers of normalised clips (B, 3, T, H, W)."""
    return [numbers_in(((clip * STD + MEAN) * 255).movedim(0, -1)) for clip in clips]


def test_the_shape_of_clips_is_that_of_the_input_and_the_recipe() -> None:
    assert clip_shape((SEGMENTED,), RetrainRecipe()) == ClipShape(4, 16, 3, 2, (18, 24))
    recipe = RetrainRecipe(frame_stride=1, scale=20)
    assert clip_shape((SEGMENTED,), recipe) == ClipShape(4, 16, 1, 2, 20)
    with pytest.raises(UserError, match="too small for crops of 16 x 16"):
        clip_shape((SEGMENTED,), RetrainRecipe(scale=15))


def test_segments_reach_training_and_evaluation(tmp_path: Path) -> None:
    videos = [Video(str(encode_numbered(tmp_path / "v.avi", 20)), 0, "x")]
    recipe = RetrainRecipe(workers=0, batch=1, scale=16)
    shape = clip_shape((SEGMENTED,), recipe)
    with closing(training_clips(videos, shape, recipe, FaultLog())) as training:
        for number in range(8):
            ((clips, _),) = training(number)
            ((first, second, third, fourth),) = frames_of(clips)
            assert (second, fourth) == (first + 3, third + 3)
            assert first <= 6 and 10 <= third <= 16
    once = EvaluateRecipe(workers=0, clips=1, crops=1, batch=1, scale=16)
    with closing(evaluation_views(videos, shape, once, FaultLog())) as views:
        ((clips, _, _),) = views
        assert frames_of(clips) == [[3, 6, 13, 16]]
