"""Filling templates, and the header and check that every generated file has."""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from keyword import iskeyword
from math import isfinite
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vnasdsl.codegen.classes import Classes
from vnasdsl.codegen.forward import Expression
from vnasdsl.codegen.helpers import helpers_for, modules_used
from vnasdsl.codegen.names import BUILTINS, LOOP, Joined, Name
from vnasdsl.language.layout import Break, Document, Group, IfBroken, Indent, join, lay_out
from vnasdsl.layers.base import ModuleClass
from vnasdsl.resources import templates_dir

# ------------------------------------------------------------------------------- filters
# Each place of a template says by a filter what it is for, and a filter lets through nothing else; a value without a
# filter cannot be rendered.

ANNOTATION = re.compile(
    r"(int|float|bool|str|Tensor|type\[nn\.Module\]|list\[Tensor\]|tuple\[(int|float)(, (int|float))*(, \.\.\.)?\])"
)
CALLEE = re.compile(r"(nn\.)?[A-Za-z]\w*", re.ASCII)
VARIABLE = re.compile(re.escape(LOOP).replace(r"\{\}", "([a-z]?)"))
HARMLESS = frozenset("/._-+@, ")
LONGEST = 400
"""Characters of a file's name that are repeated."""


def identifier(value: str) -> Markup:
    """A name of Python."""
    if not (value.isascii() and value.isidentifier()) or iskeyword(value) or value.startswith("__"):
        raise ValueError(f"{value!r} is no name")
    return Markup(value)


def callee(value: str) -> Markup:
    """What is called: a class, or a module of torch."""
    if not CALLEE.fullmatch(value) or iskeyword(value):
        raise ValueError(f"{value!r} cannot be called")
    return Markup(value)


def annotation(value: str) -> Markup:
    """A type."""
    if not ANNOTATION.fullmatch(value):
        raise ValueError(f"{value!r} is no type")
    return Markup(value)


def number(value: int) -> Markup:
    """A whole number in groups of three digits."""
    return Markup(f"{value:,}".replace(",", " "))


def string(value: str, begin: str = "") -> Markup:
    """A string; with the variable of a loop in it, or an argument to begin with, an f-string."""
    pieces = [part.encode("unicode_escape").decode("ascii").replace('"', '\\"') for part in VARIABLE.split(value)]
    if len(pieces) == 1 and not begin:
        return Markup(f'"{pieces[0]}"')
    pieces[::2] = [part.replace("{", "{{").replace("}", "}}") for part in pieces[::2]]
    pieces[1::2] = [f"{{{identifier(part)}}}" for part in pieces[1::2]]
    first = f"{{{identifier(begin)}}}" if begin else ""
    return Markup(f'f"{first}{"".join(pieces)}"')


def constant(value: Any) -> Markup:
    """A number, flag, string or tuple, or an argument that stands for one."""
    if isinstance(value, Name):
        name = identifier(value.name)
        if value.times > 1:
            return Markup(f"{int(value.times)} * {name}")
        return Markup(f"{name} // {int(value.over)}") if value.over > 1 else name
    if isinstance(value, Joined):
        return string(value.rest, begin=value.name)
    if isinstance(value, tuple):
        inner = ", ".join(map(constant, value))
        return Markup(f"({inner},)" if len(value) == 1 else f"({inner})")
    if isinstance(value, ModuleClass):
        return callee(value)
    if isinstance(value, str):
        return string(value)
    if isinstance(value, (bool, int)) or (isinstance(value, float) and isfinite(value)):
        return Markup(repr(value))
    raise TypeError(f"{value!r} is no constant")


def expression(value: str) -> Markup:
    """A value in a forward method."""
    if not isinstance(value, Expression):
        raise TypeError(f"{value!r} is no expression")
    return Markup(value)


def prose(value: str) -> Markup:
    """Words for a comment or docstring: one line, with nothing that could end either."""
    if not value.isprintable() or '"' in value or "\\" in value or "#" in value:
        raise ValueError(f"{value!r} cannot stand in a comment or docstring")
    return Markup(value)


def source(value: str) -> Markup:
    """The text of a helper class, which is looked at together with the rest of the module."""
    return Markup(value.rstrip("\n"))


FILTERS: dict[str, Callable[..., Markup]] = {
    "identifier": identifier,
    "callee": callee,
    "annotation": annotation,
    "number": number,
    "string": string,
    "constant": constant,
    "expression": expression,
    "prose": prose,
    "source": source,
}


def only_filtered(value: Any) -> Any:
    """What Jinja calls for every value that is about to be written. Raises: TypeError for one without a filter."""
    if not isinstance(value, Markup):
        raise TypeError(f"a template writes {value!r} without saying what it is")
    return value


def plain(text: str) -> str:
    """A file's name as it stands in comments and docstrings: letters, digits and a few signs, everything else `_`.

    Nothing is left that ends a comment or docstring, turns the direction of writing, or is read by tools: the coding
    of a file (`coding:` in its first two lines), editors' and checkers' instructions.
    """
    whole = unicodedata.normalize("NFC", text)
    return "".join(c if c.isalnum() or c in HARMLESS else "_" for c in whole)[:LONGEST].strip()


