"""Writes the pages of the documentation that are made from code: layers, recipes, commands and errors.

    python docs/generate.py [--check]

`--check` writes nothing and exits 1 when a page is stale.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import click

DOCS = Path(__file__).resolve().parent
NOTE = "<!-- Made from code by docs/generate.py. Do not edit. -->\n\n"


def cell(text: object) -> str:
    """A text in a Markdown table."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def layers() -> str:
    from vnasdsl.layers import CATALOGUE
    from vnasdsl.layers.base import show_value

    parts = [
        NOTE,
        "# Layers\n\nEvery layer of the language. Sizes go along frames, rows and columns; shapes leave the batch"
        " out.\n",
    ]
    for layer in CATALOGUE.values():
        body = " { ... }" if layer.wraps else ""
        parts.append(f"\n## {layer.name}\n\n`{layer.signature}{body}`: {layer.doc}.\n")
        if layer.parameters:
            parts.append("\n| parameter | default | meaning |\n|---|---|---|\n")
            for p in layer.parameters:
                default = "must be given" if p.required else f"`{show_value(p.default)}`"
                parts.append(f"| `{p.name}` | {default} | {cell(p.doc)} |\n")
    return "".join(parts)


def recipes() -> str:
    from vnasdsl.train.recipes import recipe_keys

    intro = (
        "# Recipes\n\nThe keys of `search`, `retrain` and `evaluate` recipes, and of the calls that stand in them."
        " Any of them can be set from the command line: `--set epochs=20`, `--set weights.lr=0.05`."
        " Defaults are those of the appendix of Zhou et al. 2021 (A.1) where it gives one.\n"
    )
    parts = [NOTE, intro]
    owner = None
    for row in recipe_keys():
        if row["recipe"] != owner:
            owner = row["recipe"]
            parts.append(f"\n## {owner}\n\n| key | type | default | meaning |\n|---|---|---|---|\n")
        parts.append(
            f"| `{row['name']}` | {cell(row['type'])} | {cell(row['default'])} | {cell(row['description'])} |\n"
        )
    return "".join(parts)


def commands() -> str:
    from vnasdsl.cli.main import COMMANDS

    intro = "# Commands\n\nWhat `vnasdsl COMMAND --help` prints.\n"
    parts = [NOTE, intro]
    for name, (module, _) in COMMANDS.items():
        command = import_module(module).command
        parts.append(f"\n## vnasdsl {name}\n{help_of(command, f'vnasdsl {name}')}")
        if isinstance(command, click.Group):
            for inner, sub in command.commands.items():
                parts.append(f"\n### vnasdsl {name} {inner}\n{help_of(sub, f'vnasdsl {name} {inner}')}")
    return "".join(parts)


def help_of(command: click.Command, path: str) -> str:
    context = click.Context(command, info_name=path, max_content_width=100, terminal_width=100)
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    return f"\n```text\n{text}\n```\n"


def errors() -> str:
    from vnasdsl.cli.error_index import error_index

    return error_index()


PAGES = {"layers.md": layers, "recipes.md": recipes, "commands.md": commands, "errors.md": errors}


def main(check: bool) -> int:
    stale = []
    for name, make in PAGES.items():
        path, text = DOCS / name, make()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.write_text(text, encoding="utf-8", newline="\n")
    for name in stale:
        print(f"{'stale' if check else 'wrote'} docs/{name}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
