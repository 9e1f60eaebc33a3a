"""What the losses under comparison look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import (
    Array,
    ComponentError,
    Drawing,
    Figure,
    FigureInput,
    drawing,
    hookimpl,
    joined,
    number,
)

ERROR, LOGIT = 3.0, 4.0


@dataclass(frozen=True)
class LossGallery(Figure):
    """The losses under comparison and their gradients, for one output and one target.

    Over the error, output - target, where all can train a regression, in standard deviations of the
    training targets; else over the logit of the output, for either class, through the output activation
    that comes with the loss. A loss for several classes is drawn for two of them, over the difference of
    their logits. Losses with several outputs for each target, or with weights for more than two classes, are
    named instead.
    """

    name: ClassVar[str] = "loss_gallery"
    question: ClassVar[str] = "How does each loss weigh errors?"
    order: ClassVar[int] = 62
    section: ClassVar[str] = "diagnostics"

    def draw(self, data: FigureInput) -> Drawing | str:
        losses = {
            label: loss
            for label, loss in data.components.get("loss", {}).items()
            if getattr(loss, "outputs_per_target", 1) == 1
        }
        views = _views(losses)
        if not views:
            return "No loss that can be drawn as a curve is compared."
        drawn = list(views[0].curves)
        # Where several kinds vary, an arm's label is none of these.
        theme = data.theme if all(label in data.theme.styles for label in drawn) else drawing.Theme.of(drawn)
        title = self._title(views)
        x = "error: output − target" if len(views) == 1 else "logit of the output"
        subtitle = (
            "Panels: the loss of one example, and its gradient by the "
            f"{x.split(':')[0].split(' of')[0]}{', for a target of 1 and of 0' if len(views) == 2 else ''}."
        )
        shapes = [text for label in drawn if (text := _shape(label, losses[label]))]
        if shapes:
            subtitle += f" Drawn with {joined(shapes)}."
        left_out = [label for label in data.components["loss"] if label not in drawn]
        if left_out:
            subtitle += f" Not drawn: {joined(left_out)}."
        labels = [label for label in drawn if theme[label].highlighted]
        room = 0.3 + min(1.3, max((drawing.text_width(label, 7.5, "bold") for label in labels), default=0.0))
        left, low, height = 0.5, 0.45, 1.7
        columns, width = drawing.fit_columns(2, 2, data.width - left - 0.1, 1.5 + room, 0.45)
        width -= room
        rows = 2 * len(views) // columns
        body = rows * (height + 0.5) - 0.5 + low + 0.3
        sheet = drawing.new_sheet(data.width, body, title, subtitle, theme)
        gaps = (room + 0.45, 0.5)
        axes = drawing.panels(
            sheet, 2 * len(views), columns, (width, height), left=left, bottom=low, gaps=gaps
        )
        for view, pair in zip(views, zip(axes[::2], axes[1::2], strict=True), strict=True):
            for ax, what, part in zip(pair, ("loss", "gradient"), (0, 1), strict=True):
                self._panel(ax, view, part, theme, room)
                drawing.panel_title(ax, what + (f", target {view.target}" if view.target else ""))
                if view is views[-1] and (columns == 2 or part):
                    ax.set_xlabel(x)
        return Drawing(sheet, self.name, title, self._words(title, views), subtitle)

    def _panel(self, ax: Any, view: _View, part: int, theme: Any, room: float) -> None:
        ends, seen = [], []
        for label in sorted(view.curves, key=lambda label: theme[label].highlighted):
            style, y = theme[label], view.curves[label][part]
            ax.plot(
                view.x,
                y,
                color=style.color,
                linestyle=style.dash,
                linewidth=1.8 if style.highlighted else 0.8,
                label=label,
            )
            seen.append(y[np.isfinite(y)])
            if style.highlighted and np.isfinite(y[-1]):
                ends.append((float(y[-1]), label, style.color))
        ax.axvline(0, color=theme.token("frame"), linewidth=0.7, zorder=1)
        ax.axhline(0, color=theme.token("frame"), linewidth=0.7, zorder=1)
        values = np.concatenate(seen)
        ax.set_ylim(*drawing.padded(min(0.0, float(values.min())), float(values.max()), False))
        ax.set_xlim(view.x[0], view.x[-1])
        ax.locator_params(axis="y", nbins=5)
        drawing.end_labels(ax, ends, room=room)

    def _title(self, views: list[_View]) -> str:
        """Compare the steepest and the gentlest gradient where the prediction is most wrong."""
        view = views[0]
        at = -1 if not view.target else 0
        steep = {label: abs(float(gradient[at])) for label, (_, gradient) in view.curves.items()}
        where = (
            f"At an error of {ERROR:g}"
            if not view.target
            else f"Where an output is confidently wrong (logit −{LOGIT:g}, target 1)"
        )
        most, least = (choose(steep, key=lambda label: steep[label]) for choose in (max, min))
        if len(steep) == 1:
            return f"{where} the gradient of {most} is {number(steep[most])}"
        if steep[most] <= steep[least] * 1.01:
            return f"{where} all {len(steep)} losses have the same gradient, {number(steep[most])}"
        if steep[least] < 1e-9 * steep[most]:
            return f"{where} the gradient of {least} vanishes; that of {most} is {number(steep[most])}"
        return (
            f"{where} the gradient of {most} is {number(steep[most] / steep[least], 2)} times that of {least}"
        )

    def _words(self, title: str, views: list[_View]) -> str:
        parts = []
        for view in views:
            for label, (value, gradient) in list(view.curves.items())[:8]:
                at = 0 if view.target == "1" else -1
                where = f", target {view.target}" if view.target else ""
                parts.append(
                    f"{label} at {view.x[at]:g}{where}: loss {number(float(value[at]))}, "
                    f"gradient {number(float(gradient[at]))}"
                )
        return f"Graphs of losses and their gradients. {title}. {'; '.join(parts)}.".replace("-", "−")


def _shape(label: str, loss: Any) -> str:
    """Name a loss with the hyperparameters that shape it, "huber (delta = 1)"; "" where it has none.

    A yes or no is named where it is not the default.
    """
    values = [(one.name, getattr(loss, one.name), one.default) for one in fields(loss)]
    texts = [
        f"{name} = {str(value).lower() if isinstance(value, bool) else format(value, 'g')}"
        for name, value, default in values
        if isinstance(value, (int, float)) and not (isinstance(value, bool) and value == default)
    ]
    return f"{label} ({', '.join(texts)})" if texts else ""


class _View(NamedTuple):
    """One row of panels: the losses' values and gradients over x."""

    target: str
    x: Array
    curves: Mapping[str, tuple[Array, Array]]


