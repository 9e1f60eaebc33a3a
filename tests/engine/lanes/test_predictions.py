"""Predictions in lanes: those of the formulas, and the same bits of metrics and maps on every processor."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from shipped import REGISTRY
from shipped_bits import DATA
from trial_factory import make_trial

from anncore import Array, Loss, Task
from anncore.contract.errors import ComponentError
from anncore.contract.handed_over import with_components
from anncore.contract.registry import Registry
from anncore.contract.trial import Trial
from anncore.engine.lanes.choice import why_not_lanes
from anncore.engine.lanes.evaluator import LaneEvaluator
from anncore.engine.lanes.graphs import Prediction
from anncore.engine.lanes.stack import LaneStack
from anncore.engine.training import _loaded, train_stack

pytest.importorskip("llvmlite")

DTYPES = ("float32", "float64")
CASES: dict[str, dict[str, Any]] = {
    "sigmoid": {},
    "softmax": DATA["multiclass"],
    "identity": DATA["regression"],
    "hinge": {"loss": "hinge", "output": "identity"},
    "hinge of classes": {**DATA["multiclass"], "loss": "hinge", "output": "identity"},
    "rates": {**DATA["regression"], "loss": "poisson_nll", "output": "identity"},
    "a mean beside a variance": {**DATA["regression"], "loss": "gaussian_nll", "output": "identity"},
    "sorted": {**DATA["multiclass"], "loss": "sparsemax_loss", "output": "identity"},
    "a hyperparameter": {**DATA["multiclass"], "loss": "bi_tempered", "output": "identity"},
    "inputs": {**DATA["unsupervised"], "network": "autoencoder"},
}
NUMPYS = "test_log_loss"
"""What takes NumPy's own logarithm of predictions."""


def trial(registry: Registry = REGISTRY, **options: Any) -> Trial:
    return make_trial(registry, **{"engine": "lanes", "steps": 10, "eval_every": 5, **options})


def stack_of(trials: list[Trial]) -> LaneStack:
    stack = LaneStack(trials, REGISTRY, _loaded(trials, REGISTRY))
    stack.initialize()
    stack.advance(1, 10, 10)
    return stack


@pytest.mark.parametrize("case", CASES)
def test_predictions_are_those_of_the_formulas(case: str) -> None:
    """Of whatever part of the examples, at every evaluation: NumPy's from the same pre-activations."""
    stack = stack_of([trial(dtype="float64", seed=seed, **CASES[case]) for seed in range(11)])
    evaluator = LaneEvaluator(stack)
    for last in (11, 12):
        whole = evaluator.outputs()
        for examples in (slice(None), slice(0, 16), slice(3, 20), slice(whole.by_trial().shape[1] - 1, None)):
            part = whole.part(examples)
            expected = stack.output.predict(part.by_trial())
            assert part.predictions().shape == expected.shape
            np.testing.assert_allclose(part.predictions(), expected, rtol=1e-12, atol=1e-14)
        assert np.array_equal(whole.part(slice(3, 20)).predictions(), whole.predictions()[:, 3:20])
        stack.advance(last, last, 20)


@pytest.mark.parametrize("dtype", DTYPES)
def test_predictions_and_maps_have_the_same_bits_alone_and_in_a_stack(dtype: str) -> None:
    trials = [
        trial(dtype=dtype, seed=seed % 3, optimizer=("adam", {"lr": 0.001 * (1 + seed)}))
        for seed in range(19)
    ]
    together = LaneEvaluator(stack_of(trials))
    predictions, maps = together.outputs().predictions(), together.maps(range(19))
    for row in (0, 7, 18):
        alone = LaneEvaluator(stack_of([trials[row]]))
        assert np.array_equal(predictions[row], alone.outputs().predictions()[0])
        assert maps[row] == alone.maps([0])[0]


def scores_and_map(dtype: str, case: str = "sigmoid") -> dict[str, str]:
    """The scores of a training on test data, all their digits, and its map."""
    [result] = train_stack([trial(dtype=dtype, **CASES[case])], REGISTRY)
    assert result.status == "ok"
    scores = {name: value.hex() for name, value in result.metrics.items() if name.startswith("test_")}
    return {**scores, "map": result.map.hex()}


