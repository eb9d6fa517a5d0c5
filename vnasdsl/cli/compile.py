"""`vnasdsl compile`: write the PyTorch code of spaces and networks."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from random import Random

import click

from vnasdsl.cli.options import FOLDER, format_option, input_options, option, tell_written, unified
from vnasdsl.cli.targets import load_target, source_name
from vnasdsl.elaborate import Overrides, Space
from vnasdsl.elaborate.imports import split_target
from vnasdsl.language.diagnostics import UserError
from vnasdsl.language.gc_paused import gc_paused
from vnasdsl.language.visible import visible

VERIFIED = 3
"""Networks that are drawn from a space."""


@click.command("compile")
@click.argument("files", nargs=-1, required=True, metavar="FILE[:NAME]...")
@option("-o --output", "DIR", "Folder to write to.", FOLDER, default=Path("generated"))
@click.option("--check", "check_only", is_flag=True, help="Write nothing; print stale and missing files and exit 1.")
@click.option("--force", is_flag=True, help="Overwrite files that were edited or not generated.")
@click.option("--verify", "verified", is_flag=True, help="Run the code too, and compare each layer with its rule.")
@input_options
@format_option
@gc_paused()
def compile_command(
    files: tuple[str, ...], output: Path, check_only: bool, force: bool, verified: bool, overrides: Overrides
) -> None:
    """Write the PyTorch code of every space and network in the files, or of FILE:NAME alone.

    A space becomes DIR/NAME_supernet.py, a network DIR/NAME.py. Both import only torch. A space that its recipe
    searches by evolution or at random has no supernet. Files that are up to date are not touched.

    With --verify each network (of a space, three that are drawn) is built and runs one clip on the CPU; shapes,
    parameters and MACs of every layer must be those that its rule says. Use it for layers of your own.

    \b
    Examples:
      vnasdsl compile spaces/x3d3.vns                    # generated/x3d3_supernet.py
      vnasdsl compile spaces/x3d3_k400.vns -o nets       # nets/x3d3_k400.py
      vnasdsl compile spaces/tiny.vns --frames 4 --size 16 -o /tmp/look
      vnasdsl compile --check spaces/*.vns               # for CI: exit 1 when generated/ is stale
      vnasdsl compile --verify spaces/tiny.vns
    """
    spaces = targeted(files, overrides)
    texts = compiled(spaces)
    if verified:
        verify_all(space for _, space in spaces)
    if not check_only:
        write(texts, output, force)
        return
    stale = [name for name, text in texts.items() if show_difference(output / name, text)]
    if stale:
        click.echo(f"{len(stale)} of {len(texts)} files are stale or missing: run `vnasdsl compile`", err=True)
        raise SystemExit(1)
    click.echo(f"{len(texts)} file{'s are' if len(texts) > 1 else ' is'} up to date", err=True)


def targeted(files: tuple[str, ...], overrides: Overrides) -> list[tuple[Path, Space]]:
    """The spaces and networks that the targets name, with their files."""
    found: list[tuple[Path, Space]] = []
    for target in files:
        path, _ = split_target(target)
        program, named = load_target(target, overrides)
        for space in [named] if named is not None else program.spaces.values():
            if named is None and space.kind == "space" and not program.is_relaxed(space):
                why = "its recipe trains none"
                click.echo(f"{visible(str(path))}: no supernet of `{space.name}`: {why}", err=True)
                continue
            found.append((path, space))
        if not program.spaces:
            raise UserError(f"`{path}` has no space or network to compile")
    return found


def compiled(spaces: Iterable[tuple[Path, Space]]) -> dict[str, str]:
    """File name -> code of spaces and networks. Raises: UserError when two would have one name."""
    from vnasdsl.codegen.outputs import compile_space

    texts: dict[str, str] = {}
    origin: dict[str, tuple[str, Path]] = {}
    for path, space in spaces:
        name, text = compile_space(space, source_name(path))
        place = (space.name, path.resolve())
        one_name = name.casefold()  # some file systems know no difference
        if origin.setdefault(one_name, place) != place:
            other, where = origin[one_name]
            raise UserError(
                f"`{other}` of `{where.name}` and `{space.name}` of `{path.name}` would both write `{name}`",
                "give one of them another name, or compile them to different folders with -o",
            )
        texts[name] = text
    return texts


def verify_all(spaces: Iterable[Space]) -> None:
    """Run the code of networks, and of some of every space. Raises: UserError naming the layers that differ."""
    verify = import_module("vnasdsl.train.verify").verify  # the only part of this command that needs torch
    for space in spaces:
        random = Random(0)
        drawn = [space.network(space.sample(random)) for _ in range(VERIFIED)] if space.choices else [space]
        for network in drawn:
            verify(network)
        each = f"{len(drawn)} networks of {space.name}" if space.choices else space.name
        click.echo(f"{each}: the code does what the file says", err=True)


def show_difference(path: Path, text: str) -> bool:
    """Print a unified diff from the file to what it should be; whether there is one."""
    old, shown = read(path), visible(str(path))
    if old == text:
        return False
    click.echo(unified("/dev/null" if old is None else shown, f"{shown} (expected)", old or "", text), nl=False)
    return True


def write(texts: dict[str, str], output: Path, force: bool) -> None:
    """Write what differs; nothing at all when one of the files is not ours to overwrite."""
    from vnasdsl.codegen.render import is_ours
    from vnasdsl.files import write_atomic

    for name, text in texts.items():
        old = read(output / name)
        if old is not None and old != text and not force and not is_ours(old):
            raise UserError(
                f"`{output / name}` was edited, or not written by vnasdsl: it is not overwritten",
                "rename it, or give --force to lose the edits",
            )
    for name, text in texts.items():
        tell_written(output / name, write_atomic(output / name, text))


def read(path: Path) -> str | None:
    """The text of a file, None without one. Bytes that are not UTF-8 are replaced: they differ from any code."""
    try:
        return path.read_bytes().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return None
