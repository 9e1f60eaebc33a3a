"""What components cost: what is measured and told, never how fast it is."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from anncore.cli.group import MISUSED, OK, SOME_FAILED, cli
from anncore.contract.errors import ComponentError
from anncore.contract.loading import load_registry
from anncore.contract.registry import Registry
from anncore.running.component_costs import KINDS, Cost, choose, default_part, measure

LOCAL = """
from dataclasses import dataclass
from typing import Any, ClassVar
import numpy as np
from anncore import Activation, Hyper, OptimizerWrapper, hookimpl, hyper, ref

SEEN = []

@dataclass(frozen=True)
class Square(Activation):
    '''A square; remembers what it is handed.'''
    name: ClassVar[str] = "square"
    scale: Hyper = hyper(1.0, "(0, inf)")
    def forward(self, z):
        SEEN.append((z.shape, z.dtype, np.shape(self.scale)))
        return self.scale * z * z
    def backward(self, grad, z, a): return 2 * self.scale * z * grad

@dataclass(frozen=True)
class Trap(Activation):
    '''Raises.'''
    name: ClassVar[str] = "trap"
    def forward(self, z): raise ZeroDivisionError("no way\\nthrough")
    def backward(self, grad, z, a): return grad

@dataclass(frozen=True)
class ByMatrix(OptimizerWrapper):
    '''Wants matrices, and an optimizer inside.'''
    name: ClassVar[str] = "by_matrix"
    scope: ClassVar[str] = "array"
    lr: Hyper = hyper(0.1, "(0, inf)")
    inner: Any = ref("optimizer", "sgd")
    def init(self, weight): return ()
    def step(self, weight, grad, state, t):
        SEEN.append((weight.shape, t))
        return self.inner[0].step(weight, grad, self.inner[0].init(weight), t)[0], ()

@hookimpl
def annx_activations(): return [Square, Trap]

@hookimpl
def annx_optimizers(): return [ByMatrix]
"""


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "local.py"
    path.write_text(LOCAL)
    return path


def quick(registry: Registry, *names: str, **settings: Any) -> list[Cost]:
    settings = {"sizes": (1024, 4096), "repetitions": 2, "seconds": 1e-5, **settings}
    return measure(registry, choose(registry, names), **settings)


@pytest.mark.slow
def test_every_optimizer_activation_and_loss_has_a_cost_at_every_size(registry: Registry) -> None:
    costs = quick(registry)
    everything = [component for kind in KINDS for component in registry.of_kind(kind)]
    assert [(cost.component, cost.numbers) for cost in costs] == [
        (component, numbers) for component in everything for numbers in (1024, 4096)
    ]
    for cost in costs:
        assert cost.error == ""
        assert len(cost.seconds) == 2
        assert 0 < min(cost.seconds) <= cost.quartiles()[1] <= max(cost.seconds) < 10


def test_components_are_measured_as_stacks_in_float32(local: Path) -> None:
    registry = load_registry([local])
    quick(registry, "square", "by_matrix", sizes=(4096,), repetitions=1)
    module = registry.get("activation", "square").cls.forward.__globals__
    activated = [seen for seen in module["SEEN"] if len(seen) == 3]
    assert set(activated) == {((4, 32, 32), np.dtype("float32"), (4, 1, 1))}
    updated = [seen for seen in module["SEEN"] if len(seen) == 2]
    assert {shape for shape, _ in updated} == {(4, 32, 32)}
    assert [t for _, t in updated] == list(range(1, len(updated) + 1))


def test_a_note_says_what_of_a_loss_was_measured(registry: Registry) -> None:
    notes = {cost.component.name: cost.note for cost in quick(registry, "loss", sizes=(1024,))}
    assert notes["binary_cross_entropy"] == "binary, jointly with sigmoid"
    assert notes["categorical_cross_entropy"] == "multiclass, jointly with softmax"
    assert notes["mse"] == "regression"
    assert notes["zero_one"] == "binary, value only"


DOORS = """
from dataclasses import dataclass
from typing import Any, ClassVar
import numpy as np
from anncore import Activation, AskingWrapper, LearnedActivation, RandomActivation, WeightSpec
from anncore import hookimpl, hyper, ref

@dataclass(frozen=True)
class Learnt(LearnedActivation):
    "A slope for each unit."
    name: ClassVar[str] = "learnt"
    def specs(self, units): return [WeightSpec("slope", (1, units), 1, units, "gain", 0.25)]
    def forward(self, z, weights): return z * weights["slope"]
    def backward(self, grad, z, a, weights, grads):
        grads["slope"][...] = (grad * z).sum(axis=1, keepdims=True)
        return grad * weights["slope"]

@dataclass(frozen=True)
class Shaken(RandomActivation):
    "A random slope for each number."
    name: ClassVar[str] = "shaken"
    def draw(self, rng, shape): return rng.random(shape)
    def forward(self, z, noise): return z * (0.5 if noise is None else noise)
    def backward(self, grad, z, a, noise): return grad * noise

@dataclass(frozen=True)
class Product(Activation):
    "One half times the other."
    name: ClassVar[str] = "product"
    def width(self, units): return 2 * units
    def forward(self, z): return z[:, :, ::2] * z[:, :, 1::2]
    def backward(self, grad, z, a):
        out = np.empty_like(z)
        out[:, :, ::2], out[:, :, 1::2] = grad * z[:, :, 1::2], grad * z[:, :, ::2]
        return out

@dataclass(frozen=True)
class Ahead(AskingWrapper):
    "A step by the gradient at another place."
    name: ClassVar[str] = "ahead"
    scope: ClassVar[str] = "trial"
    inner: Any = ref("optimizer", "sgd")
    def init(self, weight): return self.inner[0].init(weight)
    def step(self, weight, grad, state, t, evaluate):
        loss, there = evaluate(weight + 0.1 * grad)
        assert loss.shape == (len(weight), 1, 1)
        return self.inner[0].step(weight, there, state, t)

