"""Fused formulas: the same bits as the formulas themselves, and no harm done where they cannot be fused."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from right.activations import FORMULAS, Written
from sameness import by_key
from scipy import special
from shipped import REGISTRY
from trial_factory import make_trial

from anncore import Array, Hyper, Optimizer, WeightSpec, hyper
from anncore.contract.hyperparameters import declared, references, resolve
from anncore.engine.activations import needs_place
from anncore.engine.fusing import Formula, Unfusable, Update, emit, formulas, transpose, transposed
from anncore.engine.fusing.formulas import _leaves, same, sample
from anncore.engine.nested import fit, rates
from anncore.engine.training import train_stack

pytestmark = pytest.mark.skipif(not emit.available(), reason="llvmlite makes no code for this machine")

ELEMENTWISE = [
    component.cls for component in REGISTRY.of_kind("optimizer") if component.cls().scope == "number"
]
PLAIN = [component.cls for component in REGISTRY.of_kind("activation") if not needs_place(component.cls)]
DTYPES = ("float32", "float64")


def stacked(cls: Any, trials: int, dtype: str, *inside: Any, **values: Any) -> Any:
    """A component as the engine builds it, every trial's hyperparameters a little different."""
    resolved = resolve(cls, values)
    for key, reference in references(cls).items():
        inner = inside[0] if inside else REGISTRY.get(reference.kind, reference.default).cls
        resolved[key] = (stacked(inner, trials, dtype, *inside[1:]),)
    for key, declaration in declared(cls).items():
        if declaration.stackable:
            column = np.full((trials, 1, 1), resolved[key], dtype)
            column[1:] *= np.linspace(0.9, 0.99, max(trials - 1, 0), dtype=dtype)[:, None, None]
            resolved[key] = column
    return cls(**resolved)


