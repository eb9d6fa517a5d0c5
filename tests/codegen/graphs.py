"""Networks with lines read by name, drawn at random, and what they compute: straight from their graphs.

`interpret` is the oracle of generated code. It calls torch's functions node by node; of the generated code it knows
only the names of the tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from hypothesis import strategies as st

from vnasdsl.codegen.supernet import tensors
from vnasdsl.elaborate import Space
from vnasdsl.network.nodes import LayerNode

# ------------------------------------------------------------------ interpreting


def interpret(network: Space, weights: Mapping[str, torch.Tensor], clips: torch.Tensor) -> torch.Tensor:
    """The logits of a network in evaluation mode. `weights` is a state dictionary."""
    names = tensors(network)
    graph = network.graph
    values: dict[str, torch.Tensor] = {}
    for node in graph.order:
        given = [values[key] for key in node.inputs]
        values[node.label] = (
            _value(node, given, [weights[name] for name in names.pop(node.label, ())]) if given else clips
        )
    assert not names, "there are more tensors than layers"
    return values[graph.output]


def _value(node: LayerNode, given: list[torch.Tensor], weights: list[torch.Tensor]) -> torch.Tensor:
    arguments = dict(node.attributes)
    x = given[0]
    match node.operation:
        case "conv":
            (weight,) = weights
            assert weight.shape[2:] == arguments["kernel"]
            return F.conv3d(x, weight, padding=tuple(k // 2 for k in weight.shape[2:]))
        case "bn":
            return _norm(x, weights)
        case "relu":
            return F.relu(x)
        case "max_pool":
            return F.max_pool3d(x, arguments["kernel"], 1, tuple(k // 2 for k in arguments["kernel"]))
        case "pool":
            return x.mean(dim=(2, 3, 4))
        case "linear":
            return F.linear(x, *weights)
        case "concat":
            return torch.cat(given, dim=1)
        case "sum":
            return torch.stack(given).sum(dim=0)
        case "mean":
            return torch.stack(given).mean(dim=0)
        case "weighted":
            (edges,) = weights
            return (torch.sigmoid(edges).reshape(-1, 1, 1, 1, 1, 1) * torch.stack(given)).sum(dim=0)
        case "add":
            kept = given[1]
            return x + (_norm(F.conv3d(kept, weights[0]), weights[1:]) if weights else kept)
    raise AssertionError(node.operation)


def _norm(x: torch.Tensor, weights: list[torch.Tensor]) -> torch.Tensor:
    weight, bias, mean, var, _ = weights
    return F.batch_norm(x, mean, var, weight, bias)


# ----------------------------------------------------------------------- drawing


@dataclass
class Body:
    """What is known while a body is drawn: channels of lines, or those of every value of a list."""

    wires: dict[str, int | list[int]]
    x: int | None
    """Channels of what came before; None for a list."""


class Drawn:
    """Draws the text of a network. Every tensor has 2 frames of 3 x 3; only the channels differ."""

    def __init__(self, draw: st.DrawFn):
        self.draw = draw
        self.blocks: list[str] = []
        self.kinds: dict[str, int] = {}
        """Blocks with two inputs, and how many channels they give."""
        self.count = 0

    def one(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def channels(self) -> int:
        return self.one(1, 2, 3)

    def layer(self, body: Body, x: int, depth: int = 0) -> tuple[str, int]:
        """A layer that begins with `x` channels, and what it gives."""
        kind = self.one("conv", "conv", "bn", "relu", "pool", "block", "chain", "copies", "join", "use", "when")
        c = self.channels()
        if kind == "block":
            return f"plain({c})", c
        if kind == "chain" and depth < 2:
            first, middle = self.layer(body, x, depth + 1)
            second, after = self.layer(body, middle, depth + 1)
            return (f"({first} -> {second})", after) if depth else (f"{first} -> {second}", after)
        if kind == "copies" and depth < 2:
            inner = self.one("bn", "relu", f"conv({x}, 1x1x1)", f"plain({x})", "[bn, relu]")
            return f"{self.one(1, 2, 3)} * {inner}", x
        if kind == "join" and depth < 2:
            return self.join(body, x, depth + 1)
        if kind == "use" and self.kinds and depth < 2:
            name = self.one(*self.kinds)
            a, b = self.stream(body), self.stream(body)
            if a and b:
                return f"{name}({a[0]}, {b[0]}, {c})", self.kinds[name] * c
        if kind == "when":
            return f"(relu if {self.one('frames', 'channels', 'rows')} > {self.one(1, 2, 3)} else bn)", x
        simple = {"bn": "bn", "relu": "relu", "pool": f"max_pool({self.one('1x3x3', '3x1x1')})"}
        if kind in simple:
            return simple[kind], x
        return f"conv({c}, {self.one('1x1x1', '3x1x1', '1x3x3')})", c

    def stream(self, body: Body) -> tuple[str, int] | None:
        """A line that is read."""
        names = [name for name, flow in body.wires.items() if isinstance(flow, int)]
        if not names:
            return None
        name = self.one(*names)
        return name, body.wires[name]  # type: ignore[return-value]

    def item(self, body: Body, x: int | None, depth: int) -> tuple[str, list[int]]:
        """An input of a join, and the channels of its values."""
        kind = self.one("read", "read", "stream", "stream", "layer", "copies", "pair", "list", "listed")
        read = self.stream(body)
        if kind == "read" and read:
            return read[0], [read[1]]
        lists = [name for name, flow in body.wires.items() if isinstance(flow, list)]
        if kind == "listed" and lists:
            name = self.one(*lists)
            return name, list(body.wires[name])  # type: ignore[arg-type]
        if x is not None and kind == "pair":
            c = self.channels()
            return f"pair({c})", [c, c]
        if x is not None and kind == "copies":
            c, n = self.channels(), self.one(1, 2, 3)
            copy = self.one(f"plain({c})", f"edge({c})", f"conv({c}, 1x1x1)", f"pair({c})", f"concat(plain({c}))")
            return f"{n} * {copy}", [c] * n * (1 + copy.startswith("pair"))
        if kind == "list" and depth < 2:
            parts = [self.item(body, x, depth + 1) for _ in range(self.one(1, 2))]
            return f"[{', '.join(text for text, _ in parts)}]", [c for _, flow in parts for c in flow]
        if x is not None and (kind == "layer" or not read):
            text, after = self.layer(body, x, depth + 1)
            return text, [after]
        if read is None:
            return self.item(body, x, depth) if lists else ("", [])
        text, after = self.layer(body, read[1], depth + 1)
        return f"{read[0]} -> {text}", [after]

    def join(self, body: Body, x: int | None, depth: int) -> tuple[str, int]:
        parts = [self.item(body, x, depth) for _ in range(self.one(1, 2, 3))]
        parts = [(text, flow) for text, flow in parts if text]
        layer = self.one("concat", "sum", "mean", "weighted")
        flat = [c for _, flow in parts for c in flow]
        if layer != "concat" and len(set(flat)) > 1:
            layer = "concat"
        text = f"{layer}({', '.join(text for text, _ in parts)})"
        return text, sum(flat) if layer == "concat" else flat[0]

    def lines(self, body: Body, indent: str, many: int) -> list[str]:
        lines: list[str] = []
        for _ in range(many):
            kind = self.one("line", "line", "wire", "wire", "wire", "residual", "list")
            name = f"{self.one('w', 'w', 'conv', 'X', 'shortcut', 'w1_')}{self.count}"
            self.count += 1
            if body.x is None or self.one(True, False, False):
                read = self.stream(body)
                if read is not None and kind != "list":
                    text, after = self.layer(body, read[1], 1)
                    text = f"{read[0]} -> {text}"
                    if self.one(True, False):
                        text, after = self.join(body, None, 1)
                elif body.x is None:
                    continue
                else:
                    text, after = self.layer(body, body.x)
            else:
                text, after = self.layer(body, body.x)
            if kind == "list":
                item, flow = self.item(body, body.x, 1)
                if not item:
                    continue
                lines.append(f"{indent}{name} = [{item}]")
                body.wires[name] = flow
                body.x = None
            elif kind == "residual" and body.x is not None:
                lines += self.residual(body, indent)
            elif kind == "wire":
                lines.append(f"{indent}{name} = {text}")
                body.wires[name] = body.x = after
            else:
                lines.append(f"{indent}{text}")
                body.x = after
        return lines

    def residual(self, body: Body, indent: str) -> list[str]:
        assert body.x is not None
        before, known = body.x, body.wires
        within = Body(dict(known), before)
        inner = self.lines(within, indent + "  ", self.one(1, 2))
        if within.x is None:
            return [f"{indent}relu"]
        if self.one(True, False):
            c = self.channels()
            inner.append(f"{indent}  conv({c}, 1x1x1)")
            body.x = c
            return [f"{indent}residual(project=always) {{", *inner, f"{indent}}}"]
        body.x = before
        return [f"{indent}residual {{", *inner, f"{indent}  conv({before}, 1x1x1)", f"{indent}}}"]

    def block(self) -> None:
        name = f"cell{len(self.kinds)}"
        width = self.one(1, 2)
        middle = self.one(
            "sum(p, q)",
            "p -> conv(c, 1x1x1)",
            "mean(p -> relu, q, p)",
            "concat(p -> plain(c), q) -> conv(c, 1x1x1)",
        )
        end = "concat(p, r)" if width == 2 else self.one("r", "sum(r, q)", "r -> relu")
        lines = ["  p = a -> conv(c, 1x1x1)", "  q = b -> plain(c)", f"  r = {middle}", f"  out {end}"]
        self.blocks.append("\n".join([f"block {name}(a, b, c) {{", *lines, "}"]))
        self.kinds[name] = width

    def network(self) -> str:
        for _ in range(self.one(0, 1, 2)):
            self.block()
        body = Body({"clip": 3}, 3)
        lines = self.lines(body, "  ", self.one(1, 2, 3, 4, 5, 6))
        if self.one(True, False) and body.x is not None:
            known = dict(body.wires)
            inner = self.lines(body, "    ", self.one(1, 2, 3))
            lines += ["  stage s1 {", *inner, *(["    relu"] if body.x is not None else []), "  }"]
            body.wires = known
        if body.x is None:
            lines.append("  clip -> relu")
        plain = "block plain(c) {\n  conv(c, 1x1x1) -> bn -> relu\n}"
        pair = "block pair(c) {\n  p = conv(c, 1x1x1)\n  out [p, p -> relu]\n}"
        edge = "block edge(c) {\n  relu\n  conv(c, 3x1x1)\n}"
        head = "network drawn {\n  input clip = video(frames=2, size=3, classes=2)"
        return "\n".join([plain, edge, pair, *self.blocks, head, *lines, "  pool -> linear(classes)", "}"]) + "\n"


@st.composite
def networks(draw: st.DrawFn) -> str:
    """Texts of networks whose lines read each other."""
    return Drawn(draw).network()
