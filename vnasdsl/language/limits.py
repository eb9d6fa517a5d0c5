"""How large a file may be: limits that no hand-written file reaches, and that keep hostile ones harmless."""

MAX_BYTES = 1 << 19
"""Bytes of one file. x3d3 with its recipes has 3 KiB."""

MAX_TOKENS = 32_000
"""Words and signs in one file without commas, line ends and comments. 10,000 layers in lines such as
`conv(16, 1x3x3) -> bn -> relu` have 30,000."""

MAX_NETS = 200
"""Spaces and networks in one file: each becomes a file of code."""

MAX_BLOCKS = 1_500
"""Blocks in one file: each becomes a class."""

MAX_CHOICES = 3_000
"""Choices of one space; the spaces of papers have some dozens."""

MAX_DEPTH = 100
"""Nested brackets, and nested expressions. Keeps every recursive walk far from Python's limit."""

MAX_NUMBER = 10**18
"""Largest whole number. Far above any MAC count; sums and products of a few of them stay cheap."""

MAX_DIAGNOSTICS = 20
"""Errors and warnings shown at once; the rest are counted."""

MAX_FOUND = 200
"""Errors of names and arguments after which the checker stops."""

MAX_STACK = 20 * MAX_DEPTH
"""Height of the parser's stack, for what nests without brackets (`- - - x`)."""

MAX_RECOVERIES = 200
"""Syntax errors after which the parser stops."""

LONGEST_NAME = 48
"""Characters of a name: names become parts of file names and weight names."""