def presets(cls: Any) -> list[dict[str, Any]]:
    return [{}, *({"preset": name} for name in cls.presets)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cls", ELEMENTWISE, ids=lambda cls: cls.name)
def test_a_fused_optimizer_steps_as_it_is_written(cls: Any, dtype: str) -> None:
    for values in presets(cls):
        for trials, numbers in ((1, 1), (1, 40), (3, 65), (7, 16), (2, 300)):
            optimizer = fitted(stacked(cls, trials, dtype, **values), numbers)
            rng = np.random.default_rng(numbers)
            fused = rng.normal(size=(trials, 1, numbers)).astype(dtype)
            plain, grad = fused.copy(), np.empty_like(fused)
            ours, theirs = optimizer.init(fused), optimizer.init(plain)
            try:
                update = Update(optimizer, fused, grad, ours, scheduled=False)
            except Unfusable:
                continue  # which of ours can be fused is the next test's matter
            for t in range(1, 20):
                grad[...] = rng.normal(size=grad.shape)
                change, theirs = optimizer.step(plain, grad, theirs, t)
                plain += change
                update.step(t)
                assert fused.tobytes() == plain.tobytes()
            for one, other in zip(_leaves(ours), _leaves(theirs), strict=True):
                assert one.tobytes() == other.tobytes()


def fitted(optimizer: Any, numbers: int) -> Any:
    """An optimizer as the engine steps it where it is not fused."""
    if not references(type(optimizer)):
        return optimizer
    return fit(optimizer, [WeightSpec("W", (1, numbers), 1, numbers)])


AROUND = [
    ("clip_value", "adam"),
    ("ema", "adamw"),
    ("ema", "clip_value", "sgd"),
    ("clip_value", "ema", "lion"),
]


@pytest.mark.parametrize("names", AROUND, ids="-".join)
def test_optimizers_around_others_are_fused_as_one_and_follow_a_schedule(names: tuple[str, ...]) -> None:
    classes: list[Any] = [REGISTRY.get("optimizer", name).cls for name in names]
    optimizer = stacked(classes[0], 3, "float32", *classes[1:])
    (paced,) = rates(optimizer)
    driver, rng = fitted(optimizer, 50), np.random.default_rng(2)
    fused = rng.normal(size=(3, 1, 50)).astype("float32")
    plain, grad = fused.copy(), 3 * rng.normal(size=fused.shape).astype("float32")
    ours, theirs = driver.init(fused), driver.init(plain)
    update = Update(driver, fused, grad, ours, scheduled=True)
    for t in range(1, 8):
        paced.lr[...] = 0.1 / t
        change, theirs = driver.step(plain, grad, theirs, t)
        plain += change
        update.step(t)
        assert fused.tobytes() == plain.tobytes()
    for one, other in zip(_leaves(ours), _leaves(theirs), strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize(
    "name", ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "amsgrad", "lion"]
)
def test_our_plain_optimizers_are_fused_in_every_preset(name: str) -> None:
    cls = REGISTRY.get("optimizer", name).cls
    for values in presets(cls):
        optimizer, theta = stacked(cls, 2, "float32", **values), np.ones((2, 1, 9), np.float32)
        Update(optimizer, theta, theta.copy(), optimizer.init(theta), scheduled=False)


def test_a_scheduled_learning_rate_is_followed() -> None:
    cls = REGISTRY.get("optimizer", "adam").cls
    optimizer, fused = stacked(cls, 2, "float32"), np.ones((2, 1, 20), np.float32)
    plain, grad = fused.copy(), np.full_like(fused, 0.5)
    ours, theirs = optimizer.init(fused), optimizer.init(plain)
    update = Update(optimizer, fused, grad, ours, scheduled=True)
    for t in range(1, 6):
        optimizer.lr[...] = 1 / t
        change, theirs = optimizer.step(plain, grad, theirs, t)
        plain += change
        update.step(t)
        assert fused.tobytes() == plain.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cls", PLAIN, ids=lambda cls: cls.name)
def test_activations_come_out_as_they_are_written(cls: Any, dtype: str) -> None:
    for shape in ((1, 1, 1), (1, 7, 1), (2, 32, 16), (5, 3, 33), (3, 1, 40)):
        activation = stacked(cls, shape[0], dtype)
        z, grad = sample(shape, np.dtype(dtype), 1), sample(shape, np.dtype(dtype), 2)
        with np.errstate(all="ignore"):
            a = activation.forward(z)
            for _ in range(2):  # the second call goes the short way
                assert same(Formula("forward", activation)(z), a)
                assert same(Formula("backward", activation)(grad, z, a), activation.backward(grad, z, a))


def test_of_several_calls_each_sees_its_own_arrays() -> None:
    """Programs keep where arrays lie; other arrays of the same and of other shapes and dtypes come and go."""
    plus = Formula(lambda one, other: one + other)
    rng = np.random.default_rng(0)
    for dtype in ("float32", "float64", "float32"):
        for shape in ((2, 3, 5), (2, 4, 5), (2, 3, 5)):
            for _ in range(3):
                one, other = rng.normal(size=shape).astype(dtype), rng.normal(size=(2, 1, 5)).astype(dtype)
                assert same(plus(one, other), one + other)
                wide = rng.normal(size=(2, shape[1], 9)).astype(dtype)[:, :, 2:7]  # rows lie apart
                assert same(plus(wide, other), wide + other)
                far = rng.normal(size=(2, 40)).astype(dtype)[:, 3:8].reshape(2, 1, 5)  # trials lie apart
                assert same(plus(one, far), one + far)
                expected = one + other
                assert plus(one, other, out=one) is one
                assert same(one, expected)


BINARY: list[Callable[[Any, Any], Any]] = [
    lambda x, y: x + y,
    lambda x, y: x - y,
    lambda x, y: x * y,
    lambda x, y: x / y,
    lambda x, y: 2 / x - y,
    lambda x, y: np.maximum(x, y),
    lambda x, y: np.minimum(x, y),
    lambda x, y: x.clip(-1, 1) + np.clip(y, 0, np.inf),
    lambda x, y: np.where(x > y, x, 0),
    lambda x, y: np.where((x >= 0) & (y < 0.5) | (x == y), x, y),
    lambda x, y: x * (y > 0) + x * (y <= 0) + y * (x != 1),
    lambda x, y: np.sqrt(np.abs(x)) + abs(y),
    lambda x, y: np.sign(x) * y,
    lambda x, y: x**2 + np.abs(y) ** 0.5,
    lambda x, y: -np.exp(-np.abs(x)) * np.tanh(y) / (1 + np.exp(y)),
    lambda x, y: np.log1p(np.exp(-np.abs(np.sin(x) + np.cos(y)))),
    lambda x, y: x * np.maximum((y > 0).astype(y.dtype), 0.1) + special.erf(y.astype(x.dtype)),
    lambda x, y: np.logaddexp(x, y) + np.logaddexp(0, y) * x,
    lambda x, y: np.arctan2(x, y) - np.hypot(np.tanh(x), y),
    lambda x, y: special.xlogy(np.abs(x), np.abs(y)) + special.xlog1py(x, y),
    lambda x, y: np.abs(x) ** 1.7 + y**3 + 2.0**-y + x**-1,
    lambda x, y: x % 2 + y // 0.5 + np.fmax(x, y),
    lambda x, y: np.where(~(x > y), x, -y) * np.logical_not(y > 0),
    lambda x, y: np.maximum(np.exp(-np.abs(x)), x >= 0) / (1 + y),
    lambda x, y: np.where(x > y, np.sin(np.where(x > y, np.cos(x), y)), -y) * (x > y),
]


@settings(max_examples=60, deadline=None)
@given(
    which=st.integers(0, len(BINARY) - 1),
    trials=st.integers(1, 3),
    examples=st.integers(1, 5),
    units=st.integers(1, 40),
    broadcast=st.sampled_from(["none", "row", "column"]),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 1000),
)
def test_every_operation_is_numpys_to_the_bit(
    which: int, trials: int, examples: int, units: int, broadcast: str, dtype: str, seed: int
) -> None:
    shape = {"none": (trials, examples, units), "row": (trials, 1, units), "column": (trials, examples, 1)}
    x = sample((trials, examples, units), np.dtype(dtype), seed)
    y = sample(shape[broadcast], np.dtype(dtype), seed + 1)
    with np.errstate(all="ignore"):
        formula = Formula(BINARY[which])
        assert same(formula(x, y), BINARY[which](x, y))
    assert formula._program is not None  # it was fused, not merely called


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("which", FORMULAS)
def test_a_derived_gradient_is_fused_and_gives_the_same_bits_alone_and_in_a_stack(
    which: str, dtype: str
) -> None:
    shape = (3, 5, 33)
    activation = stacked(Written, shape[0], dtype, which=which)
    z, grad = sample(shape, np.dtype(dtype), 1), sample(shape, np.dtype(dtype), 2)
    with np.errstate(all="ignore"):
        a = activation.forward(z)
        fused = Formula("backward", activation)
        back = fused(grad, z, a)
        assert fused._program is not None
        assert back.dtype == z.dtype
        assert same(back, activation.backward(grad, z, a))
        for trial in range(shape[0]):
            one = slice(trial, trial + 1)
            alone = Written(which=which, alpha=activation.alpha[one])
            formula = Formula("backward", alone)
            assert same(formula(grad[one], z[one], a[one]), back[one])
            assert same(alone.backward(grad[one], z[one], a[one]), back[one])


