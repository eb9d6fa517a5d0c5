"""Names in generated code: those of a file as they are, escaped by an underscore where Python or torch has them."""

from __future__ import annotations

import keyword
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from vnasdsl.language.limits import LONGEST_NAME
from vnasdsl.layers.base import ModuleClass, Value
from vnasdsl.space.elements import label_text, unique

MODULE_ATTRIBUTES = frozenset(
    """T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double
    dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu
    load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters
    register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to
    to_empty train training type xpu zero_grad""".split()
)
"""Attributes of torch.nn.Module. A test compares them with the installed torch; nothing here may import it."""
CONTAINER_ATTRIBUTES = frozenset("append clear extend insert items keys pop update values".split())
"""Those that nn.Sequential and nn.ModuleDict add."""
SUPERNET_ATTRIBUTES = frozenset(
    """branch_weights choice_parameters expected_cost expected_macs expected_params is_tied make_choices
    mixture_probabilities path_probabilities path_weights probabilities set_choices stages temperature tied
    weight_parameters""".split()
)
"""Those that a generated supernet adds."""
LABELS = (
    MODULE_ATTRIBUTES
    | CONTAINER_ATTRIBUTES
    | frozenset(
        """alphas betas choice chosen costs drawn expected_cost indices judged keep kept mixtures name noise on_edge
        ones options probabilities running_probabilities strengths temperature""".split()
    )
)
"""Those of a generated Mixture, Edges and Stage: no option is called so in a state dictionary."""
BUILTINS = frozenset(
    """ValueError all any bool dict enumerate float hasattr int isinstance len list max min next range reversed set str
    sum super tuple type zip""".split()
)
"""What generated code uses of Python without an import."""
PYTHON = frozenset({*keyword.kwlist, *BUILTINS, "self", "F", "nn", "torch", "math", "Tensor"})
VARIABLES = PYTHON | {"x", "l", "I", "O"}
"""Names that a forward method uses itself, and those that are easily mistaken for digits."""
LOOP_VARIABLES = "ijkmn"
ARGUMENTS = PYTHON | {"x", *LOOP_VARIABLES}
"""Names that a constructor uses itself."""
ATTRIBUTES = MODULE_ATTRIBUTES | CONTAINER_ATTRIBUTES | frozenset(keyword.kwlist) | {"self"}
CLASSES = frozenset(
    {"F", "Tensor", "Layers", "Mixture", "Edges", "Candidate", "Stage", "Network", "Supernet", "ValueError"}
)
"""Classes that generated modules have already; those of helper classes are taken as well."""
FILES = frozenset(
    """abc ast base64 bisect calendar cmath code codecs collections contextlib copy copyreg csv ctypes dataclasses
    datetime decimal dis email enum errno functools gc glob hashlib heapq http importlib inspect io itertools json
    keyword linecache locale logging math multiprocessing numbers numpy opcode operator os pathlib pdb pickle platform
    posixpath pprint queue random re resource select selectors shutil signal site socket ssl stat string struct
    subprocess sympy sys sysconfig tarfile tempfile textwrap threading time token tokenize torch traceback types typing
    unicodedata urllib uuid warnings weakref xml zipfile zlib vnasdsl
    aux con nul prn com0 com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt0 lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8
    lpt9""".split()
)
"""Modules that torch imports, whose place a file of this name would take, and names of devices under Windows."""


def escaped(name: str, taken: Collection[str]) -> str:
    """The name, with underscores where it is taken; never a private one."""
    name = f"n{name}" if name.startswith("_") else name
    while name in taken:
        name += "_"
    return name


def label(text: str) -> str:
    """The text of an option as the name of a module: `basic(2)` as `basic_2`. Generated code has the same rule."""
    name = label_text(text)
    return f"{name}_" if name in LABELS else name


def class_name(text: str, taken: Collection[str] = ()) -> str:
    """`x3d3_k400` as `X3d3K400`; what a long chain would be called is cut off."""
    name = "".join(part[:1].upper() + part[1:] for part in text.split("_") if part)[:LONGEST_NAME] or "Chain"
    return f"{name}Block" if name in CLASSES or name in taken or keyword.iskeyword(name) else name


def numbered(name: str, taken: Collection[str]) -> str:
    """`Basic2` for the second class of a name; `A1B` where a number is a part of the name."""
    count, unique = 1, name
    while unique in taken:
        count += 1
        letter = chr(ord("A") + count - 1) if count <= 26 else f"N{count}"
        unique = f"{name}{letter if name[-1].isdigit() else count}"
    return unique


def attributes(paths: Sequence[tuple[str, ...]]) -> list[str]:
    """The attributes of a class that hold the modules with these paths of labels.

    As much of a path as tells it from the others: `n6_weighted` and `n6_node`, but `r0` where the line is one module.
    """
    begins = Counter(path[:n] for path in paths for n in range(1, len(path) + 1))
    names = [""] * len(paths)
    taken: set[str] = set()
    order = sorted(range(len(paths)), key=lambda i: (len(paths[i]) > 1 or paths[i][-1:] == ("shortcut",), i))
    for i in order:  # what a line is called comes before what is made up
        path = paths[i]
        length = next((n for n in range(1, len(path)) if begins[path[:n]] == 1), len(path))
        base = "_".join([*(part.rstrip("_") for part in path[: length - 1]), *path[length - 1 : length]])
        names[i] = unique(escaped(base or "layer", ATTRIBUTES), taken)
        taken.add(names[i])
    return names


# ---------------------------------------------------------------- constructor arguments

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
