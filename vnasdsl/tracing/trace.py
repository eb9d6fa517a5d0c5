"""From a module to operations: torch.export runs it, and each call of torch is read as a layer of the language."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, fx, nn

from vnasdsl.language.diagnostics import UserError
from vnasdsl.layers.activation import FUNCTIONS
from vnasdsl.layers.base import LayerError, Shape
from vnasdsl.tracing.calls import ATTENDED, Layers
from vnasdsl.tracing.place import REARRANGING, UnknownError, Value, Weights, rearranged
from vnasdsl.tracing.tree import GRID, Operation, ordered
from vnasdsl.tracing.whole import standing_in

SAME = frozenset("alias clone contiguous detach lift_fresh_copy _to_copy to type_as feature_dropout".split())
"""Operations that give their input, in evaluation."""
LONGEST_LIST = 12
LARGEST_CONSTANT = 1 << 22


def trace(module: nn.Module, inputs: Sequence[Shape]) -> tuple[Operation, list[Operation], list[str]]:
    """The last operation of a module, those that stand for its inputs, and remarks about what was left out at the end.

    Raises: UserError that names everything that no layer does, with its place in the module.
    """
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            given = tuple(torch.zeros(1, *shape) for shape in inputs)
            with _apart(module, len(given)), standing_in(module, given) as known:
                program = torch.export.export(module, given)
    except Exception as fault:  # whatever the module raises, or torch.export cannot follow
        said = " ".join(str(fault).split())[:400]
        help = "it must take one batch of clips, and what it does may depend on their shape alone"
        shown = " and ".join(" x ".join(map(str, shape)) for shape in inputs)
        raise UserError(
            f"the module cannot be traced for a clip of {shown}: {type(fault).__name__}: {said}", help
        ) from None
    return _Reader(program, known).read()


def arguments_of(module: nn.Module, tensors: Sequence[Tensor]) -> tuple[Any, ...]:
    """What a module is called with: each input for itself, or a list of them where it takes one argument."""
    return tuple(tensors) if len(input_names(module, len(tensors))) == len(tensors) else ([*tensors],)


@contextmanager
def _apart(module: nn.Module, count: int) -> Iterator[None]:
    """While this is open, a module that takes a list of inputs takes them one by one; it may change the list."""
    whole: Any = module
    if len(input_names(module, count)) == count:
        yield
        return
    forward = module.forward
    whole.forward = lambda *tensors: forward([*tensors])
    try:
        yield
    finally:
        del whole.forward


def input_names(module: nn.Module, count: int) -> list[str]:
    """The names of the first parameters of the module's `forward` that can be given by place."""
    from inspect import Parameter, signature

    parameters = signature(module.forward).parameters.values()
    if any(p.kind is Parameter.VAR_POSITIONAL for p in parameters):
        return [f"input{i + 1}" for i in range(count)]
    by_place = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in by_place][:count]


