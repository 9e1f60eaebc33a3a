"""What lanes compute of all that annx ships, and what they refuse, with the reason."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from shipped import REGISTRY
from shipped_bits import components, name_of, trials_with
from trial_factory import make_trial

from anncore import Array, Loss
from anncore.contract.handed_over import with_components
from anncore.contract.trial import Trial
from anncore.engine.lanes.choice import engine_of, why_not_lanes
from anncore.engine.packing import pack
from anncore.engine.training import train_stack

pytest.importorskip("llvmlite")

ASKS = "asks for further gradients within a step"
NUMBERS = "needs the numbers of an array, which a kernel does not hand out"
DRAWS = "draws random numbers of its own, by whole numbers of 64 bits"
RULE = "learns by a rule of its own"
REFUSED = {
    # Eigenvalues and other algebra by LAPACK.
    "optimizer shampoo": f"optimizer shampoo: eigh {NUMBERS}",
    "optimizer soap": f"optimizer soap: eigh {NUMBERS}",
    "optimizer splus": f"optimizer splus: eigh {NUMBERS}",
    # Several passes in one step.
    **{
        f"optimizer {name}": f"optimizer {name} {ASKS}"
        for name in (
            *("conjugate_gradients", "extragradient", "lbfgs", "levenberg_marquardt", "mars_exact", "momo"),
            *("polyak", "sam", "sophia"),
        )
    },
    # Functions of Python and NumPy that ask for a number itself.
    "optimizer adafactor": "optimizer adafactor: the number of the step is used other than in arithmetic",
    "optimizer clip_adaptive": f"optimizer clip_adaptive: np.ascontiguousarray {NUMBERS}",
    "optimizer gradient_centralization": f"optimizer gradient_centralization: np.ascontiguousarray {NUMBERS}",
    "optimizer gradient_noise": f"gradient_noise {DRAWS}",
    "optimizer psgd_kron": f"psgd_kron {DRAWS}",
    # Bits of its products depend on the machine, and those of lanes do not.
    "initializer lsuv": "initializer lsuv looks at layers before the training, which NumPy computes",
    # Networks without a gradient that is derived from their formula.
    "network boltzmann": f"network boltzmann {RULE}",
    "network competitive": f"network competitive {RULE}",
    "network echo_state": f"network echo_state {RULE}",
    "network hopfield": f"network hopfield {RULE}",
    "network som": f"network som {RULE}",
    "network gan": f"network gan {RULE}",
    "network sparse": "network sparse changes its weights after each step",
    "network elman": "network elman has a gradient that its author wrote",
}
"""By component, how the reason begins. Whatever else annx ships is computed, on all tasks and outputs."""
KINDS = ("activation", "loss", "optimizer", "schedule", "initializer", "network")


def with_all_of(kind: str, dtype: str, folder: Path) -> Iterator[tuple[str, Trial]]:
    """Yield short trainings in lanes with every shipped component of a kind, and its name."""
    for component in components(REGISTRY):
        if component.kind == kind:
            for made in trials_with(REGISTRY, component, dtype, folder):
                train = dataclasses.replace(made.train, engine="lanes")
                yield name_of(component), dataclasses.replace(made, train=train)


@pytest.mark.parametrize("kind", KINDS)
def test_the_list_of_what_lanes_refuse_is_exact(kind: str, tmp_path: Path) -> None:
    reasons = {}
    for name, made in with_all_of(kind, "float32", tmp_path):
        if why := why_not_lanes(made, REGISTRY):
            reasons[name] = why
            assert engine_of(made, REGISTRY) == "blas"
    mine = {name: why for name, why in REFUSED.items() if name.startswith(f"{kind} ")}
    assert sorted(reasons) == sorted(mine)
    assert all(reasons[name].startswith(why) for name, why in mine.items()), reasons


def curves(result: Any) -> Any:
    """The losses of a trial, at every evaluation and at the end."""
    series = [values for name, values in sorted(result.curves.items()) if name.endswith("_loss")]
    ends = [value for name, value in sorted(result.metrics.items()) if name.endswith("_loss")]
    return np.concatenate([*series, ends])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_component_that_lanes_compute_gives_its_formulas_numbers(kind: str, tmp_path: Path) -> None:
    """In float64, where rounding explains next to nothing; and alone, what it gives in a stack."""
    for name, made in with_all_of(kind, "float64", tmp_path):
        if name in REFUSED:
            continue
        blas = dataclasses.replace(made, train=dataclasses.replace(made.train, engine="blas"))
        [got], [expected] = train_stack([made], REGISTRY), train_stack([blas], REGISTRY)
        assert got.status == expected.status
        np.testing.assert_allclose(curves(got), curves(expected), rtol=1e-8, atol=1e-14, err_msg=name)
        several = [dataclasses.replace(made, seed=seed) for seed in (made.seed + 1, made.seed)]
        [stack] = pack(several, REGISTRY)
        results = {result.key: result for result in train_stack(stack, REGISTRY)}
        assert np.array_equal(curves(results[made.key]), curves(got), equal_nan=True), name


@dataclass(frozen=True)
class Harder(Loss):
    """The mean squared error of the harder half of the examples."""

    name: ClassVar[str] = "harder"
    outputs: ClassVar[Mapping[Any, str]] = {"regression": "identity"}

    def value(self, output: Array, target: Array) -> Array:
        errors = np.sort((output - target) ** 2, axis=1)
        return errors[:, errors.shape[1] // 2 :].mean(axis=(1, 2))


def test_a_loss_is_written_for_as_many_examples_as_it_is_measured_on() -> None:
    """It sorts a batch of 32; of validation and test there are more than the 64 that lanes sort."""
    registry = with_components(REGISTRY, [Harder])
    of_sine = {"loss": "harder", "output": "identity", "batch_size": 32, "engine": "auto"}
    many = make_trial(registry, dataset=("sine", {"n": 600}), **of_sine)
    assert "loss harder: the sorting of" in why_not_lanes(many, registry)
    assert engine_of(many, registry) == "blas"
    few = make_trial(registry, dataset=("sine", {"n": 60}), **{**of_sine, "engine": "lanes"})
    assert why_not_lanes(few, registry) == ""
    [result] = train_stack([few], registry)
    assert result.status == "ok"
