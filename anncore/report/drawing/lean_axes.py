"""Axes that draw their ticks without an object for each of them.

matplotlib makes three lines and two texts of every tick, which is most of what a figure of many panels takes.
These axes draw what all ticks have in common at once: one path of grid lines, one of marks, then the labels.
Who asks for the ticks themselves, as `ax.get_yticklabels()` does, gets them, and they are drawn as matplotlib
draws them; so is whatever is set here and not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis, YAxis
from matplotlib.colors import to_rgba
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from matplotlib.transforms import Affine2D, Bbox, IdentityTransform

from anncore.contract.kinds import Array

KNOWN = {
    *("left", "right", "bottom", "top", "labelleft", "labelright", "labelbottom", "labeltop"),
    *("gridOn", "length", "width", "color", "pad", "labelsize", "labelcolor", "direction"),
}
MARK = Path([[0.0, 0.0], [0.0, 1.0]])
RC: Any = rcParams
IDENTITY: Any = IdentityTransform()


class _Side(NamedTuple):
    """A side of the axes on which ticks lie: the names of its settings and transforms."""

    name: str
    place: str  # as matplotlib numbers it: "1" at the lower end of the other axis, "2" at the upper one
    turn: float  # degrees from a mark that points up


class _NoTicks:
    """An axis' list of ticks, empty until somebody asks for one."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, axis: Any, owner: type) -> Any:
        if axis is None:
            return self
        ticks: list[Any] = []
        axis.__dict__[self._name] = ticks
        return ticks


