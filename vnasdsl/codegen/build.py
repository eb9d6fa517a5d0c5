"""From the parts of a graph to regions and their steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from vnasdsl.codegen.regions import (
    Choosing,
    Copies,
    LayerModule,
    Module,
    Param,
    Region,
    Step,
    Tensor,
    Tensors,
    as_module,
    finish,
    flat,
    simplest,
    splice,
)
from vnasdsl.layers.base import BodyCode, FunctionCode, ModuleCode
from vnasdsl.network.graph import NetworkGraph
from vnasdsl.network.nodes import LayerNode, Part, Values, many
from vnasdsl.space.elements import BodyLayer, Group, Join, LayerCall, LayerChoice, Many, NameRef, Pick, Repeat

Env = dict[str, Tensors]
Path = tuple[str, ...]
LONGEST_LIST = 40
"""Characters of a block's parameters that the docstring of its class repeats."""
MOST_FIELDS = 4
"""Arguments of a layer that is written where its block is used, if it is all that the block has."""


class Builder:
    """Makes regions from parts. What the output does not depend on is left out; a supernet is built whole, because
    other lines may be left out in each of its networks."""

    def __init__(self, graph: NetworkGraph, kinds: dict[tuple[str, str], str], whole: bool = False):
        self.graph = graph
        self.whole = whole
        self.kinds = kinds
        """(block, parameter) -> kind."""
        self.steps: list[Step] = []
        """Those of the region that is being built."""

    # ----------------------------------------------------------------- regions

    @contextmanager
    def building(self, region: Region, x: Tensor) -> Iterator[Tensor]:
        """Build a region whose first parameter is what comes in; a block has names of its own for it."""
        outer, self.steps = self.steps, region.steps
        inner = Tensor(x.shape) if region.kind == "block" else x
        region.params.insert(0, Param("x", inner, x))
        yield inner
        self.steps = outer
        finish(region, self.whole)

    def region(self, region: Region, lines: Part | Iterable[Part], x: Tensor, env: Env) -> Region:
        """Build a region of the lines of a part, or of parts one after the other."""
        with self.building(region, x) as inner:
            if isinstance(lines, Part):
                region.out = self.lines(lines, inner, env, ())
            else:
                value: Tensors = inner
                for part in lines:
                    value = self.visit(part, value, env, ())
                region.out = value
        return region

    def lines(self, part: Part, x: Tensors, env: Env, path: Path, statements: bool = True) -> Tensors:
        """The lines of a group, one after the other, with a statement for each."""
        group = part.element
        assert isinstance(group, Group)
        for i, line in enumerate(part.lines):
            before = len(self.steps)
            for item in line:
                x = self.visit(item, x, env, path)
            if statements:
                self.end_line(before, x)
            if group.name_of(i):
                env[group.name_of(i)] = x
                for j, tensor in enumerate(flat(x)):
                    suffix = "" if isinstance(x, Tensor) else f"_{j}"
                    tensor.name = tensor.name or group.name_of(i) + suffix
        if part.out is not None:
            x = self.visit(part.out, x, env, path)
        return x

    def end_line(self, before: int, x: Tensors) -> None:
        for step in self.steps[before:]:
            if step.out is x or step.out in flat(x):
                step.ends_line = True

    def alone(self, part: Part, x: Tensor, env: Env) -> Region:
        """A part as a region of its own, which may read lines around it."""
        return self.region(Region(_class_of(part)), (part,), x, env)

    def module(self, part: Part, x: Tensor, env: Env) -> tuple[Module, list[Tensors]]:
        """A part as a module, and what that is called with."""
        region = self.alone(part, x, env)
        return as_module(region), [param.given for param in region.params]

    # ------------------------------------------------------------------- parts

    def visit(self, part: Part, x: Tensors, env: Env, path: Path) -> Tensors:
        """Add the steps of a part; what it gives."""
        keys = many(part.value)
        if keys and not self.whole and not self.graph.live.intersection(keys):
            return self.unread(part.value)
        here = (*path, part.label) if part.label else path
        match part.element:
            case NameRef(wire=wire, index=index):
                value = env[wire]
                for tensor in flat(value):
                    tensor.read = True
                return value if index is None or isinstance(value, Tensor) else value[index]
            case LayerCall():
                return self.layer(part, only(x), here)
            case Group(block=None):
                return self.lines(part, x, env, here, statements=len(part.lines) > 1)
            case Group():
                return self.block(part, x, env, here)
            case BodyLayer() if part.label:
                module, givens = self.module(_unlabelled(part), only(x), env)
                return self.call(part.value, module, givens, here)
            case BodyLayer():
                return self.body(part, only(x), env, here)
            case Repeat():
                return self.repeat(part, x, env, here)
            case Join():
                return self.join(part, x, env, here)
            case Many():
                return self.several(part, x, env, here)
            case LayerChoice():
                return self.mixture(part, only(x), env, here)
            case Pick():
                return self.edges(part, only(x), env, here)
        raise AssertionError("a choice is still open")

    def unread(self, value: Values) -> Tensors:
        """Stands for a value that the output does not depend on."""
        if isinstance(value, tuple):
            return tuple(Tensor(self.graph.node(key).shape) for key in value)
        return Tensor(self.graph.node(value).shape)

    def call(self, value: Values, module: Module, givens: Iterable[Tensors], path: Path) -> Tensors:
        out = self.unread(value)
        self.steps.append(Step(out, tuple(givens), module, path))
        return out

    def layer(self, part: Part, x: Tensor, here: Path) -> Tensors:
        if part.node is None:
            return x
        node = self.graph.node(part.node)
        if isinstance(node.code, ModuleCode):
            return self.call(node.label, layer_module(node, node.code), (x,), here)
        if isinstance(node.code, FunctionCode):
            return self.formula(node, node.code.expression, (x,))
        return x

    def formula(self, node: LayerNode, formula: str, args: tuple[Tensor, ...], kept: Tensor | None = None) -> Tensor:
        out = Tensor(node.shape)
        self.steps.append(Step(out, args, formula=formula, kept=kept))
        return out

    def block(self, part: Part, x: Tensors, env: Env, here: Path) -> Tensors:
        """The use of a block, with what is handed to it."""
        group = part.element
        assert isinstance(group, Group) and group.block is not None
        names = ", ".join(name for name, _ in (*group.inputs, *group.bound))
        names = names if len(names) <= LONGEST_LIST else "..."
        region = Region(group.block, "block", f"{group.block}({names})" if names else group.block)
        region.seeds = tuple((n, self.kinds.get((group.block, n), n), value) for n, value in group.bound)
        own: Env = {}
        for name, given in part.inputs:
            value = self.visit(given, x, env, (*here, name))
            own[name] = _parameter(name, value)
            region.params.append(Param(name, own[name], value))
        self.region(region, part, only(x), own)
        givens = [param.given for param in region.params]
        if len(region.steps) <= 1 and all(_is_simple(step.module) for step in region.steps):
            for step in region.steps:
                step.ends_line = False
            return splice(region, here, self.steps, givens)
        return self.call(part.value, region, givens, here)

    def body(self, part: Part, x: Tensor, env: Env, here: Path) -> Tensors:
        assert part.node is not None
        node = self.graph.node(part.node)
        code = node.code if isinstance(node.code, BodyCode) else BodyCode()
        kept = None
        if code.shortcut is not None:
            kept = Tensor(node.shape, "shortcut", True)
            self.steps.append(Step(kept, (x,), layer_module(node, code.shortcut), (*here, "shortcut"), ends_line=True))
        elif "{kept}" in code.leave:
            kept = Tensor(x.shape, "shortcut", True)
            self.steps.append(Step(kept, (x,), is_copy=True))
        given = x
        if code.enter != "{x}":
            assert node.enter is not None
            given = self.formula(self.graph.node(node.enter), code.enter, (x,))
        inner = only(self.lines(part.items[0], given, env, here))
        return inner if code.leave == "{x}" else self.formula(node, code.leave, (inner,), kept)

    def repeat(self, part: Part, x: Tensors, env: Env, here: Path) -> Tensors:
        """Copies that take nothing but what comes in become one container."""
        if not part.items:
            return x
        befores, regions = [only(x)], []
        for item in part.items:
            regions.append(self.alone(item, befores[-1], env))
            befores.append(only(self.unread(item.value)))
        givens = [[param.given for param in region.params] for region in regions]
        if givens == [[before] for before in befores[:-1]] and not isinstance(part.value, tuple):
            return self.call(part.value, Copies(list(map(as_module, regions)), part.path), (x,), here)
        for i, (region, given, before) in enumerate(zip(regions, givens, befores, strict=False)):
            x = splice(region, (*here, str(i)), self.steps, [x if value is before else value for value in given])
        return x

    def join(self, part: Part, x: Tensors, env: Env, here: Path) -> Tensors:
        values = self.side_by_side(part, x, env, here)
        if part.node is None:
            return next(tensor for key, tensor in values if key in (part.value, ""))
        node = self.graph.node(part.node)
        taken = tuple(tensor for key, tensor in values if key in node.inputs or not key)
        if not any(not key for key, _ in values):
            taken = taken[: len(node.inputs)]
        if isinstance(node.code, ModuleCode):
            return self.call(node.label, layer_module(node, node.code), taken, here)
        assert isinstance(node.code, FunctionCode)
        if len(taken) == 1 and node.code.expression in ("{xs}", "{sum}"):
            return taken[0]
        return self.formula(node, node.code.expression, taken)

    def side_by_side(self, part: Part, x: Tensors, env: Env, here: Path) -> list[tuple[str, Tensor]]:
        """What the items of a list or the inputs of a join give, each with its node; edges have none."""
        found: list[tuple[str, Tensor]] = []
        for i, item in enumerate(part.items):
            own = here if item.label or len(part.items) == 1 else (*here, str(i))
            value = self.visit(item, x, env, own)
            keys = ("",) if isinstance(item.element, Pick) else many(item.value)
            found += zip(keys, flat(value), strict=True)
        return found

    def several(self, part: Part, x: Tensors, env: Env, here: Path) -> Tensors:
        """A list; copies that are called alike become one container."""
        if len(part.items) < 2 or any(item.label or isinstance(item.value, tuple) for item in part.items):
            return tuple(tensor for _, tensor in self.side_by_side(part, x, env, here))
        regions = [self.alone(item, only(x), env) for item in part.items]
        givens = [[param.given for param in region.params] for region in regions]
        if all(given == givens[0] and region.has_modules for given, region in zip(givens, regions, strict=True)):
            copies = Copies(list(map(as_module, regions)), part.path, sequential=False)
            return self.call(part.value, copies, givens[0], here)
        spliced = (
            splice(region, (*here, str(i)), self.steps, given)
            for i, (region, given) in enumerate(zip(regions, givens, strict=True))
        )
        return tuple(map(only, spliced))

    # ----------------------------------------------------------------- choices

    def mixture(self, part: Part, x: Tensor, env: Env, here: Path) -> Tensors:
        """Options that are all called with what one of them reads."""
        regions = [self.alone(option, x, env) for option in part.items]
        read = dict.fromkeys(param.given for region in regions for param in region.params)
        taken = [x, *(given for given in read if given is not x)] if x in read else list(read)
        options: list[tuple[str, Module]] = []
        for text, region in zip(part.texts, regions, strict=True):
            known = {param.given: param for param in region.params}
            module = simplest(region)
            if list(known) != taken:
                region.params = [known.get(g) or Param(only(g).name or "x", only(g), g) for g in taken]
                module = region
            if len(taken) == 1:
                region.params[0].name = "x"
            options.append((text, module))
        macs = tuple(self.macs(option) for option in part.items)
        return self.call(part.value, Choosing(part.choice, options, macs), taken, here)

    def edges(self, part: Part, x: Tensor, env: Env, here: Path) -> Tensors:
        """Candidates of which some are kept; their sum."""
        options: list[tuple[str, Module]] = []
        args: list[Tensors] = []
        for text, option in zip(part.texts, part.items, strict=True):
            module, givens = self.module(option, x, env)
            options.append((text, module))
            args.append(givens[0] if len(givens) == 1 else tuple(tensor for given in givens for tensor in flat(given)))
        assert isinstance(part.element, Pick)
        macs = tuple(self.macs(option) for option in part.items)
        choosing = Choosing(part.choice, options, macs, part.element.most)
        return (only(self.call(many(part.value)[0], choosing, args, here)),)

    def macs(self, part: Part) -> int:
        """The MACs of the layers of a part, those inside of choices not counted."""
        total = self.graph.node(part.node).macs if part.node is not None else 0
        if isinstance(part.element, (LayerChoice, Pick)):
            return total
        return total + sum(map(self.macs, part.children))


