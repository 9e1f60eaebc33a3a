"""Training in lanes: the numbers of the formulas, and the same bits however trials are put together."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from shipped import REGISTRY
from shipped_bits import DATA, default_part
from trial_factory import make_trial

from anncore import Activation, Array, Hyper, Optimizer, hyper
from anncore.contract.errors import ComponentError
from anncore.contract.handed_over import with_components
from anncore.contract.trial import Trial, TrialResult
from anncore.engine.lanes import agreement, orders as ordering
from anncore.engine.lanes.choice import engine_of, why_not_lanes
from anncore.engine.lanes.orders import Orders
from anncore.engine.lanes.products import Registers
from anncore.engine.lanes.programs import Layout
from anncore.engine.lanes.stack import LaneStack
from anncore.engine.packing import pack
from anncore.engine.problem import ON_DATA
from anncore.engine.training import train_stack

pytest.importorskip("llvmlite")

DIGESTS = Path(__file__).parents[2] / "golden" / "lane_bits.json"
ADDING = ("adding", {"n": 60, "steps": 5})
NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {},
    "batch norm": {"network": ("mlp", {"hidden": [8, 5], "norm": "batch"})},
    "layer norm": {"network": ("mlp", {"hidden": [8], "norm": "layer"})},
    "linear": {"network": ("mlp", {"hidden": [], "bias": False})},
    "residual": {"network": "residual_mlp"},
    "regression": {**DATA["regression"], "batch_size": "full"},
    "classes": DATA["multiclass"],
    "time": {**DATA["regression"], "dataset": ADDING, "network": "gru"},
    "attention": {**DATA["regression"], "dataset": ADDING, "network": "transformer"},
}


def trial(engine: str = "lanes", **options: Any) -> Trial:
    return make_trial(REGISTRY, **{"steps": 20, "eval_every": 5, "engine": engine, **options})


def one(engine: str = "lanes", **options: Any) -> TrialResult:
    [result] = train_stack([trial(engine, **options)], REGISTRY)
    return result


def numbers(result: TrialResult) -> Any:
    """The losses of a trial, at every evaluation and at the end."""
    curves = [
        values for name, values in sorted(result.curves.items()) if name in ("train_loss", "valid_loss")
    ]
    ends = [result.metrics[f"{split}_loss"] for split in ("train", "valid", "test")]
    return np.concatenate([*curves, ends])


@pytest.mark.parametrize("name", NETWORKS)
def test_losses_are_those_of_the_formulas(name: str) -> None:
    options = {**NETWORKS[name], "dtype": "float64"}
    lanes, blas = one("lanes", **options), one("blas", **options)
    assert lanes.status == blas.status == "ok"
    np.testing.assert_allclose(numbers(lanes), numbers(blas), rtol=1e-9)
    assert lanes.steps == blas.steps


@pytest.mark.parametrize("name", ["mlp", "layer norm", "classes", "regression"])
def test_float32_differs_by_its_rounding_alone(name: str) -> None:
    lanes, exact = one(**NETWORKS[name]), one("blas", dtype="float64", **NETWORKS[name])
    np.testing.assert_allclose(numbers(lanes), numbers(exact), rtol=2e-4)


@pytest.mark.parametrize("schedule", ["cosine", "step", "plateau", "one_cycle"])
def test_schedules_reach_the_kernel(schedule: str) -> None:
    options: dict[str, Any] = {"schedule": schedule, "optimizer": "momentum", "dtype": "float64"}
    np.testing.assert_allclose(numbers(one(**options)), numbers(one("blas", **options)), rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_trial_has_the_same_bits_alone_in_any_lane_and_beside_any_neighbours(dtype: str) -> None:
    trials = [
        trial(dtype=dtype, seed=seed % 3, optimizer=("adam", {"lr": 0.001 * (1 + seed)}))
        for seed in range(21)
    ]
    together = train_stack(trials, REGISTRY)
    backwards = train_stack(trials[::-1], REGISTRY)[::-1]
    for result, other, mine in zip(together, backwards, trials, strict=True):
        [alone] = train_stack([mine], REGISTRY)
        assert np.array_equal(numbers(result), numbers(alone))
        assert result.metrics == other.metrics == alone.metrics


def test_a_stack_of_lanes_makes_the_same_passes() -> None:
    trials = [trial(activation=name, seed=seed) for name in ("relu", "tanh") for seed in range(3)]
    stacks = list(pack(trials, REGISTRY))
    assert sorted(len(stack) for stack in stacks) == [3, 3]
    assert len(list(pack([trial("blas"), trial("lanes")], REGISTRY))) == 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_optimizers_and_schedules_share_groups_of_lanes(dtype: str) -> None:
    settings: list[dict[str, Any]] = [
        {"optimizer": "sgd"},
        {"optimizer": "momentum", "schedule": "cosine"},
        {"optimizer": "momentum"},
        {"optimizer": ("adamw", {"lr": 0.01, "weight_decay": 0.0})},
        {"optimizer": ("adamw", {"lr": 0.01, "weight_decay": 0.1})},
        {"optimizer": ("sgd", {"lr": 1e30})},
        {"optimizer": "nadam"},
        {"optimizer": "adam", "initializer": "zeros"},
    ]
    trials = [trial(dtype=dtype, seed=seed, **options) for options in settings for seed in range(3)]
    [stack] = pack(trials, REGISTRY)
    results = {result.key: result for result in train_stack(stack, REGISTRY)}
    assert {result.status for result in results.values()} == {"ok", "diverged"}
    for mine in trials:
        [alone] = train_stack([mine], REGISTRY)
        together = results[mine.key]
        assert np.array_equal(numbers(together), numbers(alone), equal_nan=True)
        assert (together.status, together.steps_done) == (alone.status, alone.steps_done)


def test_trials_that_diverge_leave_the_others_as_they_are() -> None:
    rates = [0.01, 1e30, 0.02, 1e30, 1e30, 1e30]
    trials = [trial(optimizer=("sgd", {"lr": rate}), steps=40) for rate in rates]
    results = train_stack(trials, REGISTRY)
    assert [result.status for result in results] == ["ok" if rate < 1 else "diverged" for rate in rates]
    for at in (0, 2):
        [alone] = train_stack([trials[at]], REGISTRY)
        assert np.array_equal(numbers(results[at]), numbers(alone))


@pytest.mark.parametrize("places", [0, 250, 1 << 16])
def test_the_order_of_examples_is_that_of_the_batches(places: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also beyond the epochs that stacks share, and of a stack that is not the first one."""
    monkeypatch.setattr(ordering, "MOST_PLACES", places)
    ordering._epochs.cache_clear()
    for _ in range(2):
        _compare_orders()
    ordering._epochs.cache_clear()