# ------------------------------------------------------ the last look at generated code
# All names and attributes are listed that may be there; what is not listed is refused. A refusal is a fault of vnasdsl,
# never of a user's text.

IMPORTS = frozenset({"import math", "import torch", "import torch.nn.functional as F", "from torch import Tensor, nn"})
REFUSED = (
    ast.Assert, ast.AsyncFunctionDef, ast.Await, ast.Delete, ast.Global, ast.Lambda, ast.NamedExpr, ast.Nonlocal,
    ast.With, ast.Yield, ast.YieldFrom,
)  # fmt: skip
TOP_LEVEL = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef)
OF_MODULES = {
    "torch": frozenset(
        """arange as_tensor cat device einsum finfo full long no_grad ones ones_like rand randn roll sigmoid softmax
        stack tanh zeros zeros_like""".split()
    ),
    "nn": frozenset(
        """AvgPool3d BatchNorm3d Conv3d Dropout ELU GELU Hardsigmoid Hardswish Identity LayerNorm LeakyReLU Linear
        MaxPool3d Mish Module ModuleDict ModuleList Parameter ReLU ReLU6 Sequential SiLU Sigmoid Softplus
        Tanh""".split()
    ),
    "F": frozenset(
        """adaptive_max_pool3d conv3d elu gelu hardsigmoid hardswish interpolate leaky_relu mish pad relu relu6
        scaled_dot_product_attention silu softplus""".split()
    ),
    "math": frozenset({"pi", "prod", "sqrt"}),
}
"""What generated code may take from the modules it imports."""
LARGEST_MODULE = 64 << 20


def check_code(text: str, own: frozenset[str] = frozenset()) -> None:
    """Raises: ValueError for anything that has no business there.

    own: classes of the project, in which anything may stand.
    """
    if len(text) > LARGEST_MODULE:
        raise ValueError("generated code is too large")
    module = ast.parse(text)
    for statement in module.body:
        docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        alias = isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name)
        if not (docstring or alias or isinstance(statement, TOP_LEVEL)):
            raise ValueError(f"generated code runs something as it is imported: {ast.unparse(statement)[:80]}")
    used: set[str] = set()
    known = {*BUILTINS, *own}
    checked = [s for s in module.body if not (isinstance(s, ast.ClassDef) and s.name in own)]
    for node in (node for statement in checked for node in ast.walk(statement)):
        if isinstance(node, REFUSED):
            raise ValueError(f"generated code has a {type(node).__name__}")
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else known).add(node.id)
        elif isinstance(node, ast.Attribute):
            _check_attribute(node)
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            known.add(node.name)
        elif isinstance(node, ast.arg):
            known.add(node.arg)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            if ast.unparse(node) not in IMPORTS:
                raise ValueError(f"generated code has `{ast.unparse(node)}`")
            known.update(alias.asname or alias.name for alias in node.names)
    if used - known:
        raise ValueError(f"generated code uses {', '.join(sorted(used - known))}")


def _check_attribute(node: ast.Attribute) -> None:
    if isinstance(node.value, ast.Name) and node.value.id in OF_MODULES:
        if node.attr not in OF_MODULES[node.value.id]:
            raise ValueError(f"generated code uses {node.value.id}.{node.attr}")
    elif node.attr.startswith("_") and ast.unparse(node) != "super().__init__":
        raise ValueError(f"generated code uses .{node.attr}")


# ---------------------------------------- breaking long lines, as ruff's formatter does

