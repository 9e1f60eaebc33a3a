"""Bit-for-bit sameness, stopping, divergence, and what a result holds."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sameness import as_bytes, by_key
from trial_factory import make_objective_trial, make_trial, mixture

from anncore.contract.errors import ComponentError
from anncore.contract.loading import load_registry
from anncore.contract.registry import Registry
from anncore.contract.trial import Split, Stop, Train, Trial
from anncore.engine.batches import load
from anncore.engine.network_stack import Stack
from anncore.engine.packing import pack, stack_size
from anncore.engine.training import total_steps, train_stack


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


BATCH_SIZES: tuple[int | str, ...] = (1, 7, 32, "full")
SIZES = ([], [16], [5, 9], [64, 64])


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@pytest.mark.parametrize("hidden", SIZES)
def test_a_trial_is_the_same_alone_and_in_any_stack(
    registry: Registry, batch_size: int | str, hidden: list[int]
) -> None:
    settings = {
        "batch_size": batch_size,
        "network": ("mlp", {"hidden": hidden}),
        "steps": 12,
        "eval_every": 6,
    }
    trials = mixture(registry, **settings)
    if (batch_size, hidden) != (32, [64, 64]):  # one case has them all, the others one half or the other
        half = (BATCH_SIZES.index(batch_size) + SIZES.index(hidden)) % 2
        trials = [trial for row, trial in enumerate(trials) if row // 2 % 2 == half]
    alone = by_key([result for trial in trials for result in train_stack([trial], registry)])
    for order, size in ((trials, 2), (trials[::-1], 7), (trials, 64)):
        stacked = [
            result
            for start in range(0, len(order), size)
            for result in train_stack(order[start : start + size], registry)
        ]
        assert by_key(stacked) == alone
    packed = [result for stack in pack(trials, registry, jobs=2) for result in train_stack(stack, registry)]
    assert by_key(packed) == alone


def test_two_threads_do_not_disturb_each_other(registry: Registry) -> None:
    trials = [make_trial(registry, steps=60, seed=seed) for seed in range(6)]
    alone = by_key(train_stack(trials, registry))
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda trial: train_stack([trial], registry), trials * 2))
    assert {key: value for results in together for key, value in by_key(results).items()} == alone


@pytest.mark.parametrize(
    ("dataset", "output", "loss"),
    [
        ("iris", "softmax", "categorical_cross_entropy"),
        ("friedman", "identity", "huber"),
        ("digits", "softmax", "focal"),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sameness_on_other_tasks(
    registry: Registry, dataset: str, output: str, loss: str, dtype: str
) -> None:
    trials = [
        make_trial(
            registry, dataset=dataset, output=output, loss=loss, dtype=dtype, seed=seed, optimizer=optimizer
        )
        for seed in range(3)
        for optimizer in (("adam", {"lr": 0.01}), ("sgd", {"lr": 0.1}))
    ]
    alone = by_key([result for trial in trials for result in train_stack([trial], registry)])
    assert by_key(train_stack(trials, registry)) == alone


def test_a_diverging_trial_does_not_touch_its_neighbours(registry: Registry) -> None:
    wild = make_trial(
        registry, dataset="friedman", output="identity", loss="mse", optimizer=("sgd", {"lr": 1e6})
    )
    calm = [
        make_trial(
            registry, dataset="friedman", output="identity", loss="mse", optimizer=("sgd", {"lr": lr}), seed=1
        )
        for lr in (0.01, 0.02)
    ]
    results = train_stack([calm[0], wild, calm[1]], registry)
    assert [result.status for result in results] == ["ok", "diverged", "ok"]
    assert not math.isfinite(results[1].metrics["train_loss"])
    assert math.isnan(results[1].metrics["valid_rmse"])
    assert results[1].steps_done < 40
    assert as_bytes(results[0]) == as_bytes(train_stack([calm[0]], registry)[0])


def test_trials_that_stop_early_leave_the_others_as_they_were(registry: Registry) -> None:
    stop = Stop(loss=0.2)
    trials = [
        make_trial(registry, optimizer=("adam", {"lr": lr}), stop=stop, steps=300, seed=seed)
        for lr in (0.1, 0.03, 0.001, 1e-5)
        for seed in range(2)
    ]
    results = train_stack(trials, registry)
    ended = {result.steps_done for result in results}
    assert len(ended) > 2, "the test wants trials that end at different steps"
    for trial, result in zip(trials, results, strict=True):
        assert as_bytes(result) == as_bytes(train_stack([trial], registry)[0])
        if result.stopped:
            assert result.stopped == "loss"
            assert result.curves["train_loss"][-1] <= 0.2 < result.curves["train_loss"][-2]


def test_curves_show_the_training_loss_of_a_sample_as_large_as_validation(registry: Registry) -> None:
    # 500 examples: 300 to train on, 100 to validate.
    sample, whole = (
        make_trial(registry, steps=1, eval_train=which, dtype="float64") for which in ("sample", "all")
    )
    data = load([sample], registry)[0]
    stack = Stack([sample], registry, [data])
    stack.initialize()
    z, _ = stack.network.forward(stack.weights, data.x_train[None])
    stack.step(1, 1)
    final = stack.output.value(
        stack.network.forward(stack.weights, data.x_train[None])[0], data.y_train[None]
    )[0]
    for trial, size in ((sample, 100), (whole, 300)):
        [result] = train_stack([trial], registry)
        rows = np.arange(
            300 // size // 2, 300, 300 // size
        )  # spread over the split, which may begin with a run
        loss = stack.output.value(z[:, rows], data.y_train[None, rows])[0]
        assert result.curves["train_loss"][0] == pytest.approx(loss, rel=1e-12)
        assert result.metrics["train_loss"] == pytest.approx(final, rel=1e-12)


def test_patience_counts_evaluations_without_improvement(registry: Registry) -> None:
    # A learning rate of 1e-12 cannot improve anything by 1e-3: three evaluations after the first one.
    trial = make_trial(
        registry, optimizer=("sgd", {"lr": 1e-12}), stop=Stop(patience=3, min_delta=1e-3), steps=100
    )
    [result] = train_stack([trial], registry)
    assert (result.status, result.stopped, result.steps_done) == ("ok", "patience", 30)
    assert result.steps == (0, 10, 20, 30)


@pytest.mark.parametrize("engine", ["blas", "lanes"])
def test_no_sign_of_a_nan_is_kept(registry: Registry, engine: str) -> None:
    """NumPy gives one or the other by the number of trials that it computes at once."""
    trial = make_trial(
        registry,
        engine=engine,
        seed=10,
        network=("mlp", {"hidden": [4, 4]}),
        dataset=("two_moons", {"n": 97}),
        optimizer=("sgd", {"lr": 1e30}),
        batch_size=17,
        steps=10,
        eval_every=7,
        watch=("gradient_norm",),
    )
    [result] = train_stack([trial], registry)
    numbers = np.concatenate([*result.curves.values(), list(result.metrics.values())])
    assert np.isnan(numbers).any()
    assert not np.signbit(numbers[np.isnan(numbers)]).any()


def test_worse_than_a_multiple_of_chance_is_divergence(registry: Registry) -> None:
    # Standardised targets: always predicting the mean costs 1, so a limit of 1e-6 is out of reach.
    trial = make_trial(registry, dataset="friedman", output="identity", loss="mse")
    assert train_stack([trial], registry)[0].status == "ok"
    strict = replace(trial, train=replace(trial.train, diverged_above=1e-6))
    [result] = train_stack([strict], registry)
    assert result.status == "diverged"
    assert math.isfinite(result.metrics["valid_rmse"])


def on_outlier(registry: Registry, folder: Path, test: bool = True) -> list[Trial]:
    """A line fitted to 50 examples of y = x and one with x = 1000 and y = 0, where it is off by 1000."""
    path = folder / "line.csv"
    rows = [f"{x:.6f},{x:.6f}" for x in np.linspace(-1, 1, 50)]
    path.write_text("\n".join(["x,y", *rows, "1000,0", ""]))
    settings: dict[str, Any] = {
        "optimizer": ("sgd", {"lr": 0.1}),
        "steps": 100,
        "batch_size": "full",
        "test": test,
    }
    network: dict[str, Any] = {"network": ("mlp", {"hidden": []}), "output": "identity", "loss": "mse"}
    data: dict[str, Any] = {
        "dataset": ("csv", {"path": str(path), "target": "y"}),
        "split": Split(standardize=False),
    }
    return [make_trial(registry, **data, **network, **settings, seed=seed) for seed in range(12)]


def test_a_loss_that_explodes_on_any_split_is_divergence(registry: Registry, tmp_path: Path) -> None:
    # Always predicting the mean costs var(y) = 1/3, so the limit is 33. The outlier costs 1000² / 11 = 9e4.
    # The split is random: over twelve seeds the outlier lies in each of the three at least once.
    exploded = set()
    for result in train_stack(on_outlier(registry, tmp_path), registry):
        losses = {split: result.metrics[f"{split}_loss"] for split in ("train", "valid", "test")}
        above = {split for split, loss in losses.items() if not loss <= 33}
        assert result.status == ("diverged" if above else "ok")
        exploded |= {split for split in above if math.isfinite(losses[split])}
    assert exploded >= {"valid", "test"}


def test_a_test_split_that_stays_closed_decides_nothing(registry: Registry, tmp_path: Path) -> None:
    opened, closed = (train_stack(on_outlier(registry, tmp_path, test), registry) for test in (True, False))
    outside = [
        other.status
        for one, other in zip(opened, closed, strict=True)
        if one.metrics["test_loss"] > 100 and one.metrics["valid_loss"] < 1
    ]
    assert outside
    assert set(outside) == {"ok"}


def test_the_test_split_stays_closed_unless_it_is_asked_for(registry: Registry) -> None:
    [closed] = train_stack([make_trial(registry, test=False)], registry)
    [opened] = train_stack([make_trial(registry, test=True)], registry)
    assert not [name for name in closed.metrics if name.startswith("test")]
    assert {"test_loss", "test_accuracy"} <= set(opened.metrics)
    assert {name: v for name, v in opened.metrics.items() if not name.startswith("test")} == closed.metrics


def test_arms_of_one_seed_share_data_weights_and_batches(registry: Registry) -> None:
    # With a learning rate that changes nothing, every optimizer must see the same losses to the bit.
    rows = [
        make_trial(registry, optimizer=(name, {"lr": 1e-30}), seed=3)
        for name in ("sgd", "momentum", "adagrad")
    ]
    first, *others = train_stack(rows, registry)
    for other in others:
        assert other.curves == first.curves
        assert other.metrics == first.metrics


def test_evaluations_begin_before_the_first_step_and_end_after_the_last(registry: Registry) -> None:
    [result] = train_stack([make_trial(registry, steps=25)], registry)
    assert result.steps == (0, 10, 20, 25)
    assert set(result.curves) == {"train_loss", "valid_loss", "valid_accuracy"}


def test_zero_steps_report_the_initial_network(registry: Registry) -> None:
    # Zero weights give p = 1/2 everywhere, whose cross-entropy is log 2.
    [result] = train_stack([make_trial(registry, steps=0, initializer="zeros", dtype="float64")], registry)
    assert result.metrics["valid_loss"] == pytest.approx(math.log(2), abs=1e-15)
    assert result.steps == (0,)


def test_epochs_become_steps() -> None:
    assert total_steps(Train(steps=None, epochs=3, batch_size=32), 100) == 12  # 32 + 32 + 32 + 4
    assert total_steps(Train(steps=None, epochs=3, batch_size="full"), 100) == 3
    assert total_steps(Train(steps=None, epochs=2, batch_size=1000), 100) == 2
    assert total_steps(Train(steps=7), 100) == 7


def test_an_epoch_shows_every_example_once(registry: Registry) -> None:
    from anncore.engine.batches import Batches

    trials = [make_trial(registry, batch_size=32, seed=seed) for seed in (0, 0, 1)]
    data = load(trials, registry)
    batches = Batches(trials, data)
    n = len(data[0].x_train)
    epoch = [batches.take() for _ in range(-(-n // 32))]
    x = np.concatenate([x for x, _ in epoch], axis=1)
    assert x.shape[1] == n
    for row, prepared in enumerate(data):
        assert sorted(map(tuple, x[row])) == sorted(map(tuple, prepared.x_train))
    assert np.array_equal(x[0], x[1])
    assert not np.array_equal(x[0], x[2])
    again = np.concatenate([batches.take()[0] for _ in epoch], axis=1)
    assert not np.array_equal(again[0], x[0]), "each epoch has its own order"


def test_without_shuffling_batches_keep_the_order(registry: Registry) -> None:
    from anncore.engine.batches import Batches

    trials = [make_trial(registry, batch_size=32, shuffle=False)]
    data = load(trials, registry)
    batches = Batches(trials, data)
    assert np.array_equal(batches.take()[0][0], data[0].x_train[:32])
    assert np.array_equal(batches.take()[0][0], data[0].x_train[32:64])


def test_packing_keeps_every_trial_and_mixes_no_shapes(registry: Registry) -> None:
    trials = [
        make_trial(registry, network=("mlp", {"hidden": hidden}), seed=seed, dataset=dataset, loss="mse")
        for hidden in ([4], [8, 8])
        for dataset in ("two_moons", "circles", "xor")
        for seed in range(5)
    ]
    stacks = list(pack(trials, registry, jobs=2))
    assert sorted(trial.key for stack in stacks for trial in stack) == sorted(t.key for t in trials)
    for stack in stacks:
        assert len({tuple(trial.parts["network"].params["hidden"]) for trial in stack}) == 1
        assert len(stack) <= stack_size(stack[0], registry)


def test_wide_networks_make_small_stacks(registry: Registry) -> None:
    narrow, wide = (make_trial(registry, network=("mlp", {"hidden": [h, h]})) for h in (8, 256))
    assert stack_size(narrow, registry) > 4 * stack_size(wide, registry)


def test_a_strangers_loss_and_optimizer_share_a_stack(registry: Registry, tmp_path: Path) -> None:
    """An optimizer that works on whole arrays gets them one by one, and states survive narrowing."""
    file = tmp_path / "signs.py"
    file.write_text(
        '''
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, hookimpl, hyper


class Seen(NamedTuple):
    count: dict
    empty: None


@dataclass(frozen=True)
class RowSign(Optimizer):
    """Sign descent scaled by the array's own mean gradient size, to test whole-array optimizers."""

    name: ClassVar[str] = "row_sign"
    scope: ClassVar[str] = "array"
    lr: Hyper = hyper(0.01, "(0, inf)")

    def init(self, weight):
        return Seen({"n": np.zeros((len(weight), 1, 1), weight.dtype)}, None)

    def step(self, weight, grad, state, t):
        assert weight.ndim == 3
        count = state.count["n"] + 1
        size = np.abs(grad).mean(axis=(1, 2), keepdims=True)
        return -self.lr * np.sign(grad) * size / np.sqrt(count), Seen({"n": count}, None)


