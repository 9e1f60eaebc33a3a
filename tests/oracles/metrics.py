"""Metrics: of outputs beside scikit-learn's, of what happens within a network beside PyTorch's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from oracles.rows import INPUTS, Row, spread
from shipped import REGISTRY

from anncore import Moment
from anncore.engine.network import PlacedNetwork

torch = partial(Row, "torch", "metric")  # theirs(torch, activations by layer, weights, biases)


def sklearn(name: str, inputs: str, theirs: Any, **values: Any) -> Row:
    """Return a row; theirs(sklearn.metrics, target, output)."""
    return Row("scikit-learn", "metric", name, theirs, values, inputs)


# A network with two hidden layers of ReLU under the mean squared error: units 2 of the first and 1 of the
# second are dead
NETWORK = {
    "W1": spread(12, -1, 1, turn=14).reshape(3, 4),
    "b1": np.array([[0.1, -9, 0.2, 0.3]]),
    "W2": spread(8, -1, 1, turn=15).reshape(4, 2),
    "b2": np.array([[-9, 0.5]]),
    "W3": spread(6, -1, 1, turn=16).reshape(2, 3),
    "b3": np.array([[0.1, 0.2, 0.3]]),
}


# What the last update is said to have added to it
CHANGES = {
    name: spread(array.size, -0.01, 0.02, turn=i).reshape(array.shape)
    for i, (name, array) in enumerate(NETWORK.items(), start=30)
}


COMPONENTS = {"network": "mlp", "activation": "relu", "loss": "mse"}


def _watching(component: Any) -> Any:
    x, y = (array[None] for array in INPUTS["regression"])
    classes = {kind: REGISTRY.get(kind, name).cls for kind, name in COMPONENTS.items()}
    plain: Any = classes["network"](hidden=(4, 2), activation=(classes["activation"](),))
    network = PlacedNetwork(plain, 3, 3, None)
    weights = {name: array[None] for name, array in NETWORK.items()}
    grads = {name: np.zeros_like(array) for name, array in weights.items()}
    z, tape = network.forward(weights, x)
    network.backward(weights, tape, classes["loss"]().grad(z, y), grads)
    layers = network.layers(tape)
    if not component.probes:
        scores = component.score(layers, weights, grads)
        return [scores[suffix] for suffix in sorted(scores)]

    def gradient(other: Any) -> Any:
        z, tape = network.forward(other, x)
        grads = {name: np.zeros_like(array) for name, array in other.items()}
        network.backward(other, tape, classes["loss"]().grad(z, y), grads)
        return grads

    changes = {name: array[None] for name, array in CHANGES.items()}
    scores = component.score(Moment(layers, weights, grads, changes, gradient))
    return [scores[suffix] for suffix in sorted(scores)]


def ours(component: Any, row: Row) -> Any:
    """Return our figures."""
    if component.watches:
        return _watching(component)
    output, target = INPUTS[row.inputs]
    return component.score(output[None], target[None])


def _classes(p: Any) -> Any:
    return p.argmax(axis=1)


def _calibration_error(m: Any, y: Any, p: Any) -> float:
    """Put together the gaps of scikit-learn's calibration curve of "the prediction is right"."""
    from sklearn.calibration import calibration_curve

    bins = 15 if p.ndim == 1 else 4
    confidence = np.maximum(p, 1 - p) if p.ndim == 1 else p.max(axis=1)
    right = (p > 0.5) == y if p.ndim == 1 else _classes(p) == _classes(y)
    accuracy, mean = calibration_curve(right, confidence, n_bins=bins)
    counts = np.histogram(confidence, bins, (0, 1))[0]
    return float((np.abs(accuracy - mean) * counts[counts > 0]).sum() / len(confidence))


def norms(t: Any, weights: Any, rest: Any) -> Any:
    """Return the norm of all gradients and of each weight's."""
    grads = [weight.grad for weight in weights]
    total = t.nn.utils.get_total_norm([*grads, *(weight.grad for weight in rest)])
    return [total.item(), *(t.linalg.vector_norm(grad).item() for grad in grads)]


def dead(t: Any, layers: Any) -> Any:
    """Return the share of units without an activation, of all layers and of each."""
    silent = [t.count_nonzero(a, dim=0) == 0 for a in layers]
    return [t.cat(silent).double().mean().item(), *(layer.double().mean().item() for layer in silent)]


def effective_ranks(t: Any, layers: Any) -> Any:
    """Return the exponential of the entropy of the singular values, of the last layer and of each."""
    ranks = []
    for a in layers:
        p = t.linalg.svdvals(a.detach())
        ranks.append(t.special.entr(p / p.sum()).sum().exp().item())
    return [ranks[-1], *ranks]