WIDTH = 120
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[()\[\]{}]|, | \+ | for |[^"()\[\]{}, +f]+|.', re.DOTALL)
OPENING, CLOSING = "([{", ")]}"


def wrapped(text: str) -> str:
    """A module with every line in at most `WIDTH` columns where that can be."""
    return "\n".join(_wrapped(line) if len(line) > WIDTH else line for line in text.split("\n"))


def _wrapped(line: str) -> str:
    code = line.lstrip(" ")
    if code.startswith(("#", '"""')):
        return line
    indent = len(line) - len(code)
    code, comment = _without_comment(code)
    head, value = _head(code)
    return " " * indent + lay_out([head, _document(value, head == "def "), comment], WIDTH, indent, step=4)


def _without_comment(code: str) -> tuple[str, str]:
    place = 0
    for token in TOKEN.findall(code):
        if token == "#" or (token.startswith("#") and code[:place].endswith("  ")):
            return code[: place - 2], code[place - 2 :]
        if "  # " in token:
            place += token.index("  # ")
            return code[:place], code[place:]
        place += len(token)
    return code, ""


def _document(code: str, first: bool = False, alone: bool = True) -> Document:
    """A piece of code with the places where it can be broken: in its last brackets, those of a function in the first.

    alone: whether a sum needs parentheses over several lines.
    """
    terms = _split(code, " + ")
    if len(terms) > 1:
        chain = join([Break(), "+ "], [_document(term, alone=False) for term in terms])
        return Group([IfBroken("("), Indent([Break(""), *chain]), Break(""), IfBroken(")")] if alone else chain)
    begin, body, end = _brackets(code, first)
    if not body:
        return code
    loop, items = _split(body, " for "), _split(body.removesuffix(","), ", ")
    comma: Document = "," if body.endswith(",") else IfBroken(",")
    if len(loop) > 1:
        inside: list[Document] = [_document(loop[0], alone=False), Break(), "for " + " for ".join(loop[1:])]
    else:
        inside = join([",", Break()], [_item(item) for item in items])
    if len(loop) > 1 or (len(items) == 1 and _is_group(begin) and comma != ","):
        comma = ""
    return [begin, Group([Indent([Break(""), *inside, comma]), Break("")]), end]


def _item(item: str) -> Document:
    """An argument, with its name or its key before it."""
    found = re.match(r'\w+=(?!=)|\*|"(?:[^"\\]|\\.)*": ', item)
    name = found[0] if found else ""
    return [name, _document(item[len(name) :], alone=bool(name))]


def _head(code: str) -> tuple[str, str]:
    """`self.a = ` or `return ` and the value after it; `def ` of a function."""
    found = re.match(r"(?:self\.)?\w+ = |return |def ", code)
    return (found[0], code[found.end() :]) if found else ("", code)


def _split(code: str, separator: str) -> list[str]:
    """The parts between separators that are in no brackets and in no string."""
    parts, depth = [""], 0
    for token in TOKEN.findall(code):
        depth += (token in OPENING) - (token in CLOSING)
        if token == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += token
    return parts


def _brackets(code: str, first: bool = False) -> tuple[str, str, str]:
    """The last brackets of some code (or the first), with what stands before, inside of and after them."""
    found: tuple[str, str, str] = (code, "", "")
    place = depth = begin = 0
    for token in TOKEN.findall(code):
        if token in OPENING:
            begin = place + 1 if depth == 0 else begin
            depth += 1
        elif token in CLOSING:
            depth -= 1
            if depth == 0 and place > begin:
                found = code[:begin], code[begin:place], code[place:]
                if first:
                    return found
        place += len(token)
    return found


def _is_group(begin: str) -> bool:
    """Whether an opening bracket is no call's and no list's."""
    return begin.endswith("(") and not re.search(r"[\w\])]\($", begin)


OUTPUT_FORMAT = 3
"""Raised when the same text gives other code."""
HEADER = re.compile(r"# Code generated by vnasdsl from [^\n]*\. DO NOT EDIT\.\n# format \d+, text \w+, body (\w+)\n")
CAPITAL = r"(?=[a-z0-9_]*[A-Z])\w+"
CAPITAL_ARGUMENT = re.compile(rf"^    def \w+\(self.*, {CAPITAL}: |^        {CAPITAL}: .*,$", re.MULTILINE)
CAPITAL_VARIABLE = re.compile(rf"^        {CAPITAL} = ", re.MULTILINE)


@cache
def environment() -> Environment:
    """Templates write nothing but what a filter has let through, and fail at a name that is not given."""
    environment = Environment(
        loader=FileSystemLoader(templates_dir()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=True,
        finalize=only_filtered,
    )
    environment.filters = {**FILTERS, "length": len}
    return environment


def render(template: str, source_name: str, canonical_text: str, classes: Classes, **view: Any) -> str:
    """A generated module: header, then the template's text, checked to be harmless Python.

    The header says from which file, of which canonical text (comments do not count) and with which body it was made;
    it holds no time, version or machine path.
    """
    helpers = helpers_for(classes.callees, classes.helper_texts)
    lines = (statement.value for made in classes.views for statement in made.statements)
    needs = modules_used([*helpers.values(), *lines])
    body = wrapped(environment().get_template(template).render({"helpers": list(helpers.values()), **needs, **view}))
    check_code(body, frozenset(classes.catalogue.classes))
    title = f"# Code generated by vnasdsl from {plain(source_name)}. DO NOT EDIT.\n"
    body = exceptions(title + body) + body
    header = f"{title}# format {OUTPUT_FORMAT}, text {digest(canonical_text)}, body {digest(body)}\n"
    return header + body


def is_ours(text: str) -> bool:
    """Whether a file's text is generated and has not been edited since."""
    text = text.replace("\r\n", "\n")
    header = HEADER.match(text)
    return header is not None and digest(text[header.end() :]) == header.group(1)


def exceptions(text: str) -> str:
    """A line that tells ruff which of its rules names and texts of the user's own do not keep; most need none."""
    rules = []
    if any(len(line.encode("utf-8")) > WIDTH for line in text.split("\n")):
        rules.append("E501")
    if CAPITAL_ARGUMENT.search(text):
        rules.append("N803")
    if CAPITAL_VARIABLE.search(text):
        rules.append("N806")
    return f"# ruff: noqa: {', '.join([*rules, 'RUF100'])}\n" if rules else ""


def digest(text: str) -> str:
    return sha256(text.encode("utf-8")).hexdigest()[:16]
