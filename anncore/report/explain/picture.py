"""A network as an inline SVG: units in columns, numbers on units and connections, forward or backward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

COLUMN, ROW, RADIUS = 190, 116, 30  # pixels between columns and rows, and of a unit
MARGIN = 62  # pixels from the edge to the middle of the first column
MOST_LABELS = 40  # connections that carry their number
FEW_COLUMNS = 4  # that are legible on a phone when they are scaled to its width
MOST_STEPS = 24  # blocks that have a drawing of their own


@dataclass(frozen=True)
class Drawing:
    """What is drawn. values: the text of each number by name. known: those that have been computed so far,
    None for all. current: those of the block that is explained.
    """

    graph: Mapping[str, Any]
    values: Mapping[str, str]
    backward: bool = False
    known: frozenset[str] | None = None
    current: frozenset[str] = frozenset()

    def shows(self, name: str) -> bool:
        """Tell whether a number is known by now."""
        return bool(name) and name in self.values and (self.known is None or name in self.known)


def places(graph: Mapping[str, Any]) -> dict[str, tuple[int, float]]:
    """Return the column and row of each unit: a unit stands behind all that it gets numbers from.

    Inputs stand right before the first unit that they go to, so that a network in time reads from left to
    right.
    """
    units = [unit["id"] for unit in graph["units"]]
    inputs = {unit["id"] for unit in graph["units"] if unit["kind"] == "input"}
    before: dict[str, list[str]] = {}
    for edge in graph["edges"]:
        before.setdefault(edge["to"], []).append(edge["from"])
    depth: dict[str, int] = dict.fromkeys(inputs, 0)
    for unit in units:  # in the order of computation
        if unit not in inputs:
            depth[unit] = 1 + max((depth.get(start, 0) for start in before.get(unit, ())), default=0)
    for unit in inputs:
        ends = [depth[edge["to"]] for edge in graph["edges"] if edge["from"] == unit]
        depth[unit] = min(ends, default=1) - 1
    columns: dict[int, list[str]] = {}
    for unit in units:
        columns.setdefault(depth[unit], []).append(unit)
    most = max(map(len, columns.values()), default=1)
    found = {}
    for column, members in columns.items():
        members = sorted(members, key=lambda unit: unit in inputs)  # inputs below the units of their column
        for at, unit in enumerate(members):
            found[unit] = (column, at + (most - len(members)) / 2)
    return found


def svg(drawing: Drawing, title: str, number: int) -> Markup:
    """Return the drawing as SVG, with a title for those who do not see it; `number` tells drawings apart."""
    where = places(drawing.graph)
    columns = 1 + max((column for column, _ in where.values()), default=0)
    rows = 1 + max((row for _, row in where.values()), default=0.0)
    width, height = (columns - 1) * COLUMN + 2 * MARGIN, int(rows * ROW + 8)
    at = {unit: (MARGIN + column * COLUMN, 56 + row * ROW) for unit, (column, row) in where.items()}
    parts = [
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-labelledby="drawing-{number}" class="net{" few" if columns <= FEW_COLUMNS else ""}">',
        f'<title id="drawing-{number}">{escape(title)}</title>',
        *_edges(drawing, at),
        *_units(drawing, at),
        "</svg>",
    ]
    return Markup("\n".join(parts))


def _edges(drawing: Drawing, at: Mapping[str, tuple[float, float]]) -> Sequence[str]:
    edges = drawing.graph["edges"]
    lines, labels = [], []
    for edge in edges:
        (x1, y1), (x2, y2) = at[edge["from"]], at[edge["to"]]
        length = max(((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5, 1.0)
        dx, dy = (x2 - x1) / length * RADIUS, (y2 - y1) / length * RADIUS
        name = edge["gradient"] if drawing.backward else edge["weight"]
        into = not drawing.backward and edge["to"] in drawing.current
        lit = into or bool({edge["weight"], edge["gradient"]} & drawing.current)
        kind = "edge lit" if lit else "edge"
        lines.append(
            f'<line x1="{x1 + dx:.1f}" y1="{y1 + dy:.1f}" x2="{x2 - dx:.1f}" y2="{y2 - dy:.1f}" '
            f'class="{kind}"/>'
        )
        if len(edges) <= MOST_LABELS and drawing.shows(name):
            share = 0.34
            x, y = x1 + share * (x2 - x1), y1 + share * (y2 - y1)
            labels.append(
                f'<text x="{x:.1f}" y="{y - 4:.1f}" class="weight{" lit" if lit else ""}">'
                f"{escape(drawing.values[name])}</text>"
            )
    return [*lines, *labels]


def _units(drawing: Drawing, at: Mapping[str, tuple[float, float]]) -> Sequence[str]:
    parts = []
    for unit in drawing.graph["units"]:
        x, y = at[unit["id"]]
        names = (unit["delta"],) if drawing.backward else (unit["id"], unit["a"])
        lit = bool(set(names) & drawing.current)
        kind = f"unit {unit['kind']}{' lit' if lit else ''}"
        parts.append(f'<circle cx="{x}" cy="{y}" r="{RADIUS}" class="{kind}"/>')
        if drawing.backward:
            label = unit["delta"] or unit["id"]
            text = drawing.values[label] if drawing.shows(label) else ""
        else:
            later = not unit["a"] or (drawing.shows(unit["id"]) and not drawing.shows(unit["a"]))
            label = unit["id"] if later else unit["a"]
            text = drawing.values[label] if drawing.shows(label) else ""
        parts.append(f'<text x="{x}" y="{y + 5}" class="value">{escape(text)}</text>')
        parts.append(f'<text x="{x}" y="{y - RADIUS - 6}" class="label">{escape(label)}</text>')
        if not drawing.backward and drawing.shows(unit["bias"]):
            bias = f"{unit['bias']} {drawing.values[unit['bias']]}"
            parts.append(f'<text x="{x}" y="{y + RADIUS + 15}" class="bias">{escape(bias)}</text>')
    return parts