def _views(losses: Mapping[str, Any]) -> list[_View]:
    """Return one view over the error, or one over the logit for either target; none without losses."""
    if all("regression" in loss.outputs for loss in losses.values()):
        x = np.linspace(-ERROR, ERROR, 301)
        curves = {label: _over_error(loss, x) for label, loss in losses.items()}
        return [_View("", x, curves)] if curves else []
    x = np.linspace(-LOGIT, LOGIT, 321)
    views = []
    for target in (1.0, 0.0):
        curves = {
            label: curve
            for label, loss in losses.items()
            if (curve := _over_logit(loss, x, target)) is not None
        }
        if curves:
            views.append(_View(f"{target:g}", x, curves))
    return views


def _over_error(loss: Any, x: Array) -> tuple[Array, Array]:
    """Return value and gradient for the target 0, a trial for each point, without a line across a jump."""
    output = x[:, None, None]
    target = np.zeros_like(output)
    gradient = loss.grad(output, target).ravel().copy()
    for kink in getattr(loss, "kinks", ()):
        gradient[np.isclose(x, kink, atol=1e-9)] = np.nan
    return loss.value(output, target).ravel(), gradient


def _over_logit(loss: Any, x: Array, target: float) -> tuple[Array, Array] | None:
    """Return value and gradient by the logit, None where the loss cannot be drawn for two classes.

    Its output activation may be none of the usual ones, or it may be made for more classes, with a weight
    for each of them.
    """
    try:
        return _curves_over_logit(loss, x, target)
    except ComponentError:
        return None


def _curves_over_logit(loss: Any, x: Array, target: float) -> tuple[Array, Array] | None:
    classes = "binary" not in loss.outputs
    link = loss.outputs["multiclass" if classes else "binary"]
    z, y = x[:, None, None], np.full((len(x), 1, 1), target)
    if classes:
        z, y = np.concatenate([z, np.zeros_like(z)], axis=2), np.concatenate([y, 1 - y], axis=2)
    if link in getattr(loss, "joint", ()):
        return loss.value_from_logits(z, y, link).ravel(), loss.grad_from_logits(z, y, link)[:, 0, 0]
    p = 1 / (1 + np.exp(-x))[:, None, None]
    if classes and link == "softmax":
        both = np.concatenate([p, 1 - p], axis=2)
        by_p = loss.grad(both, y)
        return loss.value(both, y).ravel(), ((by_p[:, :, :1] - by_p[:, :, 1:]) * p * (1 - p)).ravel()
    if link == "sigmoid":
        return loss.value(p, y).ravel(), (loss.grad(p, y) * p * (1 - p)).ravel()
    if link == "identity":
        return loss.value(z, y).ravel(), loss.grad(z, y)[:, 0, 0]
    if link == "tanh":
        return loss.value(np.tanh(z), y).ravel(), (loss.grad(np.tanh(z), y) * (1 - np.tanh(z) ** 2)).ravel()
    return None


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [LossGallery]
