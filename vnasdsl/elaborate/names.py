"""Which names may be given, and the labels that lines get without one."""

from __future__ import annotations

from collections.abc import Iterable

from vnasdsl.elaborate.catalogue import Catalogue
from vnasdsl.language.diagnostics import error
from vnasdsl.language.limits import LONGEST_NAME
from vnasdsl.language.source import Span
from vnasdsl.space.values import AXES, RESERVED

READ = ("block", "line", "label", "input")
"""What is read by its name among layers: it may not have the name of one. (A parameter may, if it is a value.)"""


def check_name(name: str, what: str, span: Span, catalogue: Catalogue) -> None:
    """Raises: VnsError E0203 for the name of a layer, E0205 for a word of the language, E0208 for one too long."""
    if len(name) > LONGEST_NAME:
        message = f"the name of this {what} has {len(name):,} characters: at most {LONGEST_NAME} are allowed"
        raise error("E0208", message, span, help=f"for instance `{name[:20].strip('_')}`")
    a_thing = f"{'an' if what == 'input' else 'a'} {what}"
    if not name.strip("_"):
        raise error(
            "E0205",
            f"`{name}` cannot be the name of {a_thing}: it has no letter",
            span,
            help=f"a name such as `{what}_1` would do",
        )
    if what in READ and name in catalogue.layers:
        help = f"give the {what} another name, such as `{name}_1`"
        raise error("E0203", f"the {what} `{name}` has the name of a layer", span, help=help)
    if (what in READ and name in AXES) or (what in (*READ, "parameter") and name in RESERVED):
        meaning = "a size of the layer's input" if name in AXES else "a value of the language"
        message = f"`{name}` cannot be the name of {a_thing}: it is {meaning}"
        raise error("E0205", message, span, help=f"a name such as `{name}_1` would do")


class Namer:
    """Hands out labels in one body: `conv`, `conv2`, `conv3`, ..., but for the names given by hand."""

    def __init__(self, given: Iterable[str] = ()):
        self.taken = set(given)
        self.tried: dict[str, int] = {}

    def label(self, base: str) -> str:
        """A label for a line without one, made from what stands there."""
        count = self.tried.get(base, 1)
        name = base if count == 1 else f"{base}{count}"
        while name in self.taken:
            count += 1
            name = f"{base}{count}"
        self.tried[base] = count  # all before it are taken, and stay so
        self.taken.add(name)
        return name
