"""Made-up spaces of lines that are read by name: joins, lists, picks, tied blocks, layers handed to blocks, conditions
on the shape, real choices and open inputs; and the same things in great numbers or nested deeply."""

from __future__ import annotations

import random

from tests.safety.hostile import NAMES

BLOCKS = """\
block unit(c, k) { conv(c, (1, k, k)) -> bn -> relu }
block acted(c, act) { conv(c, 1x3x3) -> bn -> act }
block edge { (conv(same, 1x3x3) | conv(same, 3x1x1) | max_pool(3x3x3, stride=1) | skip) }
block wrapped(inner, n=1) {
  residual(project=auto) { inner }
  n * (inner | skip)
}
block joined(a, b, c) {
  both = concat(a, b)
  out sum(both -> conv(c, 1x1x1), unit(c, 1 | 3))
}
block taken(given, c) { concat(pick 1..2 of [given]) -> conv(c, 1x1x1) }
block several(c) {
  p = unit(c, 1)
  q = p -> edge
  out [p, q, 2 * unit(c, 1)]
}
block later(c, inner) { inner if frames > 1 else skip
  conv(c, 1x1x1) if channels != c else inner }
"""


class Graph:
    """Draws the text of a space that mostly compiles: every line has 4 channels, whatever its kind."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.blocks: list[str] = []
        self.cells: list[str] = []
        self.handed: list[str] = []

    def one(self, *options: str) -> str:
        return self.rng.choice(options)

    def space(self) -> str:
        for i in range(self.rng.randint(0, 2)):
            self.blocks.append(self.cell(f"cell{i}"))
            self.cells.append(f"cell{i}")
        for i in range(self.rng.randint(0, 2)):
            self.blocks.append(self.made_for_layers(f"given{i}"))
            self.handed.append(f"given{i}")
        names, lists = ["clip"], {}
        lines = self.lines(names, lists, self.rng.randint(1, 6), "n")
        if self.rng.random() < 0.4:
            inner = self.lines([*names], dict(lists), self.rng.randint(1, 3), "m")
            lines += ["stage s1 {", *(f"  {line}" for line in inner), "  unit(4 | 5, 1) -> unit(4, 1)", "}"]
        read = [*self.some(names[1:] or names), *([self.rng.choice(sorted(lists))] if lists else [])]
        lines.append(f"{self.one('concat', 'concat', 'sum', 'mean', 'weighted')}({', '.join(read)}) -> unit(4, 1)")
        lines.append(f"pool -> {self.one('', '', 'dropout(0.1..0.5) -> ', 'dropout(0.2) -> ')}linear(classes)")
        if self.rng.random() < 0.2:
            lines.append(f"require {self.one('macs <= 1G', 'params <= 1M', 'params <= 1K', 'latency_cpu <= 5ms')}")
        body = "\n".join(f"  {line}" for line in lines)
        text = f"{BLOCKS}{''.join(self.blocks)}space n {{\n  {self.input()}\n{body}\n}}\n"
        if self.rng.random() < 0.7:
            strategy = self.one(*["evolution"] * 4, "random", "gradient")
            text += f"search n_search for n {{ strategy = {strategy} }}\n"
        return text

    def input(self) -> str:
        frames = self.one("2", "4", "2 | 4", "1 | 4", "2..4", "1..4")
        size = self.one("4", "8", "8 | 16", "5 | 8")
        more = self.one("", "", "", ", frame_stride=1..2", ", segments=1", ", segments=1 | 2")
        if frames in ("2", "4", "2 | 4"):
            more = self.one(more, ", segments=2")
        return f"input clip = video(frames={frames}, size={size}, classes=3{more})"

    def lines(self, names: list[str], lists: dict[str, int], count: int, prefix: str) -> list[str]:
        """Lines; what they are called is added to `names` and `lists`."""
        lines = []
        for i in range(count):
            name = f"{prefix}{i}"
            if self.rng.random() < 0.02:
                name = self.rng.choice(NAMES)
            kind = self.rng.randrange(12)
            if kind == 0:
                lines.append(f"{name} = {self.many(names, lists)}")
                lists[name] = 1
                lines.append(f"{name}_ = {self.one('mean', 'concat', 'weighted')}({name}) -> unit(4, 1)")
                names.append(f"{name}_")
                continue
            if kind == 1:
                lines.append(f"{self.number()} * [{', '.join(self.keeping(1) for _ in range(self.rng.randint(1, 3)))}]")
                continue
            if kind == 2:
                lines.append(f"{self.stream(names)} -> {self.real()}")
                continue
            text = f"{self.stream(names)} -> {self.keeping(2)}"
            if kind < 7:
                text = f"{self.joined(names, lists)} -> {self.one('unit(4, 1)', 'unit(4, 1 | 3)', 'conv(4, 1x1x1)')}"
            elif kind == 7 and self.cells:
                text = f"{self.rng.choice(self.cells)}({self.operand(names)}, {self.operand(names)}, 4)"
            elif kind == 8 and lists:
                text = f"taken({self.rng.choice(sorted(lists))}, 4)"
            elif kind == 9:
                text = f"joined({self.operand(names)}, {self.operand(names)}, 4 | 6) -> unit(4, 1)"
            elif kind == 10 and self.handed:
                text = f"{self.rng.choice(self.handed)}({self.layer_argument()}, {self.one('1', '2', '1 | 2', '0..2')})"
            lines.append(f"{name} = {text}")
            names.append(name)
        return lines

    def stream(self, names: list[str]) -> str:
        name = self.rng.choice(names)
        return "clip -> unit(4, 1)" if name == "clip" else name

    def operand(self, names: list[str]) -> str:
        """What is handed to a block that reads it."""
        known = [n for n in names if n != "clip"] or ["clip"]
        return self.one(self.rng.choice(known), f"{self.stream(names)} -> {self.keeping(1)}")

    def some(self, names: list[str]) -> list[str]:
        return self.rng.sample(names, self.rng.randint(1, min(3, len(names))))

    def number(self) -> str:
        return self.one("1", "2", "3", "1..2", "0..2", "(1 | 3)", "1..3", "0")

    def item(self, names: list[str]) -> str:
        return self.one(
            f"{self.stream(names)} -> edge",
            f"{self.stream(names)} -> {self.keeping(1)}",
            f"({self.number_of_copies()} * unit(4, 1 | 3))",
            f"{self.stream(names)} -> conv(4, 1x1x1)",
            f"sum(pick 1 of [{self.stream(names)} -> unit(4, 1), {self.stream(names)} -> edge])",
        )

    def number_of_copies(self) -> str:
        return self.one("1", "2", "1..2", "1..3")

    def many(self, names: list[str], lists: dict[str, int]) -> str:
        items = [self.item(names) for _ in range(self.rng.randint(1, 3))]
        if lists and self.rng.random() < 0.3:
            items.append(self.rng.choice(sorted(lists)))
        if self.rng.random() < 0.15:
            return self.one("several(4)", f"1..3 * (unit(4, 1) | {self.keeping(0)})")
        return f"[{', '.join(items)}]"

    def joined(self, names: list[str], lists: dict[str, int]) -> str:
        layer = self.one("concat", "sum", "mean", "weighted", "weighted")
        known = [n for n in names if n != "clip"]
        inputs = [self.item(names) for _ in range(self.rng.randint(0, 2))] + (self.some(known) if known else [])
        if lists and self.rng.random() < 0.5:
            inputs.append(self.rng.choice(sorted(lists)))
        inputs = inputs or [self.item(names)]
        if self.rng.random() < 0.6:
            least = self.rng.randint(1, len(inputs))
            most = self.rng.randint(least, len(inputs))
            count = f"{least}" if least == most else f"{least}..{most}"
            inputs = [f"pick {count} of [{', '.join(inputs)}]", *(self.some(known) if known and least > 1 else [])]
        weights = self.one("", "", ", by=learned") if layer == "weighted" else ""
        return f"{layer}({', '.join(inputs)}{weights})"

    def keeping(self, depth: int) -> str:
        """A layer that keeps 4 channels."""
        if depth:
            a, b = self.keeping(depth - 1), self.keeping(depth - 1)
            return self.one(
                f"({a} | {b})",
                f"({a} -> {b})",
                f"wrapped({self.layer_argument()})",
                f"wrapped({a}, 1 | 2)",
                f"({a} if frames > {self.one('1', '2', '3')} else {b})",
                f"({a} if rows == {self.one('4', '8')} else ({b} if channels < 9 else skip))",
                f"({self.number()}) * ({a})",
                f"residual {{ {a} }}",
                f"residual(project={self.one('auto', 'always', 'never')}) {{\n    w = {a}\n    sum(w, {b})\n  }}",
                f"later(4, {self.layer_argument()})",
                f"sum(skip, {a}, {b})",
            )
        return self.one(
            "relu", "edge", "bn", "skip", "unit(4, 1 | 3)", f"acted(4, {self.layer_argument()})", self.real(),
            "conv(same, 1x1x1)", "max_pool(1x3x3, stride=1)", "avg_pool((2 if frames > 1 else 1, 1, 1), stride=1)", "none",  # noqa: E501
            "conv(4, (1 | 3, 1 | 3, 1 | 3))", "separable(same, 3)", "inverted_bottleneck(4, 3x3x3, 1 | 2)",
            "segments(1) { bn }", "context_gate", "conv(channels if rows > 4 else same, 1x1x1)",
        )  # fmt: skip

    def real(self) -> str:
        return self.one(
            "squeeze_excite(0.25..1.0)", "squeeze_excite(0.0..1.0)", "dropout(0.0..0.5)", "squeeze_excite(0.5)"
        )

    def layer_argument(self) -> str:
        return self.one(
            "relu", "bn -> relu", "conv(4, 1x1x1)", "(relu | skip)", "edge", "hardswish", "unit(4, 1 | 3)", "unit(4, 1)"
        )

    def cell(self, name: str) -> str:
        tied = self.one("tied ", "tied ", "")
        lines = ["p = a -> conv(c, 1x1x1)", "q = b -> unit(c, 1)"]
        states = ["p", "q"]
        for i in range(self.rng.randint(1, 3)):
            options = ", ".join(f"{s} -> {self.one('edge', 'edge', 'relu', 'unit(c, 1 | 3)')}" for s in states)
            count = self.one("1", "2", "1..2")
            lines.append(f"h{i} = sum(pick {count} of [{options}])")
            states.append(f"h{i}")
        out = self.one(f"out concat({', '.join(states[2:])}) -> conv(4, 1x1x1)", f"out {states[-1]}", "")
        body = "\n".join(f"  {line}" for line in [*lines, out])
        return f"{tied}block {name}(a, b, c) {{\n{body}\n}}\n"

    def made_for_layers(self, name: str) -> str:
        tied = self.one("tied ", "", "")
        body = self.one(
            "n * inner", "a = inner\n  out sum(a, inner -> inner)", "(inner | n * inner)", "wrapped(inner, n)",
            "acted(4, inner -> relu)", "mean([inner, n * inner])", "n * [inner, relu]",
        )  # fmt: skip
        return f"{tied}block {name}(inner, n) {{\n  {body}\n}}\n"


def graph(rng: random.Random) -> str:
    """A space of lines that read each other; most compile."""
    return Graph(rng).space()


# --------------------------------------------------------------- many, or nested deeply


def _space(lines: str, blocks: str = "", recipe: bool = True) -> str:
    search = "search n_search for n { strategy = evolution }\n" if recipe else ""
    start = "input clip = video(frames=4, size=8, classes=2)"
    return f"{BLOCKS}{blocks}space n {{\n  {start}\n{lines}\n  pool -> linear(classes)\n}}\n{search}"


def deep_graph(rng: random.Random) -> str:
    """One construct inside itself, again and again."""
    n = rng.choice([3, 10, 30, 60, 99, 130])
    opening, closing = rng.choice(
        [
            ("sum(skip, ", ")"), ("concat(", ")"), ("mean(pick 1 of [skip, ", "])"), ("sum([", "])"),
            ("(relu if frames > 2 else ", ")"), ("wrapped(", ")"), ("residual(project=always) { ", " }"),
            ("(1..2) * (", ")"), ("2 * [relu, ", "]"), ("(relu | ", ")"), ("weighted(skip -> ", ")"),
            ("acted(4, ", ")"), ("later(4, ", ")"), ("joined(clip, ", ", 4)"), ("(0..1) * [", "]"),
            ("sum(pick 1..2 of [skip, relu, ", "])"), ("segments(1) { ", " }"),
        ]
    )  # fmt: skip
    return _space(f"  unit(4, 1)\n  {opening * n}relu{closing * n}", recipe=rng.random() < 0.7)


def graph_towers(rng: random.Random) -> str:
    """Blocks that use the block before, twice or more, with everything that can be handed to them."""
    n, tied = rng.choice([2, 4, 8, 20, 60]), rng.choice(["", "tied "])
    first = rng.choice(["relu", "(relu | skip)", "unit(4, 1 | 3)", "squeeze_excite(0.0..1.0)", "edge"])
    form = rng.choice(
        [
            ("(a)", "sum(a -> {b}(a), {b}(a))", "{b}(clip)"),
            ("(a)", "p = {b}(a)\n  out sum(p, {b}(p))", "{b}(clip)"),
            ("(a)", "sum(pick 1 of [{b}(a), {b}(a)])", "{b}(clip)"),
            ("(l)", "{b}(l -> l)", "{b}(relu)"),
            ("(l)", "{b}((l | skip))", "{b}(relu)"),
            ("(l)", "{b}({b}(l))", "{b}(bn)"),
            ("(l)", "residual(project=auto) {{ {b}(l) }}\n  {b}(relu)", "{b}(bn)"),
            ("(c)", "({b}(c) if frames > 1 else {b}(c))", "{b}(4)"),
            ("(c)", "({b}(c) if frames > 1 else skip) -> ({b}(c) if rows > 3 else relu)", "{b}(4)"),
            ("(c)", "{b}(1 | c)", "{b}(4)"),
            ("(c)", "[{b}(c), {b}(c)]", "sum({b}(4))"),
            ("(c)", "p = [{b}(c), {b}(c)]\n  out sum(pick 1..2 of [p])", "{b}(4)"),
            ("(c)", "1..2 * {b}(c)", "{b}(4)"),
            ("(c)", "2 * [{b}(c), {b}(c)]", "{b}(4)"),
            ("(c)", "{b}(c) -> (squeeze_excite(0.0..1.0) | {b}(c))", "{b}(4)"),
            ("(c)", "concat({b}(c), {b}(c)) -> conv(4, 1x1x1)", "{b}(4)"),
            ("(c)", "weighted(relu, {b}(c))", "{b}(4)"),
        ]
    )
    parameters, step, use = form
    start = {"(a)": f"a -> unit(4, 1) -> {first}", "(l)": "l -> l", "(c)": first}[parameters]
    blocks = [f"{tied}block t0{parameters} {{ {start} }}"]
    blocks += [f"{tied}block t{i}{parameters} {{\n  {step.format(b=f't{i - 1}')}\n}}" for i in range(1, n)]
    lines = f"  unit(4, 1)\n  {use.format(b=f't{n - 1}')}"
    return _space(lines, "\n".join(blocks) + "\n", recipe=rng.random() < 0.7)


def wide_graph(rng: random.Random) -> str:
    """Many of one construct."""
    n = rng.choice([10, 30, 60, 100, 300, 1000])
    numbers = range(n)
    reads = ", ".join(f"w{i}" for i in numbers)
    wires = "\n".join(f"  w{i} = clip -> unit(4, 1)" for i in numbers)
    chosen = "\n".join(f"  w{i} = clip -> unit(4, 1 | 3)" for i in numbers)
    chain = "\n".join(f"  w{i} = {f'sum(w{i - 1}, w{i - 2}) -> ' if i > 1 else ''}conv(4, 1x1x1)" for i in numbers)
    every = "\n".join(
        f"  w{i} = {f'sum(pick 1..{i} of [' + ', '.join(f'w{k}' for k in range(i)) + '])' if i else 'unit(4, 1)'} -> edge"  # noqa: E501
        for i in range(min(n, 60))
    )
    most = rng.choice([1, 2, n // 2, n])
    form = rng.randrange(18)
    if form == 0:
        lines = f"{wires}\n  concat(pick 1..{most} of [{reads}]) -> unit(4, 1)"
    elif form == 1:
        lines = f"{chosen}\n  sum(pick {max(1, most)} of [{reads}])"
    elif form == 2:
        lines = f"  level = [{n} * unit(4, 1 | 3)]\n  sum(pick 1..{most} of [level]) -> unit(4, 1)"
    elif form == 3:
        lines = f"  level = [1..{n} * unit(4, 1)]\n  concat(level) -> unit(4, 1)"
    elif form == 4:
        lines = f"  level = [1..{n} * (unit(4, 1) | unit(4, 3))]\n  other = [1..{n} * (mean(pick 1..2 of [level]) -> edge)]\n  mean(other)"  # noqa: E501
    elif form == 5:
        lines = f"{chain}\n  relu"
    elif form == 6:
        lines = f"{every}\n  relu"
    elif form == 7:
        lines = f"  {n} * [unit(4 | 5, 1), (relu | bn), squeeze_excite(0.0..1.0)]"
    elif form == 8:
        lines = "\n".join(f"  conv(4, (1 | 3, 1 | 3, 1 | 3)) -> squeeze_excite(0.{i}..1.0)" for i in numbers)
    elif form == 9:
        lines = "\n".join(f"  cell(clip, clip, {i % 5 + 1})" for i in numbers)
        tied = "tied block cell(a, b, c) {\n  p = a -> unit(c, 1)\n  sum(pick 1..2 of [p -> edge, p -> edge])\n}\n"
        return _space(lines, tied)
    elif form == 10:
        lines = "\n".join(f"  conv({4 + i % 3}, 1x1x1) if channels == {i % 4} else (relu | bn)" for i in numbers)
    elif form == 11:
        options = " | ".join(f"conv(4, {k}x1x1)" for k in numbers)
        lines = f"  unit(4, 1)\n  ({options})\n  2 * ({options})"
    elif form == 12:
        lines = f"  wide({', '.join(f'{i} | {i + 1}' for i in numbers)})"
        blocks = f"block wide({', '.join(f'p{i}' for i in numbers)}) {{ conv({' + '.join(f'p{i}' for i in range(min(n, 60)))}, 1x1x1) }}\n"  # noqa: E501
        return _space(lines, blocks)
    elif form == 13:
        lines = "\n".join(f"  conv(1..{n}, 1x1x1) -> (unit(1..{n}, 1) | skip)" for _ in range(4))
    elif form == 14:
        lines = f"{wires}\n  mean({', '.join(['(' + ' | '.join(f'w{i}' for i in numbers) + ')'] * 4)})"
    elif form == 15:
        lines = "\n".join(
            f"  w{i} = unit(4 | 6, 1)\n  residual(project=auto) {{ unit(5 | 6, 1) }}" for i in range(n // 2)
        )
    elif form == 16:
        lines = "\n".join(
            f"  stage s{i} {{\n    a = unit(4, 1 | 3)\n    sum(a, a -> edge, {'clip -> unit(4, 1)' if i % 2 else 'a'})\n  }}"  # noqa: E501
            for i in numbers
        )
    else:
        lines = f"  unit(4, 1)\n  sum({', '.join(f'({k}..{k + 2}) * relu' for k in numbers)})"
    return _space(lines, recipe=rng.random() < 0.7)
