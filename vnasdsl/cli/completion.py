"""`vnasdsl completion`: the scripts that let a shell complete commands, files, spaces and recipe keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Examples:
      eval "$(vnasdsl completion bash)"                   # in ~/.bashrc
      eval "$(vnasdsl completion zsh)"                    # in ~/.zshrc, behind compinit
      vnasdsl completion fish > ~/.config/fish/completions/vnasdsl.fish
    """
    from vnasdsl.cli.main import cli

    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(cli, {}, "vnasdsl", "_VNASDSL_COMPLETE").source())


# --------------------------------------------------- what is completed in arguments


def complete_target(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files, and the spaces and networks of one: `spaces/x3d3.vns:x3d3`."""
    path, colon, name = incomplete.rpartition(":")
    if colon and Path(path).is_file():
        return [CompletionItem(f"{path}:{known}") for known in _nets(Path(path)) if known.startswith(name)]
    return complete_file(context, parameter, incomplete)


def complete_file(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """.vns files and folders."""
    folder, slash, start = incomplete.rpartition("/")
    place = Path(folder + slash or ".")
    found = []
    for entry in sorted(place.iterdir()) if place.is_dir() else ():
        if not entry.name.startswith(start) or (entry.name.startswith(".") and not start):
            continue
        if entry.is_dir():
            found.append(CompletionItem(f"{folder}{slash}{entry.name}/"))
        elif entry.suffix == ".vns":
            found.append(CompletionItem(f"{folder}{slash}{entry.name}"))
    return found


def complete_setting(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Keys of the command's recipe for `--set`: `epochs=`."""
    from vnasdsl.train.recipes import KINDS

    kinds = [context.info_name] if context.info_name in KINDS else list(KINDS)
    found: dict[str, str] = {}
    for kind in kinds:
        for key, field in KINDS[str(kind)].model_fields.items():
            found.setdefault(key, field.description or "")
    return [CompletionItem(f"{key}=", help=doc) for key, doc in found.items() if key.startswith(incomplete)]


def _nets(path: Path) -> Iterator[str]:
    """The spaces and networks that a file defines, found without reading it whole."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for match in re.finditer(r"^(?:space|network)\s+([A-Za-z_]\w*)", text, re.MULTILINE):
        yield match[1]
