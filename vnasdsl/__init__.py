"""vnasdsl: a declarative language for video networks and spaces of them.

    import vnasdsl

    space = vnasdsl.load("vnasdsl:tiny")          # or a file, or a text
    network = space.sample(seed=0)
    model = network.module()                      # a torch.nn.Module

Everything raises `vnasdsl.Error`, or an exception of Python such as OSError. Nothing prints unless it is asked to, and
torch is imported where a module or a training needs it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from vnasdsl.api.difference import Difference, diff
    from vnasdsl.api.files import format, load, parse
    from vnasdsl.api.models import Network, Space
    from vnasdsl.language.diagnostics import Error, UserError, VnsError

_PLACES = {
    "Difference": "api.difference",
    "Error": "language.diagnostics",
    "Network": "api.models",
    "Space": "api.models",
    "UserError": "language.diagnostics",
    "VnsError": "language.diagnostics",
    "diff": "api.difference",
    "format": "api.files",
    "load": "api.files",
    "parse": "api.files",
}
"""Public name -> the file it is loaded from when it is first asked for."""

__all__ = [  # the keys above, as type checkers want to see them
    "Difference",
    "Error",
    "Network",
    "Space",
    "UserError",
    "VnsError",
    "diff",
    "format",
    "load",
    "parse",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
