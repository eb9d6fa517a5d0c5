"""A space or network as HTML, for notebooks: the table of `show`, and its picture below."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape

from vnasdsl.elaborate.space import Space
from vnasdsl.show.stages import rows
from vnasdsl.show.table import UNKNOWN, between, choice_text, input_lines, output_text, title

_LEFT, _RIGHT = "text-align:left;", "text-align:right;"
_CELL = "padding:1px 8px;"
_BAR = "display:inline-block;height:0.7em;background:#8fa6bd;"


def as_html(space: Space, svg: str) -> str:
    """A row a stage; bounds are not searched for what is found beside them, which takes long in large spaces. The
    picture is embedded, so that its styles stay its own."""
    picture = b64encode(svg.encode()).decode("ascii")
    lines = "<br>".join(map(escape, (*input_lines(space), _costs(space))))
    return (
        f'<div class="vnasdsl"><strong>{escape(title(space))}</strong><br>{lines}\n{_table(space)}\n'
        f'<img alt="picture of {escape(space.name)}" style="max-width:100%;"'
        f' src="data:image/svg+xml;base64,{picture}"></div>'
    )


def _costs(space: Space) -> str:
    if not space.costed:
        return "least and greatest costs are not worked out: a call has too many combinations"
    if space.kind == "network":
        return f"{space.macs[0]} MACs per clip, {space.params[0]} parameters"
    ends = "MACs from {} to {}, parameters from {} to {}".format(*space.macs, *space.params)
    return ends if space.exact else f"{ends} (bounds: no network is beyond them)"


def _table(space: Space) -> str:
    greatest = space.macs[1] or 1 if space.costed else 1
    heading = ("stage", "output", "choices (options)", "MACs", "parameters", "share of MACs")
    lines = ["<table>", _row("th", heading)]
    for row in rows(space):
        cost = row.cost
        numbers = [UNKNOWN] * 3
        if cost is not None:
            share = cost.macs_max / greatest
            width = f"<span style='{_BAR}width:{6 * share:.2f}em'></span>"
            numbers = [
                escape(between(cost.macs_min, cost.macs_max)),
                escape(between(cost.params_min, cost.params_max)),
                f"{100 * share:.1f} % {width}",
            ]
        lines.append(_row("td", [*map(escape, (row.name, output_text(row), choice_text(row.choices))), *numbers]))
    if space.costed:
        lines.append(_row("th", ["total", "", "", *map(escape, (between(*space.macs), between(*space.params))), ""]))
    return "\n".join([*lines, "</table>"])


def _row(tag: str, cells: Sequence[str]) -> str:
    styles = (_CELL + (_RIGHT if i in (3, 4) else _LEFT) for i in range(len(cells)))
    aligned = (f'<{tag} style="{style}">{cell}</{tag}>' for style, cell in zip(styles, cells, strict=True))
    return f"<tr>{''.join(aligned)}</tr>"
