"""From a module to operations: torch.export runs it, and each call of torch is read as a layer of the language."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor, fx, nn

from vnasdsl.language.diagnostics import UserError
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.activation import FUNCTIONS
from vnasdsl.layers.base import LayerError, ModuleCode, Shape
from vnasdsl.layers.window import PADDINGS
from vnasdsl.tracing.operation import Operation, Raw, default_of
from vnasdsl.tracing.whole import Step, standing_in

GLOBAL = {"kernel": Raw("(frames, rows, columns)"), "padding": "valid"}
SAME = frozenset(
    """alias clone contiguous detach detach_ lift_fresh_copy _to_copy to type_as feature_dropout
    _assert_tensor_metadata""".split()
)
"""Operations that give their input."""
RESHAPING = frozenset("permute flatten view reshape squeeze _unsafe_view adaptive_avg_pool3d mean contiguous".split())
"""What gives the same numbers in another shape, of a map of one position."""
LONGEST_LIST = 12
LAST = (0, 2, 3, 4, 1)
"""Channels behind frames, rows and columns, as heads with a linear layer on maps have them."""


def trace(module: nn.Module, clip: Shape) -> tuple[Operation, list[str]]:
    """The last operation of a module for one clip, and remarks about what was left out at the end.

    Raises: UserError that names everything that no layer does, with its place in the module.
    """
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            x = torch.zeros(1, *clip)
            with standing_in(module, x) as known:
                program = torch.export.export(module, (x,))
    except Exception as fault:  # whatever the module raises, or torch.export cannot follow
        said = " ".join(str(fault).split())[:400]
        help = "it must take one batch of clips, and what it does may depend on their shape alone"
        shown = " x ".join(map(str, clip))
        raise UserError(
            f"the module cannot be traced for a clip of {shown}: {type(fault).__name__}: {said}", help
        ) from None
    return _Reader(program, known).read()


class _UnknownError(Exception):
    """What no layer does: why, if that is more than its name."""


class _Reader:
    def __init__(self, program: Any, known: list[tuple[str, list[Step], bool]]):
        self.known = known
        """Modules that are layers as a whole: path, layers, whether channels are the last axis."""
        signature = program.graph_signature
        self.graph: fx.Graph = program.graph
        self.names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        self.values: dict[fx.Node, Operation] = {}
        self.last: set[Operation] = set()
        """Those whose channels are their last axis."""
        self.pads: dict[Operation, tuple[tuple[int, ...], float]] = {}
        self.unknown: Counter[str] = Counter()
        self.remarks: list[str] = []

    def read(self) -> tuple[Operation, list[str]]:
        output: Any = None
        for node in self.graph.nodes:
            if node.op == "placeholder" and node.name not in self.names and isinstance(node.meta.get("val"), Tensor):
                self.values[node] = Operation("", (), self.shape(node))
            elif node.op == "call_function":
                self.call(node)
            elif node.op == "output":
                output = node.args[0]
        if self.unknown:
            found = [f"{what}{f' ({count} times)' if count > 1 else ''}" for what, count in self.unknown.items()]
            more = [f"and {len(found) - LONGEST_LIST} more"] * (len(found) > LONGEST_LIST)
            raise UserError(
                f"no layer of the language does this: {'; '.join(found[:LONGEST_LIST] + more)}",
                "write these parts as layers of your own (see the page Custom layers), or change the module",
            )
        given = [each for each in output if isinstance(each, fx.Node)]
        if len(given) != 1 or given[0] not in self.values or len(self.values[given[0]].shape) != 1:
            raise UserError(
                "the module does not give one vector of numbers for each clip", "import its classifier alone"
            )
        return self.values[given[0]], self.remarks

    # ------------------------------------------------------------------ one call

    def call(self, node: fx.Node) -> None:
        packet, name = _packet(node), _name(node)
        try:
            value = self.operation(name, node)
        except (_UnknownError, LayerError) as fault:
            why = f" ({fault})" if str(fault) else ""
            self.unknown[f"`{packet}` in {_where(node)}{why}"] += 1
            value = Operation("?", self.operands(node)[:1], self.shape(node))
        if value is None:
            return
        if not value.place:
            value.owners, value.place = _owners(node), _stack(node)[-1][0]
        self.values[node] = value
        if packet.endswith("_") and isinstance(node.args[0], fx.Node):  # in place: its input is now this, too
            self.values[node.args[0]] = value

    def operands(self, node: fx.Node) -> tuple[Operation, ...]:
        nodes = [n for a in node.args for n in (a if isinstance(a, (list, tuple)) else (a,))]
        return tuple(self.values[n] for n in nodes if isinstance(n, fx.Node) and n in self.values)

    def operation(self, name: str, node: fx.Node) -> Operation | None:
        """Raises: _UnknownError; LayerError where a rule refuses the arguments."""
        operands = self.operands(node)
        if not isinstance(node.meta.get("val"), Tensor):
            if name.startswith(("_assert", "sym_", "_guards")) or not operands:
                return None
            raise _UnknownError
        if not operands:
            raise _UnknownError("it makes a tensor that no clip goes into")
        special: Callable[..., Operation] | None = getattr(self, f"op_{name}", None)
        if any(operand.layer == "?" for operand in operands):  # what comes after is looked at, too
            if special is None and name not in {*SAME, *FUNCTIONS, "getitem"}:
                raise _UnknownError
            return Operation("?", operands[:1], self.shape(node))
        if not hasattr(node.target, "_schema"):  # an operator of Python
            raise _UnknownError
        args = _arguments(node)
        if special is not None:
            made = special(node, args, *operands)
        elif name in SAME:
            made = operands[0]
        elif name in FUNCTIONS and _only_defaults(node):
            made = self.like(name, node, operands[0])
        else:
            raise _UnknownError
        if operands[0] in self.last and made is not operands[0] and made.layer not in ("pool", "conv", "skip"):
            self.last.add(made)
        return made

    def like(self, layer: str, node: fx.Node, *inputs: Operation, **more: Any) -> Operation:
        if any(each in self.pads for each in inputs):
            raise _UnknownError("after a padding of its own")
        shape = self.shape(node)
        if inputs and inputs[0] in self.last and len(shape) == 4:
            shape = (shape[-1], *shape[:-1])
        return Operation(layer, inputs, shape, **more)

    def shape(self, node: fx.Node) -> Shape:
        value = node.meta.get("val")
        return tuple(int(n) for n in value.shape[1:]) if isinstance(value, Tensor) else ()

    def tensor(self, node: object) -> str:
        """The name of a tensor of the module. Raises: _UnknownError for one that is computed."""
        if not isinstance(node, fx.Node) or node.name not in self.names:
            raise _UnknownError("with weights that are computed")
        return str(self.names[node.name])

    # ---------------------------------------------------------------- the layers

    def op_conv3d(self, node: fx.Node, args: dict[str, Any], x: Operation, *_: Operation) -> Operation:
        weights = {"weight": self.tensor(args["weight"])}
        if args.get("bias") is not None:
            weights["bias"] = self.tensor(args["bias"])
        channels, _, *kernel = args["weight"].meta["val"].shape
        padding = args["padding"]
        sizes = {key: _three(args[key]) for key in ("stride", "dilation")}
        if isinstance(padding, str):
            padding = (
                [d * (k - 1) // 2 for k, d in zip(kernel, sizes["dilation"], strict=True)] if padding == "same" else 0
            )
        given = {"channels": int(channels), "kernel": tuple(kernel), **sizes, "groups": args["groups"]}
        given["bias"] = "bias" in weights
        given = self.padded("conv", given, x, _three(padding))
        if given["groups"] == channels == self.source(x).shape[0] and not given["bias"] and channels > 1:
            kept = {key: given[key] for key in ("kernel", "stride", "dilation", "padding")}
            return self.made("depthwise", node, x, kept, weights)
        return self.made("conv", node, x, given, weights)

    def source(self, x: Operation) -> Operation:
        return x.inputs[0] if x in self.pads else x

    def padded(self, layer: str, given: dict[str, Any], x: Operation, padding: tuple[int, ...]) -> dict[str, Any]:
        """The arguments with the padding that makes the layer pad as this does, by its own rule."""
        extra, value = self.pads.get(x, ((0,) * 6, 0.0))
        if value != (float("-inf") if layer == "max_pool" else 0.0) and any(extra):
            raise _UnknownError(f"with a padding of {value}")
        begin = tuple(p + e for p, e in zip(padding, extra[::2], strict=True))
        end = tuple(p + e for p, e in zip(padding, extra[1::2], strict=True))
        for candidate in (*PADDINGS, begin, tuple(n for pair in zip(begin, end, strict=True) for n in pair)):
            whole = _with_defaults(layer, {**given, "padding": candidate})
            applied = CATALOGUE[layer].apply(whole, self.source(x).shape, 0)
            assert isinstance(applied.code, ModuleCode)
            fields = {f.name: f.value for f in applied.code.fields}
            around, *sides = (fields.get(name, (0, 0, 0)) for name in ("padding", "begin", "end"))
            if [tuple(map(sum, zip(around, side, strict=True))) for side in sides] == [begin, end]:
                return {**given, "padding": candidate}
        raise _UnknownError(f"with a padding of {begin} before and {end} after")

    def made(
        self, layer: str, node: fx.Node, x: Operation, given: dict[str, Any], weights: dict[str, str] | None = None
    ) -> Operation:
        """A layer without the arguments that are its defaults; its rule must give the shape that torch gave."""
        source = self.source(x)
        usual = {p.name: p.default for p in CATALOGUE[layer].parameters}
        kept = {name: value for name, value in given.items() if value != usual[name]}
        shape = CATALOGUE[layer].apply(_with_defaults(layer, given), source.shape, 0).output
        if shape != self.shape(node):
            raise _UnknownError(f"gives {self.shape(node)} where `{layer}` gives {shape}")
        return Operation(layer, (source,), shape, kept, weights or {})

    def op_batch_norm(self, node: fx.Node, args: dict[str, Any], x: Operation, *_: Operation) -> Operation:
        if args["training"]:
            raise _UnknownError("that does not use running statistics")
        weights = {"running_mean": self.tensor(args["running_mean"]), "running_var": self.tensor(args["running_var"])}
        if args.get("weight") is not None:
            weights |= {"weight": self.tensor(args["weight"]), "bias": self.tensor(args["bias"])}
        given = {"affine": "weight" in weights, "eps": args["eps"], "momentum": args["momentum"]}
        return self.made("bn", node, x, given, weights)

    def op_max_pool3d(self, node: fx.Node, args: dict[str, Any], x: Operation) -> Operation:
        return self.window("max_pool", node, args, x)

    def op_avg_pool3d(self, node: fx.Node, args: dict[str, Any], x: Operation) -> Operation:
        if args.get("divisor_override") or (
            args.get("count_include_pad", True) and any(_three(args.get("padding", 0)))
        ):
            raise _UnknownError("with padding that counts")
        return self.window("avg_pool", node, args, x)

    def window(self, layer: str, node: fx.Node, args: dict[str, Any], x: Operation) -> Operation:
        if args.get("ceil_mode") or any(d != 1 for d in _three(args.get("dilation", 1))):
            raise _UnknownError("with `ceil_mode` or dilation")
        kernel = _three(args["kernel_size"])
        given: dict[str, Any] = {"kernel": kernel, "stride": _three(args.get("stride") or kernel)}
        given = self.padded(layer, given, x, _three(args.get("padding", 0)))
        if layer == "avg_pool" and kernel == x.shape[1:] and given["padding"] == "valid":
            return Operation(layer, (x,), (x.shape[0], 1, 1, 1), dict(GLOBAL))
        return self.made(layer, node, x, given)

    def op_adaptive_avg_pool3d(self, node: fx.Node, args: dict[str, Any], x: Operation) -> Operation:
        shape = self.shape(node)
        if shape[1:] == (1, 1, 1):
            return Operation("avg_pool", (x,), shape, dict(GLOBAL))
        if any(n % m for n, m in zip(x.shape[1:], shape[1:], strict=True)):
            raise _UnknownError("whose windows differ in size")
        kernel = tuple(n // m for n, m in zip(x.shape[1:], shape[1:], strict=True))
        return self.made("avg_pool", node, x, {"kernel": kernel, "stride": kernel, "padding": "valid"})

    def op_mean(self, node: fx.Node, args: dict[str, Any], x: Operation) -> Operation:
        axes = sorted(axis % (len(x.shape) + 1) for axis in args.get("dim") or ())
        if axes != ([1, 2, 3] if x in self.last else [2, 3, 4]):
            raise _UnknownError(f"over the axes {axes}")
        if x in self.last and args.get("keepdim"):
            raise _UnknownError("that keeps the axes behind the channels")
        if args.get("keepdim"):
            return Operation("avg_pool", (x,), (x.shape[0], 1, 1, 1), dict(GLOBAL))
        return self.pooled(x)

    def pooled(self, x: Operation) -> Operation:
        """The mean as a vector: of a mean that kept the axes, the mean itself."""
        if x.layer == "avg_pool" and x.arguments == GLOBAL:
            x = x.inputs[0]
        return Operation("pool", (x,), x.shape[:1])

    def op_flatten(self, node: fx.Node, args: dict[str, Any], x: Operation) -> Operation:
        shape = self.shape(node)
        if shape == x.shape and x not in self.last:
            return x
        if len(x.shape) == 4 and prod(x.shape[1:]) == 1 and shape == x.shape[:1]:
            return self.pooled(x)
        raise _UnknownError(f"from {x.shape} to {shape}")

    op_view = op_reshape = op_squeeze = op__unsafe_view = op_unsqueeze = op_flatten

    def op_permute(self, node: fx.Node, args: dict[str, Any], x: Operation) -> Operation:
        axes = tuple(axis % 5 for axis in args["dims"])
        if axes == LAST and x not in self.last:
            made = Operation("skip", (x,), x.shape)
            self.last.add(made)
            return made
        if axes == (0, 4, 1, 2, 3) and x in self.last:
            return Operation("skip", (x,), x.shape)
        raise _UnknownError(f"of the axes {axes}")

    def op_linear(self, node: fx.Node, args: dict[str, Any], x: Operation, *_: Operation) -> Operation:
        weights = {"weight": self.tensor(args["weight"])}
        if args.get("bias") is not None:
            weights["bias"] = self.tensor(args["bias"])
        features = int(args["weight"].meta["val"].shape[0])
        if len(x.shape) == 1:
            return self.made("linear", node, x, {"features": features, "bias": "bias" in weights}, weights)
        if x not in self.last:
            raise _UnknownError("along the columns")
        given = {"channels": features, "kernel": (1, 1, 1), "bias": "bias" in weights}
        made = Operation(
            "conv", (x,), (features, *x.shape[1:]), {k: v for k, v in given.items() if v is not False}, weights
        )
        self.last.add(made)
        return made

    def op_dropout(self, node: fx.Node, args: dict[str, Any], x: Operation) -> Operation:
        return self.like("dropout", node, x, arguments={"share": float(args["p"])}) if args["p"] else x

    def op_softmax(self, node: fx.Node, args: dict[str, Any], x: Operation) -> Operation:
        """Left out at the end, where what follows gives the same numbers in another shape."""
        last = node
        while len(last.users) == 1 and _name(next(iter(last.users))) in RESHAPING:
            last = next(iter(last.users))
        axes = len(self.shape(node)) + 1
        over = args["dim"] % axes == (axes - 1 if x in self.last else 1)
        if not over or prod(x.shape[1:]) != 1 or [user.op for user in last.users] != ["output"]:
            raise _UnknownError("before the end")
        self.remarks.append("the softmax at the end is left out: networks give logits")
        return self.like("skip", node, x)

    def op_add(self, node: fx.Node, args: dict[str, Any], *inputs: Operation) -> Operation:
        if len(inputs) != 2 or args.get("alpha", 1) != 1 or inputs[0].shape != inputs[1].shape:
            raise _UnknownError("of a number, or of other shapes")
        return self.like("sum", node, *inputs)

    def op_mul(self, node: fx.Node, args: dict[str, Any], *inputs: Operation) -> Operation:
        if len(inputs) != 2:
            raise _UnknownError("by a number")
        for x, gate in (inputs, inputs[::-1]):
            if gate.layer == "sigmoid" and gate.inputs == (x,):  # silu, written out
                return self.like("silu", node, x)
        return self.like("product", node, *inputs)

    def op_cat(self, node: fx.Node, args: dict[str, Any], *inputs: Operation) -> Operation:
        if args.get("dim", 0) % 5 != 1 or len(inputs) != len(args["tensors"]):
            raise _UnknownError("along another axis than the channels")
        return self.like("concat", node, *inputs)

    def op_layer_norm(self, node: fx.Node, args: dict[str, Any], x: Operation, *_: Operation) -> Operation:
        if list(args["normalized_shape"]) != [x.shape[0]] or (len(x.shape) == 4 and x not in self.last):
            raise _UnknownError("over other axes than the channels")
        weights = {key: self.tensor(args[key]) for key in ("weight", "bias")}
        eps = {"eps": args["eps"]} if args["eps"] != default_of("layer_norm", "eps") else {}
        return self.like("layer_norm", node, x, arguments=eps, weights=weights)

    def op_whole(self, node: fx.Node, args: dict[str, Any], x: Operation) -> Operation:
        path, steps, last = self.known[args["number"]]
        if last != (x in self.last):
            raise _UnknownError("with its channels on another axis")
        for step in steps:
            usual = _with_defaults(step.layer, {})
            for key in ("channels",):  # `same` is what comes in
                usual[key] = x.shape[0] if usual.get(key) == "same" else usual.get(key)
            kept = {key: value for key, value in step.arguments.items() if value != usual[key]}
            weights = {own: f"{path}.{theirs}" for own, theirs in step.tensors.items()}
            shape = CATALOGUE[step.layer].apply(_with_defaults(step.layer, step.arguments), x.shape, 0).output
            x = Operation(step.layer, (x,), shape, kept, weights, _owners(node), path)
            if last:
                self.last.add(x)
        found = self.shape(node)
        if x.shape != ((found[-1], *found[:-1]) if last and len(found) == 4 else found):
            raise _UnknownError(f"gives {found} where `{x.layer}` gives {x.shape}")
        return x

    def op_pad(self, node: fx.Node, args: dict[str, Any], x: Operation) -> Operation:
        if not any(args["pad"]):
            return x
        pad = (*args["pad"], *(0,) * (6 - len(args["pad"])))
        if args.get("mode", "constant") != "constant" or len(pad) != 6 or min(pad) < 0:
            raise _UnknownError
        made = Operation("skip", (x,), self.shape(node))
        self.pads[made] = ((*pad[4:], *pad[2:4], *pad[:2]), float(args.get("value") or 0.0))
        return made

    op_constant_pad_nd = op_pad


def _with_defaults(layer: str, given: dict[str, Any]) -> dict[str, Any]:
    return {p.name: p.default for p in CATALOGUE[layer].parameters} | given


def _three(value: Any) -> tuple[int, int, int]:
    values = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    one, two, three = values if len(values) == 3 else values * 3
    return int(one), int(two), int(three)


def _arguments(node: fx.Node) -> dict[str, Any]:
    """The arguments of a call by the names of torch's schema, defaults filled in."""
    schema = node.target._schema.arguments  # type: ignore[union-attr]
    given = {a.name: a.default_value for a in schema if a.has_default_value()}
    given.update((a.name, value) for a, value in zip(schema, node.args, strict=False))
    return given | node.kwargs


