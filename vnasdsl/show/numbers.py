"""Numbers for people."""

from __future__ import annotations


def count_words(size: int) -> str:
    """A whole number in full while it is short, else as `5.84e18`."""
    if size < 10**7:
        return f"{size:,}".replace(",", " ")
    digits = str(size)
    rounded = round(int(digits[:4]) / 10)
    exponent = len(digits) - 1
    if rounded == 1000:
        rounded, exponent = 100, exponent + 1
    return f"{rounded / 100:.2f}e{exponent}"


def amount(value: int) -> str:
    """MACs or parameters in three or four digits: `15.78 G`, `824 K`."""
    for factor, unit in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "K")):
        if value >= factor:
            return f"{value / factor:.2f} {unit}"
    return str(value)


def span(low: int, high: int) -> str:
    """One amount, or from the least to the greatest."""
    return amount(low) if low == high else f"{amount(low)} - {amount(high)}"
