"""Metric: expected_calibration_error."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl, hyper


@dataclass(frozen=True)
class ExpectedCalibrationError(Metric):
    """Expected calibration error: how far confidence and accuracy lie apart.

        ECE = Σ_b (n_b / N) |accuracy_b - confidence_b|

    The confidence of an example is the probability of the predicted class: the largest, or max(p, 1 - p) with
    one output. b runs over `bins` intervals of equal width, ((b - 1) / bins, b / bins], and accuracy_b and
    confidence_b are the means over the n_b examples whose confidence lies there. NaN if any prediction is
    NaN.

    Choose it to ask whether a probability of 0.8 is right in 8 cases of 10. `brier` and `log_loss` mix that
    with how well the classes are told apart; this looks at calibration alone, and only at the predicted
    class. It is biased upwards if bins hold few examples, so compare with equal bins and numbers of examples.
    `[metrics.expected_calibration_error] bins = 10` sets them.

    Domain: bins, a whole number from 1 up. One bin compares mean confidence with accuracy.
    Shapes: output and target (T, N, D); score (T,). Naeini, Cooper & Hauskrecht, "Obtaining Well Calibrated
    Probabilities Using Bayesian Binning", AAAI 2015. https://doi.org/10.1609/aaai.v29i1.9602. Guo, Pleiss,
    Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, equation 3, has 15 bins.
    https://arxiv.org/abs/1706.04599
    """

    name: ClassVar[str] = "expected_calibration_error"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass")
    bounds: ClassVar[str] = "[0, 1]"

    bins: int = hyper(15, "int [1, 1000000]")

    def score(self, output: Array, target: Array) -> Array:
        trials = len(output)
        if output.shape[2] == 1:
            predicted = output[..., 0] > 0.5
            correct = predicted == (target[..., 0] > 0.5)
            confidence = np.where(predicted, output[..., 0], 1 - output[..., 0])
        else:
            correct = output.argmax(axis=-1) == target.argmax(axis=-1)
            confidence = output.max(axis=-1)
        edges = (np.arange(1, self.bins) / self.bins).astype(output.dtype)
        place = np.searchsorted(edges, confidence) + self.bins * np.arange(trials)[:, None]
        excess = np.bincount(place.ravel(), (correct - confidence.astype(float)).ravel(), trials * self.bins)
        error = np.abs(excess.reshape(trials, self.bins)).sum(axis=1) / output.shape[1]
        return np.where(np.isnan(output).any(axis=(1, 2)), np.nan, error)


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [ExpectedCalibrationError]
