"""Breaking lines of generated code that are too long, as ruff's formatter does: an argument a line, with a comma."""

from __future__ import annotations

import re

from vnasdsl.language.layout import Break, Document, Group, IfBroken, Indent, join, lay_out

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
