"""From the graph of a network, or the plan of a supernet, to Python. No torch."""

from vnasdsl.codegen.inherit import inherited_names
from vnasdsl.codegen.network import compile_network
from vnasdsl.codegen.supernet import compile_supernet

__all__ = ["compile_network", "compile_supernet", "inherited_names"]
