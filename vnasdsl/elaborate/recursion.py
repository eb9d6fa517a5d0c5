"""Blocks that use themselves, directly or by way of others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label
from vnasdsl.language.source import Span
from vnasdsl.language.walk import names_used


@dataclass
class Recursion:
    """Follows the uses of blocks by blocks, each once; a circle is reported where it closes."""

    blocks: Mapping[str, tree.Block]
    circular: set[str] = field(default_factory=set)
    """Blocks that were reported to be in a circle."""
    _walked: set[str] = field(default_factory=set)

    def check(self, names: Iterable[str]) -> list[Diagnostic]:
        return [fault for name in names if name not in self._walked for fault in self._walk(name)]

    def _walk(self, root: str) -> Iterator[Diagnostic]:
        path = [root]
        pending = [self._uses(root)]
        self._walked.add(root)
        while pending:
            use = next(pending[-1], None)
            if use is None:
                pending.pop()
                path.pop()
                continue
            name, span = use
            if name in path:
                circle = path[path.index(name) :]
                self.circular.update(circle)
                shown = " -> ".join(f"`{block}`" for block in [*circle, name])
                yield Diagnostic("E0207", f"block `{name}` uses itself: {shown}", Label(span))
            elif name not in self._walked:
                self._walked.add(name)
                path.append(name)
                pending.append(self._uses(name))

    def _uses(self, block: str) -> Iterator[tuple[str, Span]]:
        """The blocks that a block uses, and where, in the order of the text."""
        return ((name, span) for name, span in names_used(*self.blocks[block].body) if name in self.blocks)
