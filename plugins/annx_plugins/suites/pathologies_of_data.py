"""Suite: pathologies_of_data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from anncore import Problem, Suite, hookimpl

STEPS = 1000
SHARES = {"wilson": 0.6, "wilson_rare": 0.9}
"""By label the share of the larger class."""


@dataclass(frozen=True)
class PathologiesOfData(Suite):
    """Data that every method fits, and where it depends on the method what becomes of new examples.

    Wilson's trap, with a smaller class of 40 % and of 10 %: one feature tells the class, and each example
    has features that no other has (`own_features`). A linear model without a bias starts near 0 and is
    trained on all training examples at once, 1000 steps, on the loss of its task. Descent along the gradient
    ends where that one feature decides; a method that gives each weight a step of its own size ends where
    all weights have one size, and calls every new example by the name of the larger class.

    It is made for shares of successes, as `pathologies`: `reports/field/optimizer` states for each problem
    the test loss that counts as one. Whoever calls all new examples of the smaller class wrong pays at least
    log 2 for each, 0.277 in the mean over all where they are 40 %, 0.069 where they are 10 %.

    Wilson, Roelofs, Stern, Srebro & Recht, "The Marginal Value of Adaptive Gradient Methods in Machine
    Learning", NeurIPS 2017, section 3.3. https://arxiv.org/abs/1705.08292. There the error is squared.
    """

    name: ClassVar[str] = "pathologies_of_data"
    version: ClassVar[int] = 1

    def sections(self) -> dict[str, dict[str, dict[str, object]]]:
        return {
            "dataset": {
                label: {"use": "own_features", "n": 50, "positives": share} for label, share in SHARES.items()
            },
            "network": {"linear": {"use": "mlp", "hidden": [], "bias": False}},
            "initializer": {"near_zero": {"use": "normal", "std": 0.01}},
        }

    def problems(self) -> Sequence[Problem]:
        parts = {"network": "linear", "initializer": "near_zero"}
        train = {"steps": STEPS, "batch_size": "full"}
        split = {"standardize": False}
        return [Problem(label, "traps", {"dataset": label, **parts}, train, split) for label in SHARES]


@hookimpl
def annx_suites() -> list[type[Suite]]:
    return [PathologiesOfData]
