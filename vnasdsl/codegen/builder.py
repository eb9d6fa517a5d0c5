"""From the elements of a space at given shapes to units and steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vnasdsl.codegen.attributes import holds_modules, name_attributes
from vnasdsl.codegen.scope import Scope
from vnasdsl.codegen.units import (
    CALLED,
    BodyStep,
    Called,
    ChainStep,
    EdgesStep,
    Flow,
    FunctionStep,
    Input,
    JoinStep,
    Line,
    ListStep,
    MixtureStep,
    ModuleStep,
    ReadStep,
    RepeatStep,
    Step,
    Unit,
    UnitStep,
    lines_read_x,
    live_suffix,
    reads_x,
    variables_read,
)
from vnasdsl.layers.base import BodyCode, FunctionCode, ModuleCode, Shape
from vnasdsl.space.elements import (
    BodyLayer,
    Element,
    Group,
    Join,
    LayerCall,
    LayerChoice,
    Many,
    NameRef,
    Option,
    Pick,
    Repeat,
    When,
    inside,
    join,
)
from vnasdsl.space.shapes import Analysis
from vnasdsl.space.values import holds, with_shape

Built = tuple["Step | None", Flow, int]
"""A step (None: it does nothing), what it gives, and its MACs outside of mixtures."""


LONGEST_LIST = 40
"""Characters of a block's parameters that the docstring of its class repeats."""


