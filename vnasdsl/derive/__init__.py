"""From what a search learnt to one network. Plain floats; no torch."""

from vnasdsl.derive.decode import Decoded, decode, path_probability
from vnasdsl.derive.paths import viterbi

__all__ = ["Decoded", "decode", "path_probability", "viterbi"]
