"""Names in generated code: those of a file as they are, escaped by an underscore where Python or torch has them."""

from __future__ import annotations

import keyword
from collections import Counter
from collections.abc import Collection, Sequence

from vnasdsl.language.limits import LONGEST_NAME
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