class UnitBuilder:
    """Makes units from the elements of a space at given shapes."""

    def __init__(self, analysis: Analysis, kinds: dict[tuple[str, str], str]):
        self.analysis = analysis
        self.kinds = kinds
        """(block, parameter) -> kind."""
        self.times = 1
        """How often the layers that are looked at run for one clip."""

    # ------------------------------------------------------------------- units

    def unit(
        self,
        name: str,
        doc: str,
        lines: Sequence[tuple[Element, ...]],
        shape: Flow,
        path: str,
        scope: Scope | None = None,
        names: Sequence[str] = (),
        out: Element | None = None,
    ) -> Unit:
        scope = scope or Scope()
        built, after, macs = self.lines(lines, shape, path, scope, names)
        given: list[Step | None] = []
        if out is not None:
            step, after, more = self.item(out, after, path, scope)
            given, macs = [step], macs + more
        return pack(name, doc, built, shape, after, macs, given)

    def group(self, group: Group, shape: Flow, path: str, scope: Scope) -> UnitStep:
        """The use of a block, with the values that are handed to it, or a chain that reads nothing."""
        parameters = ", ".join(name for name, _ in (*group.inputs, *group.bound))
        parameters = parameters if len(parameters) <= LONGEST_LIST else "..."
        doc = f"{group.block}({parameters})" if group.block and parameters else group.block or ""
        own = scope.inner()
        inputs: list[Step | None] = []
        declared: list[Input] = []
        macs = 0
        if group.block:
            own = Scope()
            for parameter, element in group.inputs:
                step, flow, more = self.item(element, shape, path, scope)
                inputs.append(step)
                declared.append(Input(own.add(parameter, flow).variable, flow))
                macs += more
        unit = self.unit(class_of(group), doc, group.lines, shape, inside(group, path), own, group.names, group.out)
        further = [i for i in unit.inputs if i.variable not in {d.variable for d in declared}]
        unit.inputs = [*declared, *further]
        unit.takes_x = not unit.inputs or lines_read_x(unit.lines, unit.out)
        unit.macs += macs
        if group.block:
            unit.seeds = tuple((n, self.kinds.get((group.block, n), n), value) for n, value in group.bound)
        return UnitStep(group.label, unit, [*inputs, *(read_step(i) for i in further)])

    def lines(
        self,
        lines: Sequence[tuple[Element, ...]],
        shape: Flow,
        path: str,
        scope: Scope | None = None,
        names: Sequence[str] = (),
    ) -> tuple[list[Line], Flow, int]:
        scope = scope or Scope()
        built, macs = [], 0
        for i, line in enumerate(lines):
            steps: list[Step] = []
            for element in line:
                step, shape, cost = self.step(element, shape, path, scope)
                macs += cost
                if step is not None:
                    steps.append(step)
            built.append(Line(steps, shape))
            if names and names[i]:
                scope.add(names[i], shape, built[-1])
        return built, shape, macs

    # ------------------------------------------------------------------- steps

    def step(self, element: Element, shape: Flow, path: str, scope: Scope | None = None) -> Built:
        """The step of an element that stands at `path`."""
        scope = scope or Scope()
        here = inside(element, path)
        match element:
            case LayerCall():
                applied = self.analysis.apply(element, _one(shape))
                step: Step | None = None
                if isinstance(applied.code, ModuleCode):
                    step = module_step(element.label, applied.code)
                elif isinstance(applied.code, FunctionCode):
                    step = FunctionStep(applied.code.expression)
                return step, applied.output, applied.macs * self.times
            case NameRef():
                return self.read(element, scope)
            case Group(block=None, out=None) if len(element.lines) == 1 and reads(element):
                steps = []
                macs = 0
                for item in element.lines[0]:
                    inner, shape, cost = self.step(item, shape, here, scope)
                    macs += cost
                    if inner is not None:
                        steps.append(inner)
                return ChainStep(element.label, steps), shape, macs
            case Group():
                use = self.group(element, shape, path, scope)
                return use, use.unit.output, use.unit.macs
            case BodyLayer() if element.label:
                lines = [(replace(element, label=""),)]
                return self.packed(element.label, element.label, lines, shape, here, scope)
            case BodyLayer():
                return self.wrap(element, shape, here, scope)
            case Join():
                return self.join(element, shape, here, scope)
            case Many():
                return self.many(element, shape, here, scope)
            case When():
                test = with_shape(element.test, _one(shape))
                chosen = element.then if holds(test) else element.otherwise  # type: ignore[arg-type]
                step, after, macs = self.step(chosen, shape, here, scope)
                return step, after, macs
            case Repeat():
                return self.repeat(element, shape, here, scope)
            case LayerChoice():
                return self.mixture(element, shape, here, scope)
        raise ValueError("a call is still open")

    def read(self, element: NameRef, scope: Scope) -> Built:
        wire = scope.read(element.wire)
        if element.index is None or not isinstance(wire.flow, list):
            return ReadStep(wire.variable, wire.flow), wire.flow, 0
        return ReadStep(wire.variable, wire.flow, element.index), wire.flow[element.index], 0

    def wrap(self, element: BodyLayer, shape: Flow, here: str, scope: Scope) -> Built:
        before = _one(shape)
        times = self.analysis.times(element, before)
        self.times *= times
        group = element.body
        start = self.analysis.entered(element, before)
        lines, after, macs = self.lines(group.lines, start, here, scope, group.names)
        if group.out is not None:
            step, after, more = self.item(group.out, after, here, scope)
            lines.append(Line([step] if step is not None else [], after))
            macs += more
        self.times //= times
        applied = self.analysis.left(element, before, _one(after))
        code = applied.code if isinstance(applied.code, BodyCode) else BodyCode()
        shortcut = module_step("shortcut", code.shortcut) if code.shortcut is not None else None
        step = BodyStep(element.label, lines, code.enter, code.leave, shortcut)
        return step, applied.output, macs + applied.macs * self.times

    def join(self, element: Join, shape: Flow, here: str, scope: Scope) -> Built:
        inputs: list[Step | None] = []
        shapes: list[Shape] = []
        macs = 0
        for item in element.inputs:
            if isinstance(item, Pick):
                edges, flow = self.edges(item, shape, here, scope)
                inputs.append(edges)
                shapes += [_one(flow)] * item.most
                continue
            step, flow, cost = self.item(item, shape, here, scope)
            inputs.append(step)
            shapes += flow if isinstance(flow, list) else [flow]
            macs += cost
        applied = self.analysis.applied_to(element, tuple(shapes))
        label = element.label or element.layer.name
        module, expression = None, "{sum}"
        if isinstance(applied.code, ModuleCode):
            module = module_step(label, applied.code)
        elif isinstance(applied.code, FunctionCode):
            expression = applied.code.expression
        step = JoinStep(label, inputs, [label_of(item) for item in element.inputs], expression, module)
        return step, applied.output, macs + applied.macs * self.times

    def many(self, element: Many, shape: Flow, here: str, scope: Scope) -> Built:
        items: list[Step | None] = []
        given: list[Flow] = []
        flows: list[Shape] = []
        macs = 0
        for i, item in enumerate(element.items):
            step, flow, cost = self.item(item, shape, here if item.label else f"{here}[{i}]", scope)
            items.append(step)
            given.append(flow)
            flows += flow if isinstance(flow, list) else [flow]
            macs += cost
        copies = len(items) > 1 and not any(item.label for item in element.items)
        if any(isinstance(flow, list) for flow in given):
            copies = False
        if copies and all(map(holds_modules, items)):
            items = [
                _alone(step, item, shape, flow) if not isinstance(step, CALLED) else step
                for step, item, flow in zip(items, element.items, given, strict=True)
            ]
        together = copies and _alike(items)
        step = ListStep(element.label, items, [label_of(item) for item in element.items], here, together)
        return step, flows, macs

    def edges(self, element: Pick, shape: Flow, here: str, scope: Scope) -> tuple[EdgesStep, Flow]:
        """A choice of edges in a sum, and the shape of each: all that can be picked is there in a supernet."""
        here = inside(element, here)
        options: list[tuple[str, Step]] = []
        inputs: list[list[Step | None]] = []
        costs = []
        after = shape
        for option in element.options:
            step, after, macs = self.item(option.element, shape, here, scope)
            module, given = candidate(step, option.element, shape, after)
            options.append((option.text, module))
            inputs.append(given)
            costs.append(macs)
        return EdgesStep(element.label, join(here, element.key), options, inputs, element.most, tuple(costs)), after

    def repeat(self, element: Repeat, shape: Flow, here: str, scope: Scope) -> Built:
        items: list[Called] = []
        total = 0
        for i, item in enumerate(element.items):
            module, shape, macs = self.module(item, shape, f"{here}[{i}]", scope)
            total += macs
            items.append(module)
        if any(isinstance(step, (UnitStep, MixtureStep)) and step.inputs for step in items):
            for i, step in enumerate(items):
                step.attr = str(i)
            return ChainStep(element.label, list(items)), shape, total
        return RepeatStep(element.label, list(items), here) if items else None, shape, total

    def item(self, element: Element, shape: Flow, path: str, scope: Scope) -> Built:
        """A step that is an expression: what takes statements becomes a module."""
        step, after, macs = self.step(element, shape, path, scope)
        if takes_statements(step):
            step = _alone(step, element, shape, after, macs)
        return step, after, macs

    def module(self, element: Element, shape: Flow, path: str, scope: Scope | None = None) -> tuple[Called, Flow, int]:
        """A step that can stand on its own as a module; None becomes the identity."""
        scope = scope or Scope()
        step, after, macs = self.step(element, shape, path, scope)
        if step is None:
            return ModuleStep(element.label, "nn.Identity", ()), after, macs
        if isinstance(step, CALLED) and all(isinstance(i, ReadStep) for i in getattr(step, "inputs", ())):
            return step, after, macs
        return _alone(step, element, shape, after, macs), after, macs

    def packed(
        self, label: str, name: str, lines: Sequence[tuple[Element, ...]], shape: Flow, path: str, scope: Scope
    ) -> Built:
        """Some lines as a module of their own."""
        unit = self.unit(name, "", lines, shape, path, scope.inner())
        return UnitStep(label, unit, [read_step(i) for i in unit.inputs]), unit.output, unit.macs

    def mixture(self, element: LayerChoice, shape: Flow, here: str, scope: Scope) -> Built:
        options: list[tuple[str, Step | None]] = []
        costs = []
        after = shape
        for option in element.options:
            step, after, macs = self.module(option.element, shape, here, scope)
            options.append((option.text, step))
            costs.append(macs)
        mixture = MixtureStep(element.label, join(here, element.key), options, tuple(costs))
        inputs = variables_read([step for _, step in options])
        if inputs:
            self._call_alike(mixture, element.options, inputs, shape, after)
        return mixture, after, 0

    def _call_alike(
        self, mixture: MixtureStep, options: Sequence[Option], reads: dict[str, ReadStep], shape: Flow, after: Flow
    ) -> None:
        """Where an option reads lines, every option is called with all that one of them reads."""
        mixture.takes_x = any(reads_x(step) for _, step in mixture.options)
        mixture.inputs = list(reads.values())
        inputs = [Input(r.variable, r.flow) for r in reads.values()]
        units = []
        for (text, step), option in zip(mixture.options, options, strict=True):
            assert step is not None
            unit = step.unit if isinstance(step, UnitStep) and not step.unit.doc else None  # that of a block stays
            if unit is None:
                unit = pack(class_of(option.element), "", [Line([step], after)], shape, after, 0)
            unit.inputs, unit.takes_x = inputs, mixture.takes_x
            units.append((text, UnitStep("", unit, list(mixture.inputs))))
        mixture.options = list(units)


