"""Which names may be given, and the labels that lines get without one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError, error
from vnasdsl.language.limits import LONGEST_NAME
from vnasdsl.language.source import Span
from vnasdsl.layers import CATALOGUE
from vnasdsl.space.values import AXES, WORDS

# Attributes of torch.nn.Module: a label with such a name would break the generated class. A test holds the list equal
# to the installed torch; it is written down because nothing here may import torch.
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
WORDS_OF_PYTHON = frozenset(
    """False None True _ and as assert async await break case class continue def del elif else except finally for from
    global if import in is lambda match nonlocal not or pass raise return try type while with yield""".split()
)
# What Python knows without an import: written down too, so that a text means the same under every Python.
BUILTINS = frozenset(
    """ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError BrokenPipeError
    BufferError BytesWarning ChildProcessError ConnectionAbortedError ConnectionError ConnectionRefusedError
    ConnectionResetError DeprecationWarning EOFError Ellipsis EncodingWarning EnvironmentError Exception
    ExceptionGroup False FileExistsError FileNotFoundError FloatingPointError FutureWarning GeneratorExit
    IOError ImportError ImportWarning IndentationError IndexError InterruptedError IsADirectoryError KeyError
    KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError None NotADirectoryError
    NotImplemented NotImplementedError OSError OverflowError PendingDeprecationWarning PermissionError
    ProcessLookupError PythonFinalizationError RecursionError ReferenceError ResourceWarning RuntimeError
    RuntimeWarning StopAsyncIteration StopIteration SyntaxError SyntaxWarning SystemError SystemExit TabError
    TimeoutError True TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError
    UnicodeTranslateError UnicodeWarning UserWarning ValueError Warning ZeroDivisionError abs aiter all anext
    any ascii bin bool breakpoint bytearray bytes callable chr classmethod compile complex copyright credits
    delattr dict dir divmod enumerate eval exec exit filter float format frozenset getattr globals hasattr hash
    help hex id input int isinstance issubclass iter len license list locals map max memoryview min next object
    oct open ord pow print property quit range repr reversed round set setattr slice sorted staticmethod str sum
    super tuple type vars zip""".split()
)
# A network is a file of its own: one of these would stand in the way of what torch imports.
MODULES = frozenset(
    """abc ast base64 bisect calendar cmath code codecs collections contextlib copy copyreg csv ctypes dataclasses
    datetime decimal dis email enum errno functools gc glob hashlib heapq http importlib inspect io itertools json
    keyword linecache locale logging math multiprocessing numbers numpy opcode operator os pathlib pdb pickle platform
    posixpath pprint queue random re resource select selectors shutil signal site socket ssl stat string struct
    subprocess sympy sys sysconfig tarfile tempfile textwrap threading time token tokenize traceback types typing
    unicodedata urllib uuid warnings weakref xml zipfile zlib vnasdsl
    con prn aux nul""".split()
)
# Methods of the generated supernet, and names that generated code uses itself.
GENERATED = frozenset(
    """expected_macs weight_parameters choice_parameters probabilities path_probabilities mixture_probabilities
    set_choices make_choices path_weights temperature stages branch_weights betas alphas choice chosen options macs ones
    torch nn self x Tensor tail append extend insert pop keys values items update clear keep kept on_edge indices
    strengths judged mixtures tied is_tied""".split()
)
DEVICE = re.compile("(?:com|lpt)[0-9]", re.IGNORECASE)


READ = ("block", "line", "label", "input", "parameter")
"""What is read by its name among layers: it may not have the name of one."""


def check_length(name: str, what: str, span: Span) -> list[Diagnostic]:
    if len(name) <= LONGEST_NAME:
        return []
    message = f"the name of this {what} has {len(name):,} characters: at most {LONGEST_NAME} are allowed"
    return [Diagnostic("E0208", message, Label(span), help=f"for instance `{name[:20].strip('_')}`")]


def a(what: str) -> str:
    return f"{'an' if what == 'input' else 'a'} {what}"


def check_name(name: str, what: str, span: Span) -> None:
    """Raises: VnsError E0203 for the name of a layer, E0205 for a word of the language, E0208 for one too long."""
    found = check_length(name, what, span)
    if found:
        raise VnsError(found)
    if what in READ and name in CATALOGUE:
        help = f"give the {what} another name, such as `{name}_1`"
        raise error("E0203", f"the {what} `{name}` has the name of a layer", span, help=help)
    if what in READ and (name in WORDS or (name in AXES and what != "parameter")):
        meaning = "the size of what comes in" if name in AXES else "a value of the language"
        message = f"`{name}` cannot be the name of {a(what)}: it is {meaning}"
        raise error("E0205", message, span, help=f"a name such as `{name}_1` would do")
    why = None
    if name in WORDS_OF_PYTHON:
        why = "it is a word of Python"
    elif name.startswith("_"):
        why = "it starts with an underscore"
    elif name in MODULE_ATTRIBUTES:
        why = "every torch module has an attribute of this name"
    elif name in GENERATED:
        why = "generated code uses it"
    elif name in BUILTINS:
        why = "it is a builtin of Python"
    elif what == "network" and (name.lower() in MODULES or DEVICE.fullmatch(name)):
        why = "its code would take the place of another module"
    if why:
        message = f"`{name}` cannot be the name of {a(what)}: {why}"
        raise error("E0205", message, span, help=f"a name such as `{name.strip('_') or 'part'}_1` would do")


class Namer:
    """Hands out labels in one body: a given one as it is, else `conv`, `conv2`, `conv3`, ...

    Names given by hand are known beforehand, so that a line without one never takes them.
    """

    def __init__(self, given: Iterable[str] = ()):
        self.taken = set(given)
        self.tried: dict[str, int] = {}

    def label(self, base: str) -> str:
        """A label for a line without one, made from what stands there: `sum_` of a layer that Python knows as well."""
        base = f"{base}_" if base in BUILTINS else base
        count = self.tried.get(base, 1)
        name = base if count == 1 else f"{base}{count}"
        while name in self.taken or name in MODULE_ATTRIBUTES or name in GENERATED:
            count += 1
            name = f"{base}{count}"
        self.tried[base] = count  # all before it are taken, and stay so
        self.taken.add(name)
        return name


def two_alike(name: str, span: Span, first: Span) -> VnsError:
    return VnsError(
        Diagnostic(
            "E0204",
            f"label `{name}` is given twice",
            Label(span, "again here"),
            secondary=(Label(first, "first here"),),
            help="give one of them another name: weights and choices are named by it",
        )
    )