@hookimpl
def annx_optimizers():
    return [RowSign]
'''
    )
    registry = load_registry([file])
    trials = [
        make_trial(registry, optimizer=optimizer, stop=Stop(loss=0.45), steps=120, seed=seed)
        for optimizer in (("row_sign", {"lr": 3.0}), ("signs:row_sign", {"lr": 0.5}), ("adam", {"lr": 0.05}))
        for seed in range(3)
    ]
    results = train_stack(trials, registry)
    assert len({result.steps_done for result in results}) > 1
    for trial, result in zip(trials, results, strict=True):
        assert as_bytes(result) == as_bytes(train_stack([trial], registry)[0])


def test_an_optimizer_without_a_learning_rate_trains_under_the_default_schedule(
    registry: Registry, tmp_path: Path
) -> None:
    file = tmp_path / "rateless.py"
    file.write_text(
        '''
from dataclasses import dataclass
from typing import ClassVar

from anncore import Optimizer, hookimpl


@dataclass(frozen=True)
class Rateless(Optimizer):
    """Gradient descent with a rate of one half, θ ← θ - g / 2."""

    name: ClassVar[str] = "rateless"

    def init(self, weight):
        return ()

    def step(self, weight, grad, state, t):
        return -0.5 * grad, ()


@hookimpl
def annx_optimizers():
    return [Rateless]
