from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.data.videos import encode_numbered


@pytest.fixture
def folder_set(tmp_path: Path) -> Callable[..., Path]:
    """Makes a `folder:` data set of small numbered videos: classes a and b, `train` and `test` videos per class."""

    def make(train: int = 4, test: int = 2, frames: int = 20, name: str = "set", **more: object) -> Path:
        root = tmp_path / name
        for part, count in (("train", train), ("test", test)):
            for class_name in ("a", "b"):
                for number in range(count):
                    encode_numbered(root / part / class_name / f"v{number}.avi", frames, **more)
        return root

    return make
