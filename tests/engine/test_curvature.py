"""What optimizers ask beyond gradients: residuals, drawn targets, and who can answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sameness import as_bytes
from scipy.optimize import least_squares
from shipped import REGISTRY
from trial_factory import make_part, make_trial

from anncore.contract.errors import ExperimentError
from anncore.contract.kinds import Array
from anncore.contract.trial import Part, Split, Train, Trial
from anncore.engine.batches import load
from anncore.engine.network_stack import Stack
from anncore.engine.objective_stack import ObjectiveStack
from anncore.engine.packing import pack, stack_size
from anncore.engine.training import train_stack
from anncore.experiment import load_experiment
from anncore.experiment.plan import make_plan

LM = "levenberg_marquardt"
LM_PART = make_part(REGISTRY, "optimizer", LM)
SOPHIA_G = ("sophia", {"estimator": "gauss_newton_bartlett", "every": 3})


def a_trial(optimizer: Any, **more: Any) -> Trial:
    values: dict[str, Any] = {
        "batch_size": "full",
        "dtype": "float64",
        "steps": 30,
        "split": Split(standardize=False),
    }
    return make_trial(REGISTRY, optimizer=optimizer, **values | more)


def begun(trial: Trial) -> Stack:
    """Return a stack of one trial that has made a step."""
    stack = Stack([trial], REGISTRY, load([trial], REGISTRY))
    stack.initialize()
    stack.step(1, 10)
    return stack


def asked(stack: Stack) -> Any:
    """Return what answers the questions of the stack's optimizer, and the weights, (1, 1, P)."""
    return stack._evaluate(slice(0, 1), stack._turns[0]), stack.theta[:, None, :].copy()


def table(tmp_path: Path, weight: bool) -> tuple[str, dict[str, Any]]:
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(40, 2)), rng.integers(1, 5, 40)
    y = 1.2 * np.tanh(x @ [1.5, -0.5] + 0.3) - 0.7 * np.tanh(x @ [-0.6, 1.1]) + 0.1 * rng.normal(size=40)
    parts = ["test" if row < 5 else "valid" if row < 10 else "train" for row in range(40)]
    lines = [
        f"{a!r},{b!r},{c!r},{d},{part}"
        for (a, b), c, d, part in zip(x.tolist(), y.tolist(), w, parts, strict=True)
    ]
    file = tmp_path / "rows.csv"
    file.write_text("a,b,y,w,part\n" + "\n".join(lines) + "\n")
    more = {"weight": "w"} if weight else {"drop": ["w"]}
    return "csv", {"path": str(file), "target": "y", "split_column": "part", **more}


@pytest.mark.parametrize("weighted", [False, True])
def test_a_step_with_little_damping_solves_a_linear_problem(tmp_path: Path, weighted: bool) -> None:
    """NumPy's lstsq gives the same weights: the residuals are right, and so are their derivatives."""
    stack = begun(
        a_trial(
            (LM, {"damping": 1e-14}),
            dataset=table(tmp_path, weighted),
            network=("mlp", {"hidden": []}),
            output="identity",
            loss="mse",
        )
    )
    x, y = stack.batch
    root = np.ones(len(x[0])) if stack.batches.weights is None else np.sqrt(stack.batches.weights[0, :, 0])
    assert (np.ptp(root) > 0) == weighted
    design = np.column_stack([x[0], np.ones(len(x[0]))])
    solved, *_ = np.linalg.lstsq(root[:, None] * design, root * y[0, :, 0])
    np.testing.assert_allclose(stack.theta[0], solved, rtol=1e-9)


def predicted(theta: Array, x: Array, width: int) -> Array:
    """Return what a tanh network of one hidden layer predicts, in plain NumPy."""
    inputs, k = x.shape[1], width
    first, bias = theta[: inputs * k].reshape(inputs, k), theta[inputs * k : (inputs + 1) * k]
    second, last = theta[(inputs + 1) * k : (inputs + 2) * k], theta[-1]
    return np.tanh(x @ first + bias) @ second + last


