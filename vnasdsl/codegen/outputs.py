"""Which file a space or network compiles to."""

from __future__ import annotations

from vnasdsl.codegen.names import FILES
from vnasdsl.codegen.network import compile_network
from vnasdsl.codegen.supernet import compile_supernet
from vnasdsl.elaborate.space import Space


def compile_space(space: Space, source_name: str) -> tuple[str, str]:
    """The file name and text of one space (`NAME_supernet.py`) or network (`NAME.py`; `json_.py` instead of `json.py`,
    which torch would import)."""
    if space.kind == "network":
        escape = "_" if space.name.lower() in FILES else ""
        return f"{space.name}{escape}.py", compile_network(space, source_name)
    return f"{space.name}_supernet.py", compile_supernet(space, source_name)
