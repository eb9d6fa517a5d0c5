"""From what a search learnt to networks. Plain floats; no torch."""

from vnasdsl.derive.budget import UNITS, Budgets, Measure, Probable, top_networks
from vnasdsl.derive.decode import Decoded, argmax_choices, decode, path_probability, viterbi

__all__ = [
    "UNITS",
    "Budgets",
    "Decoded",
    "Measure",
    "Probable",
    "argmax_choices",
    "decode",
    "path_probability",
    "top_networks",
    "viterbi",
]