@hookimpl
def annx_activations(): return [Learnt, Shaken, Product]

@hookimpl
def annx_optimizers(): return [Ahead]
"""


def test_components_that_open_doors_are_measured_and_a_note_says_how(tmp_path: Path) -> None:
    path = tmp_path / "doors.py"
    path.write_text(DOORS)
    costs = quick(load_registry([path]), "learnt", "shaken", "product", "ahead", sizes=(4096,))
    assert [(cost.error, len(cost.seconds)) for cost in costs] == [("", 2)] * 4
    assert [cost.note for cost in costs] == [
        "learns",
        "numbers drawn beforehand",
        "from 64 to 32 units",
        "asks for gradients, here those of a quadratic",
    ]


def test_a_note_says_that_gradients_that_are_asked_for_are_not_counted(registry: Registry) -> None:
    notes = {cost.component.name: cost.note for cost in quick(registry, "sam", "ema", sizes=(1024,))}
    assert notes == {"ema": "", "sam": "asks for gradients, here those of a quadratic"}


def test_a_component_that_raises_stops_no_other(local: Path) -> None:
    square, trap = quick(load_registry([local]), "square", "trap", sizes=(1024,))
    assert (trap.error, trap.seconds) == ("ZeroDivisionError: no way through", ())
    assert trap.to_json()["error"] == trap.error
    assert square.error == ""
    assert len(square.seconds) == 2


def test_numbers_of_the_json_follow_from_the_seconds(registry: Registry) -> None:
    cost = Cost(registry.get("optimizer", "adam"), 1000, (1e-6, 2e-6, 3e-6, 4e-6, 50e-6))
    plain = cost.to_json()
    assert plain["us_per_step"] == pytest.approx(3.0)
    assert plain["ns_per_number"] == pytest.approx(3.0)
    assert plain["ns_per_number_quartiles"] == pytest.approx([2.0, 4.0])
    assert plain["name"] == "annx:adam"


# Choosing


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("relu", "adam"), ["relu", "adam"]),
        (("annx:adam", "optimizer:adam", "adam"), ["adam"]),
        (("loss:mae",), ["mae"]),
        (("mae",), ["mae"]),  # a metric too, which has no cost of training
    ],
)
def test_names_choose(registry: Registry, names: tuple[str, ...], chosen: list[str]) -> None:
    assert [component.name for component in choose(registry, names)] == chosen


@pytest.mark.parametrize("name", ["loss", "losses"])
def test_a_kind_chooses_all_of_it(registry: Registry, name: str) -> None:
    assert choose(registry, [name]) == registry.of_kind("loss")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("adm", "No optimizer, activation or loss is called 'adm'. Did you mean 'adam'?"),
        ("optimzer", "Did you mean 'optimizer'?"),
        ("loss:ms", "No loss is called 'ms'. Did you mean 'mse'?"),
        ("two_moons", "'two_moons' is a dataset; measured are optimizer, activation, loss."),
        ("qqqq", "'annx list' names all."),
    ],
)
def test_an_unknown_name_is_an_error_with_the_way_out(registry: Registry, name: str, said: str) -> None:
    with pytest.raises(ComponentError) as error:
        choose(registry, [name])
    assert said in str(error.value)


def test_a_part_at_its_defaults_brings_its_references(local: Path) -> None:
    registry = load_registry([local])
    part = default_part(registry, registry.get("optimizer", "by_matrix"))
    assert [inner.name for inner in part.refs["inner"]] == ["annx:sgd"]


# The command


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["bench", *arguments])


def test_the_table_has_a_line_per_component() -> None:
    result = run("relu", "adam", "--repetitions", "1")
    assert result.exit_code == OK, result.output
    sizes, header, first, second = result.stdout.splitlines()
    assert sizes.split() == ["16,384", "numbers", "524,288", "numbers"]
    assert header.split() == ["us/step", "ns", "each", "spread"] * 2
    assert first.split()[:2] == ["activation", "relu"]
    assert second.split()[:2] == ["optimizer", "adam"]
    ends = {line.index(cell) + len(cell) for line, cell in ((header, "us/step"), (sizes, "16,384"))}
    assert ends == {first.index(first.split()[2]) + len(first.split()[2])}  # right-aligned


def test_the_json_names_machine_and_numbers() -> None:
    result = run("mse", "--json", "--repetitions", "1")
    assert result.exit_code == OK, result.output
    document = json.loads(result.stdout)
    assert document["dtype"] == "float32"
    assert {"cpu", "cores", "blas", "packages"} <= set(document["machine"])
    assert [(cost["kind"], cost["name"], cost["numbers"]) for cost in document["costs"]] == [
        ("loss", "annx:mse", 16384),
        ("loss", "annx:mse", 524288),
    ]
    assert all(cost["ns_per_number"] > 0 for cost in document["costs"])


def test_an_unknown_name_ends_with_two() -> None:
    result = run("rleu")
    assert result.exit_code == MISUSED
    assert result.stderr == "annx: No optimizer, activation or loss is called 'rleu'. Did you mean 'relu'?\n"


def test_a_component_that_raises_is_told_and_ends_with_one(local: Path) -> None:
    result = run("trap", "square", "--plugin", str(local), "--repetitions", "1")
    assert result.exit_code == SOME_FAILED
    assert result.stderr == "local:trap cannot be measured: ZeroDivisionError: no way through\n"
    assert [line.split()[:1] for line in result.stdout.splitlines()[2:]] == [["activation"], ["square"]]
