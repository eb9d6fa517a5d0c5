"""`vnasdsl new`: a starting project from the files that come with vnasdsl."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from posixpath import dirname, normpath

import click

from vnasdsl.cli.options import tell_written
from vnasdsl.elaborate.imports import shipped_file, shipped_names
from vnasdsl.files import write_atomic
from vnasdsl.language.diagnostics import UserError
from vnasdsl.language.visible import visible
from vnasdsl.resources import templates_dir

DEFAULT = ("tiny", "x3d3", "x3d3_k400")
HIDDEN = ("gitattributes", "gitignore", "pre-commit-config.yaml")
"""Files of the template whose names get a dot in front."""


@click.command("new")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--space",
    "shipped",
    multiple=True,
    metavar="NAME",
    help=f"A shipped space or network to copy, with its imports; the first one is searched. May be repeated."
    f"  [default: {', '.join(DEFAULT)}]",
)
@click.option(
    "--list",
    "list_only",
    is_flag=True,
    is_eager=True,
    callback=lambda *given: _list(*given),
    expose_value=False,
    help="List the shipped spaces and networks and exit.",
)
def new_command(folder: Path, shipped: tuple[str, ...]) -> None:
    """Write a starting project into DIR: spaces and their code, pyproject.toml, README, and the settings of git and
    pre-commit.

    Nothing is overwritten: if DIR already has one of the files, nothing is written at all.

    \b
    Examples:
      vnasdsl new first                          # spaces/tiny.vns, x3d3.vns and x3d3_k400.vns
      vnasdsl new first --space evanet_a         # EvaNet-A and the space it comes from
      cd first && vnasdsl show spaces/tiny.vns
    """
    files = project(folder.resolve().name, list(dict.fromkeys(shipped or DEFAULT)))
    taken = [name for name in files if (folder / name).exists()]
    if taken:
        raise UserError(f"`{folder}` already has {', '.join(f'`{name}`' for name in taken)}", "give another folder")
    for name, text in files.items():
        tell_written(folder / name, write_atomic(folder / name, text))
    first = next(name for name in files if name.endswith(".vns"))
    click.echo(f"try: cd {visible(str(folder))} && vnasdsl check {first}")


def project(title: str, names: list[str]) -> dict[str, str]:
    """Path in the project -> text. Raises: UserError for a name that is not shipped."""
    for name in names:
        shipped_file(name)
    known = descriptions()
    spaces = dict.fromkeys(file for name in names for file in _with_imports(name))
    listing = "\n".join(f"- `spaces/{name}.vns`: {known[name]}" for name in spaces)
    fields = {"{name}": title, "{first}": names[0], "{spaces}": listing}
    files = {}
    for path in sorted((templates_dir() / "project").iterdir()):
        text = path.read_text(encoding="utf-8")
        for field, value in fields.items():
            text = text.replace(field, value)
        files[f".{path.name}" if path.name in HIDDEN else path.name] = text
    for name in spaces:
        files[f"spaces/{name}.vns"] = shipped_file(name).read_text(encoding="utf-8")
        files |= dict(_generated(name))
    return files


def _generated(name: str) -> Iterator[tuple[str, str]]:
    """The code of a shipped file, as `vnasdsl compile` writes it in the project."""
    from vnasdsl.codegen.outputs import compile_space
    from vnasdsl.elaborate import load

    program = load(shipped_file(name))
    for space in program.spaces.values():
        if space.kind == "network" or program.is_relaxed(space):
            file, text = compile_space(space, f"spaces/{name}.vns")
            yield f"generated/{file}", text


def descriptions() -> dict[str, str]:
    """Shipped file -> the first sentence of its first comment."""
    found = {}
    for name in shipped_names():
        comment = re.match(
            r"(?:# (?!source:|parameters:|checked:)[^\n]*\n)+", shipped_file(name).read_text(encoding="utf-8")
        )
        text = " ".join(line.strip("# ") for line in comment[0].splitlines()) if comment else ""
        found[name] = re.split(r"(?<=\.)\s(?=[A-Z])", text)[0].rstrip(".:")
    return found


def _with_imports(name: str) -> Iterator[str]:
    """A shipped file and the files it imports."""
    yield name
    text = shipped_file(name).read_text(encoding="utf-8")
    for imported in re.findall(r'^import "([\w./]+)\.vns"', text, re.MULTILINE):
        yield from _with_imports(normpath(f"{dirname(name)}/{imported}").lstrip("/"))


def _list(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        known = descriptions()
        width = max(map(len, known))
        click.echo("\n".join(f"{name:<{width}}  {text}" for name, text in known.items()))
        context.exit()
