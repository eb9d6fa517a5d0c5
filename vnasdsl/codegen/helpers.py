"""Classes that a generated module brings along for layers that torch has no module for.

Each is a file `templates/layers/NAME.py.j2`: the text of one class, without anything to fill in. A layer asks for it by
a `ModuleCode` whose callee is its name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import cache

from vnasdsl.resources import templates_dir

FOLDER = "layers"
SUFFIX = ".py.j2"
MODULES = {"math": "math", "torch": "torch", "functional": "F"}
"""What the templates call a module, and its name in generated code."""


@cache
def helper_texts() -> dict[str, str]:
    """The text of every helper class by its name."""
    paths = sorted((templates_dir() / FOLDER).glob(f"*{SUFFIX}"))
    return {path.name.removesuffix(SUFFIX): path.read_text(encoding="utf-8") for path in paths}


@cache
def helpers_of(name: str) -> tuple[str, ...]:
    """The helper classes that a helper class names itself, in the order of its text."""
    nodes = ast.walk(ast.parse(helper_texts()[name]))
    names = [(node.lineno, node.col_offset, node.id) for node in nodes if isinstance(node, ast.Name)]
    return tuple(dict.fromkeys(n for _, _, n in sorted(names) if n in helper_texts() and n != name))


def helpers_for(callees: Iterable[str]) -> tuple[str, ...]:
    """The helper classes that some callees need, each behind those that it needs itself.

    Raises: KeyError for a callee without a dot that is no helper class.
    """
    found: dict[str, None] = {}

    def add(name: str) -> None:
        if name not in found:
            for inner in helpers_of(name):
                add(inner)
            found[name] = None

    for callee in sorted(set(callees)):
        if "." not in callee:
            add(callee)
    return tuple(found)


def modules_used(helpers: Iterable[str], lines: Iterable[str]) -> dict[str, bool]:
    """Which of torch, math and torch.nn.functional the text of some helpers and lines of classes asks for."""
    text = "\n".join([*(helper_texts()[name] for name in helpers), *lines])
    return {word: re.search(rf"(?<![\w.]){name}\.", text) is not None for word, name in MODULES.items()}
