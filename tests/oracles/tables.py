"""The rows of all kinds, and both sides of each; a library is imported once it is needed."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from oracles import activations, initializers, losses, metrics, networks, objectives, optimizers, schedules
from oracles.rows import Row, built

from anncore import Array

os.environ["KERAS_BACKEND"] = "jax"  # read when Keras is first imported

KINDS: dict[str, Any] = {
    "activation": activations,
    "initializer": initializers,
    "loss": losses,
    "metric": metrics,
    "network": networks,
    "objective": objectives,
    "optimizer": optimizers,
    "schedule": schedules,
}
ROWS: list[Row] = [row for kind in KINDS.values() for row in kind.ROWS]


def figures(component: Any, row: Row) -> Array:
    """Return a component's figures, hyperparameters as training hands them over: arrays, in float64."""
    return np.ravel(KINDS[row.kind].ours(component, row))


def ours(row: Row) -> Array:
    """Return our component's figures."""
    return figures(built(row.kind, row.name, row.values), row)


def theirs(row: Row) -> Array:
    """Return the library's figures, in float64."""
    if row.library in ("jax", "optax", "keras"):
        import jax

        jax.config.update("jax_enable_x64", True)
    if row.library == "keras":
        import keras

        keras.config.set_floatx("float64")
    return np.ravel(KINDS[row.kind].THEIRS[row.library](row)).astype(float)