class _LeanAxis(Axis):
    """What the two axes have in common."""

    across: str  # the name of this axis
    sides: tuple[_Side, _Side]
    axes: Any
    majorTicks: Any = _NoTicks()
    minorTicks: Any = _NoTicks()
    _was_drawn = False

    def set_ticks(self, ticks: Any, labels: Any = None, *, minor: bool = False, **kwargs: Any) -> Any:
        """Set where ticks lie, and their labels, as matplotlib's axis does; no ticks are made for it."""
        places = list(ticks)
        texts = None if labels is None else list(labels)
        plain = texts is None or (len(texts) == len(places) and all(isinstance(one, str) for one in texts))
        if (
            minor
            or self.majorTicks
            or not plain
            or self.have_units()
            or set(kwargs) - {"size"}
            or (kwargs and texts is None)
        ):
            return super().set_ticks(places, labels, minor=minor, **kwargs)
        locator = FixedLocator(places)
        if places:
            self.set_view_interval(min(places), max(places))
        self.set_major_locator(locator)
        if texts is not None:
            self.set_major_formatter(FixedFormatter(texts))
        if kwargs:
            self.set_tick_params(labelsize=kwargs["size"])
        return []

    def get_major_ticks(self, numticks: int | None = None) -> Any:
        """Return the ticks; from now on matplotlib draws them, as they may be changed."""
        new = self._was_drawn and not self.majorTicks  # matplotlib writes their texts when it draws them
        had = len(self.majorTicks)
        ticks = super().get_major_ticks(numticks)
        self._clip(self.majorTicks[had:])
        if new:
            places = self.get_majorticklocs()
            texts = self._texts(places)
            for tick, place, text in zip(ticks, places, texts, strict=False):
                tick.update_position(place)
                tick.label1.set_text(text)
                tick.label2.set_text(text)
        return ticks

    def get_minor_ticks(self, numticks: int | None = None) -> Any:
        """Return the minor ticks; from now on matplotlib draws this axis."""
        had = len(self.minorTicks)
        ticks = super().get_minor_ticks(numticks)
        self._clip(self.minorTicks[had:])
        return ticks

    def _clip(self, ticks: Sequence[Any]) -> None:
        """Let grid lines end at the axes' edge, as those that matplotlib makes with its axes do."""
        for tick in ticks:
            tick.set_clip_path(self.axes.patch)

    def get_ticks_position(self) -> Any:
        """Say on which side the ticks and their labels are, as matplotlib's axis does by its first tick."""
        if self.majorTicks:
            return super().get_ticks_position()  # type: ignore[misc]
        given = self.get_tick_params(which="major")
        sides = [(given.get(side.name, True), given.get(f"label{side.name}", True)) for side in self.sides]
        words = {
            ((True, True), (False, False)): self.sides[0].name,
            ((False, False), (True, True)): self.sides[1].name,
            ((True, True), (True, False)): "default",
        }
        return words.get((sides[0], sides[1]), "unknown")

    def draw(self, renderer: Any) -> None:
        """Draw the ticks, and the axis' label beyond them."""
        if not self.get_visible():
            return
        settings = self._settings()
        if settings is None:
            super().draw(renderer)
            return
        places = np.asarray(self.get_majorticklocs(), float)
        texts = self._texts(places)
        if self.get_major_formatter().get_offset():
            super().draw(renderer)
            return
        self._was_drawn = True
        shown = self._in_view(places)
        places, texts = places[shown], [text for text, seen in zip(texts, shown, strict=True) if seen]
        renderer.open_group(f"{self.across}axis")
        if len(places):
            if settings["gridOn"]:
                self._draw_grid(renderer, places)
            for side in self.sides:
                if settings[side.name] and settings["length"] > 0:
                    self._draw_marks(renderer, places, side, settings)
        boxes = [self._draw_labels(renderer, places, texts, side, settings) for side in self.sides]
        if self.label.get_text():
            self._place_label(boxes, settings if len(places) else {**settings, "length": 0.0})
            self.label.draw(renderer)
        renderer.close_group(f"{self.across}axis")
        self.stale = False

    def _texts(self, places: Any) -> list[str]:
        return self.get_major_formatter().format_ticks(places)

    def _settings(self) -> Mapping[str, Any] | None:
        """Return how ticks look, by the names of `tick_params`; None where matplotlib has to draw them."""
        if self.majorTicks or self.minorTicks or not isinstance(self.get_minor_locator(), NullLocator):
            return None
        given = self.get_tick_params(which="major")
        name = f"{self.across}tick"
        moved = any(self.axes.spines[side.name].get_position() != ("outward", 0.0) for side in self.sides)
        if moved or set(given) - KNOWN or given.get("direction", RC[f"{name}.direction"]) != "out":
            return None
        length = given.get("length", RC[f"{name}.major.size"])
        color = given.get("color", RC[f"{name}.color"])
        labels = given.get("labelcolor", RC[f"{name}.labelcolor"])
        return {
            **{side.name: given.get(side.name, True) for side in self.sides},
            **{f"label{side.name}": given.get(f"label{side.name}", True) for side in self.sides},
            "gridOn": given.get("gridOn", RC["axes.grid"]),
            "length": length,
            "width": given.get("width", RC[f"{name}.major.width"]),
            "color": color,
            "pad": given.get("pad", RC[f"{name}.major.pad"]) + length,
            "labelsize": given.get("labelsize", RC[f"{name}.labelsize"]),
            "labelcolor": color if labels == "inherit" else labels,
        }

    def _in_view(self, places: Array) -> Array:
        transform = self.get_transform()
        low, high = sorted(transform.transform(np.asarray(self.get_view_interval(), float)))
        edge = 1e-10 * (high - low)
        if not len(places):
            return np.zeros(0, bool)
        at = transform.transform(places)
        shown: Array = (at >= low - edge) & (at <= high + edge)
        return shown

    def _points(self, places: Array, along: float, which: str) -> Array:
        """Return these places as pixels, at a share of the other axis."""
        other = np.full(len(places), along)
        pairs = (places, other) if self.across == "x" else (other, places)
        transform = getattr(self.axes, f"get_{self.across}axis_transform")(which)
        points: Array = transform.transform(np.column_stack(pairs))
        return points

    def _draw_grid(self, renderer: Any, places: Array) -> None:
        ends = np.stack([self._points(places, end, "grid") for end in (0.0, 1.0)], axis=1).reshape(-1, 2)
        gc = renderer.new_gc()
        gc.set_clip_rectangle(self.axes.bbox)
        gc.set_foreground(to_rgba(RC["grid.color"], RC["grid.alpha"]), isRGBA=True)
        gc.set_linewidth(RC["grid.linewidth"])
        gc.set_capstyle(RC["lines.solid_capstyle"])
        gc.set_joinstyle(RC["lines.solid_joinstyle"])
        renderer.draw_path(gc, Path(ends, [Path.MOVETO, Path.LINETO] * len(places)), IDENTITY)
        gc.restore()

    def _draw_marks(self, renderer: Any, places: Array, side: _Side, settings: Mapping[str, Any]) -> None:
        length = renderer.points_to_pixels(settings["length"])
        turned: Any = Affine2D()
        gc = renderer.new_gc()
        gc.set_foreground(to_rgba(settings["color"]), isRGBA=True)
        gc.set_linewidth(settings["width"])
        gc.set_joinstyle("round")
        gc.set_snap(length >= 1)
        points = Path(self._points(places, float(side.place == "2"), f"tick{side.place}"))
        turned = turned.scale(length).rotate_deg(side.turn)
        renderer.draw_markers(gc, MARK, turned, points, IDENTITY)
        gc.restore()

    def _draw_labels(
        self,
        renderer: Any,
        places: Array,
        texts: Sequence[str],
        side: _Side,
        settings: Mapping[str, Any],
    ) -> list[Any]:
        """Draw the labels of a side; return their boxes where the axis' own label has to avoid them."""
        if not settings[f"label{side.name}"]:
            return []
        find = getattr(self.axes, f"get_{self.across}axis_text{side.place}_transform")
        transform, va, ha = find(settings["pad"])
        label = Text(
            fontsize=settings["labelsize"],
            color=settings["labelcolor"],
            verticalalignment=va,
            horizontalalignment=ha,
            transform=transform,
        )
        label.set_figure(self.axes.get_figure(root=False))
        measured = self.label.get_text() and self.get_label_position() == side.name
        boxes = []
        for place, text in zip(places.tolist(), texts, strict=True):
            if not text and not measured:
                continue
            label.set_text(text)
            at = (place, float(side.place == "2"))
            label.set_position(at if self.across == "x" else at[::-1])
            if measured:
                boxes.append(label.get_window_extent(renderer))
            label.draw(renderer)
        return boxes

    def _place_label(self, boxes: Sequence[list[Any]], settings: Mapping[str, Any]) -> None:
        """Put the axis' label beyond its ticks' labels, where matplotlib puts it."""
        if not getattr(self, "_autolabelpos", True):  # an author has put it elsewhere
            return
        point = self.axes.get_figure(root=True).dpi / 72
        side = next(one for one in self.sides if one.name == self.get_label_position())
        corners = np.array([box.get_points() for box in boxes[self.sides.index(side)]]).reshape(-1, 2)
        axis = 1 if self.across == "x" else 0
        frame: Bbox = self.axes.bbox
        reach = settings["length"] * point if settings[side.name] else 0.0
        x, y = self.label.get_position()
        if side.place == "1":
            edge = min([frame.min[axis] - reach, *corners[:, axis]]) - self.labelpad * point
        else:
            edge = max([frame.max[axis] + reach, *corners[:, axis]]) + self.labelpad * point
        self.label.set_position((x, edge) if self.across == "x" else (edge, y))


class _LeanX(_LeanAxis, XAxis):
    across = "x"
    sides = (_Side("bottom", "1", 180.0), _Side("top", "2", 0.0))


class _LeanY(_LeanAxis, YAxis):
    across = "y"
    sides = (_Side("left", "1", 90.0), _Side("right", "2", -90.0))


class LeanAxes(Axes):
    """Axes as matplotlib's, cheaper to make and to draw."""

    def _init_axis(self) -> None:  # what its own projections replace as well
        x: Any = _LeanX(self, clear=False)
        y: Any = _LeanY(self, clear=False)
        self.xaxis, self.yaxis = x, y
        for axis in (x, y):
            for side in axis.sides:
                self.spines[side.name].register_axis(axis)