def _compare_orders() -> None:
    stack = LaneStack([trial(seed=seed) for seed in (0, 1, 0)], REGISTRY, _data(3))
    orders = Orders(stack.trials, stack.data)
    for _ in range(3):  # across the ends of epochs
        order, starts, kinds = orders.next(7)
        for start, kind in zip(starts, kinds, strict=True):
            x, y = stack.batches.take()
            rows = order[0][start : start + orders.sizes[kind]]
            assert np.array_equal(x[0], orders.x[0][rows])
            assert np.array_equal(y[0], orders.y[0][rows])


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_smaller_stack_goes_on_in_its_order_and_holds_no_epochs_that_are_over(
    shuffle: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ordering, "MOST_PLACES", 500)
    ordering._epochs.cache_clear()
    trials = [trial(seed=seed, shuffle=shuffle) for seed in (0, 1, 0)]
    stack = LaneStack(trials, REGISTRY, _data(3))
    whole, before = (Orders(stack.trials, stack.data) for _ in range(2))
    batches = before._per
    for _ in range(40):
        before.next(batches)
    before.next(1)
    smaller = Orders(stack.trials[1:], stack.data[1:])
    smaller.go_on(before)
    assert sum(map(len, smaller._epochs)) <= 4
    before.next(5)  # changes nothing of the smaller one
    for _ in range(40):
        whole.next(batches)
    whole.next(1)
    for count in (3, batches, 2 * batches + 1):
        ours, starts, kinds = smaller.next(count)
        theirs, begins, sorts = whole.next(count)
        assert kinds.tolist() == sorts.tolist()
        for start, begin, kind in zip(starts, begins, kinds, strict=True):
            for group, place in enumerate(whole.group[1:]):
                mine, its = ours[smaller.group[group]], theirs[place]
                size = smaller.sizes[kind]
                assert mine[start : start + size].tolist() == its[begin : begin + size].tolist()
    ordering._epochs.cache_clear()