def test_on_a_network_it_ends_where_minpack_ends(tmp_path: Path) -> None:
    """SciPy's least_squares(method="lm"), from the same start on the same data: 2-2-1, tanh."""
    trial = a_trial(
        LM,
        dataset=table(tmp_path, False),
        network=("mlp", {"hidden": [2]}),
        activation="tanh",
        output="identity",
        loss="mse",
    )
    stack = Stack([trial], REGISTRY, load([trial], REGISTRY))
    stack.initialize()
    start = stack.theta[0].copy()
    for t in range(1, 101):
        stack.step(t, 100)
    x, y = (array[0] for array in stack.batch)
    theirs = least_squares(
        lambda theta: predicted(theta, x, 2) - y[:, 0], start, method="lm", xtol=1e-15, ftol=1e-15
    )
    mine = predicted(stack.theta[0], x, 2)
    assert ((mine - y[:, 0]) ** 2).mean() == pytest.approx(2 * theirs.cost / len(x), rel=1e-10)
    np.testing.assert_allclose(mine, predicted(theirs.x, x, 2), atol=1e-6)  # units may have changed places


def test_residuals_and_their_derivatives_belong_together() -> None:
    """With several outputs, softmax at the end and dropout: as central differences say."""
    trial = a_trial(
        LM,
        dataset=("iris", {}),
        network=("mlp", {"hidden": [3], "dropout": 0.3}),
        output="softmax",
        loss="mse",
    )
    stack = begun(trial)
    evaluate, weight = asked(stack)
    residuals, slopes = evaluate.residuals(weight)
    assert residuals.shape == (1, 1, 3 * len(stack.batch[0][0]))
    np.testing.assert_allclose((residuals**2).sum(), evaluate(weight)[0].item(), rtol=1e-12)
    np.testing.assert_allclose(2 * np.matmul(residuals, slopes), evaluate(weight)[1], atol=1e-12)
    for place in range(0, weight.shape[2], 5):
        moved = [weight.copy(), weight.copy()]
        moved[0][0, 0, place] += 1e-6
        moved[1][0, 0, place] -= 1e-6
        above, below = (evaluate.residuals(at)[0][0, 0] for at in moved)
        np.testing.assert_allclose(slopes[0, :, place], (above - below) / 2e-6, atol=1e-8)


def curvature(link: str, x: Array, z: Array) -> Array:
    """Return the diagonal of Gauss and Newton for a linear network, weights before biases, by hand."""
    if link == "identity":
        second = np.full(z.shape, 2 / z.shape[1])  # of the mean of squares
    elif link == "sigmoid":
        p = 1 / (1 + np.exp(-z))
        second = p * (1 - p)
    else:
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        second = p * (1 - p)
    design = np.column_stack([x, np.ones(len(x))])
    return ((design**2).T @ second / len(x)).reshape(-1)


@pytest.mark.parametrize(
    ("link", "loss", "dataset"),
    [
        ("identity", "mse", "sine"),
        ("sigmoid", "binary_cross_entropy", "two_moons"),
        ("softmax", "categorical_cross_entropy", "iris"),
    ],
)
def test_the_square_of_a_sampled_gradient_is_the_curvature_on_average(
    link: str, loss: str, dataset: str
) -> None:
    network = ("mlp", {"hidden": []})
    stack = begun(a_trial(SOPHIA_G, dataset=dataset, network=network, output=link, loss=loss))
    evaluate, weight = asked(stack)
    z, _ = stack.network.forward(stack.weights, stack.batch[0])
    squares = []
    for t in range(4000):
        stack.now = (t, 4000)
        squares.append(evaluate.sampled_gradient(weight)[0, 0] ** 2)
    exact = curvature(link, stack.batch[0][0], z[0])
    error = np.std(squares, axis=0) / np.sqrt(len(squares))
    assert (np.abs(np.mean(squares, axis=0) - exact) < 5 * error).all()
    assert (error < 0.05 * exact).all()