@pytest.mark.parametrize("processor", ["haswell", "skylake-avx512"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_scores_have_the_same_bits_with_kernels_for_other_processors(
    processor: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import llvmlite.binding as llvm

    from anncore.engine.lanes import compiling, evaluator, stack, updates

    features = llvm.get_host_cpu_features()
    needed = {"haswell": ("avx2", "fma"), "skylake-avx512": ("avx512f", "avx512vl", "avx512bw", "avx512dq")}
    if not all(features.get(feature) for feature in needed[processor]):
        pytest.skip(f"this machine cannot run what is compiled for {processor}")
    expected = scores_and_map(dtype)
    compiled = partial(compiling.address, processor=processor)
    texts = []
    for module in (compiling, stack, updates, evaluator):
        monkeypatch.setattr(module, "address", lambda text: texts.append(text) or compiled(text))
    assert expected["map"]
    assert {"test_brier", "test_expected_calibration_error"} <= expected.keys()
    assert scores_and_map(dtype) == expected
    assert stack_of([trial(dtype=dtype)]).made_prediction.program.text in texts


ELSEWHERE = """
import json, sys
import numpy as np
from test_predictions import CASES, DTYPES, scores_and_map

x = np.linspace(-5, 5, 1001)
own = [function(x.astype(dtype)).tobytes().hex() for function in (np.exp, np.tanh) for dtype in DTYPES]
scores = {f"{case} {dtype}": scores_and_map(dtype, case) for case in CASES for dtype in DTYPES}
json.dump([own, scores], sys.stdout)
"""


def elsewhere(**environ: str) -> Any:
    """What a process of its own computes: NumPy's exp and tanh, and the scores of trainings."""
    here = Path(__file__).parent
    folders = os.pathsep.join([str(here), str(here.parents[1])])
    command, settings = [sys.executable, "-c", ELSEWHERE], {**os.environ, **environ, "PYTHONPATH": folders}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600, env=settings)
    return json.loads(done.stdout)


@pytest.mark.slow
def test_scores_do_not_depend_on_numpys_own_functions() -> None:
    """NumPy has an exp and a tanh for each sort of processor, with other last digits."""
    from numpy._core import _multiarray_umath as numpys

    chosen = [name for name in numpys.__cpu_dispatch__ if numpys.__cpu_features__[name]]
    own, scores = elsewhere(NPY_DISABLE_CPU_FEATURES="")
    others, same = elsewhere(NPY_DISABLE_CPU_FEATURES=" ".join(chosen))
    if own == others:
        pytest.skip("NumPy has the same exp and tanh with and without what this processor can do")
    assert scores.keys() == same.keys()
    for training, expected in scores.items():
        for name in expected.keys() - {NUMPYS}:
            assert same[training][name] == expected[name], (training, name)


@dataclasses.dataclass(frozen=True)
class _Squares(Loss):
    """Squared error, whose predictions a test changes."""

    tasks: ClassVar[tuple[Task, ...]] = ("regression",)
    outputs: ClassVar[dict[Task, str]] = {"regression": "identity"}

    def value(self, output: Array, target: Array) -> Array:
        return ((output - target) ** 2).mean(axis=(1, 2))


@dataclasses.dataclass(frozen=True)
class Centred(_Squares):
    """Predictions that depend on the other examples."""

    name: ClassVar[str] = "centred"

    def predict(self, output: Array) -> Array:
        return output - output.mean(axis=1, keepdims=True)


@dataclasses.dataclass(frozen=True)
class Constant(_Squares):
    """Predictions that do not depend on the outputs."""

    name: ClassVar[str] = "constant"

    def predict(self, output: Array) -> Array:
        return np.ones(output.shape, output.dtype)


@pytest.mark.parametrize(
    ("cls", "why"),
    [
        (Centred, "loss centred: it takes examples together in evaluation"),
        (Constant, "loss constant: its predictions do not depend on the outputs, or are not of shape"),
    ],
)
def test_predictions_that_a_kernel_cannot_compute_are_refused(cls: type[Loss], why: str) -> None:
    """By the trial's description alone; "blas" trains it."""
    registry = with_components(REGISTRY, [cls])
    options = {**DATA["regression"], "loss": cls.name, "output": "identity"}
    assert why_not_lanes(trial(registry, **options), registry).startswith(why)
    with pytest.raises(ComponentError, match=why):
        train_stack([trial(registry, **options)], registry)
    [result] = train_stack([trial(registry, engine="blas", **options)], registry)
    assert result.status == "ok"


def test_a_kernel_that_predicts_otherwise_than_the_formula_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from anncore.engine.lanes import stack, written

    right = stack.prediction_graph  # type: ignore[attr-defined]

    def wrong(*args: Any) -> Prediction:
        made = right(*args)
        return made._replace(predicted=made.z, hypers=[])

    monkeypatch.setattr(written, "name_of", lambda key, components: "")
    monkeypatch.setattr(stack, "_AGREED", set())
    monkeypatch.setattr("anncore.engine.lanes.made._MADE", {})
    monkeypatch.setattr(stack, "prediction_graph", wrong)
    with pytest.raises(ComponentError, match="gives other predictions than the formulas of mlp"):
        train_stack([trial()], REGISTRY)
