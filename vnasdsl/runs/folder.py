"""A run folder as it is read: by `runs`, `watch`, `report`, `draw` and the library. Nothing here writes.

Whatever is missing yet, in a run that goes on or was stopped, is None or empty.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from zlib import crc32

from vnasdsl.derive import decode
from vnasdsl.elaborate import Overrides, Space, load
from vnasdsl.files import flush_folder, naming, write_atomic
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.relax.trellis import trellis
from vnasdsl.runs.predictions import Predictions
from vnasdsl.show.draw.trellis import Learnt

RUN_FILE = "run.json"


class JsonLines:
    """A file of JSON objects, one per line, each with its CRC-32 under `crc`, which records read from it do not have.

    A last line cut short by a kill does not count.
    """

    def __init__(self, path: Path):
        self.path = path

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a record; it is on the disk when this returns."""
        new = not self.path.exists()
        with naming(self.path), self.path.open("ab") as file:
            file.write(_line(record).encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        if new:
            flush_folder(self.path.parent)

    def read(self) -> list[dict[str, Any]]:
        """All records; none when there is no file. Raises: UserError for a damaged line."""
        if not self.path.is_file():
            return []
        records = []
        complete = self.path.read_bytes().rpartition(b"\n")[0]
        for number, line in enumerate(complete.splitlines(), 1):
            try:
                record = json.loads(line)
                if record.pop("crc") != _crc(record):
                    raise ValueError("not what was written")
            except (ValueError, AttributeError, KeyError, TypeError):
                raise UserError(
                    f"`{self.path}` is damaged in line {number}",
                    "restore the file from a copy, or delete that line: the run goes on without it",
                ) from None
            records.append(record)
        return records

    def write(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Replace the content of the file."""
        write_atomic(self.path, "".join(map(_line, records)))


def _line(record: Mapping[str, Any]) -> str:
    return _text({**record, "crc": _crc(record)}) + "\n"


def _crc(record: Mapping[str, Any]) -> str:
    return f"{crc32(_text(record).encode('utf-8')):08x}"


def _text(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, allow_nan=False)


LOCK_FILE = ".lock"
OWN: dict[Path, dict[str, Any]] = {}
"""The folders that this process writes into, and what their locks say. Another look at such a file would end its lock:
the system gives up all locks of a process on a file when one of its handles is closed."""


def holder_of(folder: Path) -> dict[str, Any] | None:
    """The facts of the process that writes into a run folder now, None where none does."""
    path = folder.resolve()
    if path in OWN:
        return OWN[path]
    with suppress(OSError), (path / LOCK_FILE).open("rb") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return lock_facts(file.read())
    return None


def lock_facts(content: bytes) -> dict[str, Any]:
    """What a lock says of its holder: `pid`, `host`, `since`, `command`."""
    with suppress(ValueError):
        facts = json.loads(content)
        return facts if isinstance(facts, dict) else {}
    return {}


PREDICTIONS = "predictions.csv"
"""What the network says of each test video, or of each of the inference part of a search."""
State = Literal["running", "finished", "stopped"]


class RunReader:
    """The files of a run. Each is read when it is first asked for; make another reader to see what is new.

    Raises (at any attribute): UserError for damaged files.
    """

    def __init__(self, path: Path):
        """Raises: UserError when the folder is not a run."""
        self.path = path
        if not path.exists():
            raise UserError(f"there is no folder `{path}`")
        if not path.is_dir():
            raise UserError(f"`{path}` is not a folder", "give the folder that `vnasdsl search` or `retrain` wrote")
        facts = self.json(RUN_FILE)
        if facts is None:
            raise UserError(f"`{path}` is not a run folder of vnasdsl: there is no `{RUN_FILE}` in it")
        self.facts = facts

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def json(self, name: str) -> dict[str, Any] | None:
        """The object in a file of the run; None without the file. Raises: UserError when it is damaged."""
        try:
            value = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            value = None
        if not isinstance(value, dict):
            raise UserError(f"`{self.path / name}` is damaged")
        return value

    def text(self, name: str) -> str:
        """A source of the run, empty without the file."""
        path = self.path / name
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    # ---------------------------------------------------------------- what was asked

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def kind(self) -> str:
        """`search` or `retrain`."""
        return str(self.facts.get("kind", ""))

    @property
    def recipe(self) -> dict[str, Any]:
        """Without what may differ when a run is resumed."""
        recipe = self.facts.get("recipe")
        return recipe if isinstance(recipe, dict) else {}

    @property
    def strategy(self) -> str:
        """`gradient`, `one_shot` and so on; `training` for one network."""
        return str(self.recipe.get("strategy", "training"))

    @property
    def fixes(self) -> dict[str, list[str]]:
        """Choice name to the options the search was left with."""
        fixes = self.facts.get("fix") or {}
        if not isinstance(fixes, dict) or not all(isinstance(options, list) for options in fixes.values()):
            raise UserError(f"`{self.path / RUN_FILE}` is damaged")
        return {str(name): [str(option) for option in options] for name, options in fixes.items()}

    @property
    def classes(self) -> list[str]:
        """Raises: UserError when run.json lacks them."""
        classes = self.facts.get("classes")
        if not isinstance(classes, list) or not classes:
            raise UserError(f"`{self.path / RUN_FILE}` is damaged")
        return classes

    @cached_property
    def space(self) -> Space:
        """The space that is searched, with what was fixed. Raises: UserError when this is no search."""
        if self.kind != "search":
            raise UserError(f"`{self.path}` is not the run of a search")
        space = load(self / "space.vns", Overrides(classes=len(self.classes))).get(str(self.facts.get("name", "")))
        return space.fix(self.fixes) if self.fixes else space

    # ---------------------------------------------------------------- what happened

    @cached_property
    def metrics(self) -> list[dict[str, Any]]:
        """A record for every epoch."""
        return JsonLines(self / "metrics.jsonl").read()

    @cached_property
    def trials(self) -> list[dict[str, Any]]:
        """The networks that were drawn, by evolution or at random."""
        return JsonLines(self / "trials.jsonl").read()

    @cached_property
    def scores(self) -> list[dict[str, Any]]:
        """The networks scored in the supernet, by a one-shot search."""
        return JsonLines(self / "scores.jsonl").read()

    @cached_property
    def finalists(self) -> list[dict[str, Any]]:
        """The networks trained at the end of a search."""
        return JsonLines(self / "finalists.jsonl").read()

    @cached_property
    def state(self) -> State:
        if holder_of(self.path) is not None:
            return "running"
        return "finished" if (self / "report.json").is_file() else "stopped"

    @property
    def progress(self) -> tuple[int, int, str]:
        """How many are done, of how many, and what: epochs, or trials of a search that has no epochs."""
        if "rounds" in self.recipe or self.trials:
            planned = self.json("recipe.json") or {}
            drawn = [trial for trial in self.trials if trial.get("status") in ("trained", "failed")]
            return len(drawn), int(planned.get("search", {}).get("rounds") or 0), "trials"
        return len(self.metrics), int(self.recipe.get("epochs") or 0), "epochs"

    @cached_property
    def updated(self) -> datetime:
        """When the run last wrote."""
        names = (RUN_FILE, "metrics.jsonl", "trials.jsonl", "scores.jsonl", "finalists.jsonl", "report.json")
        times = [path.stat().st_mtime for name in names if (path := self / name).is_file()]
        return datetime.fromtimestamp(max(times), UTC)

    @property
    def seconds(self) -> float:
        """Of all epochs together."""
        return sum(float(record.get("seconds") or 0) for record in self.metrics)

    # ---------------------------------------------------------------- what came out

    @cached_property
    def report(self) -> dict[str, Any]:
        """Of a finished run; empty before."""
        return self.json("report.json") or {}

    @cached_property
    def choices(self) -> dict[str, Any]:
        """What a finished search has chosen and learnt; empty before."""
        return self.json("choices.json") or {}

    @property
    def network_file(self) -> Path:
        """The source of the network. Raises: UserError where a search has none yet."""
        path = self / "network.vns"
        if not path.is_file():
            raise UserError(
                f"`{self.path}` has no network yet",
                f"finish it with --resume, or decode it with `vnasdsl derive {self.path}`",
            )
        return path

    @cached_property
    def network(self) -> Space | None:
        """The network that was found, or is trained."""
        path = self / "network.vns"
        return load(path, Overrides(classes=len(self.classes))).get() if path.is_file() else None

    @cached_property
    def predictions(self) -> Predictions | None:
        """For the test videos, or the inference part of a search; None where there are no such."""
        path = self / PREDICTIONS
        return Predictions.read(path) if path.is_file() else None

    @property
    def result(self) -> dict[str, Any]:
        """`top1`, `top5`, `videos` and so on of a finished run, on test videos or on the inference part."""
        found = self.report.get("inference") if self.kind == "search" else self.report
        return found if isinstance(found, dict) and "top1" in found else {}

    @property
    def best(self) -> tuple[float, str] | None:
        """The best accuracy known so far, and of what it is."""
        if self.result:
            return self.result["top1"], "inference part" if self.kind == "search" else "test videos"
        records = [trial["score"]["top1"] for trial in (*self.trials, *self.scores) if trial.get("score")]
        if records:
            return max(records), "validate part"
        for key, what in (("score_top1", "inference part"), ("test_top1", "test videos, 1 view")):
            values = [record[key] for record in self.metrics if record.get(key) is not None]
            if values:
                return max(values), what
        values = [record["train_top1"] for record in self.metrics if record.get("train_top1") is not None]
        return (values[-1], "training clips") if values else None

    @cached_property
    def learnt(self) -> Learnt:
        """The probabilities of a finished gradient search. Raises: UserError for another run."""
        file = self / "choices.json"
        if not self.choices:
            raise UserError(
                f"the search in `{self.path}` has not finished: there is no `choices.json` in it",
                "go on with the search by --resume",
            )
        paths, mixtures = self.choices.get("path_weights"), self.choices.get("mixture_weights")
        if not isinstance(paths, dict) or not isinstance(mixtures, dict):
            raise UserError(f"`{file}` holds no path weights", "only a gradient search learns them")
        try:
            decoded = decode(trellis(self.space), paths, mixtures, self.recipe.get("skips"))
        except (TypeError, AttributeError):
            raise UserError(f"`{file}` is damaged") from None
        return Learnt(self.name, paths, mixtures, decoded.path, decoded.choices)

    def following(self) -> list[RunReader]:
        """The trainings in folders below, such as RUN/retrained."""
        found = []
        for path in sorted(self.path.iterdir()):
            if (path / RUN_FILE).is_file():
                reader = RunReader(path)
                if reader.kind == "retrain":
                    found.append(reader)
        return found


def runs_below(folder: Path) -> Iterator[tuple[Path, RunReader | str]]:
    """Every run in a folder or below it, by path; those that cannot be read with the reason."""
    if not folder.is_dir():
        raise UserError(f"there is no folder `{folder}`", "give the folder that runs lie in, such as runs")
    for path in sorted(file.parent for file in folder.rglob(RUN_FILE)):
        try:
            yield path, RunReader(path)
        except (UserError, VnsError) as fault:
            yield path, str(fault)