def test_orders_are_asked_for_in_pieces_that_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand full batches between two looks would be as many epochs at once."""
    long = [trial(seed=seed, steps=60, eval_every=60) for seed in (0, 1)]
    whole = [result.curves for result in train_stack(long, REGISTRY)]
    asked, following = [], Orders.next

    def noted(self: Orders, count: int) -> Any:
        asked.append(count)
        return following(self, count)

    monkeypatch.setattr(Orders, "next", noted)
    monkeypatch.setattr(ordering, "MOST_TOGETHER", 1)
    assert [result.curves for result in train_stack(long, REGISTRY)] == whole
    assert max(asked) < 60


def test_a_stack_may_begin_anew_and_make_no_step() -> None:
    trials = [trial(seed=seed) for seed in (0, 1)]
    stack = LaneStack(trials, REGISTRY, _data(2))
    stack.initialize()
    first = stack.theta.copy()
    stack.advance(1, 5, 40)
    assert stack.now == (5, 40)
    after = stack.theta.copy()
    assert not np.array_equal(first, after)
    stack.advance(6, 5, 40)
    assert np.array_equal(stack.theta, after)
    stack.initialize()
    assert np.array_equal(stack.theta, first)
    stack.advance(1, 1, 40)
    assert not np.array_equal(stack.theta, after)


def _data(count: int) -> Any:
    from anncore.engine.batches import load

    return load([trial(seed=seed) for seed in (0, 1, 0)][:count], REGISTRY)


def test_wide_networks_are_left_to_blas() -> None:
    assert engine_of(trial(network=("mlp", {"hidden": [32, 32]})), REGISTRY) == "lanes"
    wide = trial(network=("mlp", {"hidden": [256, 256]}))
    assert why_not_lanes(wide, REGISTRY) == ""
    assert engine_of(wide, REGISTRY) == "blas"


def test_the_key_names_the_engine_where_it_is_not_blas() -> None:
    assert '"engine":"lanes 2"' in trial().train.text
    assert "engine" not in trial("blas").train.text
    assert trial().key != trial("blas").key


def test_a_kernel_that_disagrees_with_the_formula_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from anncore.engine.lanes import operations, stack

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # what is written here is wrong
    monkeypatch.setattr(stack, "_AGREED", set())
    monkeypatch.setitem(operations.MAKERS, np.tanh, lambda code, x: x)  # a wrong tanh
    monkeypatch.setattr("anncore.engine.lanes.made._MADE", {})
    with pytest.raises(ComponentError, match=r"gives other gradients than the formulas of mlp, tanh"):
        train_stack([trial(activation="tanh")], REGISTRY)


UNSTEADY: dict[str, dict[str, Any]] = {
    # Four steps of sin(30 z): gradients of 6e9, in which a rounding of the weights is the eighth digit.
    "sines in time": {
        **DATA["regression"],
        "dataset": ("adding", {"n": 60, "steps": 4}),
        "network": ("rnn", {"hidden": 4}),
        "activation": "sine",
        "dtype": "float64",
    },
    # Its first state is made of the learning rate, which the schedule lowers at the first step.
    "a rate in the first state": {"optimizer": "ftrl", "schedule": "inverse_sqrt"},
}


@pytest.mark.parametrize("name", UNSTEADY)
def test_what_rounding_explains_is_not_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or whether a trial trains would depend on which one of its structure a process met first."""
    from anncore.engine.lanes import stack

    for seed in range(4):
        monkeypatch.setattr(stack, "_AGREED", set())
        one(seed=seed, steps=2, **UNSTEADY[name])


