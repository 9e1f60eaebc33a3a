"""Losses of probabilities and of logits, of two classes and of more."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracles.losses.sides import both, classes, keras, keras32, optax, sklearn, torch

WEIGHTS = (0.5, 1.0, 4.0)


def _focal(log_p: Any, log_q: Any, gamma: float, weight: Any) -> Any:
    """Lin et al. (2017), equation 5, from log p_t and log (1 - p_t)."""
    return -(weight * (gamma * log_q).exp() * log_p).sum(-1).mean()


def _focal_binary(log_p: Any, log_q: Any, y: Any, gamma: float = 2.0, alpha: float | None = 0.25) -> Any:
    """Weigh the positives with alpha and the negatives with 1 - alpha, as torchvision does."""
    weight = 1.0 if alpha is None else alpha * y + (1 - alpha) * (1 - y)
    one = y == 1
    return _focal(log_p.where(one, log_q), log_q.where(one, log_p), gamma, weight)


def _soft_focal(F: Any, z: Any, y: Any, weight: float) -> Any:
    positive = weight * y * z.neg().sigmoid() ** 2 * F.logsigmoid(z)
    return -(positive + (1 - y) * z.sigmoid() ** 2 * F.logsigmoid(-z)).mean()


def _focal_classes(log_p: Any, y: Any, gamma: float = 2.0, alpha: float = 0.25) -> Any:
    true = (log_p * y).sum(-1, keepdim=True)
    return _focal(true, (-true.expm1()).log(), gamma, alpha)


def _true(p: Any, y: Any) -> Any:
    """Return the probability of the true class of two."""
    return y * p + (1 - y) * (1 - p)


def _symmetric(p: Any, y: Any, alpha: float, beta: float, floor: float) -> Any:
    log_y = y.log().clamp(min=floor)
    return -(alpha * y * p.log() + beta * p * log_y).sum(1).mean()


def _ridnik(p: Any, y: Any, gamma_pos: float, gamma_neg: float, clip: float) -> Any:
    rest = (1 - p + clip).clamp(max=1)
    positive = y * (1 - p) ** gamma_pos * p.log()
    return -(positive + (1 - y) * (1 - rest) ** gamma_neg * rest.log()).mean()


def _jensen_shannon(F: Any, p: Any, y: Any, weight: float) -> Any:
    mixed = (weight * y + (1 - weight) * p).log()
    rows = weight * F.kl_div(mixed, y, reduction="none") + (1 - weight) * F.kl_div(mixed, p, reduction="none")
    return rows.sum(1).mean()


def log_softmax(z: Any) -> Any:
    """Return JAX's log-softmax."""
    from jax import nn

    return nn.log_softmax(z)


