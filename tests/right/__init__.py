"""A component of each kind that keeps every promise, for the kit's tests to spoil in one way at a time."""

from __future__ import annotations

from typing import Any

from forward_only import BatchNorm, Residual

from right.activations import Bent, Gated, Shaken, Tilted
from right.datasets import Cloud, Coins
from right.doors import DOORS
from right.executors import Meek
from right.figures import Bars, Shadow
from right.losses import Faces, Quartic, Scaled, Sides, Squares, Tosses
from right.metrics import Loudness, Share, UnusedPrototypes
from right.networks import Furnished, Pulled, Shallow, Trimmed, Wired
from right.objectives import Bowl, Ditch, Tug
from right.optimizers import Curved, Foresight, Halfway, Plain
from right.schedules import Fade, Fitting, Heedful, Spread, Tilting

RIGHT: dict[str, Any] = {
    "activation": Bent,
    "loss": Quartic,
    "optimizer": Plain,
    "schedule": Fade,
    "initializer": Spread,
    "dataset": Coins,
    "network": Shallow,
    "objective": Bowl,
    "metric": Share,
    "figure": Bars,
    "executor": Meek,
    **DOORS,
}


# Components of special forms, for the checks that plain components skip
OPENED: list[tuple[str, Any]] = [
    ("activation", Tilted),
    ("activation", Shaken),
    ("activation", Gated),
    ("network", Furnished),
    ("network", Wired),
    ("network", Pulled),
    ("metric", UnusedPrototypes),
    ("dataset", Cloud),
    ("figure", Shadow),
    ("network", Trimmed),
    ("network", Residual),
    ("network", BatchNorm),
    ("objective", Tug),
    ("objective", Ditch),
    ("loss", Squares),
    ("loss", Tosses),
    ("loss", Faces),
    ("loss", Scaled),
    ("loss", Sides),
    ("schedule", Heedful),
    ("initializer", Fitting),
    ("initializer", Tilting),
    ("metric", Loudness),
    ("optimizer", Foresight),
    ("optimizer", Curved),
    ("optimizer", Halfway),
]