def test_numbers_at_a_kink_may_differ_and_others_may_not() -> None:
    formulas = np.linspace(-1, 1, 100)[None]
    lanes = formulas.copy()
    lanes[:, :5] = 0.0
    assert agreement.agree(lanes, formulas)
    assert agreement.agree(lanes, formulas, [20, 100])
    assert not agreement.agree(lanes, formulas, [5, 100])  # a whole array is wrong
    assert not agreement.agree(formulas * 1.001, formulas)
    assert agreement.agree(np.full((1, 3), np.nan), np.full((1, 3), np.nan))


@pytest.mark.parametrize("name", ["b1", "b3"])
def test_one_wrong_array_among_many_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bias has few of all numbers, 8 or 1 of 105 here."""
    from anncore.engine.lanes import stack, written

    right = stack.training_pass  # type: ignore[attr-defined]

    def wrong(*args: Any, **more: Any) -> Any:
        made = right(*args, **more)
        return made._replace(grads={**made.grads, name: None})

    monkeypatch.setattr(written, "name_of", lambda key, components: "")
    monkeypatch.setattr(stack, "_AGREED", set())
    monkeypatch.setattr("anncore.engine.lanes.made._MADE", {})
    monkeypatch.setattr(stack, "training_pass", wrong)
    with pytest.raises(ComponentError, match="gives other gradients than the formulas of mlp"):
        train_stack([trial()], REGISTRY)


def test_a_layout_has_the_arrays_one_after_the_other() -> None:
    stack = LaneStack([trial(network=("mlp", {"hidden": [3]}))], REGISTRY, _data(1))
    layout = Layout.of(stack.specs)
    assert layout.offsets == {"W1": 0, "b1": 6, "W2": 9, "b2": 12}  # 2 x 3, 3, 3 x 1, 1
    assert layout.size == 13


@dataclasses.dataclass(frozen=True)
class Lazy(Optimizer):
    """Momentum that keeps no state where it is 0."""

    name: ClassVar[str] = "lazy"
    lr: Hyper = hyper(0.1, "(0, inf)")
    momentum: Hyper = hyper(0.0, "[0, 1)")

    def init(self, weight: Array) -> Any:
        return (np.zeros_like(weight),) if np.any(self.momentum > 0) else ()

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        if not state:
            return -self.lr * grad, ()
        velocity = self.momentum * state[0] + grad
        return -self.lr * velocity, (velocity,)


def test_a_kernel_serves_only_stacks_whose_state_has_its_arrays() -> None:
    registry, part = with_components(REGISTRY, [Lazy]), {}
    for momentum in (0.0, 0.9, 0.0):
        for engine in ("lanes", "blas"):
            made = make_trial(
                registry,
                optimizer=("lazy", {"momentum": momentum}),
                engine=engine,
                dtype="float64",
                steps=20,
                eval_every=5,
            )
            [part[engine]] = train_stack([made], registry)
        np.testing.assert_allclose(numbers(part["lanes"]), numbers(part["blas"]), rtol=1e-9)


@dataclasses.dataclass(frozen=True)
class Either(Optimizer):
    """Momentum, or a mean of the weights that are drawn to it, or both; what is 0 keeps no state."""

    name: ClassVar[str] = "either"
    lr: Hyper = hyper(0.1, "(0, inf)")
    momentum: Hyper = hyper(0.0, "[0, 1)")
    pull: Hyper = hyper(0.0, "[0, 1)")

    def init(self, weight: Array) -> Any:
        kept = (np.any(self.momentum > 0), np.any(self.pull > 0))
        return tuple(np.zeros_like(weight) if keeps else None for keeps in kept)

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        velocity, mean = state
        if velocity is not None:
            grad = velocity = self.momentum * velocity + grad
        change = -self.lr * grad
        if mean is not None:
            change, mean = change + self.pull * (mean - weight), 0.9 * mean + 0.1 * weight
        return change, (velocity, mean)


def test_a_kernel_serves_only_stacks_whose_state_has_its_arrays_in_its_places() -> None:
    registry = with_components(REGISTRY, [Either])
    for values in ({"momentum": 0.9}, {"pull": 0.01}, {"momentum": 0.9}, {"pull": 0.01, "momentum": 0.5}):
        made = [
            make_trial(registry, optimizer=("either", values), engine=engine, dtype="float64", steps=20)
            for engine in ("lanes", "blas")
        ]
        lanes, blas = (numbers(train_stack([one], registry)[0]) for one in made)
        np.testing.assert_allclose(lanes, blas, rtol=1e-9)


def test_a_class_that_is_written_anew_gets_a_kernel_of_its_own() -> None:
    """As in a notebook, where a cell is changed and run again."""

    def scaled(factor: float) -> type[Activation]:
        @dataclasses.dataclass(frozen=True)
        class Scaled(Activation):
            """A line whose slope is a constant of the formula."""

            name: ClassVar[str] = "scaled"

            def forward(self, z: Array) -> Array:
                return factor * z

        Scaled.__qualname__ = "Scaled"
        return Scaled

    for factor in (1.0, 3.0):
        registry = with_components(REGISTRY, [scaled(factor)])
        both = [
            train_stack([make_trial(registry, activation="scaled", engine=engine, steps=5)], registry)[0]
            for engine in ("lanes", "blas")
        ]
        np.testing.assert_allclose(numbers(both[0]), numbers(both[1]), rtol=1e-5)


@pytest.mark.parametrize(
    ("optimizer", "values"),
    [
        ("adamw", [{"weight_decay": 0.0}, {"weight_decay": 3.0}]),
        ("adamw", [{"decay_mode": "independent", "weight_decay": 0.1, "lr": lr} for lr in (0.01, 0.1)]),
        ("adam", [{"eps": 1e-8}, {"eps": 0.0}]),
        ("momentum", [{"dampening": 0.0}, {"dampening": 0.5}]),
        ("rmsprop", [{"momentum": 0.0}, {"momentum": 0.5}]),
        ("adabound", [{"lr": 0.001}, {"lr": 0.01}]),
        ("rprop", [{"lr": 0.001}, {"lr": 0.01}]),
    ],
)
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_what_an_optimizer_computes_once_from_its_hyperparameters_is_each_trials_own(
    optimizer: str, values: list[dict[str, Any]], schedule: str
) -> None:
    """Facts of `__post_init__`: the first trial's may not serve the next one, alone or in one stack."""
    full = {"batch_size": "full"} if optimizer == "rprop" else {}
    options: dict[str, Any] = {"dtype": "float64", "schedule": schedule, **full}
    trials = [trial(optimizer=(optimizer, own), **options) for own in values]
    together = {
        result.key: result for stack in pack(trials, REGISTRY) for result in train_stack(stack, REGISTRY)
    }
    for own, made in zip(values, trials, strict=True):
        expected = numbers(one("blas", optimizer=(optimizer, own), **options))
        [alone] = train_stack([made], REGISTRY)
        np.testing.assert_allclose(numbers(alone), expected, rtol=1e-7)
        assert np.array_equal(numbers(alone), numbers(together[made.key]))