def ratios(t: Any, weights: Any, rest: Any) -> Any:
    """Return the length of the changes over that of what was there before, of everything and by matrix."""
    changes = [[t.tensor(CHANGES[f"{kind}{i}"]) for i in (1, 2, 3)] for kind in "Wb"]
    pairs = [(change, weight.detach() - change) for change, weight in zip(changes[0], weights, strict=True)]
    others = [(change, weight.detach() - change) for change, weight in zip(changes[1], rest, strict=True)]
    flat = [t.cat([pair[side].flatten() for pair in pairs + others]) for side in (0, 1)]
    return [(change.norm() / weight.norm()).item() for change, weight in [flat, *pairs]]


def sharpest(t: Any) -> Any:
    """Return the largest eigenvalue of the loss's Hessian, which autograd computes in full."""
    arrays = [t.tensor(array) for array in NETWORK.values()]
    x, y = (t.tensor(array) for array in INPUTS["regression"])

    def loss(*arrays: Any) -> Any:
        named = dict(zip(NETWORK, arrays, strict=True))
        a = x
        for i in (1, 2):
            a = t.relu(a @ named[f"W{i}"] + named[f"b{i}"])
        return t.nn.functional.mse_loss(a @ named["W3"] + named["b3"], y)

    blocks = t.autograd.functional.hessian(loss, tuple(arrays))
    rows = [
        t.cat([block.reshape(one.numel(), -1) for block in row], dim=1)
        for one, row in zip(arrays, blocks, strict=True)
    ]
    return t.linalg.eigvalsh(t.cat(rows))[-1].item()


def saturated(t: Any, layers: Any) -> Any:
    """Return the share of units whose slope is 0 on 95 % of the examples, of all layers and of each."""
    flat = []
    for a in layers:
        x = a.detach().requires_grad_()  # as 0 is where ReLU's slope is 0, its values tell its slopes
        (slope,) = t.autograd.grad(t.relu(x).sum(), x)
        flat.append((slope.abs() < 0.01).double().mean(dim=0) >= 0.95)
    return [t.cat(flat).double().mean().item(), *(layer.double().mean().item() for layer in flat)]


