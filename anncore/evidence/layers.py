"""What metrics found that look into the network: by layer, step and seed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from anncore.contract.columns import suffix_of
from anncore.contract.kinds import Array
from anncore.contract.shown import Shown, listed
from anncore.evidence.sources import source_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LayerGrid", "layer_frame", "layer_grids"]

COLUMNS = ["problem", "arm", "seed", "status", "layer", "step", "value"]


def layer_frame(source: Any, metric: str) -> pd.DataFrame:
    """Return what a watched metric found in the report phase of a `Results` or a `FigureInput`, long.

    Columns problem, arm, seed, status, layer, step, value. `layer` is the metric's suffix, "1", "2", ... as a
    rule; a metric that gives one number for the whole network has the layer "". Rows lie in the order of the
    layers, numbers by their size. A trial without a curve has no row.
    """
    content = source_of(source)
    known = set(content.curves["metric"].unique())
    suffixes = {name: suffix for name in known if (suffix := suffix_of(str(name), metric)) is not None}
    # A metric by layer has no curve of the whole network that would be one more layer.
    names = sorted((name for name, suffix in suffixes.items() if suffix), key=_place) or list(suffixes)
    keep = ["key", "problem", "label", "seed", "status"]
    trials = content.trials[keep].rename(columns={"label": "arm"})
    frame = content.curves[content.curves["metric"].isin(names)].merge(trials, on="key")
    order = frame["metric"].map({name: i for i, name in enumerate(names)})
    frame = frame.iloc[np.argsort(order.to_numpy(float), kind="stable")]
    layers = frame["metric"].map(suffixes)
    return frame.assign(layer=layers)[COLUMNS].reset_index(drop=True)


def _place(name: str) -> list[tuple[int, int, str]]:
    """Sort digits by their number: layer 10 comes after layer 9."""
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part]


@dataclass(frozen=True, repr=False)
class LayerGrid(Shown):
    """One arm's values on one problem.

    values (seeds, layers, steps): of the seeds that finished, NaN where there is none; one that stopped early
    keeps its last. median: over the seeds, (layers, steps).
    """

    layers: tuple[str, ...]
    steps: Array
    values: Array

    def _facts(self) -> dict[str, object]:
        seeds, _, steps = self.values.shape
        return {"seeds": seeds, "layers": listed(self.layers), "steps": steps}

    @property
    def median(self) -> Array:
        """The median over the seeds that have a value; NaN where none has."""
        if not len(self.values):
            return np.full((len(self.layers), len(self.steps)), np.nan)
        order = np.sort(self.values, axis=0)  # NaN last
        n = np.isfinite(self.values).sum(axis=0)
        low, high = (
            np.take_along_axis(order, np.maximum(at, 0)[None], axis=0)[0] for at in ((n - 1) // 2, n // 2)
        )
        return np.where(n > 0, 0.5 * (low + np.where(n % 2, low, high)), np.nan)


def layer_grids(source: Any, metric: str) -> dict[tuple[str, str], LayerGrid]:
    """Return what `layer_frame` holds by (problem, arm), as arrays; without those that have no curve."""
    grids = {}
    for (problem, arm), rows in layer_frame(source, metric).groupby(["problem", "arm"], sort=False):
        layers = tuple(dict.fromkeys(rows["layer"]))
        steps = np.unique(rows["step"].to_numpy())
        kept = rows[rows["status"] == "ok"]
        seeds = {seed: i for i, seed in enumerate(kept["seed"].unique())}
        values = np.full((len(seeds), len(layers), len(steps)), np.nan)
        at = np.searchsorted(steps, kept["step"].to_numpy())
        who = kept["seed"].map(seeds).to_numpy(int)
        value = kept["value"].to_numpy(float)
        where = kept["layer"].map({layer: i for i, layer in enumerate(layers)}).to_numpy(int)
        values[who, where, at] = np.where(np.isfinite(value), value, np.nan)
        for i in range(len(seeds)):  # a seed that stopped early: its last step stands for the rest
            last = int(at[who == i].max())
            values[i, :, last + 1 :] = values[i, :, [last]].T
        grids[str(problem), str(arm)] = LayerGrid(layers, steps, values)
    return grids