@pytest.mark.parametrize("optimizer", [LM, (LM, {"scaling": "columns"}), SOPHIA_G])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_trial_is_the_same_alone_and_in_any_stack(optimizer: Any, dtype: str) -> None:
    knob = "damping" if LM in optimizer else "lr"
    name, values = optimizer if isinstance(optimizer, tuple) else (optimizer, {})
    trials = [
        a_trial(
            (name, {**values, knob: value}),
            dataset=("sine", {"n": 60}),
            output="identity",
            loss="mse",
            dtype=dtype,
            seed=seed,
            steps=8,
        )
        for seed in (1, 2)
        for value in (0.1, 0.01)
    ]
    together = train_stack(trials, REGISTRY)
    assert {result.status for result in together} == {"ok"}
    for mine, trial in zip(together, trials, strict=True):
        assert as_bytes(mine) == as_bytes(train_stack([trial], REGISTRY)[0])


def test_a_trial_that_is_not_finite_leaves_its_neighbours_alone() -> None:
    trials = [
        a_trial(
            (LM, {"damping": 1e-3}), dataset=("sine", {"n": 60}), output="identity", loss="mse", seed=seed
        )
        for seed in (1, 2)
    ]
    stack = Stack(trials, REGISTRY, load(trials, REGISTRY))
    alone = Stack(trials[1:], REGISTRY, load(trials[1:], REGISTRY))
    stack.initialize()
    alone.initialize()
    stack.theta[0] = np.nan
    for t in range(1, 6):
        stack.step(t, 5)
        alone.step(t, 5)
    assert np.isnan(stack.theta[0]).all()
    assert stack.theta[1].tobytes() == alone.theta[0].tobytes()


def test_a_wrapper_that_leaves_the_problem_alone_may_stand_around_it() -> None:
    inner = make_part(REGISTRY, "optimizer", LM)
    around: Part = make_part(REGISTRY, "optimizer", ("ema", {"decay": 0.5}), optimizer=(inner,))
    more: dict[str, Any] = {"dataset": ("sine", {"n": 60}), "output": "identity", "loss": "mse"}
    [plain], [averaged] = (train_stack([a_trial(one, **more)], REGISTRY) for one in (inner, around))
    assert (plain.status, averaged.status) == ("ok", "ok")
    assert averaged.metrics["test_loss"] == pytest.approx(plain.metrics["test_loss"], rel=0.2)