ROWS = [
    torch("gradient_norm", lambda t, layers, weights, rest: norms(t, weights, rest)),
    torch("dead_units", lambda t, layers, weights, rest: dead(t, layers)),
    torch("effective_rank", lambda t, layers, weights, rest: effective_ranks(t, layers)),
    torch("update_to_weight_ratio", lambda t, layers, weights, rest: ratios(t, weights, rest)),
    torch(
        "sharpness",
        lambda t, layers, weights, rest: sharpest(t),
        {"iterations": 300},
        rtol=1e-6,
        why="it takes differences of gradients",
    ),
    torch("saturated_units", lambda t, layers, weights, rest: saturated(t, layers)),
    sklearn("accuracy", "binary", lambda m, y, p: m.accuracy_score(y, p > 0.5)),
    sklearn("accuracy", "multiclass", lambda m, y, p: m.accuracy_score(_classes(y), _classes(p))),
    sklearn("zero_one_error", "binary", lambda m, y, p: m.zero_one_loss(y, p > 0.5)),
    sklearn("zero_one_error", "multiclass", lambda m, y, p: m.zero_one_loss(_classes(y), _classes(p))),
    sklearn("balanced_accuracy", "binary", lambda m, y, p: m.balanced_accuracy_score(y, p > 0.5)),
    sklearn(
        "balanced_accuracy", "multiclass", lambda m, y, p: m.balanced_accuracy_score(_classes(y), _classes(p))
    ),
    sklearn("f1", "binary", lambda m, y, p: m.f1_score(y, p > 0.5)),
    sklearn("f1", "multiclass", lambda m, y, p: m.f1_score(_classes(y), _classes(p), average="macro")),
    sklearn("roc_auc", "binary", lambda m, y, p: m.roc_auc_score(y, p)),
    sklearn("roc_auc", "multiclass", lambda m, y, p: m.roc_auc_score(_classes(y), p, multi_class="ovr")),
    sklearn(
        "roc_auc",
        "multiclass",
        lambda m, y, p: m.roc_auc_score(_classes(y), p, multi_class="ovo"),
        average="pairs",
    ),
    *(
        sklearn(
            "roc_auc",
            "multiclass",
            lambda m, y, p, average=average: m.roc_auc_score(y, p, average=average),
            average=average,
        )
        for average in ("weighted", "micro")
    ),
    *(
        sklearn(
            "roc_auc", "binary", lambda m, y, p, most=most: m.roc_auc_score(y, p, max_fpr=most), max_fpr=most
        )
        for most in (0.05, 0.3, 0.75)
    ),
    sklearn("average_precision", "binary", lambda m, y, p: m.average_precision_score(y, p)),
    sklearn("average_precision", "multiclass", lambda m, y, p: m.average_precision_score(_classes(y), p)),
    sklearn("mcc", "binary", lambda m, y, p: m.matthews_corrcoef(y, p > 0.5)),
    sklearn("mcc", "multiclass", lambda m, y, p: m.matthews_corrcoef(_classes(y), _classes(p))),
    sklearn("cohen_kappa", "binary", lambda m, y, p: m.cohen_kappa_score(y, p > 0.5)),
    *(
        sklearn(
            "cohen_kappa",
            "multiclass",
            lambda m, y, p, weights=weights: m.cohen_kappa_score(_classes(y), _classes(p), weights=weights),
            weights=weights or "none",
        )
        for weights in (None, "linear", "quadratic")
    ),
    sklearn("precision", "binary", lambda m, y, p: m.precision_score(y, p > 0.5)),
    sklearn(
        "precision",
        "multiclass",
        lambda m, y, p: m.precision_score(_classes(y), _classes(p), average="macro"),
    ),
    sklearn("recall", "binary", lambda m, y, p: m.recall_score(y, p > 0.5)),
    sklearn(
        "recall", "multiclass", lambda m, y, p: m.recall_score(_classes(y), _classes(p), average="macro")
    ),
    sklearn("top_k", "multiclass", lambda m, y, p: m.top_k_accuracy_score(_classes(y), p, k=2)),
    sklearn("top_k", "multiclass", lambda m, y, p: m.top_k_accuracy_score(_classes(y), p, k=1), k=1),
    sklearn("expected_calibration_error", "binary", _calibration_error),
    sklearn("expected_calibration_error", "multiclass", _calibration_error, bins=4),
    sklearn("log_loss", "binary", lambda m, y, p: m.log_loss(y, p)),
    sklearn("log_loss", "multiclass", lambda m, y, p: m.log_loss(_classes(y), p)),
    sklearn("brier", "binary", lambda m, y, p: m.brier_score_loss(y, p)),
    sklearn("brier", "multiclass", lambda m, y, p: m.brier_score_loss(_classes(y), p)),
    sklearn("rmse", "regression", lambda m, y, a: m.root_mean_squared_error(y, a)),
    sklearn("mae", "regression", lambda m, y, a: m.mean_absolute_error(y, a)),
    sklearn("mape", "regression", lambda m, y, a: m.mean_absolute_percentage_error(y, a)),
    sklearn("explained_variance", "regression", lambda m, y, a: m.explained_variance_score(y, a)),
    sklearn("pinball", "regression", lambda m, y, a: m.mean_pinball_loss(y, a, alpha=0.5)),
    sklearn("pinball", "regression", lambda m, y, a: m.mean_pinball_loss(y, a, alpha=0.9), level=0.9),
    sklearn("r2", "regression", lambda m, y, a: m.r2_score(y, a)),
    sklearn("quantization_error", "regression", lambda m, y, a: m.pairwise.paired_distances(y, a).mean()),
    sklearn("reconstruction_error", "regression", lambda m, y, a: m.root_mean_squared_error(y, a)),
]


def _by_torch(row: Row) -> Any:
    import torch

    arrays = {name: torch.tensor(array, requires_grad=True) for name, array in NETWORK.items()}
    a, target = (torch.tensor(array) for array in INPUTS["regression"])
    layers = []
    for i in (1, 2):
        a = torch.relu(a @ arrays[f"W{i}"] + arrays[f"b{i}"])
        layers.append(a)
    torch.nn.functional.mse_loss(a @ arrays["W3"] + arrays["b3"], target).backward()
    weights, rest = ([arrays[f"{kind}{i}"] for i in (1, 2, 3)] for kind in "Wb")
    return row.theirs(torch, layers, weights, rest)


def _by_sklearn(row: Row) -> Any:
    from sklearn import metrics

    output, target = INPUTS[row.inputs]
    if row.inputs == "binary":
        output, target = output.ravel(), target.ravel()
    return row.theirs(metrics, target, output)


THEIRS: Mapping[str, Callable[[Row], Any]] = {"torch": _by_torch, "scikit-learn": _by_sklearn}
