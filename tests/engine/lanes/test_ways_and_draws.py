"""Trainings in lanes whose formulas draw, learn, look at arrays, or go by the number of the step."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
from shipped import REGISTRY
from shipped_bits import DATA, default_part
from trial_factory import make_part, make_trial

from anncore import (
    Activation,
    Array,
    Hyper,
    LearnedActivation,
    Optimizer,
    RandomActivation,
    WeightSpec,
    hyper,
)
from anncore.contract.errors import ComponentError
from anncore.contract.handed_over import with_components
from anncore.contract.trial import Split, Stop, Trial
from anncore.engine.lanes import drawing, rewriting, stack as stacks
from anncore.engine.lanes.choice import why_not_lanes
from anncore.engine.lanes.counting import Asking, Way
from anncore.engine.lanes.nests import Unlowerable
from anncore.engine.lanes.programs import update_program
from anncore.engine.lanes.rewriting import LaneGraph
from anncore.engine.lanes.update_graphs import LONG, update_graph
from anncore.engine.packing import pack
from anncore.engine.training import train_stack

pytest.importorskip("llvmlite")

DROPOUT = ("mlp", {"hidden": [8, 5], "dropout": 0.3})


def trial(engine: str = "lanes", registry: Any = REGISTRY, **options: Any) -> Trial:
    given = {"steps": 20, "eval_every": 5, "dtype": "float64", "engine": engine, **options}
    return make_trial(registry, **given)


def curves(result: Any) -> Any:
    series = [values for name, values in sorted(result.curves.items()) if name.endswith("_loss")]
    return np.concatenate([*series, [result.metrics["test_loss"]]])


def agrees(registry: Any = REGISTRY, rtol: float = 1e-9, **options: Any) -> Any:
    """What lanes give, which must be what the formulas give."""
    [got] = train_stack([trial("lanes", registry, **options)], registry)
    [expected] = train_stack([trial("blas", registry, **options)], registry)
    assert got.status == expected.status
    np.testing.assert_allclose(curves(got), curves(expected), rtol=rtol)
    return curves(got)


@pytest.mark.parametrize("batch_size", [32, 16, 7, "full"])
def test_dropout_has_the_numbers_of_its_own_streams(batch_size: Any) -> None:
    """Also where the last batch of an epoch is smaller, and so takes fewer numbers of the stream."""
    losses = agrees(network=DROPOUT, batch_size=batch_size, steps=30)
    assert not np.array_equal(
        losses, agrees(network=("mlp", {"hidden": [8, 5]}), batch_size=batch_size, steps=30)
    )


def test_few_steps_at_once_draw_what_many_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"network": DROPOUT, "activation": "rrelu", "eval_every": 20}
    many = agrees(**options)
    monkeypatch.setattr(drawing, "MOST_BYTES", 3 * 8 * 32 * 13)  # of three steps
    assert np.array_equal(many, agrees(**options))


def test_trials_with_random_numbers_are_the_same_alone_and_beside_any_neighbours() -> None:
    """Seeds side by side in lanes, rates of dropout from none on, and neighbours that diverge."""
    trials = [
        trial(
            network=("mlp", {"hidden": [8], "dropout": rate}),
            activation=("rrelu", {"low": 0.1 * rate}),
            optimizer=("sgd", {"lr": 1e40 if seed == 3 else 0.1}),
            seed=seed,
        )
        for seed in range(6)
        for rate in (0.0, 0.2, 0.5)
    ]
    together = {
        result.key: result for stack in pack(trials, REGISTRY) for result in train_stack(stack, REGISTRY)
    }
    for made in trials:
        [alone] = train_stack([made], REGISTRY)
        assert np.array_equal(curves(alone), curves(together[made.key]), equal_nan=True)
        assert alone.status == ("diverged" if made.seed == 3 else "ok")


@dataclasses.dataclass(frozen=True)
class Shaken(RandomActivation):
    """A line with one random number for each unit, normal and so of a stream with rejections."""

    name: ClassVar[str] = "shaken"
    size: Hyper = hyper(0.3, "[0, inf)")

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        return rng.standard_normal((1, shape[1]))

    def forward(self, z: Array, noise: Array | None) -> Array:
        return z if noise is None else z * (1 + self.size * noise)


def test_an_activation_may_draw_fewer_numbers_than_it_has_units_and_examples() -> None:
    agrees(with_components(REGISTRY, [Shaken]), activation="shaken")


@dataclasses.dataclass(frozen=True)
class ShakenByUnit(Shaken):
    """The same with a number for each example and unit where the size is small."""

    name: ClassVar[str] = "shaken_by_unit"

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        return rng.standard_normal(shape if np.all(self.size < 0.2) else (1, shape[1]))


def test_how_many_numbers_an_activation_draws_may_depend_on_its_hyperparameters() -> None:
    registry = with_components(REGISTRY, [ShakenByUnit])
    for size in (0.1, 0.3, 0.1):
        agrees(registry, activation=("shaken_by_unit", {"size": size}))


@dataclasses.dataclass(frozen=True)
class Bent(LearnedActivation):
    """Two learned lines, with a gradient that the author adds up in place."""

    name: ClassVar[str] = "bent"

    def specs(self, units: int) -> Sequence[WeightSpec]:
        return [
            WeightSpec("up", (1, units), 1, units, "gain", 1.0),
            WeightSpec("down", (1, 1), 1, 1, "gain", 0.1),
        ]

    def forward(self, z: Array, weights: Mapping[str, Array]) -> Array:
        return np.where(z > 0, weights["up"] * z, weights["down"] * z)

    def backward(
        self, grad: Array, z: Array, a: Array, weights: Mapping[str, Array], grads: Mapping[str, Array]
    ) -> Array:
        up = grads["up"]
        up += (grad * np.maximum(z, 0)).sum(axis=1, keepdims=True)
        grads["down"][...] = (grad * np.minimum(z, 0)).sum(axis=(1, 2), keepdims=True)
        return grad * np.where(z > 0, weights["up"], weights["down"])


@pytest.mark.parametrize("network", [("mlp", {"hidden": [6, 4]}), ("rnn", {"hidden": 4})])
def test_gradients_of_an_activations_weights_reach_the_optimizer(network: Any) -> None:
    """Those of a place that is used several times, as in time, are added up."""
    options: dict[str, Any] = {"network": network}
    if network[0] == "rnn":
        options |= {**DATA["regression"], "dataset": ("adding", {"n": 60, "steps": 4})}
    agrees(with_components(REGISTRY, [Bent]), activation="bent", **options)


@dataclasses.dataclass(frozen=True)
class Stretched(Activation):
    """A line whose slope is computed once from a hyperparameter."""

    name: ClassVar[str] = "stretched"
    a: Hyper = hyper(1.0, "(0, inf)")

    _slope: ClassVar[Any] = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "_slope", 2 * self.a)

    def forward(self, z: Array) -> Array:
        return self._slope * z


@dataclasses.dataclass(frozen=True)
class Partial(LearnedActivation):
    """A learned line, and another one below 0 where `a` is above 0."""

    name: ClassVar[str] = "partial"
    a: Hyper = hyper(0.0, "[0, inf)")

    def specs(self, units: int) -> Sequence[WeightSpec]:
        up = WeightSpec("up", (1, units), 1, units, "gain", 1.0)
        down = WeightSpec("down", (1, 1), 1, 1, "gain", 0.1)
        return [up, down] if np.any(self.a > 0) else [up]

    def forward(self, z: Array, weights: Mapping[str, Array]) -> Array:
        below = weights["down"] * z if "down" in weights else 0 * z
        return np.where(z > 0, weights["up"] * z, below)


def test_a_kernel_serves_only_stacks_with_the_weights_that_it_was_written_for() -> None:
    """Of fewer weights it would write beyond their memory."""
    registry = with_components(REGISTRY, [Partial])
    for a in (0.0, 1.0, 0.0):
        agrees(registry, activation=("partial", {"a": a}))


@dataclasses.dataclass(frozen=True)
class Fanned(Activation):
    """Lines whose slopes NumPy computes from a hyperparameter, one for each unit."""

    name: ClassVar[str] = "fanned"
    a: Hyper = hyper(1.0, "(0, inf)")

    def forward(self, z: Array) -> Array:
        slopes = 1 + np.asarray(self.a) * np.linspace(0, 1, z.shape[-1]).astype(z.dtype)
        return slopes * np.tanh(z)


def test_what_numpy_computes_from_hyperparameters_is_each_trials_own() -> None:
    registry = with_components(REGISTRY, [Fanned])
    trials = [
        trial("lanes", registry, activation=("fanned", {"a": a}), seed=seed)
        for a in (0.5, 1.0, 2.0)
        for seed in (0, 1)
    ]
    for result, made in zip(train_stack(trials, registry), trials, strict=True):
        blas = dataclasses.replace(made, train=dataclasses.replace(made.train, engine="blas"))
        [expected] = train_stack([blas], registry)
        np.testing.assert_allclose(curves(result), curves(expected), rtol=1e-9)
        [alone] = train_stack([made], registry)
        assert np.array_equal(curves(result), curves(alone))


def test_a_kernel_gets_no_more_computed_numbers_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewriting, "MOST_COMPUTED", 7)
    registry = with_components(REGISTRY, [Fanned])
    trials = [trial("lanes", registry, activation=("fanned", {"a": a})) for a in (3.0, 4.0)]
    with pytest.raises(ComponentError, match="an array of 8 numbers that NumPy computed"):
        train_stack(trials, registry)


@dataclasses.dataclass(frozen=True)
class Bounded(Activation):
    """A bend at a place that NumPy computes in float64, as np.log(2.0) is a float64."""

    name: ClassVar[str] = "bounded"
    a: Hyper = hyper(1.0, "(0, inf)")

    _bound: ClassVar[Any] = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "_bound", self.a * np.log(2.0))

    def forward(self, z: Array) -> Array:
        return np.where(z > self._bound, 0.5 * z, z)


def test_numbers_of_another_type_are_refused_by_the_plan() -> None:
    registry = with_components(REGISTRY, [Bounded])
    agrees(registry, activation="bounded")
    made = trial("lanes", registry, activation="bounded", dtype="float32")
    assert "a number in float64 in a training in float32" in why_not_lanes(made, registry)


TABLES: dict[str, Any] = {
    "number": lambda: np.asarray(0.5),
    "two numbers": lambda: np.array([0.5, 0.25]),  # as many as there are trials
    "row": lambda: np.linspace(0.5, 1.0, 8),
    "column": lambda: np.linspace(0.5, 1.0, 8)[:, None],
    "whole numbers": lambda: np.arange(3, 6),
}


@dataclasses.dataclass(frozen=True)
class Tabled(Activation):
    """A line whose slope comes from a table that is made once, for all trials the same."""

    name: ClassVar[str] = "tabled"
    which: str = hyper("row", tuple(TABLES))
    a: Hyper = hyper(1.0, "(0, inf)")

    _table: ClassVar[Any] = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "_table", TABLES[self.which]())

    def forward(self, z: Array) -> Array:
        if self.which == "column":
            return self.a * z * (z @ self._table[None])
        return self.a * z * float(self._table.ravel()[-1]) + float(self._table.ravel()[0])


@dataclasses.dataclass(frozen=True)
class TabledDescent(Optimizer):
    """Gradient descent with a rate from such a table."""

    name: ClassVar[str] = "tabled_descent"
    which: str = hyper("row", tuple(TABLES))
    lr: Hyper = hyper(0.1, "(0, inf)")

    _table: ClassVar[Any] = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "_table", TABLES[self.which]())

    def init(self, weight: Array) -> Any:
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        return -self.lr * float(self._table.ravel()[-1]) * grad, ()


@pytest.mark.parametrize("which", TABLES)
@pytest.mark.parametrize("cls", [Tabled, TabledDescent])
def test_a_table_is_no_number_of_each_trial(cls: Any, which: str) -> None:
    registry, kind = with_components(REGISTRY, [cls]), "activation" if cls is Tabled else "optimizer"
    number = "a" if cls is Tabled else "lr"
    trials = [
        trial("lanes", registry, **{kind: (cls.name, {"which": which, number: value})})
        for value in (0.1, 0.2)
    ]
    assert [why_not_lanes(made, registry) for made in trials] == ["", ""]
    for result, made in zip(train_stack(trials, registry), trials, strict=True):
        blas = dataclasses.replace(made, train=dataclasses.replace(made.train, engine="blas"))
        [expected] = train_stack([blas], registry)
        np.testing.assert_allclose(curves(result), curves(expected), rtol=1e-9)
        [alone] = train_stack([made], registry)
        assert np.array_equal(curves(result), curves(alone))


def test_tables_of_other_numbers_have_kernels_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    registry, results = with_components(REGISTRY, [Tabled]), []
    for last in (1.0, 2.0):
        monkeypatch.setitem(TABLES, "row", lambda last=last: np.linspace(0.5, last, 8))
        results.append(agrees(registry, activation=("tabled", {"which": "row"})))
    assert not np.array_equal(*results)


@dataclasses.dataclass(frozen=True)
class Looking(Optimizer):
    """Gradient descent that goes another way once its rate is low."""

    name: ClassVar[str] = "looking"
    lr: Hyper = hyper(0.1, "(0, inf)")

    def init(self, weight: Array) -> Any:
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        return -(self.lr if np.all(self.lr > 0.05) else 2 * self.lr) * grad, ()


def test_a_formula_may_not_look_at_a_rate_that_a_schedule_changes() -> None:
    """A kernel would go the way of the first step at all steps."""
    registry = with_components(REGISTRY, [Looking])
    agrees(registry, optimizer="looking")
    made = trial("lanes", registry, optimizer="looking", schedule="cosine")
    assert "looks at its learning rate, which the schedule changes" in why_not_lanes(made, registry)


@dataclasses.dataclass(frozen=True)
class Counting(Optimizer):
    """Gradient descent with a rate that depends on the number of weights."""

    name: ClassVar[str] = "counting"
    lr: Hyper = hyper(0.5, "(0, inf)")

    def init(self, weight: Array) -> Any:
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        return -self.lr * grad / math.sqrt(grad.shape[-1]), ()


def test_a_formula_in_which_the_number_of_weights_occurs_has_a_kernel_for_each_number() -> None:
    """A kernel of any number of weights is recorded with some number, here that of the first network."""
    registry = with_components(REGISTRY, [Counting])
    for hidden in ([15], [3], [8, 8]):  # 61, 13, 105 weights
        agrees(registry, optimizer="counting", network=("mlp", {"hidden": hidden}))


def test_a_number_of_a_formula_is_not_taken_for_the_number_of_weights() -> None:
    shapes = [np.zeros((2, 1, 5)), np.zeros((2, 1, 9))]
    for number in {*LONG, 2.0}:

        class Scaled(Looking):
            def step(
                self, weight: Array, grad: Array, state: Any, t: int, number: float = number
            ) -> tuple[Array, Any]:
                return -self.lr * (number * grad) / number, ()

        made = [
            update_graph(Scaled(), "scaled", weight, (), [], length=length, t=None)
            for weight, length in zip(shapes, LONG, strict=True)
        ]
        assert len({update_program("float64", update).text for update in made}) == 1


@dataclasses.dataclass(frozen=True)
class Flagged(Activation):
    """A line, and a bend where that is asked for."""

    name: ClassVar[str] = "flagged"
    bent: bool = hyper(True, "bool")

    def forward(self, z: Array) -> Array:
        bend = np.clip(z, False, True) * self.bent + np.where(z > 0.5, z, self.bent)
        return z - np.where(self.bent, bend, 0) - (1 - self.bent) * z * ((z > 0) & True)


@pytest.mark.parametrize("bent", [True, False])
def test_truth_values_count_as_numbers(bent: bool) -> None:
    agrees(with_components(REGISTRY, [Flagged]), activation=("flagged", {"bent": bent}))


class Kept(NamedTuple):
    """A state of one array."""

    sum: Array


@dataclasses.dataclass(frozen=True)
class Sparing(Optimizer):
    """Gradient descent that goes by the number of the step in many ways."""

    name: ClassVar[str] = "sparing"
    lr: Hyper = hyper(0.1, "(0, inf)")
    every: int = hyper(3, "int [1, inf)")
    form: str = hyper("mod", ("mod", "late", "bits", "whole", "over", "power", "minus"))

    def init(self, weight: Array) -> Kept:
        return Kept(np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: Kept, t: int) -> tuple[Array, Kept]:
        total = state.sum + grad
        if self.form == "mod":
            if t % self.every:
                return np.zeros_like(weight), Kept(total)
            return -self.lr * np.tanh(total) / self.every, Kept(np.zeros_like(weight))
        if self.form == "late":
            rate = min(1.0, t / 7) if t > self.every else 0.5 * (t == 2)
            return -self.lr * rate * grad / max(1, t - self.every), Kept(total)
        if self.form == "bits":
            return -self.lr * grad * sum(2.0**-n for n in range(20) if t // 2**n % 2), Kept(total)
        if self.form == "whole":
            return -self.lr * grad / int(t), Kept(total)
        if self.form == "power":
            t += 1
            return -self.lr * grad / (t**0.5 * (1 + abs(-t // self.every))), Kept(total)
        if self.form == "minus":
            return -self.lr * grad * (1 - (t > self.every)), Kept(np.where(t > 1, total, grad))
        return -self.lr * grad * (1 / (t - self.every) if t > 0 else 1), Kept(total)


@pytest.mark.parametrize("form", ["mod", "late", "power", "minus"])
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_formula_goes_by_the_number_of_the_step_as_with_pythons_number(form: str, schedule: str) -> None:
    """Each `every` has kernels of its own, though the machine code of some is the same."""
    registry = with_components(REGISTRY, [Sparing])
    results = [
        agrees(registry, optimizer=("sparing", {"form": form, "every": every}), schedule=schedule)
        for every in (3, 4, 1, 3)
    ]
    assert np.array_equal(results[0], results[3])
    assert not np.array_equal(results[0], results[1])


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ("bits", "optimizer sparing goes more than 8 ways by the number of the step"),
        ("whole", "optimizer sparing: the number of the step is used other than in arithmetic"),
        ("over", "a number of the step is divided by 0"),
    ],
)
def test_what_a_formula_may_not_do_with_the_number_of_the_step_is_said(form: str, why: str) -> None:
    registry = with_components(REGISTRY, [Sparing])
    made = trial("lanes", registry, optimizer=("sparing", {"form": form}))
    assert why in why_not_lanes(made, registry)


@pytest.mark.parametrize(
    "formula",
    [
        lambda t: t * t * t * t,
        lambda t: -t * 10**30 // 7,
        lambda t: (t * 6364136223846793005 + 1442695040888963407) % 2**64,
        lambda t: t / 3 + (t > 5) * 2.5 - abs(4 - t) % 3,
        lambda t: (t * t * t * t) / (t * t * t),
    ],
)
def test_numbers_made_of_the_steps_are_pythons_however_large(formula: Any) -> None:
    """As for a hash of the step, or its fourth power: 64 bits hold it up to step 55,108 only."""
    asking = Asking(LaneGraph(), "float64", 1)
    made = formula(asking.step)
    way = Way(numbers=(made.expression,))
    steps = [1, 2, 3, 7, 55_108, 55_109, 999_999, 1_048_576]
    expected = [float(formula(t)) for t in steps]
    assert way.values(np.array(steps))[:, 0].tolist() == expected
    assert Way(asked=((("gt", made.expression, expected[4]), True),)).goes(np.array(steps)).tolist() == [
        formula(t) > expected[4] for t in steps
    ]


def test_a_number_of_the_step_beyond_all_floats_is_refused() -> None:
    with pytest.raises(Unlowerable, match="a number of the step is larger than any float"):
        Way(numbers=(("mul", "t", 10**400),)).values(np.arange(1, 4))


def test_few_steps_may_go_fewer_ways() -> None:
    """Which steps there are is part of what a plan looks at."""
    registry = with_components(REGISTRY, [Sparing])
    bits = ("sparing", {"form": "bits"})
    made = [trial("lanes", registry, optimizer=bits, steps=steps, eval_every=2) for steps in (20, 4, 20)]
    assert [bool(why_not_lanes(one, registry)) for one in made] == [True, False, True]
    agrees(registry, optimizer=bits, steps=4, eval_every=2)


def test_an_epoch_of_more_examples_has_more_steps() -> None:
    registry = with_components(REGISTRY, [Sparing])
    made = [
        trial(
            *("lanes", registry),
            optimizer=("sparing", {"form": "bits"}),
            steps=None,
            epochs=2,
            dataset=("two_moons", {"n": examples}),
        )
        for examples in (60, 600, 60)  # 4 and 24 steps
    ]
    assert [bool(why_not_lanes(one, registry)) for one in made] == [False, True, False]


def test_a_way_of_later_steps_is_compared_with_its_formula_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from anncore.engine.lanes import operations, stack

    registry = with_components(REGISTRY, [Sparing])
    monkeypatch.setattr(stack, "_AGREED", set())
    monkeypatch.setitem(operations.MAKERS, np.tanh, lambda code, x: code.times(x, code.number(1.5)))
    monkeypatch.setattr("anncore.engine.lanes.made._MADE", {})
    with pytest.raises(ComponentError, match="gives other updates of step 3 than the formulas"):
        train_stack([trial("lanes", registry, optimizer="sparing")], registry)


def test_which_weights_an_optimizer_treats_is_no_secret_of_the_first_network() -> None:
    """Networks of 13 weights each, of which other ones are matrices."""
    part = make_part(REGISTRY, "optimizer", ("l1_penalty", {"strength": 0.1}), **_inside("sgd"))
    # 2-3-1 with biases has 9 weights in matrices; 2-1-... networks of other forms have others.
    shapes = [[3], [2, 1], [3]]
    results = [agrees(network=("mlp", {"hidden": hidden}), optimizer=part) for hidden in shapes]
    assert np.array_equal(results[0], results[2])


def _inside(name: str) -> dict[str, Any]:
    return {"optimizer": (make_part(REGISTRY, "optimizer", (name, {"lr": 0.1})),)}


@pytest.mark.parametrize(
    "name", ["clip_norm", "lookahead", "swa", "accumulate", "grokfast", "cautious", "ema"]
)
@pytest.mark.parametrize("inner", ["momentum", "lamb"])
def test_optimizers_inside_each_other_follow_a_schedule(name: str, inner: str) -> None:
    part = make_part(REGISTRY, "optimizer", name, **_inside(inner))
    agrees(optimizer=part, schedule="cosine")


def test_a_number_that_an_activation_computes_once_is_each_trials_own() -> None:
    registry = with_components(REGISTRY, [Stretched])
    trials = [trial("lanes", registry, activation=("stretched", {"a": a})) for a in (0.5, 1.0, 2.0)]
    [stack] = pack(trials, registry)
    for result, made in zip(train_stack(stack, registry), stack, strict=True):
        blas = dataclasses.replace(made, train=dataclasses.replace(made.train, engine="blas"))
        [expected] = train_stack([blas], registry)
        np.testing.assert_allclose(curves(result), curves(expected), rtol=1e-9)


@pytest.mark.parametrize("batch_size", ["full", 16, 7])
@pytest.mark.parametrize("task", ["yes or no", "numbers"])
def test_weights_of_examples_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str, batch_size: Any
) -> None:
    rng = np.random.default_rng(1)
    rows = []
    for at in range(60):
        a, b = rng.normal(size=2)
        y = f"{a - b * b:.5f}" if task == "numbers" else "yes" if a > b else "no"
        rows.append(f"{a:.5f},{b:.5f},{('train', 'train', 'valid', 'test')[at % 4]},{y},{at % 4 * 0.7}")
    file = tmp_path / "rows.csv"
    file.write_text("\n".join(["a,b,part,y,w", *rows]) + "\n")
    values = {"path": str(file), "target": "y", "split_column": "part", "weight": "w"}
    more: dict[str, Any] = {"output": "identity", "loss": "mse"} if task == "numbers" else {}
    options: dict[str, Any] = {"batch_size": batch_size, "split": Split(standardize=False), **more}
    weighted = agrees(dataset=("csv", values), **options)
    # In float32, too, though formulas then take the weighted mean in float64.
    monkeypatch.setattr(stacks, "_AGREED", set())
    agrees(dataset=("csv", values), dtype="float32", rtol=1e-3, **options)
    del values["weight"]
    assert not np.allclose(weighted, agrees(dataset=("csv", values), **options))


def test_steps_without_end_take_no_memory() -> None:
    """Training that stops by itself may ask for a billion steps; one number each would be gigabytes."""
    patient = {"steps": 1_000_000_000, "stop": Stop(patience=1, min_delta=1e9)}
    [result] = train_stack([trial(optimizer="adam", **patient)], REGISTRY)
    assert (result.status, result.steps_done, result.stopped) == ("ok", 5, "patience")
    asking = trial(**patient)
    swa = default_part(REGISTRY, REGISTRY.get("optimizer", "swa"))
    asking = dataclasses.replace(asking, parts={**asking.parts, "optimizer": swa})
    assert "asks for the number of the step, of more than 1,048,576" in why_not_lanes(asking, REGISTRY)
