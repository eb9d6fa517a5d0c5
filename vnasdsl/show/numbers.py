"""Numbers for people."""

from __future__ import annotations


def count_words(size: int | None) -> str:
    """A whole number in full while it is short, else as `5.84e18`; None is what has no number."""
    if size is None:
        return "infinitely many"
    if size < 10**7:
        return f"{size:,}".replace(",", " ")
    digits = str(size)
    rounded = round(int(digits[:4]) / 10)
    exponent = len(digits) - 1
    if rounded == 1000:
        rounded, exponent = 100, exponent + 1
    return f"{rounded / 100:.2f}e{exponent}"


UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "K"))


def amount(value: int) -> str:
    """MACs or parameters in three or four digits: `15.78 G`, `824 K`."""
    for factor, unit in UNITS:
        if value >= factor:
            return f"{value / factor:.2f} {unit}"
    return str(value)


def short(value: int) -> str:
    """The same in three digits: `15.8 G`, `824 K`."""
    for factor, unit in UNITS:
        if value >= factor:
            scaled = value / factor
            digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
            return f"{scaled:.{digits}f} {unit}"
    return str(value)


def span(low: int, high: int) -> str:
    """One amount, or from the least to the greatest."""
    return amount(low) if low == high else f"{amount(low)} - {amount(high)}"


EIGHTHS = "▏▎▍▌▋▊▉█"


def bar(share: float, width: int, ascii_only: bool = False) -> str:
    """A share of 0 to 1 as a bar of at most `width` characters: Unicode blocks, or `#`."""
    share = min(max(share, 0.0), 1.0)
    if ascii_only:
        return "#" * round(share * width)
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + (EIGHTHS[eighths % 8 - 1] if eighths % 8 else "")


def ordinal(number: int) -> str:
    """`2nd`, `4th`, `11th`, `21st`."""
    endings = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if number % 100 in (11, 12, 13) else endings.get(number % 10, 'th')}"
