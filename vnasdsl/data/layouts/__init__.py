"""Data set layouts: one file each, holding one function (spec, place, split number) -> DataSet.

A new layout is a new file and one line here.
"""

from __future__ import annotations

from collections.abc import Callable

from vnasdsl.data.layouts import csv_file, folder, kinetics, synthetic, ucf101
from vnasdsl.data.videos import DataSet

LAYOUTS: dict[str, Callable[[str, str, int], DataSet]] = {
    "ucf101": ucf101.read,
    "kinetics": kinetics.read,
    "folder": folder.read,
    "csv": csv_file.read,
    "synthetic": synthetic.read,
}
