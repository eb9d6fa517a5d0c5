"""Classes that a generated module brings along for layers that torch has no module for.

Each is a file `templates/layers/NAME.py.j2`, or comes with a layer of the project: the text of one class, without
anything to fill in. A layer asks for it by a `ModuleCode` whose callee is its name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from functools import cache

from vnasdsl.elaborate.project_layers import Catalogue
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


def class_texts(catalogue: Catalogue) -> Mapping[str, str]:
    """The same with those that layers of the project bring along."""
    return {**helper_texts(), **catalogue.classes}


@cache
def _names_in(text: str) -> tuple[str, ...]:
    """The names that a text reads, in its order."""
    nodes = ast.walk(ast.parse(text))
    names = [(node.lineno, node.col_offset, node.id) for node in nodes if isinstance(node, ast.Name)]
    return tuple(dict.fromkeys(name for _, _, name in sorted(names)))


def helpers_for(callees: Iterable[str], texts: Mapping[str, str]) -> dict[str, str]:
    """The helper classes among `texts` that some callees need, each behind those that it needs itself.

    Raises: KeyError for a callee without a dot that is no helper class.
    """
    found: dict[str, str] = {}
    begun: set[str] = set()

    def add(name: str) -> None:
        if name not in begun:
            begun.add(name)
            for inner in _names_in(texts[name]):
                if inner in texts:
                    add(inner)
            found[name] = texts[name]

    for callee in sorted(set(callees)):
        if "." not in callee:
            add(callee)
    return found


def modules_used(lines: Iterable[str]) -> dict[str, bool]:
    """Which of torch, math and torch.nn.functional some texts and lines of classes ask for."""
    text = "\n".join(lines)
    return {word: re.search(rf"(?<![\w.]){name}\.", text) is not None for word, name in MODULES.items()}
