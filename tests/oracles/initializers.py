"""Initializers: the spread of our random weights and the quantiles of their sizes beside the libraries'."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from oracles.rows import Row

from anncore import Array

FAN_IN, FAN_OUT = 300, 200


def initializer(library: str, name: str, theirs: Any, **values: Any) -> Row:
    """Return a row; theirs(torch.nn.init, weight), the weight (fan_out, fan_in), or theirs of the module."""
    why = "random draws, compared by their spread and quantiles"
    return Row(library, "initializer", name, theirs, values, rtol=0.025, why=why)


torch, jax, keras = (partial(initializer, library) for library in ("torch", "jax", "keras"))


def ours(component: Any, row: Row) -> Any:
    """Return our figures."""
    plain = {key: float(np.ravel(value)[0]) for key, value in vars(component).items() if np.ndim(value) == 3}
    component = dataclasses.replace(component, **plain)
    return facts(component.sample(np.random.default_rng(0), (FAN_IN, FAN_OUT), FAN_IN, FAN_OUT))


def facts(weights: Array) -> Array:
    """Return what can be compared of random weights: their spread and the quantiles of their sizes."""
    quantiles = np.quantile(np.abs(weights), [0.25, 0.5, 0.75, 0.9, 0.99])
    return np.concatenate([[np.std(weights)], quantiles])


ROWS = [
    torch("zeros", lambda i, w: i.zeros_(w)),
    keras("zeros", lambda i: i.Zeros()),
    jax("zeros", lambda i: i.zeros),
    torch("normal", lambda i, w: i.normal_(w), preset="torch"),
    keras("normal", lambda i: i.RandomNormal(seed=0), preset="keras"),
    jax("normal", lambda i: i.normal(0.01)),
    torch("glorot_uniform", lambda i, w: i.xavier_uniform_(w)),
    keras("glorot_uniform", lambda i: i.GlorotUniform(seed=0)),
    jax("glorot_uniform", lambda i: i.glorot_uniform()),
    torch("glorot_normal", lambda i, w: i.xavier_normal_(w), preset="torch"),
    keras("glorot_normal", lambda i: i.GlorotNormal(seed=0), preset="keras"),
    jax("glorot_normal", lambda i: i.glorot_normal(), preset="optax"),
    torch("he_uniform", lambda i, w: i.kaiming_uniform_(w)),
    keras("he_uniform", lambda i: i.HeUniform(seed=0)),
    jax("he_uniform", lambda i: i.he_uniform()),
    torch("he_normal", lambda i, w: i.kaiming_normal_(w), preset="torch"),
    keras("he_normal", lambda i: i.HeNormal(seed=0), preset="keras"),
    jax("he_normal", lambda i: i.he_normal(), preset="optax"),
    torch("lsuv", lambda i, w: i.orthogonal_(w)),  # before it looks at data
    torch("orthogonal", lambda i, w: i.orthogonal_(w, gain=1.5), gain=1.5),
    keras("orthogonal", lambda i: i.Orthogonal(seed=0)),
    jax("orthogonal", lambda i: i.orthogonal()),
    torch("delta_orthogonal", lambda i, w: i.orthogonal_(w, gain=1.5), gain=1.5),  # of one place
    torch("uniform", lambda i, w: i.uniform_(w), preset="torch"),
    torch("uniform", lambda i, w: i.uniform_(w, -0.3, 0.3), low=-0.3, high=0.3),
    keras("uniform", lambda i: i.RandomUniform(seed=0), preset="keras"),
    jax("uniform", lambda i: i.uniform(), preset="optax"),
    torch("truncated_normal", lambda i, w: i.trunc_normal_(w), preset="torch"),
    torch(
        "truncated_normal",
        lambda i, w: i.trunc_normal_(w, std=3.0),
        preset="torch",
        std=3.0,  # bounds of 2 / 3 deviations
    ),
    keras("truncated_normal", lambda i: i.TruncatedNormal(seed=0), preset="keras"),
    jax("truncated_normal", lambda i: i.truncated_normal(), preset="optax"),
    torch(
        "variance_scaling", lambda i, w: i.kaiming_uniform_(w, a=5**0.5), scale=1 / 3, distribution="uniform"
    ),
    torch(
        "variance_scaling",
        lambda i, w: i.kaiming_normal_(w, mode="fan_out"),
        scale=2.0,
        mode="fan_out",
        distribution="normal",
    ),
    keras("variance_scaling", lambda i: i.VarianceScaling(seed=0)),
    jax(
        "variance_scaling",
        lambda i: i.variance_scaling(0.7, "fan_avg", "truncated_normal"),
        scale=0.7,
        mode="fan_avg",
    ),
    torch("constant", lambda i, w: i.ones_(w)),
    keras("constant", lambda i: i.Constant(0.3), value=0.3),
    jax("constant", lambda i: i.constant(0.3), value=0.3),
    torch("identity", lambda i, w: i.eye_(w)),
    keras("identity", lambda i: i.Identity(1.5), gain=1.5),
    torch("sparse", lambda i, w: i.sparse_(w, 0.8, std=1.0), connections=60),
    torch("siren", lambda i, w: i.uniform_(w, -(0.02**0.5) / 30, 0.02**0.5 / 30)),  # √(6 / 300)
    torch("initial_biases", lambda i, w: i.xavier_uniform_(w)),  # of the weights
    torch("from_file", lambda i, w: i.xavier_uniform_(w)),  # of what is not in the file
    keras("lecun_normal", lambda i: i.LecunNormal(seed=0), preset="keras"),
    jax("lecun_normal", lambda i: i.lecun_normal(), preset="optax"),
    keras("lecun_uniform", lambda i: i.LecunUniform(seed=0)),
    jax("lecun_uniform", lambda i: i.lecun_uniform()),
]


def _by_torch(row: Row) -> Any:
    import torch

    torch.manual_seed(0)
    weight = torch.empty(FAN_OUT, FAN_IN, dtype=torch.float64)
    return facts(row.theirs(torch.nn.init, weight).numpy())


def _by_jax(row: Row) -> Any:
    import jax

    draw = row.theirs(jax.nn.initializers)
    return facts(np.asarray(draw(jax.random.key(0), (FAN_IN, FAN_OUT), jax.numpy.float64)))


def _by_keras(row: Row) -> Any:
    import keras

    return facts(np.asarray(row.theirs(keras.initializers)((FAN_IN, FAN_OUT), "float64")))


THEIRS: Mapping[str, Callable[[Row], Any]] = {"torch": _by_torch, "jax": _by_jax, "keras": _by_keras}