def test_values_that_a_formula_compares_are_looked_at_together() -> None:
    @dataclasses.dataclass(frozen=True)
    class Comparing(Activation):
        """Another formula where any a is above its b."""

        name: ClassVar[str] = "comparing"
        a: Hyper = hyper(0.0, "[0, inf)")
        b: Hyper = hyper(1.0, "[0, inf)")

        def forward(self, z: Array) -> Array:
            return z * (self.a if np.any(self.a > self.b) else 1.0)

    registry = with_components(REGISTRY, [Comparing])
    for pairs in (
        [(0.0, 1.0), (2.0, 3.0)],
        [(0.0, 3.0), (2.0, 1.0)],
    ):  # each hyperparameter has the same values
        results = [
            train_stack(
                [
                    make_trial(registry, activation=("comparing", {"a": a, "b": b}), engine=engine, steps=5)
                    for a, b in pairs
                ],
                registry,
            )
            for engine in ("lanes", "blas")
        ]
        for lanes, blas in zip(*results, strict=True):
            np.testing.assert_allclose(numbers(lanes), numbers(blas), rtol=1e-4)


@pytest.mark.parametrize(
    ("formula", "why"),
    [
        (lambda z: z * ((z > -1) * (z < 1)), "arithmetic on truth values"),
        (lambda z: z + np.linalg.det(z.swapaxes(1, 2) @ z)[:, None, None], "det"),
        (lambda z: np.arctan(z), "np.arctan is no operation that lanes have"),
        *(
            (formula, "examples together in evaluation")
            for formula in (
                lambda z: np.tanh(z - z.mean(axis=1, keepdims=True)),
                lambda z: z - z.swapaxes(1, 2).mean(axis=2)[:, None, :],
                lambda z: z - 0.5 * z[:, :1],
                lambda z: z - 0.5 * np.roll(z, 1, axis=1),
                lambda z: z + np.cumsum(z, axis=1),
                lambda z: z - 0.1 * z @ (z.swapaxes(1, 2) @ z),
                lambda z: z * np.tanh((z[:, :, :1] - z[:, :, 0][:, None]).max(axis=2, keepdims=True)),
                lambda z: z + np.concatenate([z[:, 1:], z[:, :1]], axis=1),
                lambda z: z[:, None].max(axis=2) * z,
                lambda z: z + 0.1 * z.reshape(len(z), z.shape[1], 2, -1).max(axis=1).reshape(len(z), 1, -1),
                lambda z: z + z[:, np.zeros(z.shape[1], int)],
                lambda z: z * np.linspace(0.5, 1, z.shape[1]).astype(z.dtype)[:, None],
            )
        ),
    ],
)
def test_what_would_fail_in_a_kernel_is_refused_by_the_plan(formula: Any, why: str) -> None:
    @dataclasses.dataclass(frozen=True)
    class Odd(Activation):
        """A formula that lanes do not have."""

        name: ClassVar[str] = "odd"

        def forward(self, z: Array) -> Array:
            made: Array = formula(z)
            return made

    registry = with_components(REGISTRY, [Odd])
    made = make_trial(registry, activation="odd", engine="lanes", steps=5)
    assert re.search(why, why_not_lanes(made, registry))


