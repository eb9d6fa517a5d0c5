"""Makes torchvision and pytorchvideo importable: `originals.load("torchvision.models.video")`.

They lie in a folder of their own (originals.txt), which is put on the path here only: with torchvision beside it,
torch would import it unasked, and its operations need a torch of its build. Its Python parts work with any torch
once two operations are declared.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from functools import cache
from pathlib import Path
from types import ModuleType

import torch

FOLDER = Path(sys.prefix) / "originals"
DECLARED = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


@cache
def _declared() -> torch.library.Library:
    """The operations that torchvision names when it is imported; nothing here calls them."""
    if not FOLDER.is_dir():
        raise FileNotFoundError(f"{FOLDER} is missing: `make originals` installs what the tests compare with")
    sys.path.append(str(FOLDER))
    library = torch.library.Library("torchvision", "DEF")
    for operation in DECLARED:
        library.define(operation)
    return library


def load(name: str) -> ModuleType:
    """A module of torchvision or pytorchvideo. The first call takes seconds."""
    _declared()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)
