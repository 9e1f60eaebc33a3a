"""What a loss is given, and what we and the libraries make of it; scikit-learn gives no gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from oracles.rows import INPUTS, KERAS32, Row


def loss(library: str, name: str, inputs: str, theirs: Any, **values: Any) -> Row:
    """Return a row.

    theirs(torch.nn.functional, output, target), theirs(optax, output, target), whose mean is taken,
    theirs(keras.losses), a function of target and output, or theirs(sklearn.metrics, target, output).
    """
    return Row(library, "loss", name, theirs, values, inputs)


torch, optax, keras = (partial(loss, library) for library in ("torch", "optax", "keras"))
sklearn = partial(loss, "scikit-learn")
po = partial(Row, "pytorch-optimizer", "loss")


def classes(y: Any) -> Any:
    """Return class numbers of one-hot rows, of tensors and arrays."""
    return y.argmax(axis=1)


def both(p: Any) -> Any:
    """Return the probabilities of two classes from that of the first."""
    return p.new_tensor([[1.0, -1.0]]) * p + p.new_tensor([[0.0, 1.0]])


def keras32(name: str, inputs: str, theirs: Any, **values: Any) -> Row:
    """Return a row of a loss that Keras computes in float32 on the way."""
    return Row("keras", "loss", name, theirs, values, inputs, rtol=1e-6, atol=1e-6, why=KERAS32)


def ours(component: Any, row: Row) -> Any:
    """Return our figures."""
    output, target = (array[None] for array in INPUTS[row.inputs])
    if "logits" in row.inputs:
        link = "sigmoid" if row.inputs.startswith("binary") else "softmax"
        value = component.value_from_logits(output, target, link)
        grad = component.grad_from_logits(output, target, link)
    else:
        value, grad = component.value(output, target), component.grad(output, target)
    return np.concatenate([value, np.ravel(grad)])


def _by_torch(row: Row) -> Any:
    import torch

    output, target = (torch.tensor(array) for array in INPUTS[row.inputs])
    output.requires_grad_()
    value = row.theirs(torch.nn.functional, output, target)
    value.backward()
    return np.concatenate([[value.item()], output.grad.numpy().ravel()])


def _by_optax(row: Row) -> Any:
    import jax
    import optax

    output, target = (jax.numpy.array(array) for array in INPUTS[row.inputs])
    value, grad = jax.value_and_grad(lambda a: row.theirs(optax, a, target).mean())(output)
    return np.concatenate([[float(value)], np.ravel(grad)])


def _by_keras(row: Row) -> Any:
    import jax
    import keras

    loss = row.theirs(keras.losses)
    # Tensors, as Keras would take NumPy's float64 for float32.
    output, target = (jax.numpy.array(array) for array in INPUTS[row.inputs])
    value, grad = jax.value_and_grad(lambda a: loss(target, a))(output)
    return np.concatenate([[float(value)], np.ravel(grad)])


def _by_sklearn(row: Row) -> Any:
    from sklearn import metrics

    output, target = INPUTS[row.inputs]
    return row.theirs(metrics, target, output)


THEIRS: Mapping[str, Callable[[Row], Any]] = {
    "torch": _by_torch,
    "pytorch-optimizer": _by_torch,
    "optax": _by_optax,
    "keras": _by_keras,
    "scikit-learn": _by_sklearn,
}
