"""`vnasdsl completion`: the scripts that let a shell complete commands, files, spaces and recipe keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

from vnasdsl.cli import COMPLETION_VARIABLE

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Examples:
      eval "$(vnasdsl completion bash)"                   # in ~/.bashrc
      eval "$(vnasdsl completion zsh)"                    # in ~/.zshrc, after compinit
      vnasdsl completion fish > ~/.config/fish/completions/vnasdsl.fish
    """
    cli = click.get_current_context().find_root().command
    made = get_completion_class(shell)
    assert made is not None
    script = made(cli, {}, "vnasdsl", COMPLETION_VARIABLE).source()
    if shell == "bash":  # `FILE:NAME` is one word
        script = f'COMP_WORDBREAKS="${{COMP_WORDBREAKS//:/}}"\n{script}'
    if shell == "fish":  # only the first comma separates: descriptions have commas too
        script = script.replace('string split ","', 'string split --max 1 ","')
    click.echo(script)


# --------------------------------------------------- what is completed in arguments


def prepare(command: click.Command) -> None:
    """Let the arguments of a command complete what they take, by their names."""
    for parameter in command.params:
        complete = COMPLETERS.get(str(parameter.name))
        if complete is not None:
            parameter.shell_complete = complete  # type: ignore[assignment, method-assign]


def complete_target(context: click.Context, incomplete: str) -> list[CompletionItem]:
    """Files and folders, and the spaces and networks of a file: `spaces/x3d3.vns:x3d3`."""
    path, colon, name = incomplete.rpartition(":")
    if colon and Path(path).is_file():
        return [CompletionItem(f"{path}:{known}") for known in _nets(Path(path)) if known.startswith(name)]
    folder, slash, start = incomplete.rpartition("/")
    place = Path(folder + slash or ".")
    return [
        CompletionItem(f"{folder}{slash}{entry.name}{'/' if entry.is_dir() else ''}")
        for entry in (sorted(place.iterdir()) if place.is_dir() else ())
        if entry.name.startswith(start) and (start or not entry.name.startswith("."))
        if entry.is_dir() or entry.suffix == ".vns"
    ]


def complete_name(context: click.Context, incomplete: str) -> list[CompletionItem]:
    """The spaces and networks of the file named before it."""
    file = context.params.get("file")
    names = _nets(Path(file)) if isinstance(file, str) else ()
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def complete_setting(context: click.Context, incomplete: str) -> list[CompletionItem]:
    """Keys of the command's recipe for `--set`: `epochs=`."""
    from vnasdsl.train.recipe_parts import meaning
    from vnasdsl.train.recipes import KINDS, recipe_fields

    kinds = [context.info_name] if context.info_name in KINDS else list(KINDS)
    found: dict[str, str] = {}
    for kind in kinds:
        for key, field in recipe_fields(str(kind)).items():
            found.setdefault(key, meaning(field))
    return [CompletionItem(f"{key}=", help=doc) for key, doc in found.items() if key.startswith(incomplete)]


def complete_code(context: click.Context, incomplete: str) -> list[CompletionItem]:
    """Codes of errors and warnings."""
    from vnasdsl.language.codes import CODES

    return [CompletionItem(code) for code in CODES if code.lower().startswith(incomplete.lower())]


def complete_space(context: click.Context, incomplete: str) -> list[CompletionItem]:
    """Shipped files by name, for `vnasdsl new --space`."""
    from vnasdsl.elaborate.shipped import shipped_names

    return [CompletionItem(name) for name in shipped_names() if name.startswith(incomplete)]


COMPLETERS = {
    **dict.fromkeys(("files", "file", "paths", "target", "targets", "space"), complete_target),
    "shipped": complete_space,
    "name": complete_name,
    "settings": complete_setting,
    "code": complete_code,
}
"""By the name of the parameter."""


def _nets(path: Path) -> Iterator[str]:
    """The spaces and networks that a file defines, found without reading it whole."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for match in re.finditer(r"^(?:space|network)\s+([A-Za-z_]\w*)", text, re.MULTILINE):
        yield match[1]
