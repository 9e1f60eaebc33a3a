"""One drawing of a figure as vectors and as pixels at once: its layout is what takes the time.

`Both` is a renderer, as matplotlib calls what artists draw on. It measures and lays out in points, as an SVG
does, and hands every path, mark and letter on to matplotlib's own two renderers, magnified for the pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.path import Path
from matplotlib.textpath import TextToPath
from matplotlib.transforms import Affine2D, Bbox, TransformedPath

POINTS = 72  # in an inch
MOST_TEXTS = 2000  # that are remembered, about 20 kB each: a notebook may write a hundred reports


class _Letters(TextToPath):
    """Texts as outlines; what was measured or laid out once is known, as ticks say the same all over."""

    def __init__(self) -> None:
        super().__init__()
        self._sizes: dict[Any, tuple[float, float, float]] = {}
        self._lines: dict[Any, Any] = {}
        self._outlines: dict[Any, Path] = {}

    def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> Any:
        """Return how large a line of text is, in points."""
        scale = prop.get_size_in_points() / self.FONT_SCALE
        width, height, descent = self.size(s, prop, ismath)
        return width * scale, height * scale, descent * scale

    def size(self, s: str, prop: Any, ismath: Any = False) -> tuple[float, float, float]:
        """Return width, height and descent of a line of text that is FONT_SCALE points high."""

        def measured() -> tuple[float, float, float]:
            whole = prop.copy()
            whole.set_size(self.FONT_SCALE)
            return super(_Letters, self).get_text_width_height_descent(s, whole, ismath)

        return _remembered(self._sizes, (s, ismath, *_shape(prop)), measured)

    def get_glyphs_with_font(
        self,
        font: Any,
        s: str,
        glyph_map: Any = None,
        return_new_glyphs_only: bool = False,
        **features: Any,
    ) -> Any:
        """Return where the letters of a line lie, and the shapes of those that are new."""
        lay_out = super().get_glyphs_with_font
        if any(value is not None for value in features.values()):
            return lay_out(font, s, glyph_map, return_new_glyphs_only, **features)
        placed, shapes, boxes = _remembered(
            self._lines, (font.fname, s), lambda: lay_out(font, s, {}, **features)
        )
        known = {} if glyph_map is None else glyph_map
        new = {name: shape for name, shape in shapes.items() if name not in known}
        return placed, new if return_new_glyphs_only else {**known, **new}, boxes

    def outline(self, s: str, prop: Any, ismath: Any) -> Path:
        """Return the outline of a line of text, FONT_SCALE units high."""

        def outlined() -> Path:
            vertices, codes = self.get_text_path(prop, s, ismath)
            return Path(vertices, codes)

        return _remembered(self._outlines, (s, ismath, *_shape(prop)), outlined)


def _remembered(known: dict[Any, Any], key: Any, make: Callable[[], Any]) -> Any:
    """Return what is known by a key, or make it; of too many all are forgotten."""
    if key not in known:
        if len(known) >= MOST_TEXTS:
            known.clear()
        known[key] = make()
    return known[key]


LETTERS = _Letters()


class ForEachAloneError(Exception):
    """What is drawn has pixels of its own, of another size for each renderer."""


class Vectors(RendererSVG):
    """matplotlib's renderer of SVG, without the groups that nothing refers to, about an element each."""

    def __init__(self, size: tuple[float, float], file: Any, image_dpi: float) -> None:
        width, height = size
        nothing = {"Date": None, "Creator": None}
        make: Any = super().__init__
        make(width * POINTS, height * POINTS, file, image_dpi=image_dpi, metadata=nothing)
        self._text2path = LETTERS
        self._named: list[bool] = []

    def open_group(self, s: str, gid: str | None = None) -> None:
        """Begin a group that an author has named."""
        self._named.append(gid is not None)
        if gid is not None:
            super().open_group(s, gid)  # type: ignore[no-untyped-call]

    def close_group(self, s: str) -> None:
        """End a group."""
        if self._named.pop():
            super().close_group(s)  # type: ignore[no-untyped-call]


