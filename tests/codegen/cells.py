"""Random small spaces that the gradient takes: cells with tied choices, edges of which some are kept, mixtures of lines
that are read by name, with and without stages. Every line has one shape but for its channels."""

from __future__ import annotations

from hypothesis import strategies as st

CLASSES = 2
BLOCKS = """\
block unit(c, k) { conv(c, (k, 1, 1)) -> bn }
block two(p, q, c) { out sum(p, q -> unit(c, 3)) }
"""
OPTIONS = (
    "none",
    "skip",
    "relu",
    "conv(same, 1x3x3)",
    "unit(same, 1)",
    "max_pool(1x3x3) -> bn(affine=false)",
    "(1 | 2) * conv(same, 1x1x1)",
    "(relu | bn) -> conv(same, 1x1x1)",
    "residual { conv(same, 1x1x1) | relu }",
)


class Drawn:
    def __init__(self, draw: st.DrawFn, most: int):
        self.draw = draw
        self.left = most
        """Networks that may still be there."""

    def one(self, *options: str) -> str:
        return self.draw(st.sampled_from(options))

    def some(self, names: list[str], least: int = 1, most: int = 3) -> list[str]:
        taken = self.draw(st.lists(st.sampled_from(names), min_size=least, max_size=min(most, len(names)), unique=True))
        return sorted(taken)

    def mixture(self) -> str:
        """Options of one shape; fewer where there are many networks already."""
        most = 3 if self.left >= 3 else 2
        if self.left < 2:
            return self.one("relu", "skip", "conv(same, 1x1x1)")
        simple = OPTIONS[:6] if self.left < 8 else OPTIONS
        options = self.draw(st.lists(st.sampled_from(simple), min_size=2, max_size=most, unique=True))
        self.left //= len(options) + sum("|" in option for option in options)
        return f"({' | '.join(options)})"

    def edges(self, names: list[str]) -> str:
        """The sum of some edges, and perhaps of a line beside them."""
        sources = self.some(names)
        kind = self.one("mixtures", "mixtures", "plain", "both", "deep")
        items = []
        for i, name in enumerate(sources):
            if kind == "plain" or (kind == "both" and i == 0):
                items.append(self.one(name, f"{name} -> conv(4, 1x1x1)", f"two({name}, {names[0]}, 4)"))
            elif kind == "deep":
                items.append(f"{name} -> {self.mixture()} -> {self.mixture()}")
            else:
                items.append(f"{name} -> {self.one('', 'conv(4, 1x1x1) -> ')}{self.mixture()}")
        keep = self.draw(st.integers(1, len(items)))
        if keep < len(items):
            self.left //= len(items)
        beside = self.one("", "", f", {names[-1]}")
        return f"sum(pick {keep} of [{', '.join(items)}]{beside})"

    def line(self, names: list[str]) -> str:
        kind = self.one("edges", "edges", "edges", "chain", "mean", "list", "weighted")
        if kind == "chain":
            return f"{self.one(*names)} -> {self.mixture()}"
        if kind == "mean":
            return f"mean({', '.join(self.some(names))}, {names[-1]} -> {self.mixture()})"
        if kind == "list":
            return f"mean(2 * {self.mixture()})"
        if kind == "weighted":
            return f"weighted({', '.join(self.some(names))}, {names[0]} -> {self.mixture()}, by=learned)"
        return self.edges(names)

    def cell(self) -> str:
        lines = ["p = a -> conv(4, 1x1x1)", "q = b -> unit(4, 1)"]
        names = ["p", "q"]
        for i in range(self.draw(st.integers(1, 2))):
            lines.append(f"h{i} = {self.line(names)}")
            names.append(f"h{i}")
        body = "\n".join(f"  {line}" for line in lines)
        tied = self.one("tied ", "tied ", "")
        return f"{tied}block cell(a, b) {{\n{body}\n  out concat({', '.join(names[2:])}) -> conv(4, 1x1x1)\n}}\n"

    def space(self) -> str:
        cell = self.cell()
        lines = [self.one("n0 = clip -> conv(4, 1x3x3)", "n0 = unit(4, 1) -> (relu | bn)", "n0 = unit(4, 3)")]
        names = ["n0"]
        for i in range(1, self.draw(st.integers(2, 4))):
            kind = self.one("cell", "cell", "line", "again")
            if kind == "cell":
                lines.append(f"n{i} = cell({self.one(*names)}, {self.one(*names)})")
            elif kind == "again":
                lines.append(f"n{i} = concat(clip, {self.one(*names)}) -> conv(4, 1x1x1)")
            else:
                lines.append(f"n{i} = {self.line(names)}")
            names.append(f"n{i}")
        stage = self.one("", "", "behind", "reading")
        if stage:
            first = "conv(4 | 5, 1x1x1)" if stage == "behind" else f"{self.one(*names)} -> conv(4, 1x1x1)"
            lines += ["stage last {", f"  {first}", f"  m = {self.mixture()}", "  sum(pick 1 of [m, m -> relu])", "}"]
        body = "\n".join(f"  {line}" for line in lines)
        head = f"space made {{\n  input clip = video(frames=2, size=3, classes={CLASSES})"
        return f"{BLOCKS}{cell}{head}\n{body}\n  pool -> linear(classes)\n}}\n"


@st.composite
def spaces(draw: st.DrawFn, most: int = 60) -> str:
    """The text of a space of not many more than `most` networks."""
    return Drawn(draw, most).space()
