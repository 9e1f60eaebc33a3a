"""Reports: report.json and its views, and what figures are drawn with.

What writes a report loads when it is first used: figure plugins need only what they draw with, and
`annx list` loads them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anncore.report.drawing import (
    NARROW,
    WIDE,
    Drawing,
    end_labels,
    half_lost,
    log_axis,
    lost_count,
    lost_counts,
    lost_words,
    new_sheet,
    padded,
    panel_title,
    panels,
    place,
    plain_axis,
    shorten,
    spread,
    text_width,
    tick_text,
    two_lines,
)
from anncore.report.layers import LayerPanel, RampKey, layer_sheet, layer_words, ramp_key, weightiest
from anncore.report.many import GreyRows, shown_problems
from anncore.report.theme import Style, Theme

if TYPE_CHECKING:
    from anncore.report.terminal import summary
    from anncore.report.write import write_report

__all__ = [
    "NARROW",
    "WIDE",
    "Drawing",
    "GreyRows",
    "LayerPanel",
    "RampKey",
    "Style",
    "Theme",
    "end_labels",
    "half_lost",
    "layer_sheet",
    "layer_words",
    "log_axis",
    "lost_count",
    "lost_counts",
    "lost_words",
    "new_sheet",
    "padded",
    "panel_title",
    "panels",
    "place",
    "plain_axis",
    "ramp_key",
    "shorten",
    "shown_problems",
    "spread",
    "summary",
    "text_width",
    "tick_text",
    "two_lines",
    "weightiest",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name == "summary":
        from anncore.report.terminal import summary

        return summary
    if name == "write_report":
        from anncore.report.write import write_report

        return write_report
    raise AttributeError(f"module 'anncore.report' has no attribute {name!r}")