def test_a_long_formula_is_fused_without_recursion() -> None:
    def formula(x: Any) -> Any:
        y = x
        for _ in range(1500):
            y = 0.5 * y + x
        return y

    x = sample((1, 2, 8), np.dtype("float64"), 4)
    with np.errstate(all="ignore"):
        assert same(Formula(formula)(x), formula(x))


def test_formulas_that_differ_only_in_what_numpy_computes_are_each_compared() -> None:
    x = sample((1, 2, 8), np.dtype("float64"), 4)
    with np.errstate(all="ignore"):
        for function in (np.sin, np.cos, np.tanh):
            formula = Formula(_outer, None, function)
            assert same(formula(x), 2 * function(x))


def _outer(x: Any, function: Any) -> Any:
    return 2 * function(x)


@pytest.mark.parametrize(
    "formula",
    [
        lambda x: x / x.sum(axis=2, keepdims=True),
        lambda x: x - x.max(axis=2, keepdims=True),
        lambda x: np.add(x, 1, out=np.empty_like(x)),
        lambda x: x * np.sqrt(2.0),  # a float64 that NumPy does not take for a Python number
        lambda x: (x > 0) * 1.0,  # float64
        lambda x: x if x.size > 3 else -x,
        lambda x: np.cumsum(x, axis=2),
        lambda x: x[:, :, ::-1] + 0,
        lambda x: np.power(x, 3.0),
        lambda x: x.astype(np.float64),
        lambda x: np.where(x > 0, 1.0, 0.0),
        lambda x: np.stack([x, x], axis=3)[..., 0],
    ],
)
def test_what_is_no_loop_over_numbers_is_called_as_it_is_written(formula: Any) -> None:
    x = sample((2, 3, 8), np.dtype("float32"), 0)
    with np.errstate(all="ignore"):
        actual, expected = Formula(formula)(x), formula(x)
    assert actual.dtype == expected.dtype
    assert np.array_equal(actual, expected, equal_nan=True)


def test_a_formula_that_looks_at_its_shape_is_fused_for_each() -> None:
    mean = Formula(lambda x: x / (x.shape[1] * x.shape[2]))
    for shape in ((2, 3, 8), (2, 5, 8), (2, 3, 8)):
        x = sample(shape, np.dtype("float64"), 3)
        assert same(mean(x), x / (shape[1] * shape[2]))


