"""The spaces and networks that come with vnasdsl, by name: `vnasdsl:x3d3`, `vnasdsl:zoo/r3d_18`."""

from __future__ import annotations

from pathlib import Path

from vnasdsl.language.diagnostics import UserError, did_you_mean
from vnasdsl.resources import spaces_dir

PREFIX = "vnasdsl:"


def shipped_names() -> tuple[str, ...]:
    folder = spaces_dir()
    return tuple(sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.vns")))


def shipped_file(name: str) -> Path:
    """The file of a shipped space or network, links resolved. Raises: UserError with the nearest name."""
    known = shipped_names()
    if name not in known:
        near = next((each for each in known if each.endswith(f"/{name}")), None)
        help = f"did you mean `{near}`?" if near else did_you_mean(name, known)
        help = help or f"shipped are {', '.join(known)}"
        raise UserError(f"vnasdsl comes with no space `{name}`", help)
    return (spaces_dir() / f"{name}.vns").resolve()


def split_target(text: str) -> tuple[Path, str | None]:
    """`spaces/x.vns:name` as path and name; a path that exists is never split. `vnasdsl:x3d3` is a shipped file.

    Raises: UserError for a shipped file that there is not.
    """
    if text.startswith(PREFIX) and not Path(text).exists():
        file, _, name = text.removeprefix(PREFIX).removesuffix(".vns").partition(":")
        return shipped_file(file), name or None
    path, colon, name = text.rpartition(":")
    if colon and path and name.isidentifier() and not Path(text).exists():
        return Path(path), name
    return Path(text), None