'''
    )
    registry = load_registry([file])
    plain, half = train_stack(
        [make_trial(registry, optimizer=optimizer) for optimizer in ("rateless", ("sgd", {"lr": 0.5}))],
        registry,
    )
    assert plain.curves == half.curves
    with pytest.raises(ComponentError, match=r"rateless has no learning rate lr, so schedule cosine"):
        train_stack([make_trial(registry, optimizer="rateless", schedule="cosine")], registry)


@pytest.mark.parametrize("name", ["adam", "adagrad", "yogi", "sgd"])
def test_an_optimizer_whose_squares_overflow_has_diverged_and_says_why(registry: Registry, name: str) -> None:
    # A slope of 1e25 has a square of 1e50, which float32 ends before: Adam stands still from then on.
    options: dict[str, Any] = {"objective": ("quadratic", {"condition": 1e25}), "steps": 4, "eval_every": 2}
    trials = [
        make_objective_trial(registry, optimizer=(name, {"lr": 1e-30}), dtype=dtype, **options)
        for dtype in ("float32", "float64")
    ]
    narrow, wide = (train_stack([trial], registry)[0] for trial in trials)
    assert (wide.status, wide.error) == ("ok", "")
    if name == "sgd":
        assert (narrow.status, narrow.error) == ("ok", "")
        return
    assert (narrow.status, narrow.steps_done) == ("diverged", 2)
    assert narrow.error.startswith(f"the state of {name} is not finite: gradients, or their squares, left")
    assert "float32" in narrow.error
    sound = make_objective_trial(
        registry, optimizer=(name, {"lr": 1e-30}), dtype="float32", steps=4, eval_every=2
    )
    both = train_stack([trials[0], sound], registry)
    assert [result.status for result in both] == ["diverged", "ok"]
    assert both[1] == train_stack([sound], registry)[0]._replace(train_seconds=both[1].train_seconds)