class Both(RendererBase):
    """Draws on two renderers; sizes and places are the vectors', in points."""

    def __init__(self, vectors: Vectors, pixels: RendererAgg) -> None:
        super().__init__()
        self._vectors: Any = vectors
        self._pixels: Any = pixels
        self.dpi = POINTS
        self._scale = pixels.dpi / POINTS
        self._magnify = np.diag([self._scale, self._scale, 1.0])

    def draw_path(self, gc: Any, path: Any, transform: Any, rgbFace: Any = None) -> None:
        """Draw a path on both."""
        self._vectors.draw_path(gc, path, transform, rgbFace)
        self._pixels.draw_path(self._larger_gc(gc), path, self._larger(transform), rgbFace)

    def draw_markers(
        self,
        gc: Any,
        marker_path: Any,
        marker_trans: Any,
        path: Any,
        trans: Any,
        rgbFace: Any = None,
    ) -> None:
        """Draw one mark at many places on both."""
        self._vectors.draw_markers(gc, marker_path, marker_trans, path, trans, rgbFace)
        larger = self._larger(marker_trans), path, self._larger(trans)
        self._pixels.draw_markers(self._larger_gc(gc), marker_path, *larger, rgbFace)

    def draw_path_collection(
        self,
        gc: Any,
        master_transform: Any,
        paths: Any,
        all_transforms: Any,
        offsets: Any,
        offset_trans: Any,
        *style: Any,
        **more: Any,
    ) -> None:
        """Draw many paths on both."""
        self._vectors.draw_path_collection(
            gc, master_transform, paths, all_transforms, offsets, offset_trans, *style, **more
        )
        self._pixels.draw_path_collection(
            self._larger_gc(gc),
            self._larger(master_transform),
            paths,
            all_transforms,
            offsets,
            self._larger(offset_trans),
            *style,
            **more,
        )

    def draw_quad_mesh(self, gc: Any, master_transform: Any, *mesh: Any, **more: Any) -> None:
        """Draw cells on both."""
        *cells, offsets, offset_trans, faces, antialiased, edges = mesh
        self._vectors.draw_quad_mesh(gc, master_transform, *mesh, **more)
        larger = self._larger(master_transform), *cells, offsets, self._larger(offset_trans)
        self._pixels.draw_quad_mesh(self._larger_gc(gc), *larger, faces, antialiased, edges, **more)

    def draw_image(self, gc: Any, x: float, y: float, im: Any, transform: Any = None) -> None:
        """Draw an image on both: as it is among the vectors, each pixel the nearest of its own here.

        Refuse one that is interpolated or turned, of which each renderer has its own.
        """
        if transform is None or np.any(transform.get_matrix()[[0, 1], [1, 0]]):
            raise ForEachAloneError
        self._vectors.draw_image(gc, x, y, im, transform)
        ends = np.floor(self._scale * (transform.transform([(0, 0), (1, 1)]) + np.array([x, y])) + 0.5)
        columns, rows = (_nearest(have, *side) for have, side in zip(im.shape[1::-1], ends.T, strict=True))
        if len(rows) and len(columns):
            left, bottom = ends.min(axis=0).astype(int).tolist()
            shown, larger = im[np.ix_(rows, columns)], self._larger_gc(gc)
            # Agg minds an image's own opacity alone, but that of the whole too where a path clips it.
            shown[..., 3] = shown[..., 3].astype(np.float32) * gc.get_alpha()
            larger.set_alpha(1.0)
            self._pixels.draw_image(larger, left, bottom, shown)

    def draw_gouraud_triangles(
        self, gc: Any, triangles_array: Any, colors_array: Any, transform: Any
    ) -> None:
        """Refuse colours that run into each other, which are pixels among the vectors."""
        raise ForEachAloneError

    def option_scale_image(self) -> bool:
        """Say that images come as they are, with where they lie."""
        return True

    def option_image_nocomposite(self) -> bool:
        """Say that images which lie on each other come one by one."""
        return True

    def start_rasterizing(self) -> None:
        """Refuse what an author has asked to be pixels among vectors."""
        raise ForEachAloneError

    def draw_text(
        self,
        gc: Any,
        x: float,
        y: float,
        s: str,
        prop: Any,
        angle: float,
        ismath: Any = False,
        mtext: Any = None,
    ) -> None:
        """Write a line of text on both."""
        self._vectors.draw_text(gc, x, y, s, prop, angle, ismath, mtext)
        size = prop.get_size_in_points() / LETTERS.FONT_SCALE
        place = Affine2D().scale(size).rotate_deg(angle).translate(x, self._vectors.height - y)
        larger = self._larger_gc(gc)
        larger.set_linewidth(0)
        larger.set_snap(False)
        # As outlines, of which Agg fills a line of text at once; it would render letter by letter.
        self._pixels.draw_path(larger, LETTERS.outline(s, prop, ismath), self._larger(place), gc.get_rgb())

    def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> Any:
        """Return how large a line of text is, in points."""
        return self._vectors.get_text_width_height_descent(s, prop, ismath)

    def flipy(self) -> bool:
        """Say that y runs downwards, as on both."""
        return True

    def get_canvas_width_height(self) -> tuple[float, float]:
        """Return the sheet's size in points."""
        return self._vectors.get_canvas_width_height()

    def open_group(self, s: str, gid: str | None = None) -> None:
        """Begin a group of the vectors."""
        self._vectors.open_group(s, gid)

    def close_group(self, s: str) -> None:
        """End a group of the vectors."""
        self._vectors.close_group(s)

    def _larger(self, transform: Any) -> Affine2D:
        return Affine2D(self._magnify @ transform.get_matrix())

    def _larger_gc(self, gc: Any) -> GraphicsContextBase:
        """Return how to draw on the pixels: the same, where it is clipped magnified."""
        larger = GraphicsContextBase()
        larger.copy_properties(gc)
        box = gc.get_clip_rectangle()
        if box is not None:
            larger.set_clip_rectangle(Bbox(box.get_points() * self._scale))
        path, transform = gc.get_clip_path()
        if path is not None:
            larger.set_clip_path(TransformedPath(path, self._larger(transform)))
        return larger


def _shape(prop: Any) -> tuple[Any, ...]:
    """Return what a font is chosen by, all but its size."""
    return (
        *prop.get_family(),
        prop.get_style(),
        prop.get_variant(),
        prop.get_weight(),
        prop.get_stretch(),
        prop.get_file(),
    )


def _nearest(have: int, begin: float, end: float) -> Any:
    """Return which of an image's `have` pixels each pixel between two places shows, upwards."""
    wanted = int(abs(end - begin))
    shown = (2 * np.arange(wanted) + 1) * have // (2 * wanted) if wanted else np.arange(0)
    return shown if end > begin else shown[::-1]
