"""Videos on disk to clips in tensors: data set layouts, decoding, sampling, splits and the synthetic set.

    data = open_data("ucf101:DIR")                       # lists only: no decoding, no torch
    train, validate, infer = three_way_split(data.train, (0.6, 0.2, 0.2), seed=0)
    for clips, labels in clip_loader(train, frames=16, size=224): ...              # training
    for views, labels, indices in view_loader(data.test, frames=16, size=224): ...  # evaluation

`open_data` and `three_way_split` import neither torch nor av; the loaders do, when first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vnasdsl.data.faults import FaultLog
from vnasdsl.data.spec import open_data
from vnasdsl.data.splits import three_way_split
from vnasdsl.data.videos import DataSet, Video

if TYPE_CHECKING:
    from vnasdsl.data.clips import ClipLoader, clip_loader
    from vnasdsl.data.views import ViewLoader, view_loader

__all__ = [
    "ClipLoader",
    "DataSet",
    "FaultLog",
    "Video",
    "ViewLoader",
    "clip_loader",
    "open_data",
    "three_way_split",
    "view_loader",
]

_WITH_TORCH = {
    "ClipLoader": "vnasdsl.data.clips",
    "clip_loader": "vnasdsl.data.clips",
    "ViewLoader": "vnasdsl.data.views",
    "view_loader": "vnasdsl.data.views",
}


def __getattr__(name: str) -> Any:
    if name in _WITH_TORCH:
        from importlib import import_module

        return getattr(import_module(_WITH_TORCH[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
