"""From the graph of a network, or the plan of a supernet, to Python. No torch."""

from vnasdsl.codegen.network import compile_network
from vnasdsl.codegen.supernet import compile_supernet, inherited_names

__all__ = ["compile_network", "compile_supernet", "inherited_names"]
