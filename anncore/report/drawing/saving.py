"""Figures as SVG and PNG: the same bytes for the same drawing."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np

from anncore.report.drawing.sheet import DPI

EXACT = 96  # colours of a PNG's palette that are taken as they are


def to_svg(figure: Any) -> str:
    """Return a figure as SVG without date, its numbers cut to a hundredth of a point.

    What is not visible is left out as well: indentation, comments, metadata and the names of groups make a
    seventh of the file, and a report holds every figure twice.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = re.sub(r' d="[^"]*"', lambda path: _shorter(path[0]), buffer.getvalue())
    text = re.sub(r"<metadata>.*?</metadata>|<!-- .*? -->", "", text, flags=re.DOTALL)
    text = re.sub(r'(translate\([^)]*\)| [xy]="[^"]*")', lambda place: _cut(place[0]), text)
    text = re.sub(r'<g id="[^"]*_\d+">', "<g>", text)
    return re.sub(r"[ \t]*\n\s*", "\n", text)


def _shorter(path: str) -> str:
    return re.sub(r"\s*\n\s*", " ", _cut(path)).replace(' "', '"')


def _cut(numbers: str) -> str:
    return re.sub(r"(\d\.\d\d)\d+", r"\1", numbers)


def to_png(figure: Any) -> bytes:
    """Return a figure as PNG of at most 256 colours, a third as long as one of all colours.

    The colours of areas and lines are kept as they are; those at the edges of letters and lines are rounded
    to the nearest of the palette.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image  # matplotlib writes its PNG with it

    before = figure.dpi
    figure.dpi = DPI
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
    figure.dpi = before
    buffer = io.BytesIO()
    drawn = paletted(Image.fromarray(np.ascontiguousarray(pixels)))
    drawn.save(buffer, "PNG", dpi=(DPI, DPI))
    return buffer.getvalue()


def paletted(image: Any) -> Any:
    """Return an RGB image with a palette: its most frequent colours exactly, and others that cover the rest.

    Each pixel gets the nearest colour by Euclidean distance; with 256 colours or fewer nothing changes.
    """
    from PIL import Image

    counted = sorted(image.getcolors(image.width * image.height), key=lambda pair: (-pair[0], pair[1]))
    colors = np.array([color for _, color in counted], np.int32)
    palette = colors
    if len(colors) > 256:
        rest = image.quantize(256 - EXACT, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        covering = np.array(rest.getpalette()[: 3 * (256 - EXACT)], np.int32).reshape(-1, 3)
        palette = np.concatenate([colors[:EXACT], covering])
    # |c - p|² = |c|² - 2 c·p + |p|², of which |c|² is the same for every p
    off = (palette**2).sum(axis=1) - 2 * (colors @ palette.T)
    place = np.zeros(1 << 24, np.uint8)  # by a colour's three bytes
    place[_packed(colors)] = off.argmin(axis=1)
    drawn = Image.fromarray(place[_packed(np.asarray(image, np.int32))])
    drawn.putpalette(palette.astype(np.uint8).tobytes())
    return drawn


def _packed(colors: Any) -> Any:
    return (colors[..., 0] << 16) | (colors[..., 1] << 8) | colors[..., 2]
