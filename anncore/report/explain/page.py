"""A step as one HTML page: no remote asset, no script, every number and drawing in the page itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from anncore.report.explain.picture import MOST_STEPS, Drawing, svg
from anncore.report.explain.text import effect_text, headline, not_whole, refuse_wide, setting
from anncore.report.html import asset, source_hash

MOST_ROWS = 64  # numbers of a block that are each written out; of a larger one the first ones are
FIRST = 8
FEW_DIGITS = 3  # of the numbers in drawings


def render_page(content: Mapping[str, Any]) -> str:
    """Return the page; every text is escaped by the template engine.

    Raises ExperimentError where a layer is too wide for a page.
    """
    refuse_wide(content)
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["written"] = _written
    style = asset("report.css") + asset("explain.css")
    policy = f"default-src 'none'; style-src '{source_hash(style)}'; base-uri 'none'; form-action 'none'"
    pictures = _Pictures(content)
    return environment.from_string(asset("explain.html.j2")).render(
        content=content,
        headline=headline(content),
        not_whole=not_whole(content),
        effect=effect_text(content),
        setting=setting,
        pictures=pictures,
        most=MOST_ROWS,
        first=FIRST,
        policy=policy,
        style=Markup(style),
    )


def _written(formula: str) -> str:
    """Return a formula with the signs that a page has: a dot for products, a raised T."""
    return formula.replace("*", "·").replace("^T", "ᵀ")


class _Pictures:
    """The drawings of a page: the whole step forward and backward, and one for each block."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._graph = content["graph"]
        self._values = texts_of(content)
        self._known: set[str] = set()
        blocks = sum(stage["name"] in ("forward", "backward") for stage in content["stages"])
        self._many = sum(
            len(stage["blocks"]) for stage in content["stages"] if stage["name"] in ("forward", "backward")
        )
        self._number = 0
        self.any = self._graph is not None and blocks > 0

    def whole(self, backward: bool) -> Any:
        """Return the drawing of a pass with all its numbers."""
        title = "Backward pass: deltas in the units, gradients on the connections"
        if not backward:
            title = "Forward pass: activations in the units, weights on the connections"
        return self._drawn(Drawing(self._graph, self._values, backward), title)

    def of(self, stage: Mapping[str, Any], block: Mapping[str, Any]) -> Any:
        """Return the drawing at a block: what is known by then, with the block's numbers lit; else ""."""
        names = {line["name"] for line in block["lines"]}
        self._known |= names
        small = len(self._graph["edges"]) <= 60 if self.any else False
        if not small or self._many > MOST_STEPS or stage["name"] not in ("forward", "backward", "gradients"):
            return ""
        backward = stage["name"] != "forward"
        if not self._changes(names, backward):
            return ""
        drawing = Drawing(self._graph, self._values, backward, frozenset(self._known), frozenset(names))
        return self._drawn(drawing, f"The network when {block['name']} is known")

    def _changes(self, names: set[str], backward: bool) -> bool:
        """Tell whether a drawing shows any of these numbers."""
        if backward:
            shown = {unit["delta"] for unit in self._graph["units"]}
            shown |= {edge["gradient"] for edge in self._graph["edges"]}
        else:
            shown = {name for unit in self._graph["units"] for name in (unit["id"], unit["a"])}
        return bool(names & shown)

    def _drawn(self, drawing: Drawing, title: str) -> Any:
        self._number += 1
        return svg(drawing, title, self._number)


def texts_of(content: Mapping[str, Any]) -> dict[str, str]:
    """Return every number of a step by its name as a drawing writes it, "?" for one that nobody knows."""
    digits = min(content["digits"], FEW_DIGITS)
    numbers = {line["name"]: line["value"] for line in _lines(content)}
    return {name: "?" if value is None else f"{value + 0.0:.{digits}g}" for name, value in numbers.items()}


def _lines(content: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for stage in content["stages"]:
        for block in stage["blocks"]:
            yield from block["lines"]
