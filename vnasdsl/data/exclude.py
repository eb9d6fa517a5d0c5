"""Lists of videos to leave out: a path on each line, or what `vnasdsl data check --json` prints."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from vnasdsl.data.layouts.common import absolute, read_text
from vnasdsl.data.videos import DataSet, check_data
from vnasdsl.language.diagnostics import UserError


def read_list(file: str) -> set[str]:
    """The paths that a list names; relative ones start at its folder. Raises: UserError."""
    path = Path(file).expanduser()
    text = read_text(path)
    lines = [line.strip() for line in text.splitlines()]
    if text.lstrip().startswith("{"):
        try:
            lines = json.loads(text)["exclude"]
            if not all(isinstance(line, str) for line in lines):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            help = "give a path on each line, or what `vnasdsl data check --json` prints"
            raise UserError(f"`{file}` is no list of videos", help) from None
    return {absolute(path.parent / line) for line in lines if line and not line.startswith("#")}


def without(data: DataSet, file: str) -> DataSet:
    """A data set less the videos that a list names. Raises: UserError when a class loses all of its videos."""
    names = read_list(file)
    train = tuple(video for video in data.train if video.path not in names)
    test = tuple(video for video in data.test if video.path not in names)
    left_out = len(data.train) + len(data.test) - len(train) - len(test)
    notes = (*data.notes, f"{left_out} videos are excluded by {file}")
    checked = check_data(replace(data, train=train, test=test, notes=notes, excluded=data.excluded | names))
    return replace(checked, notes=tuple(dict.fromkeys(checked.notes)))
