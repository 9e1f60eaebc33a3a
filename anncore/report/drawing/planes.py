"""A classifier over the plane of two features: its classes as colours, where they change, and examples."""

from __future__ import annotations

from typing import Any

import numpy as np

from anncore.contract.kinds import Array
from anncore.engine.decision_maps import DecisionMap
from anncore.report.theme import Theme

FINER = 3  # pixels of the picture along a cell's side
STEPS, DEEPEST = 6, 0.5  # shades of a class, and the opacity of the last
STRIPES, STRIPE = 6, (96, 104, 116, 215)  # pixels between hatches, and a grey that is seen on both papers
CORNERS = (
    ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    ((-1.2, -0.9), (1.2, -0.9), (0, 1.3)),
    ((0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)),
    ((-1.2, 0.9), (0, -1.3), (1.2, 0.9)),
)  # the shapes of the classes' marks, over and over
SIZE = 0.018  # half of a mark's width in inches


def draw_plane(
    ax: Any, learned: DecisionMap, probabilities: Array, theme: Theme, disputed: Array | None = None
) -> None:
    """Draw the likeliest class over the plane, the paler the less certain, and where it changes.

    probabilities: of every class, (K, S, S), on the lattice of `learned`. disputed: cells that are hatched,
    (S, S).
    """
    extent = (learned.low[0], learned.high[0], learned.low[1], learned.high[1])
    ax.imshow(
        _pixels(probabilities, disputed, theme),
        origin="lower",
        extent=extent,
        interpolation="none",
        aspect="auto",
        zorder=1,
    )
    ax.set(xlim=extent[:2], ylim=extent[2:])
    _boundary(ax, probabilities, extent, theme)


def _pixels(mean: Array, disputed: Array | None, theme: Theme) -> Array:
    """Return the mean probabilities as colours that let the paper through, be it light or dark."""
    from matplotlib.colors import to_rgb

    fine = _finer(mean)
    classes = len(fine)
    palette = np.array([to_rgb(theme.class_color(k)) for k in range(classes)])
    sure = (fine.max(axis=0) - 1 / classes) / (1 - 1 / classes)
    shade = np.minimum(np.floor(STEPS * np.clip(sure, 0, 1)), STEPS - 1) / (STEPS - 1)
    colors = palette[fine.argmax(axis=0)]
    pixels = np.concatenate([255 * colors, 255 * DEEPEST * shade[..., None]], axis=2)
    pixels = np.rint(pixels).astype(np.uint8)
    if disputed is not None:
        there = np.repeat(np.repeat(disputed, FINER, axis=0), FINER, axis=1)
        rows, columns = np.indices(there.shape)
        pixels[there & ((rows + columns) % STRIPES < 2)] = STRIPE
    return pixels


def _finer(values: Array) -> Array:
    """Return (K, S, S) interpolated linearly to FINER pixels along a cell's side."""
    side = values.shape[1]
    at = np.clip((np.arange(side * FINER) + 0.5) / FINER - 0.5, 0, side - 1)
    before = np.minimum(at.astype(int), side - 2) if side > 1 else np.zeros(len(at), int)
    after, share = np.minimum(before + 1, side - 1), at - before
    # Two neighbours decide a pixel: a product of matrices would add up a row and a column of zeros for each.
    rows = values[:, before] * (1 - share)[:, None] + values[:, after] * share[:, None]
    finer: Array = rows[:, :, before] * (1 - share) + rows[:, :, after] * share
    return finer


def _boundary(ax: Any, mean: Array, extent: tuple[float, float, float, float], theme: Theme) -> None:
    """Draw where the highest mean probability passes from one class to another."""
    side = mean.shape[1]
    # The outermost values go on to the rim, half a cell beyond their places.
    steps = np.concatenate([[0], (np.arange(side) + 0.5) / side, [1]])
    x, y = (low + steps * (high - low) for low, high in (extent[:2], extent[2:]))
    wide = np.pad(mean, ((0, 0), (1, 1), (1, 1)), mode="edge")
    for k in range(len(wide) - 1):  # the last one's borders are the others'
        lead = wide[k] - np.delete(wide, k, axis=0).max(axis=0)
        if lead.min() < 0 < lead.max():
            ax.contour(
                x, y, lead, levels=[0], colors=theme.token("ink"), linewidths=1.5, linestyles="-", zorder=3
            )


def draw_classes(ax: Any, points: Array, labels: Array, theme: Theme) -> None:
    """Draw examples at places (M, 2) with the marks of their classes, on axes that have their range."""
    w, h = ax.figure.get_size_inches()
    box = ax.get_position()
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    scale = ((right - left) / (box.width * w) * SIZE, (top - bottom) / (box.height * h) * SIZE)
    for k in np.unique(labels).tolist():
        ax.add_patch(class_marks(points[labels == k], k, scale, theme))


def class_marks(points: Array, k: int, scale: tuple[float, float], theme: Theme) -> Any:
    """Return the marks of one class as one path, which is a quarter of the bytes of as many marks."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    shape = np.array([*CORNERS[k % len(CORNERS)], (0, 0)])
    vertices = (points[:, None, :] + shape[None] * scale).reshape(-1, 2)
    codes = [Path.MOVETO, *[Path.LINETO] * (len(shape) - 2), Path.CLOSEPOLY] * len(points)
    return PathPatch(
        Path(vertices, codes),
        facecolor=theme.class_color(k),
        edgecolor=theme.token("paper"),
        linewidth=0.35,
        clip_on=False,
        zorder=4,
        label=f"class {k}",
    )
