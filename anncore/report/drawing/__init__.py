"""What figures are drawn with: `from anncore import drawing`, then `drawing.new_sheet(...)`.

Lengths are inches. A figure is a sheet with its heading (`new_sheet`), axes on it (`place`, `panels`), and a
`Drawing` that says in words what it shows.

    sheet    WIDE, NARROW and PHONE, its widths; new_sheet, place, panels, fit_columns, panel_title
    legend   Legend, one for all panels
    axes     log_axis, plain_axis, padded, tick_text, y_labels; robust_range, edge_values for scores far off
    text     text_width, shorten, two_lines, name_lines, end_labels, corner_texts, spread; side_strip
    failures begun_problems, half_lost, lost_words, lost_mark, row_mark, mark_words, lost_count,
             lost_counts, nothing_ran, so_far, left_out_levels
    many     shown_problems, GreyRows: where there are more panels or arms than can be read;
             in_bands, seed_row, draw_seeds, seeds_said: where there are more seeds; factors_together
    planes   draw_plane, draw_classes, class_marks: a classifier over two features
    layers   layer_sheet, LayerPanel, layer_words, weightiest, RampKey, ramp_key
    standing standings, change, change_interval: how each arm stands to the report's reference
    seaborn  our_seaborn, without what takes long to import
    colours  Theme, which gives every arm its colour, marker and dash
"""

from __future__ import annotations

from anncore.report.drawing.axes import (
    edge_values,
    far_off,
    log_axis,
    padded,
    plain_axis,
    robust_range,
    tick_text,
    y_labels,
)
from anncore.report.drawing.failures import (
    begun_problems,
    half_lost,
    left_out_levels,
    lost_count,
    lost_counts,
    lost_mark,
    lost_words,
    mark_words,
    nothing_ran,
    row_mark,
    so_far,
)
from anncore.report.drawing.layers import (
    LayerPanel,
    RampKey,
    layer_sheet,
    layer_words,
    ramp_key,
    weightiest,
)
from anncore.report.drawing.legend import Legend
from anncore.report.drawing.many import (
    GreyRows,
    draw_seeds,
    factors_together,
    in_bands,
    seed_row,
    seeds_said,
    shown_problems,
)
from anncore.report.drawing.our_seaborn import our_seaborn
from anncore.report.drawing.planes import class_marks, draw_classes, draw_plane
from anncore.report.drawing.saving import to_png, to_svg
from anncore.report.drawing.sheet import (
    NARROW,
    PHONE,
    WIDE,
    Drawing,
    corner_texts,
    drawing_style,
    end_labels,
    fit_columns,
    new_sheet,
    panel_title,
    panels,
    place,
    side_strip,
    spread,
)
from anncore.report.drawing.text import name_lines, shorten, text_width, two_lines
from anncore.report.standing import change, change_interval, standings
from anncore.report.theme import Theme

__all__ = [
    "NARROW",
    "PHONE",
    "WIDE",
    "Drawing",
    "GreyRows",
    "LayerPanel",
    "Legend",
    "RampKey",
    "Theme",
    "begun_problems",
    "change",
    "change_interval",
    "class_marks",
    "corner_texts",
    "draw_classes",
    "draw_plane",
    "draw_seeds",
    "drawing_style",
    "edge_values",
    "end_labels",
    "factors_together",
    "far_off",
    "fit_columns",
    "half_lost",
    "in_bands",
    "layer_sheet",
    "layer_words",
    "left_out_levels",
    "log_axis",
    "lost_count",
    "lost_counts",
    "lost_mark",
    "lost_words",
    "mark_words",
    "name_lines",
    "new_sheet",
    "nothing_ran",
    "our_seaborn",
    "padded",
    "panel_title",
    "panels",
    "place",
    "plain_axis",
    "ramp_key",
    "robust_range",
    "row_mark",
    "seed_row",
    "seeds_said",
    "shorten",
    "shown_problems",
    "side_strip",
    "so_far",
    "spread",
    "standings",
    "text_width",
    "tick_text",
    "to_png",
    "to_svg",
    "two_lines",
    "weightiest",
    "y_labels",
]
