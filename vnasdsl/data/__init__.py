"""Videos on disk to clips in tensors.

    data = open_data("ucf101:DIR")                       # lists only: no decoding, no torch
    train, validate, infer = three_way_split(data.train, (0.6, 0.2, 0.2), seed=0)
    shape = ClipShape(frames=16, size=224)
    for clips, labels in ClipLoader(train, shape): ...               # training
    for views, labels, indices in ViewLoader(data.test, shape): ...  # evaluation

The loaders are in `vnasdsl.data.clips`: it imports torch and av, what is here does not.
"""

from vnasdsl.data.faults import FaultLog
from vnasdsl.data.sampling import ClipShape
from vnasdsl.data.spec import open_data
from vnasdsl.data.videos import DataSet, Video, three_way_split

__all__ = ["ClipShape", "DataSet", "FaultLog", "Video", "open_data", "three_way_split"]