ROWS = [
    torch("binary_cross_entropy", "binary", lambda F, a, y: F.binary_cross_entropy(a, y), preset="torch"),
    torch(
        "binary_cross_entropy",
        "binary logits",
        lambda F, z, y: F.binary_cross_entropy_with_logits(z, y),
        preset="torch",
    ),
    torch(
        "binary_cross_entropy",
        "binary logits",
        lambda F, z, y: F.binary_cross_entropy_with_logits(z, y, pos_weight=z.new_tensor([3.0])),
        pos_weight=3.0,
    ),
    keras32("binary_cross_entropy", "binary", lambda k: k.BinaryCrossentropy(), preset="keras"),
    keras32(
        "binary_cross_entropy",
        "binary logits",
        lambda k: k.BinaryCrossentropy(from_logits=True, label_smoothing=0.1),
        smoothing=0.1,
    ),
    optax(
        "binary_cross_entropy",
        "binary logits",
        lambda o, z, y: o.sigmoid_binary_cross_entropy(z, y),
        preset="optax",
    ),
    torch(
        "categorical_cross_entropy",
        "multiclass",
        lambda F, a, y: F.nll_loss(a.log(), classes(y)),
        preset="torch",
    ),
    torch(
        "categorical_cross_entropy",
        "multiclass logits",
        lambda F, z, y: F.cross_entropy(z, classes(y)),
        preset="torch",
    ),
    torch(
        "categorical_cross_entropy",
        "multiclass logits",
        lambda F, z, y: F.cross_entropy(z, classes(y), label_smoothing=0.1),
        preset="torch",
        smoothing=0.1,
    ),
    torch(
        "categorical_cross_entropy",
        "soft multiclass logits",
        lambda F, z, y: F.cross_entropy(z, y, label_smoothing=0.2),
        preset="torch",
        smoothing=0.2,
    ),
    torch(
        "categorical_cross_entropy",
        "multiclass logits",
        lambda F, z, y: F.cross_entropy(z, classes(y), weight=z.new_tensor(WEIGHTS), label_smoothing=0.1),
        preset="torch",
        class_weights=WEIGHTS,
        smoothing=0.1,
    ),
    torch(
        "categorical_cross_entropy",
        "multiclass",
        lambda F, a, y: F.nll_loss(a.log(), classes(y), weight=a.new_tensor(WEIGHTS)),
        preset="torch",
        class_weights=WEIGHTS,
    ),
    torch(
        "categorical_cross_entropy",
        "soft multiclass logits",
        lambda F, z, y: F.cross_entropy(z, y, weight=z.new_tensor(WEIGHTS)),
        class_weights=WEIGHTS,
        weight_reduction="mean",
    ),
    keras("categorical_cross_entropy", "multiclass", lambda k: k.CategoricalCrossentropy(), preset="keras"),
    keras(
        "categorical_cross_entropy",
        "multiclass logits",
        lambda k: k.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
        smoothing=0.1,
    ),
    keras(
        "categorical_cross_entropy",
        "multiclass logits",
        lambda k: lambda y, z: k.CategoricalCrossentropy(from_logits=True)(y, z, y @ np.array(WEIGHTS)),
        preset="keras",
        from_logits=True,
        class_weights=WEIGHTS,
    ),
    optax(
        "categorical_cross_entropy",
        "multiclass logits",
        lambda o, z, y: o.softmax_cross_entropy(z, o.smooth_labels(y, 0.1)),
        preset="optax",
        smoothing=0.1,
    ),
    torch("one_sided_cross_entropy", "binary", lambda F, a, y: -(y * a.log()).mean()),
    torch("one_sided_cross_entropy", "binary logits", lambda F, z, y: -(y * F.logsigmoid(z)).mean()),
    torch("focal", "binary", lambda F, a, y: _focal_binary(a.log(), (1 - a).log(), y)),
    torch(
        "focal",
        "binary",
        lambda F, a, y: _focal_binary(a.log(), (1 - a).log(), y, 3.5, None),
        gamma=3.5,
        balance=False,
    ),
    torch("focal", "binary logits", lambda F, z, y: _focal_binary(F.logsigmoid(z), F.logsigmoid(-z), y)),
    torch(
        "focal",
        "binary logits",
        lambda F, z, y: _focal_binary(F.logsigmoid(z), F.logsigmoid(-z), y, 0.7, 0.6),
        gamma=0.7,
        alpha=0.6,
    ),
    torch(
        "focal",
        "binary logits",
        lambda F, z, y: _soft_focal(F, z, 0.9 * y + 0.05, 4.0),
        balance=False,
        smoothing=0.1,
        class_weights=(1.0, 4.0),
    ),
    torch("focal", "multiclass", lambda F, a, y: _focal_classes(a.log(), y)),
    torch("focal", "multiclass logits", lambda F, z, y: _focal_classes(F.log_softmax(z, dim=-1), y)),
    torch(
        "focal",
        "multiclass logits",
        lambda F, z, y: _focal_classes(F.log_softmax(z, dim=-1), y, 3.5, 1.0),
        gamma=3.5,
        balance=False,
    ),
    keras32("focal", "binary", lambda k: k.BinaryFocalCrossentropy(), preset="keras"),
    keras32(
        "focal",
        "binary",
        lambda k: k.BinaryFocalCrossentropy(apply_class_balancing=True),
        preset="keras",
        balance=True,
    ),
    keras(
        "focal",
        "multiclass logits",  # where it has probabilities, it normalises them, which ours does not
        lambda k: k.CategoricalFocalCrossentropy(from_logits=True),
    ),
    keras(
        "focal",
        "multiclass logits",
        lambda k: k.CategoricalFocalCrossentropy(alpha=WEIGHTS, label_smoothing=0.1, from_logits=True),
        balance=False,
        smoothing=0.1,
        class_weights=WEIGHTS,
    ),
    optax("focal", "binary logits", lambda o, z, y: o.sigmoid_focal_loss(z, y), preset="optax"),
    optax(
        "focal", "binary logits", lambda o, z, y: o.sigmoid_focal_loss(z, y, alpha=0.25, gamma=1.5), gamma=1.5
    ),
    torch(
        "generalized_cross_entropy", "multiclass", lambda F, p, y: ((1 - (p * y).sum(1) ** 0.7) / 0.7).mean()
    ),
    torch(
        "generalized_cross_entropy",
        "multiclass logits",
        lambda F, z, y: ((1 - (F.softmax(z, 1) * y).sum(1) ** 0.3) / 0.3).mean(),
        q=0.3,
    ),
    torch("generalized_cross_entropy", "binary", lambda F, p, y: ((1 - _true(p, y) ** 0.7) / 0.7).mean()),
    torch(
        "generalized_cross_entropy",
        "binary logits",
        lambda F, z, y: ((1 - _true(z.sigmoid(), y) ** 0.7) / 0.7).mean(),
    ),
    keras32(
        "generalized_cross_entropy",
        "multiclass",
        lambda k: lambda y, p: k.CategoricalGeneralizedCrossEntropy()(y.argmax(axis=1), p),
        preset="keras",
    ),
    torch("symmetric_cross_entropy", "multiclass", lambda F, p, y: _symmetric(p, y, 0.1, 1.0, -4)),
    torch(
        "symmetric_cross_entropy",
        "soft multiclass logits",
        lambda F, z, y: _symmetric(F.softmax(z, 1), y, 6.0, 0.1, -1),
        alpha=6.0,
        beta=0.1,
        floor=-1.0,
    ),
    torch(
        "symmetric_cross_entropy",
        "binary logits",
        lambda F, z, y: _symmetric(both(z.sigmoid()), both(y), 0.1, 1.0, -4),
    ),
    torch(
        "poly1_cross_entropy",
        "multiclass",
        lambda F, p, y: (y * (-p.log() - 0.5 * (1 - p))).sum(1).mean(),
        epsilon=-0.5,
    ),
    torch(
        "poly1_cross_entropy",
        "binary logits",
        lambda F, z, y: F.binary_cross_entropy_with_logits(z, y) + 2 * (1 - _true(z.sigmoid(), y)).mean(),
    ),
    optax(
        "poly1_cross_entropy",
        "multiclass logits",
        lambda o, z, y: o.losses.poly_loss_cross_entropy(z, y),
        preset="optax",
    ),
    torch("asymmetric", "binary", lambda F, p, y: _ridnik(p, y, 0, 4, 0.05)),
    torch(
        "asymmetric",
        "binary logits",
        lambda F, z, y: _ridnik(z.sigmoid(), y, 1.5, 2, 0.3),
        gamma_pos=1.5,
        gamma_neg=2.0,
        clip=0.3,
    ),
    torch("kl_divergence", "multiclass", lambda F, a, y: F.kl_div(a.log(), y), preset="torch"),
    torch(
        "kl_divergence",
        "soft multiclass logits",
        lambda F, z, y: F.kl_div(F.log_softmax(z, dim=-1), y, reduction="batchmean"),
        preset="torch",
        reduction="batchmean",
    ),
    keras("kl_divergence", "multiclass", lambda k: k.KLDivergence(), preset="keras"),
    optax(
        "kl_divergence",
        "soft multiclass logits",
        lambda o, z, y: o.kl_divergence(log_softmax(z), y),
        preset="optax",
    ),
    torch("js_divergence", "multiclass", lambda F, p, y: _jensen_shannon(F, p, y, 0.5)),
    torch(
        "js_divergence",
        "soft multiclass logits",
        lambda F, z, y: _jensen_shannon(F, F.softmax(z, 1), y, 0.2) / (-0.8 * np.log(0.8)),
        weight=0.2,
        scaled=True,
    ),
    torch(
        "js_divergence", "binary logits", lambda F, z, y: _jensen_shannon(F, both(z.sigmoid()), both(y), 0.5)
    ),
    sklearn("zero_one", "multiclass", lambda m, y, p: m.zero_one_loss(classes(y), classes(p))),
]
