"""The examples of a data set as points of a plane."""

from __future__ import annotations

from typing import Any

import numpy as np

from anncore.contract.errors import ComponentError, DataError
from anncore.contract.kinds import Array
from anncore.contract.registry import Registered, Registry
from anncore.contract.streams import stream
from anncore.engine.datasets import check_data
from anncore.evidence.sentences import percent
from anncore.report.plots.functions import built
from anncore.report.plots.plot import Panel, Plot, Points, range_of

MOST = 600  # examples that are drawn
MOST_CLASSES = 8


def plot_dataset(registry: Registry, component: Registered) -> Plot:
    """Return the examples of seed 0: two features with the classes as marks, or the target over one feature.

    With more than two features the plane is that of the two directions in which the standardized features
    vary most. Raises ComponentError for a data set that cannot be made from its defaults.
    """
    try:
        data = built(registry, component).make(stream(0, 0, "data"))
        check_data(data)
    except (DataError, ComponentError, ValueError, OSError) as error:
        reason = str(error).removeprefix(f"{component.name}: ")
        raise ComponentError(f"{component.name} cannot be made from its defaults: {reason}") from None
    n, features = data.x.shape
    title = f"{component.name}: {n} examples of {features} feature{'s' * (features != 1)}"
    labelled = data.task in ("binary", "multiclass")
    if labelled:
        title += f" in {len(np.unique(data.y))} classes"
        panel, subtitle = _plane(data)
    elif data.y is None:
        panel, subtitle = _plane(data)
    else:
        panel, subtitle = _target(data)
    if n > MOST:
        subtitle += f" {MOST} of them are drawn."
    return Plot(component.name, title, f"Drawn by seed 0. {subtitle}", [panel])


def _names(data: Any) -> list[str]:
    names = list(getattr(data, "features", ()) or ())
    count = data.x.shape[1]
    return names if len(names) == count else [f"x{i + 1}" for i in range(count)]


def _shown(n: int) -> Array:
    """Return the examples that are drawn, spread over all."""
    return np.unique(np.linspace(0, n - 1, min(n, MOST)).round().astype(int))


def _plane(data: Any) -> tuple[Panel, str]:
    """Return the examples over two features, or over the two directions of largest variance."""
    rows = _shown(len(data.x))
    if data.x.shape[1] == 1:
        x, y = data.x[:, 0], np.zeros(len(data.x))
        labels, subtitle = (_names(data)[0], ""), "One feature."
    elif data.x.shape[1] == 2:
        (x, y), subtitle = data.x.T, "The two features."
        labels = (_names(data)[0], _names(data)[1])
    else:
        spread = data.x.std(axis=0)
        standardized = (data.x - data.x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        _, sizes, directions = np.linalg.svd(standardized, full_matrices=False)
        x, y = (standardized @ directions[:2].T).T
        share = float((sizes[:2] ** 2).sum() / max((sizes**2).sum(), 1e-300))
        labels = ("direction 1", "direction 2")
        subtitle = (
            f"The two directions in which the standardized features vary most, {percent(share, 0)} of it."
        )
    if data.y is None:
        points = [Points("examples", x[rows], y[rows])]
    else:
        classes = np.unique(data.y)[:MOST_CLASSES]
        names = list(getattr(data, "classes", ()) or ())
        points = []
        for place, value in enumerate(classes):
            mine = rows[data.y[rows] == value]
            label = str(names[int(value)]) if int(value) < len(names) else f"class {value:g}"
            points.append(Points(label, x[mine], y[mine], "class", place))
        if len(np.unique(data.y)) > MOST_CLASSES:
            subtitle += f" The first {MOST_CLASSES} classes."
    return Panel(*labels, range_of(x), range_of(y), points=points), subtitle


def _target(data: Any) -> tuple[Panel, str]:
    """Return the target over the one feature that it correlates with most."""
    rows, y = _shown(len(data.x)), data.y.reshape(len(data.x), -1)[:, 0]
    with np.errstate(all="ignore"):
        correlations = np.nan_to_num([abs(np.corrcoef(column, y)[0, 1]) for column in data.x.T])
    best = int(correlations.argmax())
    x = data.x[:, best]
    subtitle = "The target over the feature." if data.x.shape[1] == 1 else ""
    subtitle = subtitle or f"The target over {_names(data)[best]}, the feature that it follows most closely."
    return Panel(
        _names(data)[best], "target", range_of(x), range_of(y), points=[Points("examples", x[rows], y[rows])]
    ), subtitle
