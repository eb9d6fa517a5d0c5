"""How long the language server takes for its answers on a file of 1 000 lines: python benchmarks/editor.py

Processor time of the best of several runs, in milliseconds and as a ratio to parsing the file in the same run.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from vnasdsl.language.parser import parse
from vnasdsl.language.source import Source, Span
from vnasdsl.lsp import completion, features, hover, navigation
from vnasdsl.lsp.documents import Documents, Text, analyse

ROOT = Path(__file__).resolve().parent.parent
LINES = 1_000
RUNS = 5


def long_text() -> str:
    """The blocks of x3d3 and as many copies of its space as fill the lines."""
    text = (ROOT / "spaces" / "x3d3.vns").read_text(encoding="utf-8")
    start = text.index("space x3d3")
    space = text[start : re.compile(r"^}\n", re.MULTILINE).search(text, start).end()]  # type: ignore[union-attr]
    copies = (LINES - text[:start].count("\n")) // (space.count("\n") + 1)
    return text[:start] + "\n".join(space.replace("x3d3", f"copy{i}") for i in range(copies))


def best(work: Callable[[], object]) -> float:
    """Seconds of the quickest run."""
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    written = long_text()
    uri = (ROOT / "spaces" / "long.vns").as_uri()
    documents = Documents()
    text = documents.put(uri, written, 1)
    analysis = analyse(documents, text)
    place = written.rindex("head(") + 2
    whole = Span(text.source, 0, len(written))

    def typed(work: Callable[[Text], object]) -> Callable[[], object]:
        """The work on a version of the text that nothing has read yet."""
        return lambda: work(documents.put(uri, written + "\n" * (len(documents.open[uri].source.text) % 2), 2))

    answers: dict[str, Callable[[], object]] = {
        "parse": lambda: parse(Source("long.vns", written)),
        "after a keystroke: completion": typed(lambda t: completion.candidates(documents, t, place)),
        "after a keystroke: hover": typed(lambda t: hover.hover(documents, t, None, place)),
        "after a keystroke: definition": typed(lambda t: navigation.definition(documents, t, place)),
        "after a keystroke: diagnostics": typed(lambda t: analyse(documents, t)),
        "completion": lambda: completion.candidates(documents, text, place),
        "hover": lambda: hover.hover(documents, text, analysis, place),
        "definition": lambda: navigation.definition(documents, text, place),
        "references": lambda: navigation.uses(documents, text, navigation.at(documents, text, place).symbol),  # type: ignore[union-attr]
        "rename": lambda: navigation.rename(documents, text, place, "first"),
        "hints for the whole file": lambda: features.inlay_hints(analysis, whole, "utf-16"),
        "formatting": lambda: features.formatting(text, "utf-16"),
    }
    print(f"{written.count(chr(10))} lines")
    unit = 0.0
    for name, work in answers.items():
        seconds = best(work)
        unit = unit or seconds
        print(f"{name:32} {1000 * seconds:7.1f} ms {seconds / unit:6.2f} x parse")


if __name__ == "__main__":
    main()
