"""What there is to see of a component: curves, marks and heights, without a word about how they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from anncore.contract.kinds import Array

Role = Literal["start", "minimum", "class"]


@dataclass(frozen=True)
class Line:
    """A curve or a path. A place that is NaN interrupts it."""

    label: str
    x: Array
    y: Array


@dataclass(frozen=True)
class Points:
    """Marks without lines between them: where a path starts, a minimum, or the examples of a class."""

    label: str
    x: Array
    y: Array
    role: Role = "class"
    place: int = 0  # of the class among the classes


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    x_range and y_range: what the axes show. heights: a function from x and y, equally shaped, to the heights
    of the plane above its lowest place, which is drawn as bands equally high in the logarithm. log_y: the
    y axis is logarithmic.
    """

    x_label: str
    y_label: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    lines: Sequence[Line] = ()
    points: Sequence[Points] = ()
    heights: Callable[[Array, Array], Array] | None = None
    log_y: bool = False


@dataclass(frozen=True)
class Plot:
    """A component as a picture: the title says what is seen, the subtitle how to read it."""

    name: str
    title: str
    subtitle: str
    panels: Sequence[Panel] = field(default_factory=list)


BANDS = 12


def band_of(heights: Array) -> Array:
    """Return the number of the band that each height lies in, 0 to BANDS - 1.

    Bands are equally high in the logarithm, from the lowest hundredth of the heights to the highest one. What
    is not finite lies in the highest band.
    """
    above = heights[np.isfinite(heights) & (heights > 0)]
    if not len(above):
        return np.zeros(heights.shape, int)
    low, high = np.log(np.quantile(above, 0.01)), np.log(above.max())
    with np.errstate(all="ignore"):
        share = (np.log(np.maximum(heights, 1e-300)) - low) / max(high - low, 1e-12)
    share = np.where(np.isfinite(share), share, 1.0)
    return np.clip(np.floor(share * BANDS), 0, BANDS - 1).astype(int)


def range_of(*values: Array, log: bool = False, share: float = 0.06) -> tuple[float, float]:
    """Return a range that shows all finite values (positive ones on a log axis), with room at both ends."""
    every = np.concatenate([np.ravel(series) for series in values])
    every = every[np.isfinite(every) & ((every > 0) | (not log))]
    if not len(every):
        return (0.1, 1.0) if log else (0.0, 1.0)
    low, high = float(every.min()), float(every.max())
    if log:
        factor = max(high / low, 1.5) ** share
        return low / factor, high * factor
    width = (high - low) or max(abs(high), 1.0)
    return low - share * width, high + share * width
