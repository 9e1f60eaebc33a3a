"""Losses that are wrong on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np
from right.losses import Faces, Scaled, Sides, Squares, Tosses

from anncore import Loss
from anncore.contract.kinds import Array
from wrong.base import Wrong, spoilt, wrong, wrong_form


def never_wrong(self: Any, output: Array, target: Array) -> Array:
    return np.zeros(len(output), dtype=output.dtype)


def not_per_trial(self: Any, output: Array, target: Array) -> Any:
    return np.float64(0)


def sum_over_examples(self: Any, output: Array, target: Array) -> Array:
    return ((output - target) ** 4).sum(axis=(1, 2))


def gradient_of_the_sum(self: Any, output: Array, target: Array) -> Array:
    return 4 * (output - target) ** 3


def gradient_without(*names: str) -> Any:
    """Return the right gradient without its division by N or D, or with one too many."""

    def grad(self: Any, output: Array, target: Array) -> Array:
        _, n, d = output.shape
        divisors = {"N": n, "D": d, "twice": 1 / n}
        right = 4 * (output - target) ** 3 / (n * d)
        return right * float(np.prod([divisors[name] for name in names]))

    return grad


def drawn_elsewhere(self: Any, output: Array, draws: Any) -> Array:
    return output + np.random.default_rng().normal(size=output.shape)


def drawn_from_nothing(self: Any, output: Array, draws: Any) -> Array:
    return output + np.where(draws.uniform(output) < 0.5, np.nan, 1)


def absolute(self: Any, output: Array, target: Array) -> Array:
    return np.abs(output - target).mean(axis=(1, 2))


def sign(self: Any, output: Array, target: Array) -> Array:
    return np.sign(output - target) / (output.shape[1] * output.shape[2])


def exponential(self: Any, output: Array, target: Array) -> Array:
    return np.exp(np.abs(output - target)).mean(axis=(1, 2))


def doubled(self: Any, z: Array, target: Array, link: str) -> Array:
    return 2 * self.grad(z, target)


def means_alone(self: Any, output: Array, target: Array) -> Array:
    a, s = np.split(output, 2, axis=2)
    return np.concatenate([(a - target) * np.exp(-s), 0 * s], axis=2) / (a.shape[1] * a.shape[2])


def as_they_are(self: Any, output: Array) -> Array:
    return output + 0


def winners(self: Any, output: Array) -> Array:
    return (output > 0).astype(output.dtype)


def above_the_mean(self: Any, output: Array) -> Array:
    return 0.5 * (1 + np.tanh(output - output.mean()))


LOSSES = [
    wrong("loss", "well_formed", "it has no method value_from_logits", value_from_logits=None),
    Wrong("loss", "attributes", "derive it from anncore.JointLoss", spoilt(Scaled, joint=("identity",))),
    wrong("loss", "attributes", "natural_for names a task that outputs does not", natural_for=("binary",)),
    wrong("loss", "gradient", "grad for output", value=never_wrong),
    wrong("loss", "gradient", "; grad is inherited from Quartic, whose formula", value=never_wrong),
    wrong("loss", "gradient", "declare a corner in kinks", value=absolute, grad=sign),
    wrong("loss", "gradient", "; it misses 1/N everywhere", grad=gradient_without("N")),
    wrong("loss", "gradient", "; it misses 1/D everywhere", grad=gradient_without("D")),
    wrong("loss", "gradient", "; it misses 1/(N D) everywhere", grad=gradient_without("N", "D")),
    wrong("loss", "gradient", "it is divided by N once too often everywhere", grad=gradient_without("twice")),
    wrong(
        "loss",
        "gradient",
        "it is wrong only at output - target < 0",
        grad=lambda self, output, target: (
            4 * np.abs(output - target) ** 3.0 * (output > target) / (output.shape[1] * output.shape[2])
            + 0.1 * (output < target)
        ),
    ),
    wrong("loss", "mean_over_examples", "given twice", value=sum_over_examples, grad=gradient_of_the_sum),
    wrong("loss", "extremes_finite", "overflow", value=exponential),
    wrong(
        "loss", "joint_as_chained", "grad_from_logits with identity against grad", grad_from_logits=doubled
    ),
    wrong("loss", "stacked_as_alone", "not (T,)", value=not_per_trial),
    wrong_form(
        "loss", "attributes", "must be a whole number from 1, got 2.0", Scaled, outputs_per_target=2.0
    ),
    wrong("loss", "attributes", "2 outputs per target need predict", outputs_per_target=2),
    wrong_form("loss", "gradient", "grad for output", Scaled, grad=means_alone),
    wrong_form("loss", "predict", "shape (3, 9, 2) for 1 targets", Scaled, predict=as_they_are),
    wrong_form("loss", "predict", "outside [0, 1]", Sides, predict=as_they_are),
    wrong_form("loss", "predict", "an output that is NaN predicts", Sides, predict=winners),
    wrong_form("loss", "stacked_as_alone", "prediction of a trial in a stack", Sides, predict=above_the_mean),
    wrong_form(
        "loss",
        "residuals",
        "residuals of shape (3, 6) for (3, 6, 1)",
        Squares,
        residuals=lambda self, output, target: (output - target)[:, :, 0],
    ),
    wrong_form(
        "loss",
        "residuals",
        "the squares of an example's residuals and its loss",
        Squares,
        residuals=lambda self, output, target: output - target,
    ),
    wrong_form(
        "loss",
        "residuals",
        "residuals of an example alone and among others",
        Squares,
        residuals=lambda self, output, target: (
            (-1) ** output.shape[1] * (output - target) * (0.5 / output.shape[2]) ** 0.5
        ),
    ),
    wrong_form("loss", "draw", "likelihood is 'each'", Squares, likelihood="each"),
    wrong_form("loss", "draw", 'likelihood is "output", but draw is missing', Squares, draw=Loss.draw),
    wrong_form(
        "loss",
        "draw",
        "draw gives shape (3, 4096)",
        Squares,
        draw=lambda self, output, draws: output[:, :, 0],
    ),
    wrong_form(
        "loss",
        "draw",
        "draw gives float32 for outputs of float64",
        Squares,
        draw=lambda self, output, draws: (output + draws.normal(output)).astype("float32"),
    ),
    wrong_form("loss", "draw", "targets drawn by the same numbers", Squares, draw=drawn_elsewhere),
    wrong_form("loss", "draw", "drawn targets that are not finite", Squares, draw=drawn_from_nothing),
    wrong_form(
        "loss",
        "draw",
        "the mean gradient at drawn targets is not 0",
        Squares,
        draw=lambda self, output, draws: output + draws.uniform(output),
    ),
    wrong_form(
        "loss",
        "draw",
        "at drawn targets the mean square of the gradient is",
        Squares,
        draw=lambda self, output, draws: output + 2 * draws.normal(output),
    ),
    wrong_form(
        "loss",
        "draw",
        "drawn targets of classes that are not 0 or 1",
        Tosses,
        draw=lambda self, p, draws: p + 0,
    ),
    wrong_form(
        "loss",
        "draw",
        "drawn targets of several classes at once, or of none",
        Faces,
        draw=lambda self, p, draws: (draws.uniform(p) < p).astype(p.dtype),
    ),
]
