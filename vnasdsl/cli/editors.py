"""`vnasdsl completion` and `vnasdsl lsp`: for shells and editors."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class

from vnasdsl.cli import COMPLETION_VARIABLE
from vnasdsl.language.diagnostics import UserError

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def completion_command(shell: str) -> None:
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


def complete_file(context: click.Context, incomplete: str) -> list[CompletionItem]:
    """Whatever files and folders the shell finds."""
    return [CompletionItem(incomplete, type="file")]


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


COMPLETERS = {
    **dict.fromkeys(("files", "file", "paths", "target", "targets", "space"), complete_file),
    "settings": complete_setting,
}
"""By the name of the parameter."""


@click.command("lsp")
@click.option("--stdio", is_flag=True, hidden=True, help="What editors pass by habit; there is no other way.")
def lsp_command(stdio: bool) -> None:
    """Serve an editor over standard input and output (Language Server Protocol).

    Errors while typing, formatting, outline, definitions, references, renaming, completion, hover with shapes and
    costs, quick fixes, and the shape after every line. docs/editors.md says how to set up editors.

    \b
    Example:
      pip install 'vnasdsl-lang[lsp]'
      vnasdsl lsp                 # what an editor starts
    """
    try:
        import pygls.lsp.server  # noqa: F401
    except ImportError:
        raise UserError("the language server needs pygls 2", "pip install 'vnasdsl-lang[lsp]'") from None
    from vnasdsl.lsp.server import serve

    serve()
