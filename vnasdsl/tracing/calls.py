"""Calls of torch as layers of the language: one method each."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import fx

from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import NORM, ModuleCode
from vnasdsl.layers.window import PADDINGS
from vnasdsl.tracing.place import GLOBAL, Places, UnknownError, Value, Weights, same, without_padding
from vnasdsl.tracing.tree import GRID, Operation, Raw, with_defaults
from vnasdsl.tracing.whole import Known

RESHAPING = frozenset("permute flatten view reshape squeeze _unsafe_view adaptive_avg_pool3d mean contiguous".split())
"""What gives the same numbers in another shape, of a map of one position."""
MEANS = {
    (1, 2, 3): GLOBAL,
    (2, 3): {"kernel": Raw("(1, rows, columns)"), "padding": "valid"},
    (1,): {"kernel": Raw("(frames, 1, 1)"), "padding": "valid"},
}
"""Means over frames, rows and columns, by the axes of a map."""
ATTENDED = "attended"
"""What attention gives before its last linear layer; the layer has both."""


class Layers(Places):
    """Methods get a call and its arguments by their names in torch's schema, the first as `x`."""

    def __init__(self, known: list[Known]):
        super().__init__()
        self.wholes = known
        """Modules that are layers as a whole."""
        self.remarks: list[str] = []

    # ------------------------------------------------------------ number by number

    def pointwise(self, layer: str, value: Value, given: dict[str, Any] | None = None) -> Value:
        value = self.settled(value)
        return Value(self.new(layer, (value.operation,), given, shape=value.operation.shape), value.index)

    def op_dropout(self, node: fx.Node, args: dict[str, Any]) -> Value:
        share = float(args["p"])
        return self.pointwise("dropout", args["x"], {"share": share}) if share else args["x"]

    def op_softmax(self, node: fx.Node, args: dict[str, Any]) -> Value:
        """Left out at the end, where what follows gives the same numbers in another shape."""
        last = node
        while len(last.users) == 1 and getattr(next(iter(last.users)).target, "_opname", "") in RESHAPING:
            last = next(iter(last.users))
        index = args["x"].index
        over = index.shape[args["dim"]] == index.numel()
        if not over or [user.op for user in last.users] != ["output"]:
            raise UnknownError("before the end")
        self.remarks.append("the softmax at the end is left out: networks give logits")
        return args["x"]

    def op_add(self, node: fx.Node, args: dict[str, Any]) -> Value:
        x, y = args["x"], args["other"]
        if args.get("alpha", 1) != 1:
            raise UnknownError("of a number")
        if isinstance(x, Weights):
            x, y = y, x
        if isinstance(y, Weights):
            if x.operation.layer == "class_token" and len(node.all_input_nodes[0].users) > 2:
                raise UnknownError("of a weight and tokens that are needed without it")
            index, x = x.index, self.settled(x)
            made = x.operation
            for name, places in y.terms:
                made = self.with_position(made, name, self.spread(places, Value(x.operation, index)))
            return Value(made, x.index)
        if not isinstance(x, Value) or not isinstance(y, Value):
            raise UnknownError("of a number")
        if x.index.shape != y.index.shape:
            raise UnknownError("of other shapes")
        return self.joined("sum", x, y)

    def joined(self, layer: str, x: Value, y: Value) -> Value:
        a, b = self.settled(x), self.settled(y)
        if same(a.index, b.index) and a.operation.shape == b.operation.shape:
            made = self.new(layer, (a.operation, b.operation), shape=a.operation.shape)
            return Value(made, a.index)
        return self.value(self.new(layer, (self.map(x), self.map(y))))

    def op_mul(self, node: fx.Node, args: dict[str, Any]) -> Value:
        x, y = args["x"], args["other"]
        if isinstance(x, Weights):
            x, y = y, x
        if isinstance(y, Weights) and isinstance(x, Value):
            x = self.settled(x)
            return Value(self.scaled(x.operation, self.name_of(y), self.spread(y.terms[0][1], x)), x.index)
        if not isinstance(x, Value) or not isinstance(y, Value):
            raise UnknownError("by a number")
        for value, gate in ((x, y), (y, x)):
            written_out = gate.operation.layer == "sigmoid" and gate.operation.inputs == (value.operation,)
            if written_out and same(value.index, gate.index):
                return Value(self.new("silu", (value.operation,)), value.index)
        if x.index.shape == y.index.shape:
            return self.joined("product", x, y)
        return self.value(self.new("product", (self.factor(x), self.factor(y))))

    def name_of(self, weights: Weights) -> str:
        if len(weights.terms) != 1:
            raise UnknownError("with weights that are computed")
        return weights.terms[0][0]

    def factor(self, value: Value) -> Operation:
        """A map, or the vector that multiplies its channels."""
        source = value.operation
        if len(source.shape) == 1 and value.index.shape[1:] == (*source.shape, 1, 1, 1):
            return self.vector(Value(source, value.index.flatten(1)))
        return self.map(value)

    # ----------------------------------------------------------------- convolutions

    def op_conv3d(self, node: fx.Node, args: dict[str, Any]) -> Value:
        weights = {"weight": self.weight(args["weight"])}
        if args.get("bias") is not None:
            weights["bias"] = self.weight(args["bias"])
        channels, _, *kernel = args["weight"].terms[0][1].shape
        padding = args["padding"]
        sizes = {key: _three(args[key]) for key in ("stride", "dilation")}
        if isinstance(padding, str):
            halves = [d * (k - 1) // 2 for k, d in zip(kernel, sizes["dilation"], strict=True)]
            padding = halves if padding == "same" else 0
        given = {"channels": int(channels), "kernel": tuple(kernel), **sizes, "groups": args["groups"]}
        given["bias"] = "bias" in weights
        x, given = self.padded("conv", given, args["x"], _three(padding))
        if given["groups"] == channels == x.shape[0] and not given["bias"] and channels > 1:
            kept = {key: given[key] for key in ("kernel", "stride", "dilation", "padding")}
            return self.checked(node, self.new("depthwise", (x,), kept, weights))
        return self.checked(node, self.new("conv", (x,), given, weights))

    def padded(
        self, layer: str, given: dict[str, Any], value: Value, padding: tuple[int, ...]
    ) -> tuple[Operation, dict[str, Any]]:
        """The map without padding of its own, and the arguments with the padding that makes the layer pad as this
        does, by its own rule."""
        index = value.index
        before, after, outside = (0, 0, 0), (0, 0, 0), 0.0
        if index.dim() == 5:
            index, before, after, outside = without_padding(index)  # type: ignore[assignment]
        x = self.map(Value(value.operation, index))
        if outside != (float("-inf") if layer == "max_pool" else 0.0) and any((*before, *after)):
            raise UnknownError(f"with a padding of {outside}")
        begin = tuple(p + e for p, e in zip(padding, before, strict=True))
        end = tuple(p + e for p, e in zip(padding, after, strict=True))
        for candidate in (*PADDINGS, begin, tuple(n for pair in zip(begin, end, strict=True) for n in pair)):
            whole = with_defaults(layer, {**given, "padding": candidate})
            applied = CATALOGUE[layer].apply(whole, x.shape, 0)
            assert isinstance(applied.code, ModuleCode)
            fields = {f.name: f.value for f in applied.code.fields}
            around, *sides = (fields.get(name, (0, 0, 0)) for name in ("padding", "begin", "end"))
            if [tuple(map(sum, zip(around, side, strict=True))) for side in sides] == [begin, end]:
                return x, {**given, "padding": candidate}
        raise UnknownError(f"with a padding of {begin} before and {end} after")

    def checked(self, node: fx.Node, made: Operation) -> Value:
        """The output of a layer, whose rule must give the shape that torch gave."""
        found = tuple(int(n) for n in node.meta["val"].shape[1:])
        if made.shape != found:
            raise UnknownError(f"gives {found} where `{made.layer}` gives {made.shape}")
        return self.value(made)

    def op_linear(self, node: fx.Node, args: dict[str, Any]) -> Value:
        weights = {"weight": self.weight(args["weight"])}
        if args.get("bias") is not None:
            weights["bias"] = self.weight(args["bias"])
        features, value = int(args["weight"].terms[0][1].shape[0]), args["x"]
        x, positions = self.along(value, -1)
        if len(x.shape) == 1:
            return self.value(self.new("linear", (x,), {"features": features, "bias": "bias" in weights}, weights))
        if x.layer == ATTENDED:
            if features != x.shape[0] or "bias" not in weights:
                raise UnknownError("behind attention, of another width or without a bias")
            own = {**x.weights, **{f"out.{key}": name for key, name in weights.items()}}
            made = self.new("attention", x.inputs, x.arguments, own, x.shape)
        else:
            given = {"channels": features, "kernel": (1, 1, 1), "bias": "bias" in weights}
            made = self.new("conv", (x,), given, weights)
            made.arguments["channels"] = features
        return self.value_along(made, -1, positions)

    # ------------------------------------------------------------------------ norms

    def op_batch_norm(self, node: fx.Node, args: dict[str, Any]) -> Value:
        if args["training"]:
            raise UnknownError("that does not use running statistics")
        names = ("running_mean", "running_var", *(("weight", "bias") if args.get("weight") is not None else ()))
        weights = {name: self.weight(args[name]) for name in names}
        given = {"affine": "weight" in weights, "eps": args["eps"], "momentum": args["momentum"]}
        return self.normed("bn", args["x"], 1, given, weights)

    def op_layer_norm(self, node: fx.Node, args: dict[str, Any]) -> Value:
        if len(args["normalized_shape"]) != 1:
            raise UnknownError("over other axes than the channels")
        weights = {key: self.weight(args[key]) for key in ("weight", "bias")}
        return self.normed("layer_norm", args["x"], -1, {"eps": args["eps"]}, weights)

    def normed(self, layer: str, value: Value, axis: int, given: dict[str, Any], weights: dict[str, str]) -> Value:
        x, positions = self.along(value, axis)
        return self.value_along(self.new(layer, (x,), given, weights), axis, positions)

    # ---------------------------------------------------------------------- pooling

    def op_max_pool3d(self, node: fx.Node, args: dict[str, Any]) -> Value:
        return self.window("max_pool", node, args)

    def op_avg_pool3d(self, node: fx.Node, args: dict[str, Any]) -> Value:
        if args.get("divisor_override") or (
            args.get("count_include_pad", True) and any(_three(args.get("padding", 0)))
        ):
            raise UnknownError("with padding that counts")
        return self.window("avg_pool", node, args)

    def window(self, layer: str, node: fx.Node, args: dict[str, Any]) -> Value:
        if args.get("ceil_mode") or any(d != 1 for d in _three(args.get("dilation", 1))):
            raise UnknownError("with `ceil_mode` or dilation")
        kernel = _three(args["kernel_size"])
        given: dict[str, Any] = {"kernel": kernel, "stride": _three(args.get("stride") or kernel)}
        x, given = self.padded(layer, given, args["x"], _three(args.get("padding", 0)))
        if layer == "avg_pool" and kernel == x.shape[1:] and given["padding"] == "valid":
            return self.value(self.mean_map(x, GLOBAL))
        if layer == "avg_pool" and args.get("count_include_pad", True) and x.shape != args["x"].index.shape[1:]:
            raise UnknownError("with padding that counts")
        return self.checked(node, self.new(layer, (x,), given))

    def op_adaptive_avg_pool3d(self, node: fx.Node, args: dict[str, Any]) -> Value:
        x = self.map(args["x"])
        sizes = node.meta["val"].shape[2:]
        if tuple(sizes) == (1, 1, 1):
            return self.value(self.mean_map(x, GLOBAL))
        if any(n % m for n, m in zip(x.shape[1:], sizes, strict=True)):
            raise UnknownError("whose windows differ in size")
        kernel = tuple(n // m for n, m in zip(x.shape[1:], sizes, strict=True))
        return self.checked(node, self.new("avg_pool", (x,), {"kernel": kernel, "stride": kernel, "padding": "valid"}))

    def op_mean(self, node: fx.Node, args: dict[str, Any]) -> Value:
        value = args["x"]
        axes = [axis % value.index.dim() for axis in args.get("dim") or ()]
        if not axes or 0 in axes or value.index.dim() == 2:
            raise UnknownError("over all numbers, or of a vector")
        shape = tuple(node.meta["val"].shape)
        found = self.mean(self.settled(value), axes, shape)
        if found is None and value.index.dim() == 5:
            found = self.mean(self.value(self.map(value)), axes, shape)
        if found is None:
            raise UnknownError(f"over the axes {sorted(axes)}")
        return found

    def mean(self, value: Value, axes: list[int], shape: tuple[int, ...]) -> Value | None:
        """The mean over axes of a tensor, if they are positions of the operation."""
        x, index = value.operation, value.index
        groups = index.movedim(axes, list(range(-len(axes), 0))).flatten(-len(axes))
        rows = groups.reshape(-1, groups.shape[-1]).sort(-1).values
        for over, given in MEANS.items() if len(x.shape) == 4 else ():
            behind = self.numbers(*x.shape).movedim(over, tuple(range(-len(over), 0)))
            expected = behind.reshape(-1, prod(x.shape[axis] for axis in over))
            first = expected[:, 0].contiguous()
            if rows.shape == expected.shape and bool((first.diff() > 0).all()):
                order = torch.searchsorted(first, rows[:, 0].contiguous()).clamp_max(len(first) - 1)
                if same(expected[order], rows):
                    return Value(self.mean_map(x, given), order.to(index.dtype).view(shape))
        return None

    def op_upsample_nearest3d(self, node: fx.Node, args: dict[str, Any]) -> Value:
        return self.enlarged(node, args, linear=False)

    def op_upsample_trilinear3d(self, node: fx.Node, args: dict[str, Any]) -> Value:
        if args["align_corners"]:
            raise UnknownError("with `align_corners`")
        return self.enlarged(node, args, linear=True)

    def enlarged(self, node: fx.Node, args: dict[str, Any], linear: bool) -> Value:
        x = self.map(args["x"])
        times = tuple(m // n for n, m in zip(x.shape[1:], node.meta["val"].shape[2:], strict=True))
        return self.checked(node, self.new("upsample", (x,), {"times": times, "linear": linear}))

    # ------------------------------------------------------------- joins and tokens

    def op_cat(self, node: fx.Node, args: dict[str, Any]) -> Value:
        parts, axis = args["tensors"], args.get("dim", 0)
        axis %= node.meta["val"].dim()
        if isinstance(parts[0], Weights) and isinstance(parts[1], Value) and len(parts) == 2:
            return self.after_token(node, parts[0], parts[1], axis)
        parts = [self.zeros_beside(part, parts) for part in parts]
        if not all(isinstance(part, Value) for part in parts):
            raise UnknownError("with a weight or a constant")
        sources = {part.operation for part in parts}
        if len(sources) == 1 and sum(part.index.numel() for part in parts) <= prod(parts[0].operation.shape):
            return Value(sources.pop(), torch.cat([part.index for part in parts], axis))
        if len(parts) == 2 and (found := self.on_grid(parts[0], parts[1], axis)) is not None:
            return found
        if axis == 1 and parts[0].index.dim() == 5:
            return self.value(self.new("concat", tuple(map(self.map, parts))))
        if axis == 1 and parts[0].index.dim() == 2:
            return self.value(self.new("concat", tuple(map(self.vector, parts))))
        raise UnknownError("along another axis than the channels")

    def zeros_beside(self, part: Any, parts: list[Any]) -> Any:
        """Zeros that are put beside a value are outside of it."""
        values = [each for each in parts if isinstance(each, Value)]
        if isinstance(part, torch.Tensor) and values and not part.any():
            return Value(values[0].operation, torch.full(part.shape, -1, dtype=torch.int32))
        return part

    def after_token(self, node: fx.Node, token: Weights, value: Value, axis: int) -> Value:
        """Positions behind a learned vector, along an axis."""
        first = token.terms[0][1]
        across = [i for i, n in enumerate(first.shape) if n == first.numel()]
        if (
            len(token.terms) > 2
            or first.shape[axis] != 1
            or not across
            or any(not self.numbers.are(t) for _, t in token.terms)
        ):
            raise UnknownError("with a weight")
        x, _ = self.along(value, across[-1])
        names = dict(zip(("token", "position"), (name for name, _ in token.terms), strict=False))
        made = self.new("class_token", (x,), {"position": len(names) == 2}, names)
        return self.value_along(made, across[-1], self.numbers(*_without(node.meta["val"].shape, across[-1])))

    def on_grid(self, token: Value, value: Value, axis: int) -> Value | None:
        """What was done to all positions but the first, as the body of one layer; None for anything else."""
        source, end = token.operation, value.operation
        channels = source.shape[0]
        across = [i for i, n in enumerate(token.index.shape) if n == token.index.numel()]
        if source.shape[1:3] != (1, 1) or not across or token.index.numel() != channels or len(end.shape) != 4:
            return None
        if not same(token.index.flatten(), self.numbers(*source.shape)[:, 0, 0, 0]) or end.shape[0] != channels:
            return None
        if not self.numbers.are(value.index.movedim(across[-1], 1)):
            return None
        begin = self.begin_of_body(end, source)
        if begin is None:
            return None
        shape = (channels, 1, 1, 1 + prod(end.shape[1:]))
        made = self.new("on_grid", (source,), begin.arguments, shape=shape)
        made.body = end
        begin.inputs = ()
        self.known = {key: each for key, each in self.known.items() if each is not begin}  # another body has its own
        size = list(value.index.shape)
        size[axis] += 1
        return self.value_along(made, across[-1], self.numbers(*_without(size, across[-1])))

    def begin_of_body(self, end: Operation, source: Operation) -> Operation | None:
        """The one operation that all before `end` comes from, if it takes the positions of a source."""
        pending, seen, begins = [end], {end}, set()
        while pending:
            operation = pending.pop()
            if operation.layer == GRID and operation.inputs == (source,):
                begins.add(operation)
                continue
            if not operation.inputs:
                return None
            pending += [each for each in operation.inputs if each not in seen]
            seen.update(operation.inputs)
        return begins.pop() if len(begins) == 1 else None

    # -------------------------------------------------------------------- attention

    def op_scaled_dot_product_attention(self, node: fx.Node, args: dict[str, Any]) -> Value:
        """Heads of the output of one linear layer, over all positions, those of a frame, or the frames of one."""
        q, k, v = args["query"], args["key"], args["value"]
        x = q.operation
        if not x is k.operation is v.operation or x.layer != "conv" or len({*map(_shape, (q, k, v))}) != 1:
            raise UnknownError("of queries, keys and values that do not come from one linear layer")
        *_, heads, length, width = q.index.shape
        channels, positions = heads * width, prod(x.shape[1:])
        if args.get("attn_mask") is not None or args.get("is_causal") or args.get("scale") not in (None, width**-0.5):
            raise UnknownError("with a mask, or another scale")
        whole = self.numbers(3, heads, width, positions)
        plain = x.arguments.get("bias") and x.arguments["kernel"] == (1, 1, 1) and x.shape[0] == 3 * channels
        for over, order in (("joint", (0, 1)), ("spatial", (0, 1)), ("temporal", (1, 0))):
            frames = 1 if over == "joint" else x.shape[1]
            at = self.numbers(positions).view(frames, -1).permute(order)  # (groups, members)
            if not plain or at.shape[1] != length:
                continue
            expected = whole[:, :, :, at.long()].permute(0, 3, 1, 4, 2)
            if all(
                same(p.index.reshape(-1, heads, length, width), e) for p, e in zip((q, k, v), expected, strict=True)
            ):
                given = {"heads": heads, "channels": channels, "over": over}
                weights = {f"qkv.{key}": name for key, name in x.weights.items()}
                shape = (channels, *x.shape[1:])
                made = Operation(ATTENDED, x.inputs, shape, given, weights, self.owners, self.place)
                return Value(made, expected[0].reshape(q.index.shape))
        raise UnknownError("of other positions or channels than `attention` has")

    # ---------------------------------------------------------------- whole modules

    def op_whole(self, node: fx.Node, args: dict[str, Any]) -> Value:
        known = self.wholes[args["number"]]
        axis = -1 if known.last else 1
        given = tuple(self.along(x, -1)[0] if known.last else self.map(x) for x in args["xs"])
        step = known.step
        made, found = self.new(step.layer, given, step.arguments), node.meta["val"].shape
        names = step.tensors
        if names is None:
            code = self.applied(step.layer, given, step.arguments).code
            tensors = code.tensors if isinstance(code, ModuleCode) else ()
            names = {name: name for name in tensors if not name.endswith(NORM[-1])}
        made.weights = {own: f"{known.path}.{theirs}" for own, theirs in names.items()}
        if found[axis] != made.shape[0] or found.numel() != prod(made.shape):
            raise UnknownError(f"gives {tuple(found[1:])} where `{made.layer}` gives {made.shape}")
        return self.value_along(made, axis, self.numbers(*_without(found, axis)))


def _without(shape: Sequence[int], axis: int) -> list[int]:
    """A shape without one of its axes."""
    return [int(n) for i, n in enumerate(shape) if i != axis % len(shape)]


def _three(value: Any) -> tuple[int, int, int]:
    values = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    one, two, three = values if len(values) == 3 else values * 3
    return int(one), int(two), int(three)


def _shape(value: Value) -> tuple[int, ...]:
    return tuple(value.index.shape)
