"""Names: which may be given, and what is known by name where a layer stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from vnasdsl.elaborate.project_layers import Catalogue
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Label, VnsError, error
from vnasdsl.language.limits import LONGEST_NAME
from vnasdsl.language.source import Span
from vnasdsl.space.values import AXES, RESERVED

# --------------------------------------------------------------------- names and labels

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


# ------------------------------------------------------------------------------- scopes


@dataclass(frozen=True)
class Handed:
    """A layer that was handed to a block, and where its own names are known."""

    expression: tree.Expression
    scope: Scope
    closed: tree.Expression
    """The same with what was handed on in the place of every name: two that look alike here are one layer."""
    size: int = 0
    """How many names and calls there are in it then."""
    open: tuple[str, ...] = ()
    """The blocks that were being read where it is written."""


@dataclass(frozen=True)
class Scope:
    """The names of one body. A part in brackets or braces has labels of its own and reads the same lines."""

    namer: Namer
    wires: frozenset[str] = frozenset()
    """Lines and inputs that can be read."""
    lists: frozenset[str] = frozenset()
    """Those of them that give several values."""
    later: Mapping[str, tree.Wire] = field(default_factory=dict)
    """Lines of the same body that come later, the one that is being read among them."""
    current: str = ""
    """The name of the line that is being read."""
    layers: Mapping[str, Handed] = field(default_factory=dict)
    """Parameters of the block that a layer was handed to."""

    def inner(self, namer: Namer | None = None) -> Scope:
        return replace(self, namer=namer or Namer())

    def label(self, given: str | None, base: str) -> str:
        """The given label, or one made from what stands there."""
        return self.namer.label(base) if given is None else given

    def reading(self, name: str, is_list: bool = False) -> Scope:
        """The scope after a line of that name."""
        later = {n: line for n, line in self.later.items() if n != name}
        lists = self.lists | {name} if is_list else self.lists
        return replace(self, wires=self.wires | {name}, lists=lists, later=later)

    def with_lines(self, statements: Iterable[tree.Statement]) -> Scope:
        """The scope at the beginning of a body."""
        return replace(self, later={s.name: s for s in statements if isinstance(s, tree.Wire)})

    def reads_later(self, name: tree.Name) -> VnsError:
        """The fault of reading a line above itself."""
        message = f"`{name.id}` is read before it is made"
        later: tuple[Label, ...] = (Label(self.later[name.id].name_span, "made here"),)
        help = "lines read only lines above them: put this one behind it, or read another"
        if name.id == self.current:
            message, later = f"`{name.id}` reads itself", ()
        return error("E0209", message, name.span, secondary=later, help=help)


def leading_name(expression: tree.Expression) -> str | None:
    """The name that a line begins with: `a` in `a -> conv(8, 1x1x1)`."""
    first = expression.items[0] if isinstance(expression, tree.Chain) else expression
    return first.id if isinstance(first, tree.Name) else None
