"""What the activations under comparison look like."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import (
    Array,
    Drawing,
    Figure,
    FigureInput,
    drawing,
    hookimpl,
    joined,
    percent,
)

REACH = 4.0
FLAT = 0.05  # a slope that lets almost no gradient through
MOST = 16


@dataclass(frozen=True)
class ActivationGallery(Figure):
    """f and f' of every activation under comparison, on -4 to 4, the axes of all panels alike.

    Both come from the component itself: f from `forward`, f' from `backward` of ones. A ring marks a kink,
    where f' jumps; shade marks |f'| < 0.05. An activation that learns is drawn as it starts, a random one as
    in evaluation; one that mixes units (softmax, gates) has no such curve and is named instead.
    """

    name: ClassVar[str] = "activation_gallery"
    question: ClassVar[str] = "What do the activations and their slopes look like?"
    order: ClassVar[int] = 60
    section: ClassVar[str] = "diagnostics"

    def draw(self, data: FigureInput) -> Drawing | str:
        components = data.components.get("activation", {})
        curves = {
            label: curve
            for label, component in components.items()
            if (curve := _curve(component)) is not None
        }
        if not curves:
            return "No activation that can be drawn as a curve is compared."
        # Where several kinds vary, an arm's label is none of these.
        theme = (
            data.theme
            if all(label in data.theme.styles for label in curves)
            else drawing.Theme.of(list(curves))
        )
        shown = dict(list(curves.items())[:MOST])
        title = self._title(curves)
        subtitle = (
            f"Solid: f(z). Dashed: f′(z). Ring: a kink, where f′ jumps. Shade: |f′| < {FLAT}, where almost "
            "no gradient passes. Same axes in every panel."
        )
        left_out = [label for label in components if label not in shown]
        if left_out:
            subtitle += f" Not drawn: {joined(left_out)}."
        most = 5 if len(shown) in (5, 9, 10) else 4
        left, low, gap = 0.42, 0.45, 0.3
        columns, width = drawing.fit_columns(len(shown), most, data.width - left - 0.16, 1.3, gap)
        width = min(2.6, width)
        rows = math.ceil(len(shown) / columns)
        height = 1.5
        body = rows * height + (rows - 1) * 0.45 + low + 0.3
        sheet = drawing.new_sheet(data.width, body, title, subtitle, theme)
        axes = drawing.panels(
            sheet, len(shown), columns, (width, height), left=left, bottom=low, gaps=(gap, 0.45)
        )
        for i, (ax, (label, curve)) in enumerate(zip(axes, shown.items(), strict=True)):
            self._panel(ax, curve, theme[label].color, theme)
            drawing.panel_title(ax, _described(label, components[label]))
            if i + columns >= len(shown):
                ax.set_xlabel("z")
            if i % columns:
                ax.tick_params(labelleft=False)
        return Drawing(sheet, self.name, title, self._words(title, curves), subtitle)

    def _panel(self, ax: Any, curve: _Curve, color: str, theme: Any) -> None:
        for start, end in curve.flats:
            ax.axvspan(start, end, color=theme.token("alarm_fill"), linewidth=0, zorder=0)
        ax.axhline(0, color=theme.token("frame"), linewidth=0.7, zorder=1)
        ax.axvline(0, color=theme.token("frame"), linewidth=0.7, zorder=1)
        ax.plot(curve.z, curve.f, color=color, linewidth=2, label="f", zorder=3)
        ax.plot(
            curve.z, curve.slope, color=theme.token("ink"), linewidth=1.3, dashes=(4, 2), label="f′", zorder=4
        )
        ax.plot(
            curve.kinks,
            np.interp(curve.kinks, curve.z, curve.f),
            "o",
            color=color,
            markerfacecolor=theme.token("paper"),
            markersize=4.5,
            zorder=5,
        )
        ax.set(xlim=(-REACH, REACH), ylim=(-1.9, 3.2), xticks=range(-3, 4), yticks=range(-1, 4))
        ax.text(
            0.03,
            0.96,
            f"steepest {curve.steepest:.2f}\nflat on {percent(curve.flat, 0)}",
            transform=ax.transAxes,
            size=6.5,
            color=theme.token("muted"),
            va="top",
            linespacing=1.4,
        )

    def _title(self, curves: Mapping[str, _Curve]) -> str:
        """Name the flattest and the gentlest of them."""
        flattest = max(curves, key=lambda label: curves[label].flat)
        gentlest = min(curves, key=lambda label: curves[label].steepest)
        flat = percent(curves[flattest].flat, 0)
        if len(curves) == 1:
            return (
                f"{flattest} is flat on {flat} of −4 to 4; its slope reaches {curves[flattest].steepest:.2f}"
            )
        said = f"{flattest} lets almost no gradient through on {flat} of −4 to 4"
        if curves[flattest].flat == 0:
            said = "None of the activations is flat between −4 and 4"
        if curves[gentlest].steepest < 0.995 and math.isfinite(curves[gentlest].steepest):
            said += f"; {gentlest}'s slope never exceeds {curves[gentlest].steepest:.2f}"
        kinked = [label for label, curve in curves.items() if len(curve.kinks)]
        return said if "slope" in said else said + (f"; {joined(kinked, 4)} bend in a kink" if kinked else "")

    def _words(self, title: str, curves: Mapping[str, _Curve]) -> str:
        parts = [
            f"{label}: steepest slope {curve.steepest:.2f}, flat on {percent(curve.flat, 0)}"
            + (f", kink at {', '.join(f'{kink:g}' for kink in curve.kinks)}" if len(curve.kinks) else "")
            for label, curve in list(curves.items())[:MOST]
        ]
        return f"Graphs of activations and their derivatives. {title}. {'; '.join(parts)}."


class _Curve(NamedTuple):
    """An activation on a grid; its slope is NaN at its kinks, so that no line joins the sides of a jump."""

    z: Array
    f: Array
    slope: Array
    kinks: Array
    flats: list[tuple[float, float]]
    flat: float

    @property
    def steepest(self) -> float:
        return float(np.nanmax(np.abs(self.slope)))


def _curve(component: Any) -> _Curve | None:
    """Return an activation's graph, None where it is no function of one number."""
    even = np.linspace(-REACH, REACH, 401)
    kinks = np.array([kink for kink in getattr(component, "kinks", ()) if abs(kink) < REACH], dtype=float)
    near = np.concatenate([kinks - 1e-6, kinks, kinks + 1e-6])
    z = np.union1d(even, near)
    if getattr(component, "width", lambda units: units)(1) != 1:
        return None
    with np.errstate(all="ignore"):
        f, slope = _evaluate(component, z[None, :, None])
        beside = _evaluate(component, z[None, None, :])[0] if _is_plain(component) else f
    if not np.array_equal(f.ravel(), beside.ravel(), equal_nan=True):
        return None
    f, slope = f.ravel(), slope.ravel().copy()
    slope[np.isin(z, kinks)] = np.nan
    if not np.isfinite(slope).any():
        return None
    flat = np.abs(slope) < FLAT
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flat, [False]]).astype(int)))
    flats = [(float(z[a]), float(z[b - 1])) for a, b in edges.reshape(-1, 2) if b - 1 > a]
    # Weighed by the length each point stands for, so that those crowded around a kink do not count for more.
    middles = np.concatenate([[-REACH], (z[1:] + z[:-1]) / 2, [REACH]])
    return _Curve(z, f, slope, kinks, flats, float(np.diff(middles)[flat].sum()) / (2 * REACH))


def _is_plain(component: Any) -> bool:
    return not getattr(component, "learns", False)


def _evaluate(component: Any, z: Array) -> tuple[Array, Array]:
    """Return f and f' as the component computes them; one that learns, at its initial parameters."""
    more: tuple[Any, ...] = ()
    last: tuple[Any, ...] = ()
    if getattr(component, "learns", False):
        specs = component.specs(z.shape[2])
        params = {spec.name: np.full((1, *spec.shape), spec.initial) for spec in specs}
        more, last = (params,), ({name: np.zeros_like(value) for name, value in params.items()},)
    elif getattr(component, "random", False):
        more = (None,)
    a = component.forward(z, *more)
    return a, component.backward(np.ones_like(z), z, a, *more, *last)


def _described(label: str, component: Any) -> str:
    """Return the label with the component's hyperparameters."""
    values = [
        f"{field.name.replace('_', ' ')} {getattr(component, field.name):g}"
        for field in fields(component)
        if isinstance(getattr(component, field.name), (int, float))
    ]
    return f"{label} ({', '.join(values[:2])})" if values else label


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [ActivationGallery]
