"""A space, or a network (a space with nothing left to choose): its choices, numbers, and what is made from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from operator import or_
from random import Random
from typing import TYPE_CHECKING, Literal

from vnasdsl.elaborate import drawing
from vnasdsl.elaborate.check import check, choices_in, exact_ends, faults_of_some, report_wrong_end
from vnasdsl.elaborate.definitions import Definitions
from vnasdsl.elaborate.drawing import kept_options, select
from vnasdsl.elaborate.expand import Expander
from vnasdsl.elaborate.inputs import Input, Inputs, OpenInputs, Overrides, read_inputs, shapes_of
from vnasdsl.elaborate.written import input_lines, written
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, UserError, VnsError, did_you_mean
from vnasdsl.language.limits import MAX_CHOICES
from vnasdsl.layers.base import Shape
from vnasdsl.network.lower import choosing, lower
from vnasdsl.network.nodes import LayerNode
from vnasdsl.network.outline import Outliner
from vnasdsl.network.write import write
from vnasdsl.relax.plan import Plan, make_plan
from vnasdsl.relax.relax import not_relaxed
from vnasdsl.space.counting import CannotCountError, Counts, countable
from vnasdsl.space.decisions import Decide, Decision
from vnasdsl.space.elements import Choice, Segment
from vnasdsl.space.parts import named_choices, shapes_decide
from vnasdsl.space.requirements import Kept, Limit, conditions_of, met, narrowed, read_limits, read_parts
from vnasdsl.space.restrict import restrict_all
from vnasdsl.space.shapes import Analysis, LayerRules
from vnasdsl.space.ways import GOALS, Cost, Goal, Ways

if TYPE_CHECKING:
    from vnasdsl.network.graph import NetworkGraph


@dataclass(frozen=True, eq=False)
class Space:
    """Immutable; figures are worked out when asked for and kept."""

    name: str
    inputs: OpenInputs
    segments: tuple[Segment, ...]
    definitions: Definitions = field(repr=False)
    syntax: tree.Space | tree.Network = field(repr=False)
    limits: tuple[Limit, ...] = field(default=(), repr=False)
    claim: Space | None = field(default=None, repr=False)
    """The space this network says it lies in."""
    faults: tuple[Diagnostic, ...] = field(default=(), repr=False)
    """What is wrong with single lines, which then have no shape."""
    parts: tuple[Kept, ...] = field(default=(), repr=False)
    """Of a space whose choices are compared (see `space.constraints`): the spaces that it is the union of."""

    @property
    def input(self) -> Input:
        """The first input; of a space that searches its inputs, with the first option of every choice."""
        return self.inputs.given[0]

    # ---------------------------------------------------------------- choices

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """Every choice by name, in the order of the text."""
        return named_choices(self.segments, self.inputs.choices, MAX_CHOICES)

    @property
    def kind(self) -> Literal["space", "network"]:
        return "space" if self.choices else "network"

    @cached_property
    def size(self) -> int | None:
        """The number of ways to make all choices: exact, conditional choices counted where they exist, those of a tied
        block once. None for infinitely many (real choices). Raises: CannotCountError."""
        if self.cases:
            sizes = [case.size for _, case in self.cases]
            return None if None in sizes else sum(n for n in sizes if n is not None)
        numbers = [self._counts.of(self._countable(given)) for given in self._different_inputs]
        if None in numbers:
            return None
        return sum(n for n in numbers if n is not None) * (self.inputs.count // len(numbers))

    @cached_property
    def _different_inputs(self) -> tuple[Inputs, ...]:
        """The inputs that differ in which choices there are."""
        shaped = self.inputs.choices and any(shapes_decide(segment.body) for segment in self.segments)
        return tuple(self.inputs.ways()) if shaped else (self.inputs.given,)

    @cached_property
    def _counts(self) -> Counts:
        return Counts()

    @cached_property
    def _known_ways(self) -> dict[Inputs, Ways]:
        return {}

    def _countable(self, given: Inputs) -> Ways:
        if given not in self._known_ways:
            self._known_ways[given] = countable(self.segments, shapes_of(given), self.input.classes)
        return self._known_ways[given]

    def size_text(self) -> str:
        """The number of networks in words: with all its digits, or why there is none."""
        try:
            return "infinite (real choices)" if self.size is None else f"{self.size:,}"
        except CannotCountError:
            return "not counted (choices depend on each other)"

    def sample(self, random: Random) -> dict[str, str]:
        """The choices of one network, all networks equally likely.

        Where there are infinitely many, or too many that depend on each other to be counted, every choice is drawn by
        itself instead, all its values equally likely.
        """
        return drawing.sample(self, random)

    def draw(self, given: Inputs, random: Random) -> dict[str, str]:
        """The choices of one network of a countable space without conditions, but for those of the input."""
        ways = self._countable(given if given in self._different_inputs else self.inputs.given)
        return self._counts.draw(ways, random)

    def networks(self) -> Iterator[dict[str, str]]:
        """The choices of every network; only for small spaces. Raises: UserError for a real choice."""
        return drawing.networks(self)

    def complete(self, made: Mapping[str, str], random: Random) -> dict[str, str]:
        """The choices of one network, in the order of the file: those of `made` where they can be made, the others
        drawn one by one, all values of a choice equally likely; those of `made` that do not exist are dropped.

        Where a layer does not fit they end there; `choose` raises its fault.
        """
        return drawing.complete(self, made, random)

    def decisions(self, made: Mapping[str, str]) -> tuple[Decision, ...]:
        """The choices as the network of `made` meets them, each with its options there and its value. Where a layer
        does not fit they end there.

        Raises: UserError for a choice that is not made, or made wrongly.
        """
        self._known(made)
        return tuple(self.decide(self.inputs.closed(made), choosing(made, self.name)).values())

    def decide(self, given: Inputs, decide: Decide) -> dict[str, Decision]:
        """The choices of one network, those of the input first, up to the first layer that does not fit."""
        found = self._of_input(given)

        def ask(decision: Decision) -> str:
            value = decide(decision)
            found[decision.name] = replace(decision, value=value)
            return value

        with suppress(VnsError):
            lower(self.segments, shapes_of(given), self.rules, ask, self.name)
        return found

    def _of_input(self, given: Inputs) -> dict[str, Decision]:
        made = self.inputs.choices_of(given) or {}
        return {c.name: Decision(c.name, c.kind, c.options, c.span, value=made[c.name]) for c in self.inputs.choices}

    def _known(self, made: Mapping[str, str]) -> None:
        """Raises: UserError for an unknown choice or option, or what a condition does not allow."""
        known = self.by_name
        for name, value in made.items():
            if name not in known:
                raise UserError(f"`{self.name}` has no choice `{name}`", did_you_mean(name, known))
            choice = known[name]
            if not (choice.is_subset or choice.is_real) and value not in choice.options:
                options = ", ".join(f"`{o}`" for o in choice.options)
                raise UserError(f"choice `{name}` has no option `{value}`", f"its options are {options}")
        if self.parts and not met(self.parts, made):
            raise drawing.refuse(self, made)

    @cached_property
    def cases(self) -> tuple[tuple[dict[str, str], Space], ...]:
        """The spaces that this one is the union of, each with the choices that are made in it; none without conditions
        between choices."""
        found = []
        for part in self.parts:
            case = replace(self, parts=())._restricted(part)
            found.append(({name: kept[0] for name, kept in part.items() if len(kept) == 1}, case))
        return tuple(found)

    def _restricted(self, keep: Kept) -> Space:
        segments = restrict_all(self.segments, lambda name, _, options: keep.get(name, options))
        return replace(self, segments=segments, inputs=self.inputs.restricted(keep))

    @cached_property
    def by_name(self) -> dict[str, Choice]:
        return {choice.name: choice for choice in self.choices}

    def select(self, selector: str) -> tuple[Choice, ...]:
        """The choices with this exact name, else of this kind, else whose names match it as a glob (`s4.*`).

        Raises: UserError when there are none.
        """
        return select(self, selector)

    def fix(self, fixes: Mapping[str, Sequence[str]]) -> Space:
        """The space with only some options left. A selector is a choice, a kind or a glob (see `select`).

        Raises: UserError for an unknown selector or an option that none of its choices has.
        """
        keep = kept_options(self, fixes)
        parts = narrowed(self.parts, keep)
        if self.parts and not parts:
            raise UserError(f"no network of `{self.name}` keeps its conditions then", "keep other options")
        return replace(self, parts=parts)._restricted(keep)

    @cached_property
    def rules(self) -> LayerRules:
        """What its layers make of shapes."""
        return LayerRules(self.input.classes)

    @cached_property
    def graph(self) -> NetworkGraph:
        """The layers of a network. Raises: UserError for a space; VnsError where a layer does not fit."""
        return self.choose({})

    def choose(self, choices: Mapping[str, str]) -> NetworkGraph:
        """The network that the choices make, as a graph.

        Raises: UserError for an unknown choice or option, or a choice that is needed and not made; VnsError where a
        layer does not fit.
        """
        self._known(choices)
        given = self.inputs.closed(choices)
        decide = choosing(choices, self.name)
        graph = lower(self.segments, shapes_of(given), self.rules, decide, self.name)
        graph.decisions = {**self._of_input(given), **graph.decisions}
        return graph

    @cached_property
    def outline(self) -> NetworkGraph:
        """What is drawn and listed: of a network its layers; of a space the last option of each choice between numbers,
        every option of the other choices, and one of several equal copies. Shapes and costs that depend on another
        choice are left empty. Raises: VnsError when a shape does not fit."""
        if self.costed:
            _ = self.cost  # what is faulty is told, not shown
        if self.kind == "network":
            return self.graph
        given = self.inputs.with_choices({c.name: c.options[-1] for c in self.inputs.choices})
        return lower(self.segments, shapes_of(given), self.rules, None, self.name, Outliner)

    def __repr__(self) -> str:
        return f"<Space {self.name}: a {f'space with {len(self.choices)} choices' if self.choices else 'network'}>"

    def network(self, made: Mapping[str, str], name: str | None = None) -> Space:
        """The network that the choices make, built from its own text like any other.

        Raises: UserError for an unknown choice or option, or a choice that is needed and not made.
        """
        lines = write(self.choose(made), self.definitions.blocks, self.definitions.layers)
        body = (*input_lines(self, self.inputs.closed(made)), *lines.body)
        span = self.syntax.span
        network = tree.Network(name or f"{self.name}_child", None, body, span=span, name_span=span)
        blocks = {**self.definitions.blocks, **{block.name: block for block in lines.blocks}}
        definitions = replace(self.definitions, blocks=blocks) if lines.blocks else self.definitions
        built = build(network, definitions, Overrides(classes=self.input.classes))
        return replace(built, claim=self)

    # -------------------------------------------------------- shapes and costs

    @cached_property
    def analysis(self) -> Analysis:
        analysis = Analysis(self.rules)
        analysis.leaves_out = self.kind == "space"
        return analysis

    @cached_property
    def ways(self) -> dict[Inputs, Ways] | None:
        """For inputs of each shape the ways to make a network; None where one does not fit, whose faults go to the
        analysis, or where costs are not computed."""
        try:
            alike: dict[tuple[tuple[str, Shape], ...], Inputs] = {}
            for given in self.inputs.ways():
                alike.setdefault(shapes_of(given), given)
            found = {given: self.analysis.segments(self.segments, shapes) for shapes, given in alike.items()}
        except VnsError as fault:
            self.analysis.diagnostics += fault.diagnostics
            return None
        outcomes = dict.fromkeys(after for ends in found.values() for after in ends)
        right = (self.input.classes,)
        wrong = [shape for shape in outcomes if shape != right]
        if self.analysis.overapproximate and right in outcomes:
            wrong = []  # perhaps no network ends so
        if wrong and self.segments and not self.analysis.failed:
            report_wrong_end(self, wrong[0])
        if wrong or not outcomes or self.analysis.missing:
            return None
        if self.analysis.suspected and (faults := faults_of_some(self)):
            self.analysis.diagnostics += faults
            return None
        return {given: ends[right] for given, ends in found.items() if right in ends}

    @cached_property
    def _cost(self) -> Cost | None:
        """Least and greatest costs, or None where there are none."""
        if self.cases and self.ways is not None:
            costs = [case.cost for _, case in self.cases if case.costed]
            return reduce(or_, costs) if len(costs) == len(self.cases) else None
        return None if self.ways is None else self.analysis.costs.over(self.ways.values())

    def price(self, made: Mapping[str, str]) -> Cost:
        """What one network costs. Raises: VnsError where a layer does not fit; UserError as `choose`."""
        totals = self.choose(made).totals
        return Cost(totals.macs, totals.macs, totals.params, totals.params)

    def cheapest(self, goal: Goal) -> tuple[dict[str, str], bool]:
        """The choices by which the walk came to the least or greatest cost, and whether they surely have it."""
        _ = self.cost
        assert self.ways is not None
        value = getattr(self.cost, goal)
        for fixed, case in self.cases:
            if getattr(case.cost, goal) == value:
                made, sure = case.cheapest(goal)
                return drawing.in_order(self, {**fixed, **made}), sure
        given = next(g for g, ways in self.ways.items() if getattr(self.analysis.costs.of(ways), goal) == value)
        made, sure = self.analysis.costs.witness(self.ways[given], goal)
        return {**(self.inputs.choices_of(given) or {}), **made}, sure and not self.analysis.overapproximate

    def check(self, relaxed: bool = True, proofs: bool = True) -> list[Diagnostic]:
        """Every fault; see `elaborate.check`."""
        return check(self, relaxed, proofs)

    @property
    def costed(self) -> bool:
        """Whether the least and greatest costs are worked out; they are not where a call has too many combinations."""
        return self.ways is not None

    @property
    def exact(self) -> bool:
        """Whether the least and greatest costs are those of networks, and no more than bounds."""
        return self.exact_ends == frozenset(GOALS)

    @cached_property
    def exact_ends(self) -> frozenset[Goal]:
        """Which of the least and greatest costs (`macs_min`, ...) are those of networks; the others are bounds."""
        if self._cost is None:
            return frozenset()
        return frozenset(GOALS) if self.kind == "network" else exact_ends(self)

    @property
    def cost(self) -> Cost:
        """Raises: VnsError when a shape does not fit; UserError when they are not worked out."""
        if self._cost is None and not self.faults and not self.analysis.failed and self.analysis.missing:
            raise UserError(
                f"the costs of `{self.name}` are not worked out: a call has too many combinations",
                "those of each of its networks are",
            )
        if self._cost is None or self.faults:
            raise VnsError([d for d in (*self.faults, *self.analysis.diagnostics) if d.severity == "error"])
        return self._cost

    @property
    def macs(self) -> tuple[int, int]:
        """Least and greatest multiply-adds per clip; bounds where `exact_ends` has them not. Equal for a network."""
        return self.cost.macs_min, self.cost.macs_max

    @property
    def params(self) -> tuple[int, int]:
        """Least and greatest number of parameters; bounds where `exact_ends` has them not. Equal for a network."""
        return self.cost.params_min, self.cost.params_max

    @cached_property
    def plan(self) -> Plan:
        """The layout for the gradient. Raises: VnsError E0501, E0502, E0510."""
        if self.inputs.choices:
            choice = self.inputs.choices[0]
            raise not_relaxed("a choice in the input has no mixture", choice.span or self.syntax.name_span)
        if self._cost is None and self.analysis.missing:
            raise not_relaxed("this call has too many combinations for a supernet", self.analysis.missing[0].span)
        _ = self.cost
        return make_plan(self.segments, shapes_of(self.inputs.given), self.analysis)

    def layers(self) -> tuple[LayerNode, ...]:
        """The layers of the outline. Raises: VnsError when a shape does not fit."""
        return tuple(node for node in self.outline.order if node.is_layer)

    # ------------------------------------------------------------- membership

    def claimed_choices(self) -> dict[str, str] | None:
        """The choices of the claimed space that make this network; None without a claim.

        Raises: VnsError E0601 when the network does not lie in the space.
        """
        if self.claim is None:
            return None
        return self.choices_in(self.claim)

    def choices_in(self, space: Space) -> dict[str, str]:
        """The choices of `space` that make this network. Raises: VnsError E0601."""
        return choices_in(self, space)

    # ------------------------------------------------------------------- text

    def text(self, name: str | None = None, import_path: str | None = None) -> str:
        """The canonical text. With `import_path` the blocks come from there and the claim is written down; without,
        the text stands on its own."""
        return written(self, name, import_path)


def build(
    net: tree.Space | tree.Network, definitions: Definitions, overrides: Overrides, claim: Space | None = None
) -> Space:
    """A space or network from its syntax. What is wrong with single lines is kept in its `faults`.

    Raises: VnsError when not even its input can be read: without it there are no shapes.
    """
    expander = Expander(definitions)
    try:
        inputs = read_inputs(net, overrides)
    except VnsError as fault:
        expander.segments(net)
        limits, faults = read_limits(net)
        raise VnsError((*fault.diagnostics, *expander.faults, *faults)) from None
    segments = expander.segments(net)
    limits, faults = read_limits(net)
    space = Space(net.name, inputs, segments, definitions, net, limits, claim, (*expander.faults, *faults))
    if (conditions := conditions_of(net)) and not space.faults:
        try:
            parts, warnings = read_parts(conditions, space.choices, inputs.choices, segments)
            space = replace(space, parts=parts)
            space.analysis.diagnostics += warnings
        except VnsError as fault:
            space = replace(space, faults=fault.diagnostics)
    if isinstance(net, tree.Network) and space.choices:
        first = space.choices[0]
        help = f"keep one of the options, or make it a space: `space {net.name}`"
        message = f"network `{net.name}` leaves the choice `{first.name}` open"
        place = Label(first.span or net.name_span, f"{len(first.options)} options")
        open_choice = Diagnostic("E0503", message, place, help=help)
        return replace(space, faults=(*space.faults, open_choice))
    return space
