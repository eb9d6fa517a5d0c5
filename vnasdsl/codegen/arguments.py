"""Constructor arguments: what differs between the objects of one class, and what it is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from vnasdsl.codegen.names import ARGUMENTS, escaped
from vnasdsl.layers.base import ModuleClass, Value
from vnasdsl.space.elements import unique

WIDTHS = ("in_channels", "channels", "groups", "features")
"""Roles whose values are numbers of channels: one argument can serve several of them."""
LOOP = "\0{}\0"
"""Stands for a loop variable in the name of a choice."""
Row = tuple[Value, ...]
"""A value for each object of a class."""


@dataclass(frozen=True)
class Name:
    """An argument, perhaps times or divided by a whole number."""

    name: str
    times: int = 1
    over: int = 1


@dataclass(frozen=True)
class Joined:
    """The name of a choice: an argument with something after it."""

    name: str
    rest: str


Constant = Any
"""A number, flag, string, Name, Joined or tuple of such: what a filter of the templates writes."""


@dataclass
class Argument:
    """A constructor argument of a class, with its value for every object."""

    name: str
    role: str
    values: Row
    seed: bool = False
    used: bool = False

    @property
    def annotation(self) -> str:
        first = self.values[0]
        if isinstance(first, tuple):
            if len({len(value) for value in self.values}) > 1 or self.role == "macs":
                return f"tuple[{_kind([v for value in self.values for v in value])}, ...]"
            return f"tuple[{', '.join(map(_kind, zip(*self.values, strict=True)))}]"
        return _kind(self.values)

    @property
    def positional(self) -> bool:
        return self.role in WIDTHS


def _kind(values: Sequence[Value]) -> str:
    if isinstance(values[0], ModuleClass):
        return "type[nn.Module]"
    return "float" if any(isinstance(v, float) for v in values) else type(values[0]).__name__


@dataclass
class Arguments:
    """The arguments of one class, made as its values ask for them.

    A value that is the same in all objects is a literal. One that differs is an argument: a parameter of the block if
    one has these very values, else a new one named by what it means.
    """

    known: list[Argument] = field(default_factory=list)
    widths: dict[Row, set[str]] = field(default_factory=dict)
    """For every row of numbers of channels which roles it plays in the class."""

    def seed(self, name: str, role: str, values: Row) -> None:
        if not _same(values):
            self.known.append(Argument(self._free(name), role, values, seed=True))

    @property
    def used(self) -> list[Argument]:
        """Those that the class needs, channels first."""
        used = [argument for argument in self.known if argument.used]
        return sorted(used, key=lambda a: (not a.positional, not a.name.startswith("in_channels")))

    def value(self, values: Row, role: str) -> Constant:
        """What stands for a value inside the class."""
        if _same(values):
            return values[0]
        for argument in self.known:
            if _equal(argument.values, values) and self._fits(argument, role):
                argument.used = True
                return Name(argument.name)
        if isinstance(values[0], tuple) and len({len(value) for value in values}) == 1 and not _is_list(values, role):
            return tuple(self.value(column, role) for column in zip(*values, strict=True))
        if role == "choice":
            return self._choice(values)
        derived = self._derived(values, role)
        if derived is not None:
            return derived
        argument = Argument(self._fresh(values, role), role, values, used=True)
        self.known.append(argument)
        return Name(argument.name)

    def _choice(self, values: Row) -> Constant:
        """Names of choices, by what they begin with: `s3` of `s3.stack[0].op`."""
        rest = values[0]
        for value in values:
            while not value.endswith(rest):
                rest = rest[1:]
        cut = min((i for i in (rest.find("."), rest.find("[")) if i >= 0), default=len(rest))
        rest = rest[cut:]
        begins = tuple(value.removesuffix(rest) for value in values)
        known = next((a for a in self.known if a.role == "choice" and a.values == begins), None)
        if known is None:
            known = Argument(self._free("place"), "choice", begins)
            self.known.append(known)
        known.used = True
        return Joined(known.name, rest) if rest else Name(known.name)

    def _fits(self, argument: Argument, role: str) -> bool:
        if argument.role == role or (argument.seed and role not in ("macs", "choice")):
            return True
        return (argument.role in WIDTHS and role in WIDTHS) or (argument.role == "dilation" and role == "padding")

    def _derived(self, values: Row, role: str) -> Name | None:
        """A small multiple or part of a known argument: padding of a dilation, a bottleneck's width."""
        if not all(isinstance(v, int) and not isinstance(v, bool) for v in values):
            return None
        for argument in self.known:
            if not all(isinstance(v, int) for v in argument.values):
                continue
            known = argument.seed and role in (*WIDTHS, "padding")
            if not known and (role != "padding" or argument.role not in ("dilation", "kernel")):
                continue
            for factor in range(2, 9):
                if all(v == factor * a for v, a in zip(values, argument.values, strict=True)):
                    argument.used = True
                    return Name(argument.name, times=factor)
                if all(v == a // factor for v, a in zip(values, argument.values, strict=True)):
                    argument.used = True
                    return Name(argument.name, over=factor)
        return None

    def _fresh(self, values: Row, role: str) -> str:
        roles = self.widths.get(values, {role})
        name = role or "value"
        if role in WIDTHS and {"in_channels", "channels"} <= roles:
            name = "channels"
        if name == "channels" and any(a.name == name for a in self.known):
            name = "in_channels" if role == "in_channels" else "out_channels"
        return self._free(name)

    def _free(self, name: str) -> str:
        """A name for an argument that hides nothing that the constructor itself needs."""
        return unique(escaped(name, ARGUMENTS), [a.name for a in self.known])


def _is_list(values: Row, role: str) -> bool:
    """Whether tuples are one argument: MACs of several options, where more than one number differs."""
    return role == "macs" and len({column for column in zip(*values, strict=True) if not _same(column)}) > 1


def _same(values: Row) -> bool:
    return all(_equal((value,), values[:1]) for value in values[1:])


def _equal(some: Row, others: Row) -> bool:
    """Whether values are equal and read alike: True is no 1."""
    return some == others and repr(some) == repr(others)
