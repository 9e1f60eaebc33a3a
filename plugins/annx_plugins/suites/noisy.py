"""Suite: noisy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from anncore import Problem, Suite, hookimpl

GROUPS: dict[str, dict[str, dict[str, object]]] = {
    "wrong labels": {
        "flipped_moons": {"use": "two_moons", "noise": 0.2, "label_noise": 0.3},
        "flipped_digits": {"use": "digits", "label_noise": 0.4},
        "flipped_cancer": {"use": "breast_cancer", "label_noise": 0.2},
        "mistaken_pairs": {"use": "noisy_labels", "dataset": "digits", "way": "pair", "share": 0.3},
        "one_way": {"use": "noisy_labels", "dataset": "breast_cancer", "way": "one_way", "share": 0.2},
        "near_the_border": {"use": "noisy_labels", "dataset": "two_moons", "way": "near", "share": 0.2},
    },
    "wrong numbers": {
        "outliers": {"use": "friedman", "outliers": 0.1},
        "outlier_line": {"use": "outlier_regression"},
        "outlier_sum": {"use": "additive_regression", "outliers": 0.1},
        "heavy_tails": {"df": 1.5},
    },
    "loud numbers": {
        "uneven_noise": {"use": "heteroscedastic"},
        "loud_line": {"use": "linear_regression", "noise": 200.0},
        "loud_friedman": {"use": "friedman", "noise": 4.0},
    },
}
"""By group the data sets: by label the keys of a section."""

SMALL_BATCHES: dict[str, dict[str, object]] = {
    "two_moons": {"noise": 0.2},
    "digits": {},
    "wine": {},
    "friedman": {},
}
"""Those that are trained on two examples at a time."""


@dataclass(frozen=True)
class Noisy(Suite):
    """Noise in every place where training meets it: labels, targets, and the gradient itself.

    Labels flipped at random, between pairs of classes, one way only or near the border; outliers, heavy tails
    and noise that grows; and batches of two examples. One hidden layer of 32 units, 400 steps of 32 examples.
    The test split is as noisy as the training split where the data set makes it so.

    Frénay & Verleysen, "Classification in the Presence of Label Noise: A Survey", IEEE Transactions on Neural
    Networks and Learning Systems 25(5), 2014, name the ways of going wrong.
    https://doi.org/10.1109/TNNLS.2013.2292894
    """

    name: ClassVar[str] = "noisy"
    version: ClassVar[int] = 1

    def sections(self) -> dict[str, dict[str, dict[str, object]]]:
        named = [*GROUPS.values(), SMALL_BATCHES]
        return {
            "dataset": {label: dict(keys) for data in named for label, keys in data.items()},
            "network": {"mlp": {"hidden": [32]}},
        }

    def problems(self) -> Sequence[Problem]:
        noise = [
            Problem(label, group, {"dataset": label, "network": "mlp"}, {"steps": 400})
            for group, named in GROUPS.items()
            for label in named
        ]
        batches = [
            Problem(
                label, "small batches", {"dataset": label, "network": "mlp"}, {"steps": 800, "batch_size": 2}
            )
            for label in SMALL_BATCHES
        ]
        return [*noise, *batches]


@hookimpl
def annx_suites() -> list[type[Suite]]:
    return [Noisy]
