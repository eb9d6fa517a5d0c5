"""What a network says of each video, and what follows: the confusion matrix and figures by class.

Files, CSV or JSON, hold the scores of every class, so all of it can be computed again from them.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vnasdsl.files import write_atomic
from vnasdsl.language.diagnostics import UserError

SUFFIXES = (".csv", ".json")
_HEAD = ("video", "class", "predicted", "score")
"""The columns of a CSV file before those of the classes; `score` is that of the right class."""
_DIGITS = 6


@dataclass(frozen=True)
class ClassFigures:
    """One class. Shares are from 0 to 1; None where they are 0 / 0."""

    name: str
    videos: int
    top1: float | None
    """Of its videos, how many were predicted as it (recall)."""
    precision: float | None
    """Of the videos predicted as it, how many belong to it."""
    f1: float
    taken_for: str | None
    """The other class that its videos were predicted as most often."""

    def as_dict(self) -> dict[str, Any]:
        return vars(self)


@dataclass(frozen=True)
class Predictions:
    """Softmax scores, averaged over the views of each video."""

    classes: tuple[str, ...]
    videos: tuple[str, ...]
    labels: NDArray[np.int64]
    scores: NDArray[np.float64]
    """(videos, classes)"""

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        return self.scores.argmax(axis=1)

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Videos by (class, predicted class)."""
        count = len(self.classes)
        return np.bincount(self.labels * count + self.predicted, minlength=count * count).reshape(count, count)

    @cached_property
    def table(self) -> tuple[ClassFigures, ...]:
        """A row for every class."""
        return tuple(self._figures(number) for number in range(len(self.classes)))

    def _figures(self, number: int) -> ClassFigures:
        row, hits = self.confusion[number], int(self.confusion[number, number])
        videos, predicted = int(row.sum()), int(self.confusion[:, number].sum())
        others = np.where(np.arange(len(row)) == number, 0, row)
        return ClassFigures(
            self.classes[number],
            videos,
            hits / videos if videos else None,
            hits / predicted if predicted else None,
            2 * hits / (videos + predicted) if videos + predicted else 0.0,
            self.classes[int(others.argmax())] if others.any() else None,
        )

    def worst(self, number: int) -> list[int]:
        """The places of the videos whose right class has the lowest scores, the lowest first."""
        of_class = self.scores[np.arange(len(self.labels)), self.labels]
        return [int(place) for place in np.argsort(of_class, kind="stable")[:number]]

    def as_dict(self) -> dict[str, Any]:
        """For `--json` and reports: what follows from the scores, without them."""
        return {
            "classes": list(self.classes),
            "table": [row.as_dict() for row in self.table],
            "confusion": self.confusion.tolist(),
        }

    # ---------------------------------------------------------------- files

    def write(self, file: Path) -> None:
        """Raises: UserError for a file that ends neither in .csv nor in .json."""
        write_atomic(file, self._json() if suffix_of(file) == ".json" else self._csv())

    def _csv(self) -> str:
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow((*_HEAD, *self.classes))
        for video, label, best, row in self._rows():
            table.writerow((video, self.classes[label], self.classes[best], row[label], *row))
        return text.getvalue()

    def _json(self) -> str:
        rows = [
            {"video": video, "class": self.classes[label], "predicted": self.classes[best], "scores": row}
            for video, label, best, row in self._rows()
        ]
        return json.dumps({"classes": self.classes, "videos": rows}, indent=1, ensure_ascii=False) + "\n"

    def _rows(self) -> zip[tuple[str, int, int, list[float]]]:
        scores = self.scores.round(_DIGITS).tolist()
        return zip(self.videos, self.labels.tolist(), self.predicted.tolist(), scores, strict=True)

    @classmethod
    def read(cls, file: Path) -> Predictions:
        """Raises: UserError when the file is none that `write` wrote."""
        try:
            classes, rows = (_read_json if suffix_of(file) == ".json" else _read_csv)(file)
            labels = np.array([classes.index(name) for _, name, _ in rows], dtype=np.int64)
            scores = np.array([scores for *_, scores in rows], dtype=np.float64).reshape(len(rows), len(classes))
        except FileNotFoundError:
            raise UserError(f"there is no file `{file}`") from None
        except (OSError, ValueError, KeyError, TypeError, StopIteration):
            raise UserError(f"`{file}` holds no predictions, or is damaged") from None
        return cls(tuple(classes), tuple(video for video, *_ in rows), labels, scores)

    @classmethod
    def together(cls, each: Sequence[Predictions]) -> Predictions:
        """Those of several networks, one after the other, of the same classes."""
        videos = tuple(video for predictions in each for video in predictions.videos)
        labels, scores = ([getattr(predictions, key) for predictions in each] for key in ("labels", "scores"))
        return cls(each[0].classes, videos, np.concatenate(labels), np.concatenate(scores))


def suffix_of(file: Path) -> str:
    """Raises: UserError when it is none of `SUFFIXES`."""
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"`{file}` is no kind of file for predictions", "name a file that ends in .csv or .json")
    return suffix


def _read_json(file: Path) -> tuple[list[str], list[tuple[str, str, list[float]]]]:
    found = json.loads(file.read_text(encoding="utf-8"))
    return found["classes"], [(row["video"], row["class"], row["scores"]) for row in found["videos"]]


def _read_csv(file: Path) -> tuple[list[str], list[tuple[str, str, list[float]]]]:
    with file.open(encoding="utf-8", newline="") as text:
        table = csv.reader(text)
        head = next(table)
        if tuple(head[: len(_HEAD)]) != _HEAD:
            raise ValueError("another table")
        first = len(_HEAD)
        return head[first:], [(row[0], row[1], [float(score) for score in row[first:]]) for row in table]
