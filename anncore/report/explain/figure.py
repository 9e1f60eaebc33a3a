"""A step as a figure of the report: the network with the numbers of its forward and of its backward pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anncore.contract.errors import ExperimentError
from anncore.report import drawing
from anncore.report.explain.page import texts_of
from anncore.report.explain.picture import MOST_LABELS, places
from anncore.report.explain.text import headline
from anncore.report.theme import Theme

COLUMN, ROW, RADIUS = 1.55, 0.95, 0.26  # inches between columns and rows, and of a unit
MARGIN, HEAD, FOOT = 0.62, 0.74, 0.42  # inches: at the sides, above the first row, below the last
ALONG = 0.34  # the share of a connection at which its number stands


def step_figure(content: Mapping[str, Any]) -> drawing.Drawing:
    """Return the drawing of an explained step: the forward pass on the left, the backward pass on the right.

    One below the other where both are too wide for a sheet. A network that learns by a rule has no backward
    pass. Raises ExperimentError for a network of too many
    connections.
    """
    graph = content["graph"]
    if graph is None or len(graph["edges"]) > MOST_LABELS:
        raise ExperimentError(
            f"The network has more than {MOST_LABELS} connections, which cannot be drawn with their numbers; "
            "explain a smaller one."
        )
    where, texts, theme = places(graph), texts_of(content), Theme()
    columns = 1 + max(column for column, _ in where.values())
    rows = 1 + max(row for _, row in where.values())
    size = ((columns - 1) * COLUMN + 2 * MARGIN, (rows - 1) * ROW + HEAD + FOOT)
    passes = [False, True] if any(stage["name"] == "backward" for stage in content["stages"]) else [False]
    beside = len(passes) * size[0] <= drawing.WIDE
    width, height = (len(passes) * size[0], size[1]) if beside else (size[0], len(passes) * size[1])
    title = headline(content).splitlines()[0]
    subtitle = "Forward: activations in the units, weights on the connections, biases below."
    if len(passes) > 1:
        subtitle += " Backward: dL/dz in the units, dL/dW on the connections."
    with drawing.drawing_style():
        sheet = drawing.new_sheet(max(width, 4.4), height + 0.1, title, subtitle, theme)
        for backward in passes:
            corner = (size[0] if backward and beside else 0.0, 0.0 if backward or beside else size[1])
            ax = drawing.place(sheet, *corner, *size)
            ax.set(xlim=(0, size[0]), ylim=(size[1], 0))
            ax.axis("off")
            _draw(ax, graph, where, texts, theme, backward=backward)
    numbers = ", ".join(f"{name} {text}" for name, text in texts.items())
    return drawing.Drawing(sheet, "step", title, f"{title}. {numbers}.", subtitle)


def _draw(
    ax: Any,
    graph: Mapping[str, Any],
    where: Mapping[str, tuple[int, float]],
    texts: Mapping[str, str],
    theme: Theme,
    *,
    backward: bool,
) -> None:
    """Draw one pass into axes in inches, y downwards."""
    at = {unit: (MARGIN + column * COLUMN, HEAD + row * ROW) for unit, (column, row) in where.items()}
    ink, muted, paper = (theme.token(name) for name in ("ink", "muted", "paper"))
    color = drawing_color(backward)
    ax.text(
        0.16, 0.16, "backward" if backward else "forward", size=9, weight="bold", color=color, va="center"
    )
    for edge in graph["edges"]:
        (x1, y1), (x2, y2) = at[edge["from"]], at[edge["to"]]
        ax.plot([x1, x2], [y1, y2], color=theme.token("others"), linewidth=0.9, zorder=1)
        text = texts.get(edge["gradient"] if backward else edge["weight"], "")
        place = (x1 + ALONG * (x2 - x1), y1 + ALONG * (y2 - y1))
        box = {"facecolor": paper, "edgecolor": "none", "pad": 0.8}
        ax.text(*place, text, size=7, color=color, ha="center", va="center", bbox=box, zorder=2)
    for unit in graph["units"]:
        x, y = at[unit["id"]]
        name = unit["delta"] if backward else unit["a"] or unit["id"]
        dash = {"linestyle": ":"} if unit["kind"] == "input" else {}
        ax.add_patch(_circle(x, y, paper, ink, dash))
        ax.text(x, y, texts.get(name, ""), size=7.5, color=ink, ha="center", va="center", zorder=4)
        ax.text(x, y - RADIUS - 0.08, name or unit["id"], size=6.5, color=muted, ha="center", va="center")
        if not backward and unit["bias"] in texts:
            bias = f"{unit['bias']} {texts[unit['bias']]}"
            ax.text(x, y + RADIUS + 0.1, bias, size=6.5, color=muted, ha="center", va="center")


def drawing_color(backward: bool) -> str:
    """Return the colour of a pass: blue forward, orange backward."""
    styles = Theme.of(["forward", "backward"])
    return styles["backward" if backward else "forward"].color


def _circle(x: float, y: float, paper: str, ink: str, dash: Mapping[str, str]) -> Any:
    from matplotlib.patches import Circle

    return Circle((x, y), RADIUS, facecolor=paper, edgecolor=ink, linewidth=1.1, zorder=3, **dash)
