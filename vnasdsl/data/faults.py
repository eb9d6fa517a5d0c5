"""Unreadable videos: reported once by name, skipped and counted; too many stop the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from vnasdsl.language.diagnostics import UserError
from vnasdsl.language.visible import visible


class FaultLog:
    """Collects unreadable files and raises UserError with their list once they exceed a share of all videos.

    One log may serve several loaders; each announces its videos with `expect`.
    """

    def __init__(self, max_share: float = 0.01, report: Callable[[str], None] = lambda message: None):
        """report: called with a message for each unreadable file."""
        self.max_share = max_share
        self.files: dict[str, str] = {}
        """Unreadable path -> reason, in the order they were met."""
        self._report = report
        self._expected: set[str] = set()

    @property
    def total(self) -> int:
        """Distinct videos announced so far."""
        return len(self._expected)

    def expect(self, paths: Iterable[str]) -> None:
        self._expected.update(paths)

    def require_some(self, seen: bool) -> None:
        """Raises UserError after a pass in which no video could be read: whatever the share, nothing is left."""
        if self.files and not seen:
            path, reason = next(iter(self.files.items()))
            raise UserError(
                f"none of the videos can be read; the first: {visible(f'{path}: {reason}')}",
                "is the data set complete? `vnasdsl data check` decodes every file",
            )

    def add(self, path: str, reason: str) -> None:
        """Record an unreadable file; a file seen before counts once. Raises UserError above the share."""
        self.add_all({path: reason})

    def add_all(self, found: Mapping[str, str]) -> None:
        """The same for several files, so that the error names all of them."""
        new = {path: reason for path, reason in found.items() if path not in self.files}
        self.files.update(new)
        self._expected.update(new)
        for path, reason in new.items():
            self._report(visible(f"skipped unreadable video {path}: {reason}"))
        if new and len(self.files) > self.max_share * self.total:
            listed = "".join(f"\n  {visible(name)}: {visible(why)}" for name, why in self.files.items())
            raise UserError(
                f"{len(self.files)} of {self.total} videos are unreadable, "
                f"more than the allowed share of {self.max_share:.2%}:{listed}",
                "replace them, or leave them out (`vnasdsl data check --list bad.txt`, then `?exclude=bad.txt` after"
                " the data); --set unreadable=0.05 allows a larger share",
            )