class _Reader(Layers):
    def __init__(self, program: Any, known: list[Any]):
        super().__init__(known)
        self.signature = program.graph_signature
        self.graph: fx.Graph = program.graph
        self.constants = {**program.state_dict, **program.constants}
        self.values: dict[fx.Node, Any] = {}
        """What each node gives: a `Value`, `Weights`, a tensor that is no weight, or a list of these."""
        self.clips: list[Operation] = []
        self.unknown: Counter[str] = Counter()

    def read(self) -> tuple[Operation, list[Operation], list[str]]:
        output: Any = None
        for node in self.graph.nodes:
            if node.op == "placeholder":
                self.placeholder(node)
            elif node.op == "call_function":
                self.call(node)
            elif node.op == "output":
                output = node.args[0]
        self.refuse_unknown()
        given = [self.values.get(each) for each in output if isinstance(each, fx.Node)]
        if len(given) != 1 or not isinstance(given[0], Value) or given[0].index.dim() != 2:
            raise UserError(
                "the module does not give one vector of numbers for each clip", "import its classifier alone"
            )
        try:
            made = self.vector(given[0])
        except UnknownError as fault:
            raise UserError(f"the module's output is a vector {fault}", "import its classifier alone") from None
        for each in ordered(made):
            if each.layer == ATTENDED:
                self.unknown[f"attention without a linear layer behind it in `{each.place}`"] += 1
            elif each.layer == GRID:
                self.unknown[f"positions without the class token before them in `{each.place}`"] += 1
        self.refuse_unknown()
        return made, self.clips, self.remarks

    def refuse_unknown(self) -> None:
        if not self.unknown:
            return
        found = [f"{what}{f' ({count} times)' if count > 1 else ''}" for what, count in self.unknown.items()]
        more = [f"and {len(found) - LONGEST_LIST} more"] * (len(found) > LONGEST_LIST)
        raise UserError(
            f"no layer of the language does this: {'; '.join(found[:LONGEST_LIST] + more)}",
            "write these parts as layers of your own (see the page Custom layers), or change the module",
        )

    def placeholder(self, node: fx.Node) -> None:
        signature, value = self.signature, node.meta.get("val")
        if not isinstance(value, Tensor):
            return
        name = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}.get(node.name)
        constant = signature.inputs_to_lifted_tensor_constants.get(node.name)
        if name is not None and value.is_floating_point():
            self.values[node] = Weights(((name, self.numbers(*value.shape)),))
        elif name is not None or constant is not None:
            self.values[node] = self.constants[name or constant]
        else:
            clip = Operation("", (), shape_of(node))
            self.clips.append(clip)
            self.values[node] = Value(clip, self.numbers(*value.shape))

    # ------------------------------------------------------------------ one call

    def call(self, node: fx.Node) -> None:
        packet, name = _packet(node), _name(node)
        self.owners, self.place = _owners(node), _stack(node)[-1][0]
        try:
            value = self.called(name, node)
        except (UnknownError, LayerError) as fault:
            why = f" ({fault})" if str(fault) else ""
            self.unknown[f"`{packet}` in {_where(node)}{why}"] += 1
            value = UNKNOWN
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError):  # used as no layer is
            self.unknown[f"`{packet}` in {_where(node)}"] += 1
            value = UNKNOWN
        if value is None:
            return
        self.values[node] = value
        if packet.endswith("_") and isinstance(node.args[0], fx.Node):  # in place: its input is now this, too
            self.values[node.args[0]] = value

    def called(self, name: str, node: fx.Node) -> Any:
        """What a call gives; None for nothing. Raises: UnknownError; LayerError where a rule refuses the arguments."""
        given = [self.values[n] for n in node.all_input_nodes if n in self.values]
        if name.startswith(("_assert", "sym_", "_guards")) or (not given and node.all_input_nodes):
            return None
        args: Any = fx.node.map_arg(node.args, self.values.get)
        more: Any = fx.node.map_arg(node.kwargs, self.values.get)
        special: Callable[..., Any] | None = getattr(self, f"op_{name}", None)
        if any(value is UNKNOWN for value in given):  # what comes after is looked at, too
            if special is None and name not in SAME | FUNCTIONS.keys() | REARRANGING:
                raise UnknownError
            return UNKNOWN
        if not any(isinstance(value, Value) for value in _flat(given)):
            return self.without_clip(name, node, args, more)
        if special is None and name in REARRANGING and isinstance(first := _flat([args[0]])[0], Value):
            return self.moved(node, name, first.operation, args, more)
        if not hasattr(node.target, "_schema"):  # an operator of Python
            raise UnknownError
        schema = node.target._schema.arguments
        named = {a.name: a.default_value for a in schema if a.has_default_value()}
        named |= {a.name: value for a, value in zip(schema, args, strict=False)} | more | {"x": args[0]}
        if special is not None:
            return special(node, named)
        if name in SAME:
            return args[0]
        usual = all(not a.has_default_value() or named[a.name] == a.default_value for a in schema[1:])
        if name in FUNCTIONS and usual:
            return self.pointwise(name, args[0])
        raise UnknownError

    def moved(self, node: fx.Node, name: str, operation: Operation, args: Any, more: Any) -> Any:
        def index(value: Any) -> Any:
            if isinstance(value, Value) and value.operation is not operation:
                raise UnknownError("of several tensors")
            return value.index if isinstance(value, Value) else value

        given = args[0]
        if name == "getitem" and not isinstance(given, Value):
            return given[args[1]]
        args = fx.node.map_aggregate(args, index)
        found = rearranged(node.target, name, args[0], args, dict(more))  # type: ignore[arg-type]
        if isinstance(found, (list, tuple)):
            return [Value(operation, each) for each in found]
        return Value(operation, found)

    def without_clip(self, name: str, node: fx.Node, args: Any, more: Any) -> Any:
        """What depends on weights and constants alone."""
        weights = [value for value in _flat([*args]) if isinstance(value, Weights)]
        if name == "getitem":
            return args[0][args[1]]
        if not weights:
            size = node.meta["val"].numel() if isinstance(node.meta.get("val"), Tensor) else 0
            return node.target(*args, **more) if size <= LARGEST_CONSTANT else UNKNOWN  # type: ignore[operator]
        if name in SAME:
            return args[0]
        if name == "add" and len(weights) == 2:
            return self.sum_of_weights(*weights)
        if name == "cat":
            return self.weights_after_another(args[0], args[1] if len(args) > 1 else 0)
        if name in REARRANGING and len(weights) == 1:
            found = []
            for term, index in weights[0].terms:
                moved = rearranged(node.target, name, index, (index, *args[1:]), dict(more))  # type: ignore[arg-type]
                if not isinstance(moved, Tensor):
                    raise UnknownError("of a weight")
                found.append((term, moved))
            return Weights(tuple(found))
        raise UnknownError("it makes a tensor that no clip goes into")


UNKNOWN = object()
"""What comes out of an operation that no layer does."""


def shape_of(node: fx.Node) -> Shape:
    return tuple(int(n) for n in node.meta["val"].shape[1:])


def _flat(values: Sequence[Any]) -> list[Any]:
    return [each for value in values for each in (_flat(value) if isinstance(value, (list, tuple)) else [value])]


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
