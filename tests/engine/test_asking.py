"""Wrappers around optimizers of every kind: what an optimizer inside sees, also where it asks for more.

The rule: a wrapper around an optimizer on a problem is that optimizer alone on the problem as the wrapper
changes it. The changed problems are written here by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wrappers_by_others
from shipped import REGISTRY
from trial_factory import make_objective_trial, make_part
from wrappers_by_others import L2, NAIVE, RIGHT, UNEQUAL, Central, NaiveClip, NearStart, Noise, Smooth

from anncore import Array, ComponentError, WeightSpec, build, load_registry
from anncore.contract.errors import ExperimentError
from anncore.contract.registry import Registry
from anncore.engine.asking import HiddenChange
from anncore.engine.build import build_part
from anncore.engine.nested import fit
from anncore.engine.probing import refuse_hidden_changes
from anncore.engine.training import train_stack
from anncore.experiment import load_experiment
from anncore.experiment.plan import make_plan
from anncore.testing import check_component, checks_for

SPECS = [
    WeightSpec("W1", (2, 3), 2, 3, place="input"),
    WeightSpec("b1", (1, 3), 2, 3, "bias", place="input"),
    WeightSpec("W2", (3, 2), 3, 2, place="hidden"),
    WeightSpec("W3", (2, 1), 2, 1, place="output"),
]
SIZE = sum(spec.shape[0] * spec.shape[1] for spec in SPECS)
AT = np.random.default_rng(5).normal(size=(1, 1, SIZE))
CENTRE = np.random.default_rng(6).normal(size=(1, 1, SIZE))
HESSIAN = np.diag(np.linspace(0.5, 3.0, SIZE)) + 0.1


def quadratic(weight: Array) -> tuple[Array, Array]:
    """½ (x - a)ᵀ H (x - a) and its gradient."""
    apart = weight - CENTRE
    slope = apart @ HESSIAN
    return 0.5 * (slope * apart).sum(axis=2, keepdims=True), slope


def made(name: str, inner: Any = None, **values: Any) -> Any:
    cls: Any = REGISTRY.get("optimizer", name).cls
    return build(cls, **values, **({"optimizer": (inner,)} if inner is not None else {}))


def around(cls: Any, inner: Any, **values: Any) -> Any:
    return build(cls, **values, optimizer=(inner,))


Problem = Callable[[Array], tuple[Array, Array]]
Changed = Callable[[Problem, int], Problem]


def path(optimizer: Any, changed: Changed | None = None, steps: int = 6) -> tuple[list[Array], list[Array]]:
    """Return the weights after each step on the quadratic, and where they are evaluated.

    changed: returns the problem of step t.
    """
    problem: list[Problem] = [quadratic]
    fitted = fit(optimizer, SPECS, lambda: problem[0])
    weight, visited, evaluated = AT.copy(), [], []
    state = fitted.init(weight)
    for t in range(1, steps + 1):
        problem[0] = changed(quadratic, t) if changed else quadratic
        change, state = fitted.step(weight, problem[0](weight)[1], state, t)
        weight = weight + change
        visited.append(weight)
        evaluated.append(fitted.evaluated(weight, state))
    return visited, evaluated


# The minimum with a penalty


@pytest.mark.parametrize("search", ["strong_wolfe", "armijo"])
def test_lbfgs_inside_l2_ends_at_the_minimum_with_the_penalty(search: str) -> None:
    # ∇ = H (x - a) + λ x = 0, so x = (H + λ I)⁻¹ H a
    strength = 0.5
    minimum = np.linalg.solve(HESSIAN + strength * np.eye(SIZE), HESSIAN @ CENTRE[0, 0])
    visited, _ = path(
        around(L2, made("lbfgs", line_search=search, tolerance_change=0.0), strength=strength), steps=60
    )
    np.testing.assert_allclose(visited[-1][0, 0], minimum, atol=1e-6)
    assert np.abs(minimum - CENTRE[0, 0]).max() > 0.1  # the one without is elsewhere


def l2(inner: Any) -> Any:
    return around(L2, inner, strength=0.5)


@pytest.mark.parametrize(
    ("shell", "outside"),
    [
        *(
            (shell, outside)
            for shell in ("ema", "lookahead", "clip_value", "sam")
            for outside in (True, False)
        ),
        ("cautious", False),  # around the penalty it keeps to the gradient without
    ],
)
def test_the_minimum_with_the_penalty_through_two_wrappers(shell: str, outside: bool) -> None:
    values: Any = {
        "cautious": {"per": "trial"},
        "clip_value": {"max_value": 1e6},
        "ema": {"decay": 0.5},
        "sam": {"rho": 0.0},
        "lookahead": {"alpha": 1.0},
    }[shell]
    lbfgs = made("lbfgs", tolerance_change=0.0)
    whole = made(shell, l2(lbfgs), **values) if outside else l2(made(shell, lbfgs, **values))
    minimum = np.linalg.solve(HESSIAN + 0.5 * np.eye(SIZE), HESSIAN @ CENTRE[0, 0])
    _, evaluated = path(whole, steps=60)
    np.testing.assert_allclose(evaluated[-1][0, 0], minimum, atol=1e-5)


# A wrapper around an optimizer is that optimizer on the changed problem

LIMIT, NORM, DECAY = 0.7, 1.5, 0.5


def with_l2(problem: Problem, t: int) -> Problem:
    def changed(weight: Array) -> tuple[Array, Array]:
        loss, grad = problem(weight)
        return loss + 0.5 * DECAY * np.sum(weight**2), grad + DECAY * weight

    return changed


def with_clipped_values(problem: Problem, t: int) -> Problem:
    def changed(weight: Array) -> tuple[Array, Array]:
        loss, grad = problem(weight)
        return loss, np.clip(grad, -LIMIT, LIMIT)

    return changed


def with_clipped_norm(problem: Problem, t: int) -> Problem:
    def changed(weight: Array) -> tuple[Array, Array]:
        loss, grad = problem(weight)
        return loss, grad * min(1, NORM / np.linalg.norm(grad))

    return changed


def with_noise(problem: Problem, t: int) -> Problem:
    def changed(weight: Array) -> tuple[Array, Array]:
        loss, grad = problem(weight)
        return loss, grad + 0.01 * np.random.default_rng(t).normal(size=grad.shape)

    return changed


def near_the_start(problem: Problem, t: int) -> Problem:
    def changed(weight: Array) -> tuple[Array, Array]:
        loss, grad = problem(weight)
        return loss + 0.5 * np.sum((weight - AT) ** 2), grad + weight - AT

    return changed


def with_centred_arrays(problem: Problem, t: int) -> Problem:
    def changed(weight: Array) -> tuple[Array, Array]:
        loss, grad = problem(weight)
        grad, start = grad.copy(), 0
        for spec in SPECS:
            size = spec.shape[0] * spec.shape[1]
            matrix = grad[0, 0, start : start + size].reshape(spec.shape)  # a view
            if spec.shape[0] > 1:
                matrix -= matrix.mean(axis=0)
            start += size
        return loss, grad

    return changed


def with_clipped_arrays(problem: Problem, t: int) -> Problem:
    def changed(weight: Array) -> tuple[Array, Array]:
        loss, grad = problem(weight)
        grad, start = grad.copy(), 0
        for spec in SPECS:
            size = spec.shape[0] * spec.shape[1]
            array = grad[0, 0, start : start + size]
            array *= min(1, NORM / np.linalg.norm(array))
            start += size
        return loss, grad

    return changed


OUTER: Mapping[str, tuple[Callable[[Any], Any], Changed]] = {
    "l2": (lambda inner: around(L2, inner, strength=DECAY), with_l2),
    "clip_value": (lambda inner: made("clip_value", inner, max_value=LIMIT), with_clipped_values),
    "clip_norm": (lambda inner: made("clip_norm", inner, max_norm=NORM, eps=0.0), with_clipped_norm),
    "noise": (lambda inner: around(Noise, inner), with_noise),
    "near_start": (lambda inner: around(NearStart, inner), near_the_start),
    "central": (lambda inner: around(Central, inner), with_centred_arrays),
    "clip_norm by array": (
        lambda inner: made("clip_norm", inner, max_norm=NORM, eps=0.0, per="array"),
        with_clipped_arrays,
    ),
}
ADAMW = make_part(REGISTRY, "optimizer", ("adamw", {"lr": 0.1}))
INNER: Mapping[str, Callable[[], Any]] = {
    "plain": lambda: made("sgd", lr=0.1, momentum=0.9),
    "adam": lambda: made("adam", lr=0.1),
    "matrix": lambda: made("shampoo", lr=0.1),
    "matrix with bases": lambda: made("soap", lr=0.1),
    "by trial": lambda: made("prodigy", d0=0.1),
    "asks": lambda: made("sam", made("sgd", lr=0.1), rho=0.3),
    "asks, adaptive": lambda: made("sam", made("adam", lr=0.1), rho=0.3, adaptive=True),
    "line search": lambda: made("lbfgs"),
    "halving": lambda: made("lbfgs", line_search="armijo"),
    "evaluated elsewhere": lambda: made("schedule_free_adamw", lr=0.1, warmup=2),
    "routed": lambda: build_part(
        make_part(REGISTRY, "optimizer", ("muon", {"lr": 0.1}), rest=(ADAMW,)), REGISTRY
    ),
    "ema of one that asks": lambda: made("ema", made("sam", made("sgd", lr=0.1), rho=0.3)),
    "lookahead of a line search": lambda: made("lookahead", made("lbfgs"), k=2),
    "sam around sam": lambda: made("sam", made("sam", made("sgd", lr=0.1), rho=0.1), rho=0.3),
    "sam around a line search": lambda: made("sam", made("lbfgs"), rho=0.01),
}
WHOLE = ("by trial", "asks", "asks, adaptive", "line search", "halving")  # and what holds one of these
BY_ARRAY = ("central", "clip_norm by array")


@pytest.mark.parametrize("outer", OUTER)
@pytest.mark.parametrize("inner", INNER)
def test_around_any_optimizer_it_is_that_one_on_the_changed_problem(outer: str, inner: str) -> None:
    wrap, changed = OUTER[outer]
    whole = inner in WHOLE or "sam" in inner or "search" in inner or "asks" in inner
    if outer in BY_ARRAY and whole:
        with pytest.raises(ComponentError, match="needs all weights of a trial at once"):
            fit(wrap(INNER[inner]()), SPECS)
        return
    visited, evaluated = path(wrap(INNER[inner]()))
    alone, evaluated_alone = path(INNER[inner](), changed)
    near = 1e-6 if inner == "matrix with bases" else 1e-9  # eigenvectors move further than what they are of
    np.testing.assert_allclose(visited, alone, rtol=near, atol=near)
    np.testing.assert_allclose(evaluated, evaluated_alone, rtol=near, atol=near)
    untouched, _ = path(INNER[inner]())
    assert np.abs(np.array(visited) - untouched).max() > 1e-4, "the wrapper does nothing here"


@pytest.mark.parametrize("inner", [name for name in INNER if "matrix" not in name and name != "routed"])
@pytest.mark.parametrize("pair", [("l2", "clip_norm"), ("clip_norm", "l2"), ("noise", "clip_value")])
def test_two_wrappers_change_the_problem_from_the_outermost_on(pair: tuple[str, str], inner: str) -> None:
    (one, change_one), (other, change_other) = (OUTER[name] for name in pair)
    visited, _ = path(one(other(INNER[inner]())))
    alone, _ = path(INNER[inner](), lambda problem, t: change_other(change_one(problem, t), t))
    np.testing.assert_allclose(visited, alone, rtol=1e-9, atol=1e-9)


def test_sam_inside_a_clip_climbs_and_descends_by_clipped_gradients() -> None:
    # L = θ₁² + θ₂² / 2 at (1, 2): g = (2, 2), clipped at 1: (1, 1) with norm √2; rho = √2 leads to (2, 3),
    # where g = (4, 3), clipped (1, 1).
    def evaluate(at: Array) -> tuple[Array, Array]:
        return (at * at / [2, 1]).sum(axis=2, keepdims=True), at * [2.0, 1.0]

    theta = np.array([[[1.0, 2.0]]])
    clipped = made("clip_value", made("sam", made("sgd", lr=0.1), rho=np.sqrt(2.0)), max_value=1.0)
    fitted = fit(clipped, [WeightSpec("W", (1, 2), 1, 2)], lambda: evaluate)
    change, _ = fitted.step(theta, evaluate(theta)[1], fitted.init(theta), 1)
    assert change[0, 0] == pytest.approx([-0.1, -0.1], rel=1e-12)


def test_sam_around_sam_by_hand() -> None:
    # L = θ² (gradient 2θ) at 1 with rho 1 outside and 1/2 inside. What the inner one sees at w > 0 is
    # 2 (w + 1): 4 at its weights; it climbs to 3/2, where it sees 5. A rate of 0.1 gives -0.5.
    def evaluate(at: Array) -> tuple[Array, Array]:
        return at * at, 2 * at

    nest = made("sam", made("sam", made("sgd", lr=0.1), rho=0.5), rho=1.0)
    fitted = fit(nest, [WeightSpec("W", (1, 1), 1, 1)], lambda: evaluate)
    theta = np.ones((1, 1, 1))
    change, _ = fitted.step(theta, 2 * theta, fitted.init(theta), 1)
    assert change.item() == pytest.approx(-0.5, rel=1e-10)


def test_a_running_mean_of_gradients_holds_for_asked_ones_too() -> None:
    # L = θ² / 2 at 8, rate 1, SAM of radius 2 inside. Step 1: m = 8 / 2 = 4; SAM climbs to 10 and asks:
    # (0 + 10) / 2 = 5; θ = 3. Step 2: m = (4 + 3) / 2; at 5 it asks: (4 + 5) / 2 = 4.5; θ = -1.5.
    def evaluate(at: Array) -> tuple[Array, Array]:
        return 0.5 * at * at, at + 0

    smooth = around(Smooth, made("sam", made("sgd", lr=1.0), rho=2.0))
    fitted = fit(smooth, [WeightSpec("W", (1, 1), 1, 1)], lambda: evaluate)
    theta, visited = np.full((1, 1, 1), 8.0), []
    state = fitted.init(theta)
    for t in (1, 2):
        change, state = fitted.step(theta, evaluate(theta)[1], state, t)
        theta = theta + change
        visited.append(theta.item())
    assert visited == pytest.approx([3, -1.5], rel=1e-10)


@pytest.mark.parametrize("inner", ["asks", "line search", "halving", "sam around a line search"])
def test_averages_and_slow_weights_of_one_that_asks_by_hand(inner: str) -> None:
    alone, _ = path(INNER[inner]())
    visited, evaluated = path(made("ema", INNER[inner](), decay=0.75, start="initial"))
    np.testing.assert_array_equal(visited, alone)
    mean = AT
    for weight, at in zip(alone, evaluated, strict=True):
        mean = 0.75 * mean + 0.25 * weight
        np.testing.assert_allclose(at, mean, rtol=1e-12)
    visited, evaluated = path(made("lookahead", INNER[inner](), k=2, alpha=0.25), steps=2)
    np.testing.assert_array_equal(visited[0], alone[0])
    np.testing.assert_allclose(visited[1], AT + 0.25 * (alone[1] - AT), rtol=1e-12)
    np.testing.assert_array_equal(evaluated[0], AT)


@pytest.mark.parametrize("inner", ["asks", "line search"])
def test_cautious_masks_the_change_of_one_that_asks(inner: str) -> None:
    [change] = (np.array(path(INNER[inner](), steps=1)[0]) - AT)[:, 0]
    down = change * quadratic(AT)[1][0] < 0
    [visited], _ = path(made("cautious", INNER[inner](), per="trial"), steps=1)
    expected = np.where(down, change, 0) * SIZE / (down.sum() + 1)
    np.testing.assert_allclose((visited - AT)[0], expected, rtol=1e-9)


# What hides a change is refused


@pytest.mark.parametrize("cls", NAIVE)
@pytest.mark.parametrize("inner", ["asks", "line search", "ema of one that asks"])
def test_a_change_that_only_the_first_gradient_gets_is_refused(cls: Any, inner: str) -> None:
    with pytest.raises(HiddenChange, match="gradient"):
        refuse_hidden_changes(around(cls, INNER[inner]()))


@pytest.mark.parametrize("cls", UNEQUAL)
def test_a_loss_that_is_not_that_of_the_gradient_is_refused(cls: Any) -> None:
    with pytest.raises(HiddenChange, match=rf"{cls.name}: its methods loss and gradient do not belong"):
        refuse_hidden_changes(around(cls, made("lbfgs")))


@pytest.mark.parametrize("cls", [*NAIVE, *UNEQUAL])
def test_around_one_that_does_not_ask_it_is_taken(cls: Any) -> None:
    refuse_hidden_changes(around(cls, made("adam")))


@pytest.mark.parametrize("cls", [L2, Noise, NearStart, Smooth])
@pytest.mark.parametrize("inner", ["asks", "line search", "ema of one that asks", "sam around a line search"])
def test_what_is_right_is_taken(cls: Any, inner: str) -> None:
    refuse_hidden_changes(around(cls, INNER[inner]()))


@pytest.mark.parametrize("name", ["clip_norm", "clip_value", "ema", "lookahead", "cautious", "sam"])
@pytest.mark.parametrize("inner", ["asks", "line search", "ema of one that asks", "sam around a line search"])
def test_shipped_wrappers_are_taken(name: str, inner: str) -> None:
    values = {"per": "trial"} if name in ("clip_norm", "cautious") else {}
    refuse_hidden_changes(made(name, INNER[inner](), **values))


def test_training_refuses_what_the_probe_does_not_meet() -> None:
    """A limit that only real gradients pass: every step is watched, not only a probe."""
    clip = around(NaiveClip, made("lbfgs"), limit=1.0)
    object.__setattr__(clip, "limit", 1e-3)
    with pytest.raises(HiddenChange, match="naive_clip hands lbfgs another gradient"):
        path(clip)


@pytest.mark.parametrize("cls", RIGHT)
def test_the_kit_takes_wrappers_that_are_right(cls: Any) -> None:
    check_component(cls)


@pytest.mark.parametrize("cls", [*NAIVE, *UNEQUAL])
def test_the_kit_names_wrappers_that_hide_a_change(cls: Any) -> None:
    (check,) = [check for check in checks_for(cls) if check.name == "asked"]
    reason = check.outcome().reason
    assert "gradient" in reason, reason
    assert "write" in reason or "must" in reason


# From an experiment


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    file = tmp_path_factory.mktemp("plugins") / "shells.py"
    hook = "from anncore import hookimpl\n@hookimpl\ndef annx_optimizers():\n    return OF_OTHERS\n"
    file.write_text(Path(wrappers_by_others.__file__).read_text() + hook)
    return load_registry(files=[file], environ={"ANNX_PLUGINS": ""})


HEAD = """
[train]
steps = 30
batch_size = "full"
[seeds]
tune = [0]
report = [1]
[dataset.two_moons]
n = 60
"""


def planned(tmp_path: Path, registry: Registry, text: str) -> Any:
    file = tmp_path / "shells.toml"
    file.write_text(HEAD + text)
    return make_plan(load_experiment(file, registry=registry))


@pytest.mark.parametrize("cls", [*NAIVE, *UNEQUAL])
@pytest.mark.parametrize("inner", ["lbfgs", "sam"])
def test_the_plan_refuses_a_wrapper_that_hides_a_change_and_says_the_way_out(
    tmp_path: Path, registry: Registry, cls: Any, inner: str
) -> None:
    text = f'[optimizer.{cls.name}]\noptimizer = "{inner}"\n'
    with pytest.raises(ExperimentError) as caught:
        planned(tmp_path, registry, text)
    message = str(caught.value)
    assert message.startswith(f"shells.toml: [optimizer.{cls.name}] and [network.mlp]: {cls.name}")
    assert "\n" not in message
    assert "gradient" in message
    assert "leave the pair out by [[exclude]]" in message
    assert planned(tmp_path, registry, f'[optimizer.{cls.name}]\noptimizer = "adam"\n').counts["total"] > 0


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ('[optimizer.cautious]\noptimizer = "lbfgs"', 'or per = "trial"'),
        ('[optimizer.clip_norm]\nper = "array"\noptimizer = "lbfgs"', 'write per = "trial"'),
        ('[optimizer.clip_norm]\nper = "array"\noptimizer = "sam"', 'write per = "trial"'),
        ('[optimizer.central]\noptimizer = "lbfgs"', "put another optimizer inside central"),
        ('[optimizer.central]\noptimizer = "sam"', "put sam around central"),
        ('[optimizer.central]\noptimizer = "ema"\n"optimizer.optimizer" = "lbfgs"', "another optimizer"),
    ],
)
def test_the_plan_says_what_to_do_where_one_that_asks_would_get_single_arrays(
    tmp_path: Path, registry: Registry, text: str, cure: str
) -> None:
    with pytest.raises(ExperimentError) as caught:
        planned(tmp_path, registry, text)
    assert "needs all weights of a trial at once" in str(caught.value)
    assert cure in str(caught.value)


def test_a_penalty_around_lbfgs_trains_a_network_the_same_alone_and_stacked(
    tmp_path: Path, registry: Registry
) -> None:
    text = '[optimizer.l2]\nstrength = [0.0, 0.01, 0.1]\noptimizer = "lbfgs"\n[optimizer.lbfgs]\n'
    trials = list(planned(tmp_path, registry, text).tune())
    stacked = train_stack(trials, registry)
    alone = [train_stack([trial], registry)[0] for trial in trials]
    assert [result.metrics for result in stacked] == [result.metrics for result in alone]
    assert {result.status for result in stacked} == {"ok"}


def test_on_an_objective_a_penalty_moves_the_minimum(registry: Registry) -> None:
    # ½ Σ hᵢ (xᵢ - 0)² has its minimum at 0 with or without; Rosenbrock's lies at (1, 1) and moves.
    lbfgs = make_part(registry, "optimizer", "lbfgs")
    losses = []
    for strength in (0.0, 1.0):
        part = make_part(registry, "optimizer", ("l2", {"strength": strength}), optimizer=(lbfgs,))
        trial = make_objective_trial(
            registry, objective="rosenbrock", optimizer=part, steps=60, dtype="float64"
        )
        [result] = train_stack([trial], registry)
        assert result.status == "ok"
        losses.append(result.metrics["train_loss"])
    assert losses[0] < 1e-10
    assert losses[1] > 0.1


def test_results_of_wrappers_around_askers_get_keys_of_their_own(tmp_path: Path) -> None:
    """Other numbers than before wrappers changed asked gradients, so no old result may stand for them."""

    def keys(text: str) -> Any:
        (trial, *_) = planned(tmp_path, REGISTRY, text).tune()
        return trial.parts["optimizer"].params

    assert "asked" in keys('[optimizer.clip_norm]\noptimizer = "sam"')
    assert "asked" in keys('[optimizer.sam]\noptimizer = "sam"')
    assert "asked" not in keys('[optimizer.clip_norm]\noptimizer = "adam"')
    assert "asked" not in keys('[optimizer.sam]\noptimizer = "adam"')
