"""From what a search learnt to networks. Plain floats; no torch."""

from vnasdsl.derive.budget import UNITS, Budgets, Probable, top_networks
from vnasdsl.derive.decode import Decoded, decode, path_probability
from vnasdsl.derive.paths import viterbi

__all__ = ["UNITS", "Budgets", "Decoded", "Probable", "decode", "path_probability", "top_networks", "viterbi"]
