"""From a torch module to a .vns text: traced, written in layers of the language, and compared with the module."""

from vnasdsl.tracing.result import Imported, from_torch

__all__ = ["Imported", "from_torch"]
