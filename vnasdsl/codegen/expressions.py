"""Python expressions as text: putting them into each other, and laying them out where a line is too long."""

from __future__ import annotations

import ast
import re

from vnasdsl.codegen.python import WIDTH

PLACE = re.compile(r"\{(x|kept|xs|sum)\}")
OPERATORS = (ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Compare, ast.BoolOp)


def fill(template: str, **values: str) -> str:
    """The template with expressions in its places, in parentheses where they could be read otherwise."""

    def put(found: re.Match[str]) -> str:
        value = values[found[1]]
        before, after = template[: found.start()].rstrip()[-1:], template[found.end() :].lstrip()[:1]
        alone = (not before or before in "([,=") and (not after or after in ")],")
        return value if alone or found[1] == "xs" else operand(value)

    return PLACE.sub(put, template)


def operand(expression: str) -> str:
    """An expression that can stand beside an operator or before a dot."""
    if expression.isidentifier():
        return expression
    return f"({expression})" if isinstance(parsed(expression), OPERATORS) else expression


def parsed(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


def laid_out(prefix: str, expression: str, comment: str, indent: int) -> str:
    """A statement in lines of at most `WIDTH` columns where that can be, as the formatter would write it."""
    line = f"{prefix}{expression}{comment}"
    if indent + len(line) <= WIDTH:
        return line
    broken = _broken(expression, indent)
    return f"{prefix}{broken}{comment}"


def _broken(expression: str, indent: int) -> str:
    """An expression with each of its outermost parts in a line of its own."""
    node = parsed(expression)
    match node:
        case ast.BinOp(op=ast.Add()):
            first, *rest = _terms(node, expression)
            lines = [_fitting(first, indent + 4), *(f"+ {_fitting(term, indent + 6)}" for term in rest)]
            return _between("(", lines, ")", indent)
        case ast.Call(args=[ast.GeneratorExp()]):
            return expression
        case ast.Call() if node.args or node.keywords:
            function = _text(node.func, expression)
            parts = [_text(part, expression) for part in node.args]
            parts += [f"{k.arg}={_text(k.value, expression)}" for k in node.keywords]
            return _between(f"{function}(", [f"{_fitting(p, indent + 4)}," for p in parts], ")", indent)
        case ast.List() if node.elts:
            parts = [_text(part, expression) for part in node.elts]
            return _between("[", [f"{_fitting(p, indent + 4)}," for p in parts], "]", indent)
    return expression


def _fitting(expression: str, indent: int) -> str:
    keyword = re.match(r"\w+=(?!=)|\*", expression)
    prefix = keyword[0] if keyword else ""
    value = expression[len(prefix) :]
    return expression if indent + len(expression) + 1 <= WIDTH else prefix + _broken(value, indent)


def _between(opening: str, lines: list[str], closing: str, indent: int) -> str:
    inner = "\n" + " " * (indent + 4)
    return f"{opening}{inner}{inner.join(lines)}\n{' ' * indent}{closing}"


def _terms(node: ast.expr, text: str) -> list[str]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and not _enclosed(node, text):
        return [*_terms(node.left, text), _text(node.right, text)]
    return [_text(node, text)]


def _enclosed(node: ast.expr, text: str) -> bool:
    return text[: node.col_offset].rstrip()[-1:] == "(" and text[node.end_col_offset :].lstrip()[:1] == ")"


def _text(node: ast.expr, text: str) -> str:
    """The text of a part, with the parentheses around it that belong to it alone."""
    assert node.end_col_offset is not None
    inner = text[node.col_offset : node.end_col_offset]
    if isinstance(node, OPERATORS) and _enclosed(node, text) and _is_group(node, text):
        return f"({inner})"
    return inner


def _is_group(node: ast.expr, text: str) -> bool:
    """Whether the parenthesis before a node is no call's."""
    before = text[: node.col_offset].rstrip()[:-1].rstrip()[-1:]
    return not (before.isalnum() or before in ("_", ")", "]"))