def _is_simple(module: Module | None) -> bool:
    """Whether what is all of a block is as short as the use of a class would be."""
    if isinstance(module, LayerModule):
        return sum(not f.optional for f in module.fields) <= MOST_FIELDS
    return module is None or isinstance(module, Region)


def layer_module(node: LayerNode, code: ModuleCode) -> LayerModule:
    return LayerModule(code.callee, code.fields, code.tensors, node.label)


def only(value: Tensors) -> Tensor:
    """A tensor; what follows a list reads it by its name, or nothing of it."""
    return value if isinstance(value, Tensor) else Tensor(())


def _parameter(name: str, given: Tensors) -> Tensors:
    if isinstance(given, Tensor):
        return Tensor(given.shape, name, True)
    return tuple(Tensor(tensor.shape, f"{name}_{i}", True) for i, tensor in enumerate(given))


def _unlabelled(part: Part) -> Part:
    return Part(part.element, "", part.before, part.value, part.node, part.lines)


def _class_of(part: Part) -> str:
    """What the class of a part that stands alone is named after: its block, the parts of a chain, its label."""
    element = part.element
    if isinstance(element, Group) and element.block is None:
        names = [_said(item) for item in part.items if not isinstance(item.element, NameRef)]
        return "_".join(filter(None, names)) if len(names) <= 4 and any(names) else "chain"
    return _said(part) or "part"


def _said(part: Part) -> str:
    match part.element:
        case Group(block=str(block)):
            return block
        case LayerCall() | BodyLayer() | Join() as element:
            return part.label or element.layer.name
    return part.label
