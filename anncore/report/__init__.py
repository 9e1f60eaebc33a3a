"""Reports: report.json and its views, and what figures are drawn with."""

from anncore.report.drawing import (
    NARROW,
    WIDE,
    Drawing,
    end_labels,
    log_axis,
    new_sheet,
    padded,
    panel_title,
    panels,
    place,
    shorten,
    spread,
    text_width,
    tick_text,
)
from anncore.report.terminal import summary
from anncore.report.theme import Style, Theme
from anncore.report.write import write_report

__all__ = [
    "NARROW",
    "WIDE",
    "Drawing",
    "Style",
    "Theme",
    "end_labels",
    "log_axis",
    "new_sheet",
    "padded",
    "panel_title",
    "panels",
    "place",
    "shorten",
    "spread",
    "summary",
    "text_width",
    "tick_text",
    "write_report",
]