@pytest.mark.parametrize(
    "formula",
    [
        lambda z: z.swapaxes(1, 2).reshape(len(z), 2, 4, -1).max(axis=1).mean(axis=1)[:, :, None],
        lambda z: np.stack([z, -z], axis=1).max(axis=1),
        lambda z: z * (np.stack([z, -z], axis=3).reshape(*z.shape[:2], -1) @ np.ones((1, 16, 1), z.dtype)),
        lambda z: z[:, None, :, [0, 1, 2, 3, 3, 2, 1, 0]][:, 0] + z[..., :1],
        lambda z: np.pad(z[:, :, 1:], ((0, 0), (0, 0), (1, 0))) + z.sum(axis=2)[:, :, None],
        lambda z: np.where(z > np.arange(8), z, np.ones_like(z)),
        lambda z: (np.eye(8, dtype=z.dtype)[None] @ z.swapaxes(1, 2)).swapaxes(1, 2),
    ],
)
def test_what_takes_each_example_by_itself_is_not_refused(formula: Any) -> None:
    @dataclasses.dataclass(frozen=True)
    class Apart(Activation):
        """A formula of one example, on axes that move."""

        name: ClassVar[str] = "apart"

        def forward(self, z: Array) -> Array:
            made: Array = formula(z) * z
            return made

    registry = with_components(REGISTRY, [Apart])
    options: dict[str, Any] = {"activation": "apart", "steps": 5, "eval_every": 5, "dtype": "float64"}
    made = [make_trial(registry, engine=engine, **options) for engine in ("lanes", "blas")]
    assert why_not_lanes(made[0], registry) == ""
    lanes, blas = (numbers(train_stack([one], registry)[0]) for one in made)
    np.testing.assert_allclose(lanes, blas, rtol=1e-9)


