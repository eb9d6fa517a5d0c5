"""How large a text may be: bounds that no hand-written file reaches and that keep hostile ones harmless."""

MAX_BYTES = 1 << 19
"""Size of one file. x3d3 with its recipes takes 3 KiB."""

MAX_TOKENS = 32_000
"""Words and signs in one text, commas, line ends and comments not counted. 10 000 layers in lines such as
`conv(16, 1x3x3) -> bn -> relu` take 30 000; whatever stands in as many is checked and compiled in less than 2 s."""

MAX_NETS = 200
"""Spaces and networks in one file: each becomes a file of code."""

MAX_BLOCKS = 1_500
"""Blocks in one file: each becomes a class."""

MAX_CHOICES = 3_000
"""Choices of one space; the spaces of papers have some dozens."""

MAX_DEPTH = 100
"""Brackets inside brackets, and expressions inside expressions. Keeps every recursive walk far from Python's limit."""

MAX_NUMBER = 10**18
"""Largest whole number. Far above any MAC count; sums and products of a few of them stay cheap."""

MAX_DIAGNOSTICS = 20
"""Faults shown to people at once; the rest are counted."""

MAX_FOUND = 200
"""Faults of names and arguments after which no more are looked for."""

MAX_STACK = 20 * MAX_DEPTH
"""Height of the parser's stack: stops what nests without brackets (`- - - x`) while it is being read."""

MAX_RECOVERIES = 200
"""Faults after which the parser stops looking for more."""

LONGEST_NAME = 48
"""Characters of a name: it becomes a part of file names and of the names of weights."""
