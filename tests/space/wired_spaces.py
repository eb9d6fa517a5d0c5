"""Random small spaces with lines read by name, joins, picks, lists and tied blocks, and what brute force says of them.

Everything is worked out here a second time, one network after the other, by an interpreter of its own: choices, shapes,
MACs and parameters, from the descriptions of the layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Any

from hypothesis import strategies as st

FRAMES, SIZE, CLASSES = 2, 4, 2
Shape = tuple[int, ...]
Node = tuple[Any, ...]
Choose = Callable[[tuple[Any, ...], Sequence[Any]], Any]


class DoesNotFitError(Exception):
    """A layer that cannot be built where it stands."""


@dataclass(frozen=True)
class Block:
    name: str
    tied: bool
    inputs: tuple[str, ...]
    lines: tuple[tuple[str, Node], ...]
    out: Node


@dataclass(frozen=True)
class Graph:
    blocks: tuple[Block, ...]
    lines: tuple[tuple[str, Node], ...]

    def text(self) -> str:
        out = []
        for block in self.blocks:
            out.append(f"{'tied ' if block.tied else ''}block {block.name}({', '.join((*block.inputs, 'c'))}) {{")
            out += [f"  {_line(name, node)}" for name, node in block.lines]
            out += [f"  out {text(block.out)}", "}"]
        out += ["space made {", f"  input clip = video(frames={FRAMES}, size={SIZE}, classes={CLASSES})"]
        out += [f"  {_line(name, node)}" for name, node in self.lines]
        return "\n".join([*out, "  pool -> linear(classes)", "}", ""])

    def ways(self, most: int) -> list[Way] | None:
        """Every network: its choices, and what it costs or None where it cannot be built; None for more than `most`."""
        found: list[Way] = []
        order: list[list[Any]] = []
        while True:
            made: dict[tuple[Any, ...], Any] = {}
            depth = 0

            def choose(key: tuple[Any, ...], options: Sequence[Any], made: dict[Any, Any] = made) -> Any:
                nonlocal depth
                if key in made:
                    return made[key]
                if depth == len(order):
                    order.append(list(options))
                depth += 1
                made[key] = order[depth - 1][0]
                return made[key]

            run = Run(choose, {block.name: block for block in self.blocks})
            try:
                env: dict[str, Any] = {"clip": (3, FRAMES, SIZE, SIZE)}
                x: Any = env["clip"]
                for i, (name, node) in enumerate(self.lines):
                    x = env[name] = run.value(node, x, env, (i,))
                channels = run.single(x)[0]
                run.macs += channels * CLASSES
                run.params += (channels + 1) * CLASSES
                cost: tuple[int, int] | None = (run.macs, run.params)
            except DoesNotFitError:
                cost = None
            found.append(Way(tuple(sorted(made.items(), key=repr)), cost))
            if len(found) > most:
                return None
            while order and len(order[-1]) == 1:
                order.pop()
            if not order:
                return found
            order[-1].pop(0)


@dataclass(frozen=True)
class Way:
    made: tuple[tuple[Any, Any], ...]
    cost: tuple[int, int] | None


class Run:
    """Builds one network, asking for each choice where it is met."""

    def __init__(self, choose: Choose, blocks: dict[str, Block]):
        self.choose, self.blocks = choose, blocks
        self.macs = self.params = 0

    def single(self, value: Any) -> Shape:
        if isinstance(value, list):
            raise DoesNotFitError
        return value  # type: ignore[no-any-return]

    def value(self, node: Node, x: Any, env: dict[str, Any], at: tuple[Any, ...]) -> Any:
        """A shape, or a list of shapes."""
        match node:
            case ("read", name):
                return env[name]
            case ("chain", items):
                for i, item in enumerate(items):
                    x = self.value(item, x, env, (*at, i))
                return x
            case ("conv", channels, kernel):
                width = env["c"] if channels == "c" else self.one(at, channels)
                before, *rest = self.single(x)
                volume = prod(kernel) * before * width
                self.params += volume
                self.macs += volume * prod(rest)
                return (width, *rest)
            case ("bn",):
                self.params += 2 * self.single(x)[0]
                return x
            case ("relu",) | ("skip",):
                return x if node[0] == "skip" else self.single(x)
            case ("alt", options):
                i = self.one(at, range(len(options)))
                return self.value(options[i], x, env, (*at, i))
            case ("copies", counts, item):
                for i in range(self.one(at, counts)):
                    x = self.value(item, x, env, (*at, i))
                return x
            case ("residual", item):
                if self.value(item, x, env, (*at, 0)) != self.single(x):
                    raise DoesNotFitError
                return x
            case ("when", width, then, otherwise):
                side = self.single(x)[0] > width
                return self.value(then if side else otherwise, x, env, (*at, side))
            case ("list", items):
                return [s for i, item in enumerate(items) for s in spliced(self.value(item, x, env, (*at, i)))]
            case ("side", counts, item):
                number = self.one(at, counts)
                return [s for i in range(number) for s in spliced(self.value(item, x, env, (*at, i)))]
            case ("pick", least, most, items):
                pool = []
                for i, item in enumerate(items):
                    held = env[item[1]] if item[0] == "read" else None
                    pool += [(i, k) for k in range(len(held))] if isinstance(held, list) else [(i, None)]
                sets = [s for k in range(least, most + 1) for s in combinations(pool, k)]
                if not sets:
                    raise DoesNotFitError
                found = []
                for i, k in self.one(at, sets):
                    held = self.value(items[i], x, env, (*at, i))
                    found += spliced(held if k is None else held[k])
                return found
            case ("join", kind, items):
                shapes = [s for i, item in enumerate(items) for s in spliced(self.value(item, x, env, (*at, i)))]
                if len({s[1:] for s in shapes}) > 1 or (kind != "concat" and len(set(shapes)) > 1):
                    raise DoesNotFitError
                return (sum(s[0] for s in shapes), *shapes[0][1:]) if kind == "concat" else shapes[0]
            case ("use", name, given, widths):
                block = self.blocks[name]
                inner = {p: env[g] for p, g in zip(block.inputs, given, strict=True)}
                inner["c"] = self.one(at, widths)
                at = (name,) if block.tied else at
                for i, (line, inside) in enumerate(block.lines):
                    x = inner[line] = self.value(inside, x, inner, (*at, i))
                return self.value(block.out, x, inner, (*at, "out"))
        raise AssertionError(node)

    def one(self, at: tuple[Any, ...], options: Sequence[Any]) -> Any:
        return options[0] if len(options) == 1 else self.choose(at, options)


def spliced(value: Any) -> list[Shape]:
    return value if isinstance(value, list) else [value]


# ------------------------------------------------------------------------- as text


def _line(name: str, node: Node) -> str:
    return f"{name} = {text(node)}"


def text(node: Node, inside: bool = False) -> str:
    match node:
        case ("read", name):
            return str(name)
        case ("chain", items):
            return (
                f"({' -> '.join(text(i, True) for i in items)})"
                if inside
                else " -> ".join(text(i, True) for i in items)
            )
        case ("conv", channels, kernel):
            width = "c" if channels == "c" else " | ".join(map(str, channels))
            return f"conv({width}, {'x'.join(map(str, kernel))})"
        case ("bn",) | ("relu",) | ("skip",):
            return str(node[0])
        case ("alt", options):
            return f"({' | '.join(text(o, True) for o in options)})"
        case ("copies", counts, item) | ("side", counts, item):
            number = str(counts[0]) if len(counts) == 1 else f"({' | '.join(map(str, counts))})"
            return f"{number} * {text(item, True)}" if not inside else f"({number} * {text(item, True)})"
        case ("residual", item):
            return f"residual {{\n    {text(item)}\n  }}"
        case ("when", width, then, otherwise):
            return f"({text(then, True)} if channels > {width} else {text(otherwise, True)})"
        case ("list", items):
            return f"[{', '.join(text(i) for i in items)}]"
        case ("pick", least, most, items):
            number = str(least) if least == most else f"{least}..{most}"
            return f"pick {number} of [{', '.join(text(i) for i in items)}]"
        case ("join", kind, items):
            return f"{kind}({', '.join(text(i) for i in items)})"
        case ("use", name, given, widths):
            return f"{name}({', '.join((*given, ' | '.join(map(str, widths))))})"
    raise AssertionError(node)


# --------------------------------------------------------------------- making them

KERNELS = ((1, 1, 1), (1, 3, 3), (3, 1, 1))


def conv(channels: Any, kernel: tuple[int, int, int] = (1, 1, 1)) -> Node:
    return ("conv", channels, kernel)


@st.composite
def layers(draw: st.DrawFn, width: Any, depth: int = 2) -> Node:
    """One layer, or several; `width` is what its convolutions may give: `(2,)`, `(2, 3)` or `c`."""
    kinds = ["conv", "conv", "simple"] + (["alt", "alt", "copies", "residual", "when"] if depth else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "conv":
        return conv(width, draw(st.sampled_from(KERNELS)))
    if kind == "simple":
        return draw(st.sampled_from([("bn",), ("relu",), ("skip",)]))
    if kind == "alt":
        first = draw(st.sampled_from([conv(width), ("chain", (conv(width, (3, 1, 1)), ("bn",)))]))
        second = draw(st.sampled_from([("skip",), conv(width, (1, 3, 3)), ("bn",)]))
        return ("alt", (first, second))
    if kind == "copies":
        return ("copies", draw(st.sampled_from([(2,), (1, 2), (0, 1)])), draw(layers(width, depth - 1)))
    if kind == "when":
        return ("when", draw(st.integers(2, 4)), draw(layers(width, 0)), ("alt", (("skip",), ("bn",))))
    return ("residual", draw(st.sampled_from([("bn",), ("alt", (("bn",), ("skip",))), conv(width)])))


@st.composite
def item(draw: st.DrawFn, names: Sequence[str], width: Any) -> Node:
    """An input of a join."""
    name = draw(st.sampled_from(names))
    kind = draw(st.sampled_from(["read", "edge", "edge", "edge", "copies", "fresh"]))
    if kind == "read":
        return ("read", name)
    if kind == "edge":
        return ("chain", (("read", name), draw(layers(width, 1))))
    if kind == "copies":
        return ("side", draw(st.sampled_from([(2,), (1, 2)])), conv(width))
    return conv(width, draw(st.sampled_from(KERNELS)))


@st.composite
def fitting(draw: st.DrawFn, names: Sequence[str], width: Any) -> Node:
    """An input of a join that needs equal shapes; now and then one that gives another."""
    if draw(st.integers(0, 9)) == 0:
        return draw(item(names, width))
    one = "c" if width == "c" else width[:1]
    first = ("read", draw(st.sampled_from(names)))
    edges = (
        conv(one, draw(st.sampled_from(KERNELS))),
        ("alt", (conv(one, (1, 3, 3)), conv(one), ("chain", (conv(one), ("bn",))))),
        ("chain", (conv(one), ("copies", draw(st.sampled_from([(2,), (0, 2)])), ("alt", (("bn",), ("relu",)))))),
    )
    return ("chain", (first, draw(st.sampled_from(edges))))


@st.composite
def body(draw: st.DrawFn, names: tuple[str, ...], prefix: str, width: Any, uses: Sequence[Block]) -> list[Any]:
    """Some lines over what can be read."""
    known, lists = list(names), [""]
    lines = []
    for i in range(draw(st.integers(1, 3) if uses else st.integers(1, 4))):
        kind = draw(st.sampled_from(["join", "join", "pick", "pick", "chain", "list", *["use"] * 2 * bool(uses)]))
        join = draw(st.sampled_from(["sum", "concat", "mean", "concat"]))
        singles = [n for n in known if n not in lists]
        inputs = item(singles, width) if join == "concat" else fitting(singles, width)
        node: Node
        if kind == "join":
            node = ("join", join, tuple(draw(st.lists(inputs, min_size=1, max_size=2))))
        elif kind == "pick":
            items = draw(st.lists(inputs.filter(lambda n: n[0] != "side"), min_size=2, max_size=3))
            if len(lists) > 1 and join == "concat" and draw(st.booleans()):
                items.append(("read", lists[-1]))
            least = draw(st.integers(0, 2))
            more = () if least else (draw(inputs),)
            node = ("join", join, (("pick", least, draw(st.integers(max(least, 1), 2)), tuple(items)), *more))
        elif kind == "chain":
            node = ("chain", (("read", draw(st.sampled_from(singles))), draw(layers(width))))
        elif kind == "list":
            node = ("list", (draw(item(singles, width)), ("side", draw(st.sampled_from([(1, 2), (2,)])), conv(width))))
            lists.append(f"{prefix}{i}")
        else:
            block = draw(st.sampled_from(uses))
            given = tuple(draw(st.sampled_from(singles)) for _ in block.inputs)
            node = ("use", block.name, given, draw(st.sampled_from([(2,), (2,), (3,), (2, 3)])))
        known.append(f"{prefix}{i}")
        lines.append((f"{prefix}{i}", node))
    if lines[-1][0] in lists:
        lines.append((f"{prefix}9", ("join", "concat", (("read", lines[-1][0]),))))
    return lines


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A space; its layers need not fit."""
    blocks = []
    for i in range(draw(st.integers(0, 2))):
        inputs = ("a", "b")[: draw(st.integers(1, 2))]
        lines = draw(body(inputs, "n", "c", ()))
        last = lines[-1][0]
        out = draw(st.sampled_from([("read", last), ("join", "concat", (("read", last), ("read", inputs[0])))]))
        blocks.append(Block(f"cell{i}", draw(st.booleans()), inputs, tuple(lines), out))
    lines = draw(body(("clip",), "w", draw(st.sampled_from([(2,), (2, 3)])), blocks))
    return Graph(tuple(blocks), tuple(lines))
