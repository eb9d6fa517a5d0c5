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
    from vnasdsl.api.files import Difference, diff, format, load, parse
    from vnasdsl.api.models import Network, Space
    from vnasdsl.api.run import Run
    from vnasdsl.api.training import Progress, evaluate, predict, retrain, search
    from vnasdsl.language.diagnostics import Error, UserError, VnsError
    from vnasdsl.tracing.result import Imported, from_torch
    from vnasdsl.train.evaluation import Evaluation
    from vnasdsl.train.predict import Prediction

_PLACES = {
    "Difference": "api.files",
    "Error": "language.diagnostics",
    "Evaluation": "train.evaluation",
    "Imported": "tracing.result",
    "Network": "api.models",
    "Prediction": "train.predict",
    "Progress": "api.training",
    "Run": "api.run",
    "Space": "api.models",
    "UserError": "language.diagnostics",
    "VnsError": "language.diagnostics",
    "diff": "api.files",
    "evaluate": "api.training",
    "format": "api.files",
    "from_torch": "tracing.result",
    "load": "api.files",
    "parse": "api.files",
    "predict": "api.training",
    "retrain": "api.training",
    "search": "api.training",
}
"""Public name -> the file it is loaded from when it is first asked for."""

__all__ = [  # the keys above, as type checkers want to see them
    "Difference",
    "Error",
    "Evaluation",
    "Imported",
    "Network",
    "Prediction",
    "Progress",
    "Run",
    "Space",
    "UserError",
    "VnsError",
    "diff",
    "evaluate",
    "format",
    "from_torch",
    "load",
    "parse",
    "predict",
    "retrain",
    "search",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    except ModuleNotFoundError as fault:
        why = f"`vnasdsl.{name}` needs `{fault.name}`, which `vnasdsl-lang` leaves out: pip install vnasdsl"
        raise ModuleNotFoundError(why, name=fault.name) from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
