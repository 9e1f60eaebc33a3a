"""Figures as SVG and PNG: the same bytes for the same drawing."""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from anncore.report.drawing.our_matplotlib import our_matplotlib
from anncore.report.drawing.sheet import DPI

OURS = ("anncore.report.drawing.lean_axes", "anncore.report.drawing.renderers")
EXACT = 96  # colours of a PNG's palette that are taken as they are


def prepare_to_draw() -> None:
    """Import what every figure is drawn with."""
    our_matplotlib()
    for name in ("matplotlib.figure", "PIL.PngImagePlugin", *OURS):
        importlib.import_module(name)


def to_both(figure: Any) -> tuple[str, bytes]:
    """Return a figure as SVG and as PNG, as `to_svg` and `to_png` do, laid out once.

    Texts in the pixels lie where they lie in the vectors, to a fraction of a pixel.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import RendererAgg

    from anncore.report.drawing.renderers import Both, ForEachAloneError, Vectors

    if any(np.ndim(image.get_alpha()) for axes in figure.axes for image in axes.images):
        return to_svg(figure), to_png(figure)  # as matplotlib leaves an image's opacities out of vectors
    buffer, (width, height) = io.StringIO(), figure.get_size_inches()
    pixels: Any = RendererAgg(width * DPI, height * DPI, DPI)  # type: ignore[no-untyped-call]
    try:
        vectors: Any = Vectors((width, height), buffer, figure.dpi)
        # Letters that are fitted to pixels are wider than their outlines: what ends at a line would run over.
        with _laid_out_in_points(figure), rc_context({"text.hinting": "none"}):
            figure.draw(Both(vectors, pixels))
            vectors.finalize()  # which writes what clips, and that depends on the figure's dpi
    except ForEachAloneError:
        return to_svg(figure), to_png(figure)
    return _cleaned(buffer.getvalue()), _png(pixels)


def to_svg(figure: Any) -> str:
    """Return a figure as SVG without date, its numbers cut to a hundredth of a point.

    What is not visible is left out as well: indentation, comments, metadata and groups without a name make a
    fifth of the file, and a report holds every figure twice.
    """
    from matplotlib.backends.backend_mixed import MixedModeRenderer

    from anncore.report.drawing.renderers import Vectors

    buffer, size, dpi = io.StringIO(), figure.get_size_inches(), figure.dpi
    vectors = Vectors(size, buffer, dpi)
    with _laid_out_in_points(figure):
        mixed: Any = MixedModeRenderer(figure, size[0], size[1], dpi, vectors)  # type: ignore[no-untyped-call]
        figure.draw(mixed)
        mixed.finalize()
    return _cleaned(buffer.getvalue())


@contextmanager
def _laid_out_in_points(figure: Any) -> Iterator[None]:
    """Let a point be one unit of the drawing, as an SVG has it."""
    before = figure.dpi
    figure.dpi = 72
    try:
        yield
    finally:
        figure.dpi = before


def _cleaned(svg: str) -> str:
    text = re.sub(r' d="[^"]*"', lambda path: _shorter(path[0]), svg)
    text = re.sub(r"<metadata>.*?</metadata>|<!-- .*? -->", "", text, flags=re.DOTALL)
    text = re.sub(r'(translate\([^)]*\)| [xy]="[^"]*")', lambda place: _cut(place[0]), text)
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

    before = figure.dpi
    figure.dpi = DPI
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    figure.dpi = before
    return _png(canvas)


def _png(drawn_on: Any) -> bytes:
    buffer = io.BytesIO()
    pixels = np.asarray(drawn_on.buffer_rgba())[..., :3]
    paletted(pixels).save(buffer, "PNG", dpi=(DPI, DPI))
    return buffer.getvalue()


def paletted(pixels: Any) -> Any:
    """Return (H, W, 3) bytes as an image with a palette: the most frequent colours exactly, and others that
    cover the rest.

    Each pixel gets the nearest colour by Euclidean distance; with 256 colours or fewer nothing changes.
    """
    from PIL import Image  # matplotlib writes its PNG with it

    packed = _packed(pixels).ravel()
    # Of a drawing most pixels are as the one before: runs are a tenth of them.
    starts = np.flatnonzero(np.concatenate([[True], packed[1:] != packed[:-1]]))
    lengths = np.diff(starts, append=len(packed))
    every, which = np.unique(packed[starts], return_inverse=True)
    counts = np.bincount(which, lengths)
    order = np.argsort(-counts, kind="stable")  # of equals the darker one, as `every` is sorted
    colors = np.stack([every >> 16, (every >> 8) & 255, every & 255], axis=1)
    palette = frequent = colors[order]
    if len(colors) > 256:
        # Each colour once: what covers them does not depend on how often they are there.
        once = Image.fromarray(frequent.astype(np.uint8)[None])
        rest = once.quantize(256 - EXACT, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        covering = np.array((rest.getpalette() or [])[: 3 * (256 - EXACT)], np.int32).reshape(-1, 3)
        palette = np.concatenate([frequent[:EXACT], covering])
    # |c - p|² = |c|² - 2 c·p + |p|², of which |c|² is the same for every p
    off = (palette**2).sum(axis=1) - 2 * (colors @ palette.T)
    nearest = off.argmin(axis=1).astype(np.uint8)
    drawn = Image.fromarray(np.repeat(nearest[which], lengths).reshape(pixels.shape[:2]))
    drawn.putpalette(palette.astype(np.uint8).tobytes())
    return drawn


def _packed(pixels: Any) -> Any:
    """Return each pixel's three bytes as one number."""
    whole = pixels[..., 0].astype(np.int32)
    for channel in (1, 2):
        whole <<= 8
        whole |= pixels[..., channel]
    return whole
