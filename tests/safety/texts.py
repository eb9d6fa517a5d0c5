"""Texts to throw at the language: real ones spoilt, made-up ones that nearly mean something, and plain rubbish.

Everything is drawn from a `random.Random`, so that a seed gives the same texts again.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import cache

from tests.safety.graph_texts import deep_graph, graph, graph_towers, wide_graph
from tests.safety.hostile import IMPORTS, NAMES, STRINGS
from tests.support import ROOT
from vnasdsl.language.codes import CODES

MAIN = "main.vns"
Files = dict[str, bytes]

NUMBERS = (
    "0 1 2 3 7 64 1000 100000 999999999999 1000000000000000000 99999999999999999999 0.5 1e-300 1e308 1e999 2G 1.5K 5ms "
    "3s 1x1x1 1x3x3 3x1x1 0x0x0 99999x1x1 1x2 1x2x3x4 00012 1_000 0.1.2"
).split()
LAYERS = "conv bn relu hardswish pool max_pool avg_pool linear dropout skip residual".split()
LAYERS += """conv2plus1 itgm depthwise separable dilated none squeeze_excite context_gate non_local bottleneck
inverted_bottleneck segments concat sum mean weighted flow frame_linear""".split()
WORDS = "same valid classes true false learned frames rows columns channels auto always never".split()
SIGNS = [
    *"(){}[]|=,.:;'\"/\\#*+-<> \n\t@\x00\r\u2028\ufeff",
    "->",
    "..",
    "//",
    "==",
    "<=",
    "\r\n",
    "# c\n",
    "é日",
    "🦕",
]
KEYWORDS = "block space network stage input require import pick of tied out for if else search retrain".split()
TOKEN = re.compile(r"\w+|\s+|->|\.\.|//|[<>=!]=|.", re.DOTALL)


@cache
def corpus() -> tuple[str, ...]:
    """The spaces of the project, the texts of its tests and the examples of every code."""
    paths = sorted([*(ROOT / "spaces").glob("*.vns"), *(ROOT / "tests" / "language" / "texts").glob("*.vns")])
    texts = [path.read_text(encoding="utf-8") for path in paths]
    for code in CODES.values():
        for files in (code.bad, code.good):
            sources = (text for name, text in files.items() if name.endswith(".vns"))
            texts += [text for text in sources if isinstance(text, str) and len(text) < 20_000]
    return tuple(texts)


# ------------------------------------------------------------ texts that nearly mean something


class Writer:
    """Writes programs by the grammar, with names that are mostly defined and numbers that mostly fit."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.blocks: list[tuple[str, int]] = []
        self.inside: list[str] = []

    def program(self) -> str:
        parts = [self.block(i) for i in range(self.rng.randint(0, 4))]
        parts += [self.net(i) for i in range(self.rng.randint(1, 3))]
        if self.rng.random() < 0.3:
            parts.append(f"search fast for n0 {{\n epochs = {self.number()}\n lr = {self.value(1)}\n}}")
        if self.rng.random() < 0.1:
            self.rng.shuffle(parts)
        return "\n\n".join(parts) + "\n"

    def name(self) -> str:
        return self.rng.choice(NAMES) if self.rng.random() < 0.01 else f"n{self.rng.randint(0, 9)}"

    def block(self, i: int) -> str:
        parameters = [f"p{k}" for k in range(self.rng.randint(0, 3))]
        written = [p if self.rng.random() < 0.8 else f"{p}={self.value(1)}" for p in parameters]
        self.inside = parameters
        body = self.body(self.rng.randint(1, 3), 2)
        self.inside = []
        name = self.rng.choice(NAMES) if self.rng.random() < 0.01 else f"b{i}"
        self.blocks.append((name, len(parameters)))
        return f"block {name}({', '.join(written)}) {{\n{body}\n}}" if written else f"block {name} {{\n{body}\n}}"

    def net(self, i: int) -> str:
        kind = self.rng.choice(["space", "space", "network"])
        claim = f" : n{self.rng.randint(0, i)}" if kind == "network" and self.rng.random() < 0.3 else ""
        lines = [f"input clip = video(frames={self.small()}, size={self.small()}, classes={self.small()})"]
        for k in range(self.rng.randint(1, 5)):
            if self.rng.random() < 0.8:
                lines.append(f"stage s{k} {{\n{self.body(self.rng.randint(1, 3), 2)}\n}}")
            else:
                lines.append(self.line(2))
        lines.append("pool -> linear(classes)")
        if self.rng.random() < 0.2:
            lines.append(f"require macs {self.rng.choice(['<=', '>', '<', '=='])} {self.number()}")
        body = "\n".join(lines)
        return f"{kind} n{i}{claim} {{\n{body}\n}}"

    def body(self, count: int, depth: int) -> str:
        return "\n".join(self.line(depth) for _ in range(count))

    def line(self, depth: int) -> str:
        label = f"{self.name()} = " if self.rng.random() < 0.15 else ""
        return label + " -> ".join(self.layer(depth) for _ in range(self.rng.randint(1, 3)))

    def layer(self, depth: int) -> str:
        if depth > 0 and self.rng.random() < 0.5:
            inner = [self.layer(depth - 1) for _ in range(self.rng.randint(2, 3))]
            return self.rng.choice(
                [
                    f"({' | '.join(inner)})",
                    f"({self.value(1)}) * ({inner[0]})",
                    f"{self.small()} * {inner[0]}",
                    f"residual {{ {inner[0]}\n{inner[1]} }}",
                    f"({' -> '.join(inner)})",
                    f"({inner[0]} if {self.value(0)} < {self.value(0)} else {inner[1]})",
                ]
            )
        if self.blocks and self.rng.random() < 0.4:
            name, count = self.rng.choice(self.blocks)
            return f"{name}({', '.join(self.value(2) for _ in range(count))})" if count else name
        return self.rng.choice(
            [
                f"conv(same, {self.rng.choice(['1x1x1', '1x3x3', '3x1x1'])})",
                f"conv({self.value(2)}, {self.rng.choice(['1x1x1', '1x3x3', '3x1x1', self.value(1)])})",
                f"conv({self.small()}, 1x3x3, stride=1x2x2)",
                f"conv(same, 3x1x1, dilation=({self.value(1)}, 1, 1))",
                f"dropout({self.number() if self.rng.random() < 0.05 else '0.5'})",
                f"max_pool(1x3x3, stride={self.value(1)})",
                *LAYERS,
            ]
        )

    def small(self) -> str:
        return self.number() if self.rng.random() < 0.01 else str(self.rng.choice([1, 2, 3, 4, 8]))

    def number(self) -> str:
        return self.rng.choice(NUMBERS)

    def value(self, depth: int) -> str:
        if self.inside and self.rng.random() < 0.5:
            return self.rng.choice(self.inside)
        if depth > 0 and self.rng.random() < 0.3:
            a, b = self.value(0), self.value(0)
            return self.rng.choice(
                [
                    f"{a} | {b}",
                    f"{self.small()}..{self.small()}",
                    f"{a} * {b}",
                    f"{a} // {b}",
                    f"({a}, {b}, 1)",
                    f"({a} - {b})",
                    f"-{a}",
                ]
            )
        return self.rng.choice(WORDS) if self.rng.random() < 0.1 else self.small()