class PeakState(NamedTuple):
    peak: Array


@dataclass(frozen=True)
class Branching(Optimizer):
    """Takes a first step of another kind, which no loop can."""

    name: ClassVar[str] = "branching"
    lr: Hyper = hyper(0.1, "(0, inf)")

    def init(self, weight: Array) -> PeakState:
        return PeakState(np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: PeakState, t: int) -> tuple[Array, PeakState]:
        peak = np.abs(grad) if t == 1 else np.maximum(state.peak, np.abs(grad))
        return -self.lr * grad / (1 + peak), PeakState(peak)


@dataclass(frozen=True)
class Sharing(Branching):
    """Hands its parameters out as its state."""

    def init(self, weight: Array) -> PeakState:
        return PeakState(weight)


@pytest.mark.parametrize("cls", [Branching, Sharing])
def test_an_optimizer_that_cannot_be_fused_says_so(cls: Any) -> None:
    theta = np.ones((2, 1, 5), np.float32)
    optimizer = stacked(cls, 2, "float32")
    with pytest.raises(Unfusable):
        Update(optimizer, theta, theta.copy(), optimizer.init(theta), scheduled=False)


def test_a_kernel_that_computes_something_else_is_never_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(emit.ARITHMETIC, "multiply", "fadd")
    formula = Formula(lambda x, y: x * y * 3)
    x, y = (sample((2, 3, 7), np.dtype("float32"), seed) for seed in (5, 6))
    with np.errstate(all="ignore"):
        assert same(formula(x, y), x * y * 3)
    assert formula._program is None
    optimizer = stacked(REGISTRY.get("optimizer", "adam").cls, 2, "float32")
    monkeypatch.setattr(formulas, "_AGREED", {})
    theta = np.ones((2, 1, 5), np.float32)
    with pytest.raises(Unfusable):
        Update(optimizer, theta, theta.copy(), optimizer.init(theta), scheduled=False)


@settings(max_examples=60, deadline=None)
@given(
    trials=st.integers(1, 3),
    rows=st.integers(1, 50),
    columns=st.integers(1, 50),
    apart=st.integers(0, 3),
    dtype=st.sampled_from(DTYPES),
)
def test_transposing_moves_every_number_to_its_place(
    trials: int, rows: int, columns: int, apart: int, dtype: str
) -> None:
    buffer = np.random.default_rng(0).normal(size=(trials, rows * columns + apart)).astype(dtype)
    matrices = buffer[:, apart:].reshape(trials, rows, columns)
    moved = transposed(matrices)
    assert moved.flags.c_contiguous
    assert same(moved, np.ascontiguousarray(matrices.swapaxes(1, 2)))


@pytest.mark.slow
def test_training_gives_the_same_bits_with_and_without_fusing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert emit.available()
    trials = [
        make_trial(
            REGISTRY, optimizer=(optimizer, {"lr": 0.01}), activation=activation, steps=30, schedule=schedule
        )
        for optimizer in ("sgd", "momentum", "adagrad", "rmsprop", "adam")
        for activation in ("relu", "tanh", "leaky_relu")
        for schedule in ("constant", "cosine")
    ]
    fused = by_key(train_stack(trials, REGISTRY))
    monkeypatch.setenv("ANNX_FUSING", "0")
    without = emit.available.__wrapped__()  # past its cache: what a process with this setting says
    assert not without
    for module in (formulas, transpose):
        monkeypatch.setattr(module, "available", lambda: without)
    monkeypatch.setattr(formulas, "Program", None)  # whoever makes one all the same fails
    with ThreadPoolExecutor(1) as pool:  # another thread, as each has fused sums and products of its own
        assert by_key(pool.submit(train_stack, trials, REGISTRY).result(300)) == fused


@pytest.mark.parametrize("dropout", [0.3, 0.5])
def test_a_trial_with_dropout_trains_alone_as_in_a_stack_when_its_formulas_are_fused(dropout: float) -> None:
    """Its recorded formulas hold hyperparameters of one trial; they are fused after 30 steps."""
    trials = [
        make_trial(
            REGISTRY, network=("mlp", {"hidden": [4], "dropout": dropout}), steps=60, eval_every=60, seed=seed
        )
        for seed in (1, 2)
    ]
    together = by_key(train_stack(trials, REGISTRY))
    alone = by_key([train_stack([trial], REGISTRY)[0] for trial in trials])
    assert alone == together
