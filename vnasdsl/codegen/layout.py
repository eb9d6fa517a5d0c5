"""Breaking lines of generated code that are too long, as ruff's formatter does: an argument a line, with a comma."""

from __future__ import annotations

import re

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
    return " " * indent + _fitted(code, indent, comment, statement=True)


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


def _fitted(code: str, indent: int, after: str = "", statement: bool = False) -> str:
    """A piece of code that stands at `indent`, with what follows it in its last line."""
    if indent + len(code) + len(after) <= WIDTH:
        return code + after
    head, value = _head(code) if statement else ("", code)
    terms = _split(value, " + ")
    inner = "\n" + " " * (indent + 4 if statement else indent)
    if len(terms) > 1:
        terms = [_fitted(term, indent + 4 + 2 * (i > 0)) for i, term in enumerate(terms)]
        chain = f"{inner}+ ".join(terms)
        return f"{head}({inner}{chain}\n{' ' * indent}){after}" if statement else chain + after
    begin, body, end = _brackets(value, first=head.startswith("def "))
    if not body:
        return code + after
    inner = "\n" + " " * (indent + 4)
    loop = _split(body, " for ")
    if len(loop) > 1:
        parts = [_fitted(loop[0], indent + 4), "for " + " for ".join(loop[1:])]
        return f"{head}{begin}{inner}{inner.join(parts)}\n{' ' * indent}{end}{after}"
    items = _split(body, ", ")
    if len(items) == 1 and not body.endswith(",") and _is_group(begin):
        return f"{head}{begin}{inner}{_fitted(body, indent + 4)}\n{' ' * indent}{end}{after}"
    parts = [_item(item.removesuffix(","), indent + 4) for item in items]
    return f"{head}{begin}{inner}{inner.join(parts)}\n{' ' * indent}{end}{after}"


def _item(item: str, indent: int) -> str:
    """An argument, with its name or its key before it."""
    found = re.match(r'\w+=(?!=)|\*|"(?:[^"\\]|\\.)*": ', item)
    name = found[0] if found else ""
    if indent + len(item) + 1 <= WIDTH:
        return f"{item},"
    terms = _split(item[len(name) :], " + ")
    if name and len(terms) > 1:
        return f"{name}{_fitted(item[len(name) :], indent, ',', statement=True)}"
    return _fitted(item, indent, ",") if _brackets(item)[1] or len(terms) > 1 else f"{item},"


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