def program(rng: random.Random) -> str:
    return Writer(rng).program()


BASIC = """\
block basic(d) { residual { conv(same, 1x3x3) -> bn -> relu
  conv(same, 3x1x1, dilation=(d, 1, 1)) -> bn } }
block maybe(d) { basic(d) | relu }
block head(c, s) { conv(c, 1x3x3, stride=(1, s, s)) -> bn }
"""


def keeping(rng: random.Random, depth: int) -> str:
    """Layers that keep the shape, with choices of every kind."""
    simple = ["relu", "hardswish", "bn", "skip", "conv(same, 3x1x1)", "basic(1)", "basic(2 | 4)", "maybe(2)"]
    if depth == 0:
        return rng.choice(simple)
    a, b = keeping(rng, depth - 1), keeping(rng, depth - 1)
    n = rng.randint(0, 3)
    return rng.choice(
        [
            f"({a} | {b} | avg_pool(1x3x3))",
            f"{n} * ({a})",
            f"({n} | {n + 1}) * ({a})",
            f"({n}..{n + 2}) * ({b})",
            f"({a} -> {b})",
            f"residual {{ {a}\n  l{n} = {b} }}",
            f"residual {{ {a} -> residual {{ {b} }} }}",
            a,
        ]
    )


def sound(rng: random.Random) -> str:
    """A space that compiles, and perhaps a network beside it."""
    lines = []
    for i in range(rng.randint(1, 4)):
        channels = " | ".join(map(str, rng.sample(range(1, 12), rng.randint(1, 3))))
        body = [f"head({channels}, {rng.choice([1, 1, 2])})"] if i == 0 or rng.random() < 0.8 else []
        for k in range(rng.randint(0, 3)):
            label = rng.choice(["", "", f"w{k} = ", f"{rng.choice(NAMES)} = " if rng.random() < 0.1 else ""])
            body.append(label + keeping(rng, rng.randint(0, 3)))
        text = "\n    ".join(body)
        lines.append(f"stage s{i} {{\n    {text}\n  }}" if rng.random() < 0.9 else text)
    inner = "\n  ".join(lines)
    start = f"input clip = video(frames={rng.choice([1, 2, 4])}, size={rng.choice([4, 8, 17])}, classes=3)"
    end = "pool -> dropout(0.5) -> linear(classes)"
    text = f"{BASIC}space n {{\n  {start}\n  {inner}\n  {end}\n}}\n"
    if rng.random() < 0.3:
        text += f"network m {{\n  {start}\n  head(3, 1) -> basic(1) -> 2 * basic(2)\n  {end}\n}}\n"
    return text


