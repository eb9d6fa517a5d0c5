"""`vnasdsl lsp`: the language server."""

from __future__ import annotations

import click

from vnasdsl.language.diagnostics import UserError


@click.command()
@click.option("--stdio", is_flag=True, hidden=True, help="What editors pass by habit; there is no other way.")
def command(stdio: bool) -> None:
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
