"""The command `vnasdsl`: finds the subcommand and imports it only then, so that help and light commands start fast."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click
from click.shell_completion import CompletionItem

from vnasdsl import __version__
from vnasdsl.cli import COMPLETION_VARIABLE
from vnasdsl.cli.errors import reporting
from vnasdsl.language.diagnostics import suggest

# name -> (module that has `NAME_command`, short help)
COMMANDS: dict[str, tuple[str, str]] = {
    "new": ("vnasdsl.cli.new", "Write a starting project with shipped spaces."),
    "check": ("vnasdsl.cli.check", "Check files and report errors."),
    "explain": ("vnasdsl.cli.explain", "Explain an error code such as E0201, with examples."),
    "from-torch": ("vnasdsl.cli.from_torch", "Write a PyTorch module as a network."),
    "layers": ("vnasdsl.cli.listing", "List the layers that files can use, those of the project too."),
    "compile": ("vnasdsl.cli.compile", "Write the PyTorch code of spaces and networks."),
    "fmt": ("vnasdsl.cli.fmt", "Format files, comments kept."),
    "show": ("vnasdsl.cli.show", "Show shapes, choices, MACs and parameters, stage by stage."),
    "diff": ("vnasdsl.cli.diff", "Compare networks and spaces by what they mean."),
    "draw": ("vnasdsl.cli.show", "Draw a space or network, and what a search has learnt."),
    "zoo": ("vnasdsl.cli.listing", "List the published networks that come with vnasdsl."),
    "search": ("vnasdsl.cli.training", "Search a space on video data."),
    "derive": ("vnasdsl.cli.training", "Decode the network of a search again."),
    "retrain": ("vnasdsl.cli.training", "Train a network, from inherited weights or from scratch."),
    "evaluate": ("vnasdsl.cli.evaluate", "Evaluate a trained network over several views."),
    "predict": ("vnasdsl.cli.predict", "Say what a trained network sees in videos."),
    "export": ("vnasdsl.cli.predict", "Write a trained network as ONNX or torch.export."),
    "runs": ("vnasdsl.cli.runs", "List runs with state, best accuracy and age."),
    "watch": ("vnasdsl.cli.runs", "Show a run in the terminal while it goes on."),
    "report": ("vnasdsl.cli.runs", "Write a report of runs, one HTML file."),
    "bench": ("vnasdsl.cli.evaluate", "Compare speed and memory of networks."),
    "data": ("vnasdsl.cli.data", "Make or inspect video data sets."),
    "lsp": ("vnasdsl.cli.editors", "Serve an editor: the language server."),
    "completion": ("vnasdsl.cli.editors", "Print the completion script of a shell."),
    "demo": ("vnasdsl.cli.demo", "Run the whole chain on a small space, in minutes on a CPU."),
}

HELP = """A declarative language for video networks and search spaces, compiled to PyTorch.

\b
Examples:
  vnasdsl new first && cd first            # a project with the files that the examples use
  vnasdsl check spaces/tiny.vns            # is the file right?
  vnasdsl show spaces/x3d3.vns             # shapes, choices and costs
  vnasdsl compile spaces/tiny.vns -o out   # to plain PyTorch
  vnasdsl search spaces/tiny.vns --data synthetic --out runs/first
  vnasdsl retrain runs/first               # from the inherited weights
  vnasdsl demo                             # the whole chain, with a table at the end
"""


def load_command(name: str) -> click.Command:
    """`NAME_command` of the file that has it."""
    command = getattr(import_module(COMMANDS[name][0]), f"{name.replace('-', '_')}_command")
    assert isinstance(command, click.Command)
    return command


class LazyGroup(click.Group):
    """A group whose subcommands are modules, imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = load_command(cmd_name)
        if "spaces/" in (command.help or "") and cmd_name != "new":
            command.epilog = "`vnasdsl new DIR` writes the files that the examples name."
        if COMPLETION_VARIABLE in os.environ:
            from vnasdsl.cli.editors import prepare

            prepare(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As in click, with the nearest command for a misspelt one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as fault:
            near = suggest(args[0], COMMANDS)
            if near is None:
                raise
            raise click.UsageError(f"{fault.message} Did you mean '{near}'?", ctx) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names of commands from the table above, and the group's own options."""
        names = [CompletionItem(name, help=text) for name, (_, text) in COMMANDS.items() if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands from the table above, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        with reporting():
            return super().invoke(ctx)


@click.group(
    cls=LazyGroup, help=HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="vnasdsl")
def cli() -> None:
    pass


def main() -> None:
    """The entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal or a pipe that cannot show a character of a name gets its code, not a failure.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # pydantic would look for plugins in the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")
    cli(prog_name="vnasdsl")


if __name__ == "__main__":
    main()