# ------------------------------------------------------------------- spoiling them


def spoilt(rng: random.Random, text: str) -> str:
    """A few tokens taken out, doubled, swapped, replaced or put in."""
    tokens = TOKEN.findall(text)
    for _ in range(rng.choice([1, 1, 2, 3, 8])):
        if not tokens:
            break
        i, j = rng.randrange(len(tokens)), rng.randrange(len(tokens))
        what = rng.randrange(7)
        if what == 0:
            del tokens[i : i + rng.choice([1, 1, 3, 20])]
        elif what == 1:
            tokens.insert(j, tokens[i])
        elif what == 2:
            tokens[i], tokens[j] = tokens[j], tokens[i]
        elif what == 3:
            tokens[i] = word(rng)
        elif what == 4:
            tokens.insert(i, f" {word(rng)} ")
        elif what == 5:
            tokens[i:i] = tokens[j : j + rng.randint(1, 30)]
        else:
            numbers = [k for k, token in enumerate(tokens) if token[:1].isdigit()]
            if numbers:
                tokens[rng.choice(numbers)] = rng.choice(NUMBERS)
    return "".join(tokens)


def word(rng: random.Random) -> str:
    return rng.choice(rng.choice([NUMBERS, LAYERS, WORDS, SIGNS, KEYWORDS, NAMES, STRINGS, IMPORTS]))


def spliced(rng: random.Random) -> str:
    first, second = rng.choice(corpus()), rng.choice(corpus())
    lines = first.splitlines(keepends=True), second.splitlines(keepends=True)
    cut, join = rng.randint(0, len(lines[0])), rng.randint(0, len(lines[1]))
    return "".join(lines[0][:cut] + lines[1][join:])


def soup(rng: random.Random) -> str:
    return "".join(word(rng) + rng.choice(["", " ", " ", "\n"]) for _ in range(rng.randint(1, 120)))


def deep(rng: random.Random) -> str:
    n = rng.choice([30, 90, 99, 101, 400, 20_000])
    opening, closing = rng.choice(
        [
            ("(", ")"), ("[", "]"), ("2 * (", ")"), ("residual {", "}"), ("residual { bn -> ", "}"), ("-", ""),
            ("1 + ", ""), ("f(x=", ")"), ("pick 1 of ", ""), ("a if b < c else ", ""), ("stage s {", "}"),
            ("(relu | ", ")"), ("1 * ", ""), ("skip -> ", ""), ("skip | ", ""), ("a = ", "\n"),
        ]
    )  # fmt: skip
    inner = opening * n + rng.choice(["relu", "1", ""]) + closing * rng.choice([n, n, n - 1, 0])
    return f"space n {{\n input c = video(frames=4, size=4, classes=2)\n {inner}\n pool -> linear(classes)\n}}\n"


