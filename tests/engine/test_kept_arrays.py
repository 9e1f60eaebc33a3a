"""An optimizer may keep the weights, the gradient or its learning rate as they are: the engine copies them.

The engine changes all three in place. A formula that keeps one of them means what it was then.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from trial_factory import make_trial

from anncore import load_registry
from anncore.contract.registry import Registry
from anncore.engine.fusing import emit
from anncore.engine.lanes.choice import why_not_lanes
from anncore.engine.training import make_stack, train_stack

PLUGIN = '''
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from anncore import Optimizer, hookimpl, hyper


class Kept(NamedTuple):
    start: np.ndarray
    last: np.ndarray
    rate: np.ndarray


@dataclass(frozen=True)
class Keeping(Optimizer):
    """Descent drawn to its start, with a part of the last gradient at the last rate."""

    name: ClassVar[str] = "keeping"
    lr: float = hyper(0.1, "(0, inf)")

    def init(self, weight):
        return Kept(self.kept(weight), np.zeros_like(weight), self.kept(self.lr))

    def step(self, weight, grad, state, t):
        change = -self.lr * (grad + 0.5 * (weight - state.start)) - 0.3 * state.rate * state.last
        return change, Kept(state.start, self.kept(grad), self.kept(self.lr))

    def kept(self, array):
        return array


@dataclass(frozen=True)
class Copying(Keeping):
    """The same with copies."""

    name: ClassVar[str] = "copying"

    def kept(self, array):
        return np.zeros_like(array) + array


@dataclass(frozen=True)
class KeepingByArray(Keeping):
    """One that gets each array by itself."""

    name: ClassVar[str] = "keeping_by_array"
    scope: ClassVar[str] = "array"


@dataclass(frozen=True)
class CopyingByArray(Copying):
    """The same with copies."""

    name: ClassVar[str] = "copying_by_array"
    scope: ClassVar[str] = "array"


class Pair(NamedTuple):
    start: np.ndarray
    last: np.ndarray


@dataclass(frozen=True)
class KeepingPair(Keeping):
    """One that can be fused: all that it keeps is shaped as the weights."""

    name: ClassVar[str] = "keeping_pair"

    def init(self, weight):
        return Pair(self.kept(weight), np.zeros_like(weight))

    def step(self, weight, grad, state, t):
        change = -self.lr * (grad + 0.5 * (weight - state.start) + 0.3 * state.last)
        return change, Pair(state.start, self.kept(grad))


@dataclass(frozen=True)
class CopyingPair(KeepingPair):
    """The same with copies."""

    name: ClassVar[str] = "copying_pair"

    def kept(self, array):
        return np.zeros_like(array) + array


@hookimpl
def annx_optimizers():
    return [Keeping, Copying, KeepingByArray, CopyingByArray, KeepingPair, CopyingPair]
'''


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    file = tmp_path_factory.mktemp("kept") / "keeping.py"
    file.write_text(PLUGIN, encoding="utf-8")
    return load_registry([str(file)])


def curves(registry: Registry, optimizer: str, **train: Any) -> list[Any]:
    trials = [
        make_trial(registry, optimizer=(optimizer, {"lr": lr}), seed=seed, batch_size=16, **train)
        for seed, lr in ((0, 0.1), (1, 0.2))
    ]
    return [dict(result.curves) for result in train_stack(trials, registry)]


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "as_written"])
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("scope", ["", "_by_array", "_pair"])
def test_what_is_kept_stays_what_it_was(
    registry: Registry, scope: str, schedule: str, fused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fused:
        monkeypatch.setattr(emit, "available", lambda: False)
        monkeypatch.setattr("anncore.engine.fusing.formulas.available", lambda: False)
    kept = curves(registry, f"keeping{scope}", schedule=schedule)
    assert kept == curves(registry, f"copying{scope}", schedule=schedule)
    assert all(np.isfinite(series).all() for one in kept for series in one.values())


@pytest.mark.skipif(not emit.available(), reason="llvmlite makes no code for this machine")
def test_one_that_keeps_the_weights_is_fused_and_lowered(registry: Registry) -> None:
    trial = make_trial(registry, optimizer=("keeping_pair", {"lr": 0.1}))
    stack, _, _ = make_stack([trial], registry)
    stack.initialize()
    stack.step(1, 40)
    (run,) = stack._runs
    assert run._update is not None
    assert why_not_lanes(trial, registry) == ""
    in_lanes = curves(registry, "keeping_pair", engine="lanes")
    assert in_lanes == curves(registry, "copying_pair", engine="lanes")
    by_blas = curves(registry, "keeping_pair")
    for ours, theirs in zip(in_lanes, by_blas, strict=True):
        for name, series in ours.items():
            np.testing.assert_allclose(series, theirs[name], rtol=1e-3)