HEAD = '[train]\nsteps = 5\nbatch_size = "full"\n[seeds]\nreport = [1]\n'
SINE = "[dataset.sine]\nn = 60\n"
G = '[optimizer.sophia]\nestimator = "gauss_newton_bartlett"\n'
REFUSED = [
    (
        f"{SINE}[loss.mae]\n[optimizer.{LM}]\n",
        f"[optimizer.{LM}]: {LM} asks for residuals, and loss mae is no sum of",
    ),
    (
        f"[dataset.two_moons]\nn = 60\n[loss.hinge]\n{G}",
        "sophia asks for targets drawn from what the network predicts, and loss hinge is no likelihood; use "
        "binary_cross_entropy, categorical_cross_entropy or mse. Or leave",
    ),
    (
        f"[dataset.two_moons]\nn = 60\n[loss.binary_cross_entropy]\nsmoothing = 0.1\n{G}",
        "loss binary_cross_entropy is no likelihood with these settings; use its defaults",
    ),
    (
        f'{SINE}[optimizer.l2_penalty]\noptimizer = "{LM}"\n',
        "l2_penalty around it changes the loss or its gradient alone; put another optimizer inside it",
    ),
    (f'{SINE}[optimizer.sam]\noptimizer = "{LM}"\n', "sam around it changes the loss"),
    (
        f"[split]\nstandardize = false\n[dataset.stored_patterns]\n[network.hopfield]\n[optimizer.{LM}]\n",
        "network hopfield learns by a rule of its own, without a gradient of the loss; use another optimizer",
    ),
    (
        f"[objective.ackley]\n[optimizer.{LM}]\n",
        "objective ackley is no sum of squares; use beale, booth, himmelblau",
    ),
    (f"[objective.beale]\n{G}", "objective beale predicts nothing; use another optimizer"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_the_plan_refuses_what_cannot_answer_in_one_line(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "x.toml"
    file.write_text(HEAD + text)
    with pytest.raises(ExperimentError) as caught:
        make_plan(load_experiment(file, registry=REGISTRY))
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_can_answer_is_planned(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text(f"{HEAD}{SINE}[optimizer.{LM}]\n[optimizer.ema]\noptimizer = '{LM}'\n{G}")
    assert make_plan(load_experiment(file, registry=REGISTRY)).counts["total"] == 3


def test_an_included_configuration_is_refused_too(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    text = f"[loss.mse]\n[loss.mae]\n[optimizer.sgd]\n[optimizer.{LM}]\n"
    rules = f'[[exclude]]\noptimizer = "{LM}"\n[[include]]\noptimizer = "{LM}"\nloss = "mae"\n'
    file.write_text(HEAD + SINE + text + rules)
    with pytest.raises(ExperimentError, match="loss mae is no sum of squares"):
        make_plan(load_experiment(file, registry=REGISTRY))


def test_objectives_of_several_numbers_of_residuals_lie_in_stacks_of_their_own() -> None:
    trials = [objective_trial(name) for name in ("beale", "rosenbrock", "beale")]
    packed = [[trial.parts["objective"].name for trial in stack] for stack in pack(trials, REGISTRY)]
    assert sorted(packed) == [["annx:beale"] * 2, ["annx:rosenbrock"]]


def test_stacks_are_small_where_a_trial_keeps_the_derivatives_of_its_residuals() -> None:
    more: dict[str, Any] = {"dataset": ("sine", {"n": 400}), "output": "identity", "loss": "mse"}
    large, small = (stack_size(a_trial(optimizer, **more), REGISTRY) for optimizer in (LM, "lbfgs"))
    assert 2 <= large < small / 4
    assert (
        stack_size(a_trial(make_part(REGISTRY, "optimizer", "ema", optimizer=(LM_PART,)), **more), REGISTRY)
        == large
    )


def objective_trial(name: str, **values: Any) -> Trial:
    parts = {
        "objective": make_part(REGISTRY, "objective", name),
        "optimizer": make_part(REGISTRY, "optimizer", (LM, values)),
        "schedule": make_part(REGISTRY, "schedule", "constant"),
    }
    train = Train(steps=60, eval_every=10, dtype="float64", batch_size="full")
    return Trial(parts, train, Split(), sweep_seed=0, seed=0, test=True, problem="p", arm="a")


@pytest.mark.parametrize(
    ("scaling", "change"),
    [
        # By hand at (-1.2, 1): r = (-4.4, 2.2), J = ((24, 10), (-1, 0)); (JᵀJ + λ D²) δ = (107.8, 44).
        ("identity", (327.8 / 778, -440 / 778)),  # det((578, 240), (240, 101)) = 778
        ("columns", (11000 / 173200, 24904 / 173200)),  # D² = (577, 100)
    ],
)
def test_a_step_on_rosenbrocks_function_by_hand(scaling: str, change: tuple[float, float]) -> None:
    trial = objective_trial("rosenbrock", scaling=scaling, damping=1.0)
    stack = ObjectiveStack([trial], REGISTRY)
    stack.initialize()
    before = stack.theta.copy()
    np.testing.assert_array_equal(before, [[-1.2, 1.0]])
    stack.step(1, 10)
    np.testing.assert_allclose((stack.theta - before)[0], change, rtol=1e-12)
    np.testing.assert_allclose(stack.optimizers[0].state_of(0)[0].damping, 0.1)  # the value fell


@pytest.mark.parametrize("name", ["beale", "booth", "himmelblau", "rosenbrock", "sphere"])
@pytest.mark.parametrize("scaling", ["identity", "columns"])
def test_sums_of_squares_are_solved_to_the_last_digits(name: str, scaling: str) -> None:
    [result] = train_stack([objective_trial(name, scaling=scaling)], REGISTRY)
    assert result.metrics["test_loss"] < 1e-20  # all of them are 0 at their minima