def towers(rng: random.Random) -> str:
    """Blocks that use blocks that use blocks: few words, many layers."""
    n, times = rng.choice([2, 5, 20, 60, 130]), rng.choice([1, 2, 3, 10])
    shape = rng.choice(
        ["{k} * {b}", "{b} | skip", "{b} -> {b}", "residual {{ {b} }}", "{k} * ({b} | relu)", "{b}\n{b}"]
    )
    blocks = [f"block t0 {{ {rng.choice(['relu', 'conv(same, 1x1x1)', 'conv(2 | 4, 1x1x1)'])} }}"]
    blocks += [f"block t{i} {{ {shape.format(k=times, b=f't{i - 1}')} }}" for i in range(1, n)]
    kind = rng.choice(["space", "network"])
    lines = f"input c = video(frames=4, size=4, classes=2)\n t{n - 1}\n pool -> linear(classes)"
    return "\n".join(blocks) + f"\n{kind} n {{\n {lines}\n}}\n"


WIDE = (
    "conv(same, 1x1x1)\n",
    "relu -> ",
    "relu | ",
    "conv(1 | 2, 1x1x1)\n",
    "conv(1..900, 1x1x1)\n",
    "conv(1 | 2, (1 | 3, 1 | 3, 1 | 3))\n",
    "(relu | bn)\n",
    "{i} * relu\n",
    "basic({i}) | ",
    "a{i} = relu\n",
    "stage s{i} {{ relu }}\n",
    "stage s{i} {{ conv({i} | 3 | 4, 1x1x1) }}\n",
    "stage s{i} {{",
    "require macs <= {i}\n",
    "# c\n",
    "\n",
    "bn(",
    "{i}",
    "x",
    "@",
)


def wide(rng: random.Random) -> str:
    """Many of one thing in a row."""
    n = rng.choice([50, 70, 900, 1100, 4000, 30_000])
    unit = rng.choice(WIDE)
    inner = "".join(unit.format(i=i) for i in range(n))
    return f"space n {{\n input c = video(frames=4, size=4, classes=2)\n {inner} relu\n pool -> linear(classes)\n}}\n"


def imports(rng: random.Random) -> Files:
    """Files that import one another, in circles too, and some that are not there."""
    names = [MAIN, "a.vns", "b.vns", "deep/c.vns", "deep/d.vns"]
    files: Files = {}
    for name in names[: rng.randint(1, 5)]:
        targets = [rng.choice([*names, "../a.vns", "../deep/d.vns", *IMPORTS]) for _ in range(rng.randint(0, 3))]
        text = "".join(f'import "{target}"\n' for target in targets) + rng.choice([program(rng), rng.choice(corpus())])
        files[name] = encoded(rng, spoilt(rng, text) if rng.random() < 0.3 else text)
    return files


def encoded(rng: random.Random, text: str) -> bytes:
    if rng.random() < 0.05:
        text = rng.choice([text.replace("\n", "\r\n"), text.replace("\n", "\r"), "\ufeff" + text])
    data = text.encode("utf-8", errors="surrogatepass")
    if rng.random() < 0.03 and data:
        i = rng.randrange(len(data))
        data = data[:i] + rng.randbytes(rng.choice([1, 2, 8])) + data[i + 1 :]
    return data


def single(make: Callable[[random.Random], str]) -> Callable[[random.Random], Files]:
    return lambda rng: {MAIN: encoded(rng, make(rng))}


KINDS: dict[str, tuple[int, Callable[[random.Random], Files]]] = {
    "program": (6, single(program)),
    "sound": (5, single(sound)),
    "spoilt sound": (4, single(lambda rng: spoilt(rng, sound(rng)))),
    "spoilt program": (4, single(lambda rng: spoilt(rng, program(rng)))),
    "spoilt file": (8, single(lambda rng: spoilt(rng, rng.choice(corpus())))),
    "spliced files": (3, single(spliced)),
    "soup": (2, single(soup)),
    "deep": (1, single(deep)),
    "towers": (1, single(towers)),
    "wide": (1, single(wide)),
    "imports": (3, imports),
    "graph": (8, single(graph)),
    "spoilt graph": (5, single(lambda rng: spoilt(rng, graph(rng)))),
    "deep graph": (2, single(deep_graph)),
    "graph towers": (3, single(graph_towers)),
    "wide graph": (3, single(wide_graph)),
    "bytes": (1, lambda rng: {MAIN: rng.randbytes(rng.choice([0, 1, 20, 2000]))}),
}


def draw(seed: int) -> tuple[str, Files]:
    """The kind and files of one seed."""
    rng = random.Random(seed)
    kind = rng.choices(list(KINDS), [weight for weight, _ in KINDS.values()])[0]
    return kind, KINDS[kind][1](rng)
