COMPLETION_VARIABLE = "_VNASDSL_COMPLETE"
"""The variable that the scripts of `vnasdsl completion` set when a shell asks."""