def pack(
    name: str, doc: str, lines: list[Line], shape: Flow, after: Flow, macs: int, out: list[Step | None] | None = None
) -> Unit:
    """A unit of some lines: what they read and do not make themselves is what it is called with beside `x`."""
    unit = Unit(name, lines, shape, after, doc, macs=macs, out=out or [])
    made: set[str] = set()
    for line in lines:
        for variable, read in variables_read(live_suffix(line.steps)).items():
            if variable not in made:
                _add_input(unit, read)
        made.add(line.variable)
    for variable, read in variables_read(unit.out).items():
        if variable not in made:
            _add_input(unit, read)
    if unit.inputs:
        unit.takes_x = lines_read_x(lines, unit.out)
    name_attributes(unit)
    return unit


def _add_input(unit: Unit, read: ReadStep) -> None:
    if all(i.variable != read.variable for i in unit.inputs):
        unit.inputs.append(Input(read.variable, read.flow))


def module_step(label: str, code: ModuleCode) -> ModuleStep:
    return ModuleStep(label, code.callee, code.fields, code.tensors)


def read_step(given: Input) -> ReadStep:
    return ReadStep(given.variable, given.flow)


def reads(element: Element) -> bool:
    """Whether an element reads a line of the body that it stands in."""
    match element:
        case NameRef():
            return True
        case Group():
            if any(reads(value) for _, value in element.inputs):
                return True
            return element.block is None and any(reads(e) for e in (*element.items, element.out) if e is not None)
        case BodyLayer():
            return reads(element.body)
        case Join():
            return any(map(reads, element.inputs))
        case Many():
            return any(map(reads, element.items))
        case Repeat():
            return any(reads(item) for item in set(element.items))
        case When():
            return reads(element.then) or reads(element.otherwise)
        case LayerChoice() | Pick():
            return any(reads(option.element) for option in element.options)
    return False


