"""Components that are wrong on purpose, at least one for every check of every kind.

Each is the right one of its kind with a member replaced. All of them can be imported, so that they reach
another process as a plugin's do.
"""

from __future__ import annotations

from right import RIGHT

from anncore.testing import KITS
from wrong.activations import ACTIVATIONS, OPEN_ACTIVATIONS
from wrong.base import (
    STACKED,
    Wrong as Wrong,
    any_kind,
    changed as changed,
    computing_kind,
    spoilt as spoilt,
    stacked_kind,
    touched as touched,
)
from wrong.datasets import DATASETS
from wrong.doors import DOORS
from wrong.executors import EXECUTORS
from wrong.figures import FIGURES
from wrong.losses import LOSSES
from wrong.metrics import METRICS
from wrong.networks import DERIVED_NETWORKS, NETWORKS, OPEN_NETWORKS
from wrong.objectives import OBJECTIVES
from wrong.optimizers import OPTIMIZERS
from wrong.schedules import INITIALIZERS, SCHEDULES

WRONG = [
    *(component for kind in RIGHT for component in any_kind(kind)),
    *(component for kind in RIGHT if KITS[kind].computes for component in computing_kind(kind)),
    *(component for kind in STACKED for component in stacked_kind(kind)),
    *ACTIVATIONS,
    *OPEN_ACTIVATIONS,
    *LOSSES,
    *OPTIMIZERS,
    *SCHEDULES,
    *INITIALIZERS,
    *DATASETS,
    *NETWORKS,
    *OPEN_NETWORKS,
    *DERIVED_NETWORKS,
    *OBJECTIVES,
    *METRICS,
    *FIGURES,
    *EXECUTORS,
    *DOORS,
]
