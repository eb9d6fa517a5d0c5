"""From spaces and networks to Python text. No torch."""

from vnasdsl.codegen.network import compile_network

__all__ = ["compile_network"]