def _alone(step: Step | None, element: Element, shape: Flow, after: Flow, macs: int = 0) -> UnitStep:
    """The step of an element as a module."""
    assert step is not None
    line = Line(step.steps if isinstance(step, ChainStep) else [step], after)
    unit = pack(class_of(element), "", [line], shape, after, macs)
    return UnitStep(element.label, unit, [read_step(i) for i in unit.inputs])


def label_of(element: Element) -> str:
    """What an item of a list or an input of a join is called."""
    if isinstance(element, When):
        return element.label or label_of(element.then)
    return element.label or (element.layer.name if isinstance(element, BodyLayer) else "")


def class_of(element: Element) -> str:
    """What the class of an element that stands alone is named after: its block, the parts of a chain, its label."""
    if isinstance(element, Group) and element.block is None:
        parts = [_said(e) for e in element.items if not isinstance(e, NameRef)] if len(element.items) <= 4 else []
        return "_".join(filter(None, parts)) or "chain"
    return (element.block if isinstance(element, Group) else _said(element)) or "part"


def _said(element: Element) -> str:
    return element.label or (element.layer.name if isinstance(element, (LayerCall, BodyLayer, Join)) else "")


def candidate(step: Step | None, element: Element, shape: Flow, after: Flow) -> tuple[Called, list[Step | None]]:
    """An edge of a supernet as a module, and what it is called with."""
    if step is None or isinstance(step, ReadStep):
        return ModuleStep("", "nn.Identity", ()), [step]
    if isinstance(step, ChainStep) and isinstance(step.steps[0], ReadStep) and not step.steps[0].many:
        read, rest = step.steps[0], step.steps[1:]
        if len(rest) == 1 and isinstance(rest[0], CALLED) and not getattr(rest[0], "inputs", ()):
            return rest[0], [read]
        if rest and not variables_read(rest):
            before = read.flow[read.index] if isinstance(read.flow, list) and read.index is not None else read.flow
            return UnitStep("", pack(class_of(element), "", [Line(rest, after)], before, after, 0)), [read]
    if not isinstance(step, UnitStep) or not all(isinstance(given, ReadStep) for given in step.inputs):
        step = _alone(step, element, shape, after)
    first: list[Step | None] = [None] if step.unit.takes_x else []
    return step, [*first, *step.inputs] or [None]


def takes_statements(step: Step | None) -> bool:
    match step:
        case BodyStep():
            return True
        case ChainStep():
            return any(map(takes_statements, step.steps))
    return False


def _alike(items: Sequence[Step | None]) -> bool:
    """Whether all items are modules that are called with the same variables."""
    first = items[0]
    for item in items:
        if not isinstance(item, (ModuleStep, UnitStep, RepeatStep, MixtureStep)):
            return False
        if reads_x(item) != reads_x(first) or getattr(item, "inputs", []) != getattr(first, "inputs", []):
            return False
        if not all(isinstance(i, ReadStep) for i in getattr(item, "inputs", [])):
            return False
    return True


def _one(flow: Flow) -> Shape:
    assert not isinstance(flow, list)
    return flow