def _only_defaults(node: fx.Node) -> bool:
    schema = node.target._schema.arguments[1:]  # type: ignore[union-attr]
    given = _arguments(node)
    return all(not a.has_default_value() or given[a.name] == a.default_value for a in schema)


def _packet(node: fx.Node) -> str:
    """The name of what is called."""
    return str(getattr(node.target, "_opname", getattr(node.target, "__name__", node.target)))


def _name(node: fx.Node) -> str:
    """The same, whether it works in place or not."""
    packet = _packet(node)
    return packet if packet.startswith("_") else packet.removesuffix("_")


def _owners(node: fx.Node) -> tuple[tuple[str, str], ...]:
    return tuple((path, kind.rpartition(".")[2]) for path, kind in _stack(node) if path and not _of_torch(kind))


def _stack(node: fx.Node) -> list[tuple[str, str]]:
    """The modules around a call with their classes, outermost first."""
    return [(path, str(kind)) for path, kind in (node.meta.get("nn_module_stack") or {}).values()] or [("", "")]


def _where(node: fx.Node) -> str:
    path, kind = _stack(node)[-1]
    return f"`{path}` ({kind.rpartition('.')[2]})" if path else "the module itself"


def _of_torch(kind: str) -> bool:
    return kind.startswith(("torch.nn.", "torch.ao."))
