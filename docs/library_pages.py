"""The pages about the library: its names with their docstrings, and the notebook of docs/tour.ipynb."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import cached_property
from pathlib import Path
from types import FunctionType
from typing import Any

import vnasdsl
from vnasdsl.api.models import Model

NOTEBOOK = Path(__file__).resolve().parent / "tour.ipynb"
WIDTH = 100
KINDS = (property, cached_property, classmethod, FunctionType)
GROUPS = {
    "Files": ("load", "parse", "format", "diff", "Difference"),
    "Spaces and networks": ("Space", "Network"),
    "Searching and training": (
        "search",
        "retrain",
        "evaluate",
        "predict",
        "Run",
        "Progress",
        "Evaluation",
        "Prediction",
    ),
    "From PyTorch": ("from_torch", "Imported"),
    "Exceptions": ("Error", "VnsError", "UserError"),
}


def api() -> str:
    """Every public name."""
    assert {name for group in GROUPS.values() for name in group} == set(vnasdsl.__all__)
    parts = [
        "# Reference of the library\n\nWhat `import vnasdsl` gives; [From Python](library.md) says how it is used.\n"
    ]
    for title, names in GROUPS.items():
        parts.append(f"\n## {title}\n")
        for name in names:
            parts += entry(name, getattr(vnasdsl, name))
    return "".join(parts)


def entry(name: str, value: Any) -> Iterator[str]:
    """A heading, how it is called, its docstring; of a class its members too."""
    yield f"\n### {name}\n"
    made_by_users = name == "Run" or is_dataclass(value)
    if not inspect.isclass(value) or made_by_users:
        yield f"\n```py\n{signature(f'vnasdsl.{name}', value)}\n```\n"
    yield f"\n{inspect.getdoc(value)}\n\n"
    if inspect.isclass(value):
        if name == "Network":
            shared = ", ".join(f"`{member}`" for member, _ in members(Model))
            yield f"Like a `Space` it has {shared}; and:\n\n"
        for member, what in members(value):
            yield f"- {described(name, member, what)}\n".replace("\n\n", "\n\n    ")


def described(owner: str, member: str, what: Any) -> str:
    """How a member is called, and its docstring, in paragraphs without line ends."""
    if isinstance(what, property | cached_property):
        function = what.fget if isinstance(what, property) else what.func
        shown = f"{member}: {inspect.signature(function).return_annotation}"
    elif isinstance(what, classmethod):
        function, shown = what.__func__, signature(f"{owner}.{member}", what.__func__, wrap=False)
    else:
        function, shown = what, signature(member, what, wrap=False)
    text = inspect.getdoc(function) or ""
    return f"`{shown}`\n\n" + "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def members(value: type) -> Iterator[tuple[str, Any]]:
    """Public members with a docstring: of a space also those it has in common with networks."""
    for owner in (Model, value) if value is vnasdsl.Space else (value,):
        for member, what in vars(owner).items():
            if not member.startswith("_") and isinstance(what, KINDS) and what.__doc__:
                yield member, what


def signature(path: str, value: Any, wrap: bool = True) -> str:
    """`path(arguments) -> result`; one argument a line where they are many."""
    found = inspect.signature(value)
    arguments = []
    for parameter in found.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in arguments:
            arguments.append("*")
        if parameter.name not in ("self", "cls"):
            default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
            arguments.append(f"{parameter.name}: {parameter.annotation}{default}")
    result = "" if inspect.isclass(value) else f" -> {found.return_annotation}"
    line = f"{path}({', '.join(arguments)}){result}"
    return line if len(line) <= WIDTH or not wrap else f"{path}(\n    " + ",\n    ".join(arguments) + f",\n){result}"


def tour() -> dict[str, str]:
    """The notebook as a page, and its pictures by file name."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    parts, pictures = [], {}
    for cell in cells:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(text)
            continue
        parts.append(f"```py\n{text}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {"text/plain": output.get("text", "")})
            if "text/html" in data:  # its picture is beside it
                parts.append(re.sub(r"\n?<img [^>]*>", "", "".join(data["text/html"])))
            if "image/svg+xml" in data:
                name = f"images/tour-{len(pictures) + 1}.svg"
                pictures[name] = "".join(data["image/svg+xml"]).rstrip("\n") + "\n"
                parts.append(f"![the picture of the cell]({name})")
            elif "text/html" not in data:
                before = parts.pop().removesuffix("```") if parts[-1].startswith("```text") else "```text\n"
                parts.append(f"{before}{''.join(data['text/plain']).rstrip()}\n```")
    note = "This page is [a notebook](tour.ipynb), as it ran on a CPU."
    title, _, rest = "\n\n".join(parts).partition("\n\n")
    return {"tour.md": f"{title}\n\n{note}\n\n{rest}\n", **pictures}
