"""Suite: deep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from anncore import Problem, Suite, hookimpl

DATA: dict[str, dict[str, object]] = {
    "two_moons": {"noise": 0.2},
    "spirals": {"turns": 1.5, "n": 600},
    "checkerboard": {},
    "shells": {"features": 5, "classes": 3, "n": 800},
    "parity": {"bits": 10, "relevant": 2},
    "staircase": {"bits": 12, "height": 3},
    "breast_cancer": {},
    "digits": {},
    "friedman": {},
    "teacher": {"use": "teacher_student", "n": 600},
}
"""By label the keys of a section."""

NETWORKS: dict[str, tuple[str, list[int], int]] = {
    "six": ("six layers", [16] * 6, 400),
    "twelve": ("twelve layers", [12] * 12, 400),
}
"""By label the group, the hidden layers and the steps."""


@dataclass(frozen=True)
class Deep(Suite):
    """Deep and narrow networks without shortcuts, on which gradients vanish and explode.

    Ten data sets, each with six hidden layers of 16 units and with twelve of 12, 400 steps of 32 examples.
    What an arm loses from six to twelve layers shows how it bears depth.

    Saxe, McClelland & Ganguli, "Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural
    Networks", ICLR 2014, say why depth costs time. https://arxiv.org/abs/1312.6120
    """

    name: ClassVar[str] = "deep"
    version: ClassVar[int] = 1

    def sections(self) -> dict[str, dict[str, dict[str, object]]]:
        return {
            "dataset": {label: dict(keys) for label, keys in DATA.items()},
            "network": {
                label: {"use": "mlp", "hidden": list(hidden)} for label, (_, hidden, _) in NETWORKS.items()
            },
        }

    def problems(self) -> Sequence[Problem]:
        return [
            Problem(f"{label}, {group}", group, {"dataset": label, "network": network}, {"steps": steps})
            for network, (group, _, steps) in NETWORKS.items()
            for label in DATA
        ]


@hookimpl
def annx_suites() -> list[type[Suite]]:
    return [Deep]