def test_a_choice_looks_at_the_values_that_a_formula_looks_at() -> None:
    @dataclasses.dataclass(frozen=True)
    class Turning(Optimizer):
        """SGD that takes an arcus tangent where `a` is above 0."""

        name: ClassVar[str] = "turning"
        lr: Hyper = hyper(0.1, "(0, inf)")
        a: Hyper = hyper(0.0, "[0, inf)")

        def init(self, weight: Array) -> Any:
            return ()

        def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
            return -self.lr * (np.arctan(grad) if np.any(self.a > 0) else grad), ()

    registry = with_components(REGISTRY, [Turning])
    trials = [
        make_trial(registry, optimizer=("turning", {"a": a}), engine="lanes", steps=5) for a in (0.0, 0.5)
    ]
    assert [engine_of(made, registry) for made in trials] == ["lanes", "blas"]
    assert [engine_of(made, registry) for made in trials[::-1]] == ["blas", "lanes"]


@pytest.mark.parametrize(
    "registers", [Registers(24, 8, 1), Registers(12, 4, 2), Registers(24, 8, 4)], ids=str
)
@pytest.mark.parametrize("processor", ["", "haswell"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_loops_for_other_registers_and_processors_train_to_the_same_bits(
    registers: Registers, processor: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tiles of other sizes, vectors in parts, factors laid anew: the sums are the same."""
    import llvmlite.binding as llvm

    from anncore.engine.lanes import compiling, evaluator, stack, updates

    features = llvm.get_host_cpu_features()
    if processor and not (features.get("avx2") and features.get("fma")):
        pytest.skip("this machine has no AVX2")
    options: dict[str, Any] = {
        "network": ("mlp", {"hidden": [33, 110]}),
        "activation": "gelu" if dtype == "float64" else "relu",
        "dtype": dtype,
        "steps": 10,
        "eval_every": 5,
    }
    trials = [trial(seed=seed, **options) for seed in range(3)]
    expected = [numbers(result) for result in train_stack(trials, REGISTRY)]
    lengths = [LaneStack(trials, REGISTRY, ON_DATA.load(trials, REGISTRY)).write_passes()]
    monkeypatch.setattr("anncore.engine.lanes.products.registers", lambda: registers)
    monkeypatch.setattr("anncore.engine.lanes.made._MADE", {})
    monkeypatch.setattr("anncore.engine.lanes.written.name_of", lambda key, components: "")  # nothing is kept
    compiled = partial(compiling.address, processor=processor)
    for module in (compiling, stack, updates, evaluator):
        monkeypatch.setattr(module, "address", compiled)
    for result, known in zip(train_stack(trials, REGISTRY), expected, strict=True):
        assert np.array_equal(numbers(result), known)
    lengths.append(LaneStack(trials, REGISTRY, ON_DATA.load(trials, REGISTRY)).write_passes())
    assert lengths[0] == lengths[1]  # by which a trial's engine is chosen


@pytest.mark.parametrize("seeds", [1, 3, 8, 16])
def test_however_many_data_sets_a_group_has_each_lane_gets_its_own(seeds: int) -> None:
    """Few are spread over the lanes one over the other, many are copied number by number."""
    for features in (3, 20):
        data = ("classification", {"features": features, "informative": 3, "redundant": 0})
        options: dict[str, Any] = {"dataset": data, "steps": 5, "eval_every": 5}
        trials = [trial(seed=seed % seeds, **options) for seed in range(17)]
        for result, made in list(zip(train_stack(trials, REGISTRY), trials, strict=True))[
            :: max(seeds // 3, 1)
        ]:
            [alone] = train_stack([made], REGISTRY)
            assert np.array_equal(numbers(result), numbers(alone))


# A fixed set of trainings, whose bits are the same on every machine.


def fixed_set() -> dict[str, Trial]:
    trials = {
        f"{name} {dtype}": trial(dtype=dtype, **options)
        for name, options in NETWORKS.items()
        for dtype in ("float32", "float64")
    }
    for name in ("gelu", "tanh", "sigmoid", "elu", "mish", "softplus", "squareplus", "geglu"):
        trials[f"activation {name}"] = trial(activation=name)
    for name in ("sgd", "nesterov", "adamw", "adagrad", "rmsprop", "lion", "nadam", "yogi", "adan", "rprop"):
        full = {"batch_size": "full"} if name == "rprop" else {}
        trials[f"optimizer {name}"] = trial(optimizer=name, **full)
    for name in ("huber", "log_cosh", "quantile", "general_robust"):
        trials[f"loss {name}"] = trial(**{**DATA["regression"], "loss": name})
    for name in ("focal", "generalized_cross_entropy", "symmetric_cross_entropy"):
        trials[f"loss {name}"] = trial(loss=name)
    for name in ("he_normal", "orthogonal"):
        trials[f"initializer {name}"] = trial(initializer=name)
    # Over the largest numbers to NaN; and Adam's squares of gradients below the smallest normal number.
    for dtype, small in (("float32", 1e-20), ("float64", 1e-158)):
        own = {**DATA["regression"], "dtype": dtype}
        trials[f"diverging {dtype}"] = trial(**own, optimizer=("momentum", {"lr": 1e9}))
        adam = ("adam", {"lr": 0.01, "eps": 0.0})
        trials[f"small numbers {dtype}"] = trial(
            **{**own, "loss": ("huber", {"delta": small})}, optimizer=adam
        )
    return trials | _random_and_learned() | _by_arrays_and_steps()


def _random_and_learned() -> dict[str, Trial]:
    """Trainings with random numbers, weights of activations, turns, sorted rows, and lists of places."""
    dropout = ("mlp", {"hidden": [8, 8], "dropout": 0.2})
    trials = {f"dropout {dtype}": trial(dtype=dtype, network=dropout) for dtype in ("float32", "float64")}
    for name in ("rrelu", "prelu", "rational", "sine", "snake", "sparsemax"):
        trials[f"activation {name}"] = trial(activation=name)
    for name, output in (("hinge", "identity"), ("focal", "softmax")):
        trials[f"loss {name} of classes"] = trial(**{**DATA["multiclass"], "output": output, "loss": name})
    digits = {**DATA["multiclass"], "dataset": "digits", "steps": 5}
    trials["convolution"] = trial(network=("cnn", {"filters": 2}), **digits)
    return trials


def _by_arrays_and_steps() -> dict[str, Trial]:
    """Trainings whose optimizers look at whole arrays, or at the number of the step."""
    trials = {}
    for name in ("lamb", "muon", "prodigy", "madgrad", "lookahead", "swa", "accumulate", "asgd"):
        made, part = trial(), default_part(REGISTRY, REGISTRY.get("optimizer", name))
        trials[f"optimizer {name}"] = dataclasses.replace(made, parts={**made.parts, "optimizer": part})
    return trials


def digest(result: TrialResult) -> str:
    return hashlib.sha256(numbers(result).astype("<f8").tobytes()).hexdigest()[:12]


def test_a_fixed_set_of_trainings_has_the_bits_on_record() -> None:
    """On every processor and system; if the engine's numbers change, LANE_NUMBERS is raised.

    The file is written by `python tests/lane_bits.py`.
    """
    known = json.loads(DIGESTS.read_text())
    results = [(name, train_stack([made], REGISTRY)[0]) for name, made in fixed_set().items()]
    changed = [name for name, result in results if known["bits"].get(name) != digest(result)]
    assert not changed, f"other bits: {', '.join(changed)}"
    assert set(known["bits"]) == {name for name, _ in results}
