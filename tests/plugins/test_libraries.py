"""Components from PyTorch, optax and JAX, as they are: the same rule in both dresses, bits, mistakes."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shipped import REGISTRY
from trial_factory import make_trial

from anncore import AnnxError, ComponentError, build, load_experiment, load_run, sweep
from anncore.contract.registry import Registry
from anncore.contract.trial import Trial, TrialResult
from anncore.engine.training import train_stack
from anncore.running.recheck import difference
from anncore.testing import check_component

GOLDEN = Path(__file__).parents[1] / "golden" / "library_curves.json"
HERE = {name: importlib.util.find_spec(name) is not None for name in ("torch", "optax", "jax")}
torch_only = pytest.mark.skipif(not HERE["torch"], reason="needs PyTorch")
optax_only = pytest.mark.skipif(not HERE["optax"], reason="needs optax")
jax_only = pytest.mark.skipif(not HERE["jax"], reason="needs JAX")

Values = Mapping[str, Any]

TORCH = {"preset": "torch"}
OPTAX = {"preset": "optax"}
SAME: dict[str, tuple[str, Values, str, Values]] = {
    "torch adam": ("adam", TORCH, "Adam", {}),
    "torch sgd with momentum": ("momentum", TORCH, "SGD", {"momentum": 0.9}),
    "torch nesterov": ("nesterov", TORCH, "SGD", {"momentum": 0.9, "nesterov": True}),
    "torch rmsprop": ("rmsprop", TORCH, "RMSprop", {}),
    "torch adagrad": ("adagrad", TORCH, "Adagrad", {}),
    "torch nadam": ("nadam", TORCH, "NAdam", {}),
    "torch radam": ("radam", TORCH, "RAdam", {}),
    "optax adam": ("adam", OPTAX, "adam", {}),
    "optax sgd with momentum": ("momentum", {"form": "heavy_ball"}, "sgd", {"momentum": 0.9}),
    "optax nesterov": ("nesterov", {"form": "heavy_ball"}, "sgd", {"momentum": 0.9, "nesterov": True}),
    "optax rmsprop": ("rmsprop", TORCH, "rmsprop", {"decay": 0.99, "eps_in_sqrt": False}),
    "optax adagrad": ("adagrad", OPTAX, "adagrad", {}),
    "optax nadam": ("nadam", OPTAX, "nadam", {}),
    "optax radam": ("radam", OPTAX, "radam", {}),
}
"""By rule: ours with its values, theirs with its values."""


def curves(name: str, values: Values) -> dict[str, list[float]]:
    rule = (name, {**values, "lr": 0.01})
    trial = make_trial(REGISTRY, optimizer=rule, activation="tanh", steps=60, dtype="float64")
    (result,) = train_stack([trial], REGISTRY)
    return {key: list(curve) for key, curve in result.curves.items() if key.endswith("_loss")}


@cache
def ours(key: str) -> dict[str, list[float]]:
    return curves(*SAME[key][:2])


def theirs(key: str) -> dict[str, list[float]]:
    library = key.partition(" ")[0]
    pytest.importorskip(library)
    path = "torch:torch.optim." if library == "torch" else "optax:"
    return curves(f"{path}{SAME[key][2]}", SAME[key][3])


def agree(key: str, expected: Mapping[str, list[float]]) -> None:
    assert set(expected) == {"train_loss", "valid_loss"}
    for name, curve in expected.items():
        assert len(curve) == 7
        np.testing.assert_allclose(ours(key)[name], curve, rtol=0, atol=1e-10)


@pytest.mark.parametrize("key", SAME)
def test_the_same_rule_gives_the_same_training_curves(key: str) -> None:
    agree(key, theirs(key))


@pytest.mark.parametrize("key", SAME)
def test_the_same_rule_gives_the_curves_that_were_recorded(key: str) -> None:
    agree(key, json.loads(GOLDEN.read_text("utf-8"))[key])


# Bits


def trials_of(registry: Registry, name: str, rows: list[Values], dtype: str) -> list[Trial]:
    return [
        make_trial(registry, optimizer=(name, row), seed=i % 3, steps=6, eval_every=3, dtype=dtype)
        for i, row in enumerate(rows)
    ]


def assert_alone_as_stacked(registry: Registry, trials: list[Trial], some: list[int]) -> None:
    together = train_stack(trials, registry)
    for row in some:
        (alone,) = train_stack([trials[row]], registry)
        assert difference(together[row], alone) == ""
    assert all(result.status == "ok" for result in together)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "rows"),
    [
        pytest.param("torch:torch.optim.NAdam", [{"lr": 0.01 * (i + 1)} for i in range(5)], marks=torch_only),
        pytest.param("torch:torch.optim.Adagrad", [{"lr": 0.01}, {"eps": 1e-3}, {}], marks=torch_only),
        pytest.param("torch:torch.optim.SGD", [{"momentum": 0.9}, {}, {"lr": 0.1}], marks=torch_only),
        pytest.param("optax:adamw", [{"lr": 1e-3 * (i + 1)} for i in range(66)], marks=optax_only),
        pytest.param("optax:contrib.muon", [{"lr": 0.01}, {"beta": 0.5}, {"ns_steps": 3}], marks=optax_only),
    ],
)
def test_a_trial_has_the_same_bits_alone_and_in_a_stack(name: str, rows: list[Values], dtype: str) -> None:
    some = sorted({0, len(rows) // 2, len(rows) - 1})
    assert_alone_as_stacked(REGISTRY, trials_of(REGISTRY, name, rows, dtype), some)


@torch_only
@jax_only
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_of_libraries_have_the_same_bits_alone_and_in_a_stack(dtype: str) -> None:
    activations = [
        "torch:torch.nn.functional.mish",
        ("torch:torch.nn.functional.elu", {"alpha": 0.7}),
        "torch:torch.nn.Mish",
        "jax:jax.nn.mish",
        ("jax:jax.nn.leaky_relu", {"negative_slope": 0.2}),
    ]
    losses = ["torch:torch.nn.functional.binary_cross_entropy", "jax:optax.losses.huber_loss"]
    trials = [
        make_trial(REGISTRY, activation=activation, loss=loss, steps=4, eval_every=2, dtype=dtype)
        for loss in losses
        for activation in activations
    ]
    assert_alone_as_stacked(REGISTRY, trials, list(range(len(trials))))


# Functions: the same as ours


PAIRS = [
    ("gelu", {"approximation": "none"}, "torch:torch.nn.functional.gelu", {}, "torch"),
    ("softplus", {}, "torch:torch.nn.functional.softplus", {}, "torch"),
    ("leaky_relu", {"slope": 0.2}, "torch:torch.nn.LeakyReLU", {"negative_slope": 0.2}, "torch"),
    ("tanh", {}, "torch:torch.tanh", {}, "torch"),
    ("softmax", {}, "torch:torch.nn.functional.softmax", {"dim": -1}, "torch"),
    ("selu", {}, "jax:jax.nn.selu", {}, "jax"),
    ("leaky_relu", {"slope": 0.2}, "jax:leaky_relu", {"negative_slope": 0.2}, "jax"),
]


@pytest.mark.parametrize(("name", "values", "path", "more", "library"), PAIRS, ids=str)
def test_an_activation_and_its_gradient_are_those_of_our_own(
    name: str, values: Values, path: str, more: Values, library: str
) -> None:
    pytest.importorskip(library)
    known = {key: value for key, value in values.items() if key in _keys("activation", name)}
    own = build(REGISTRY.get("activation", name).cls, **known)
    other = build(REGISTRY.get("activation", path).cls, **more)
    z, grad = np.random.default_rng(0).normal(size=(2, 3, 5, 4)) * 3
    a = own.forward(z)
    np.testing.assert_allclose(other.forward(z), a, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(other.backward(grad, z, a), own.backward(grad, z, a), rtol=1e-10, atol=1e-13)


def _keys(kind: str, name: str) -> set[str]:
    return set(REGISTRY.get(kind, name).cls.__dataclass_fields__)


LOSSES = [
    ("mse", "torch:torch.nn.functional.mse_loss", {}, "torch"),
    ("mae", "torch:torch.nn.L1Loss", {}, "torch"),
    ("binary_cross_entropy", "torch:torch.nn.functional.binary_cross_entropy", {}, "torch"),
    ("mse", "jax:optax.losses.squared_error", {}, "optax"),
]


@pytest.mark.parametrize(("name", "path", "more", "library"), LOSSES, ids=str)
def test_a_loss_and_its_gradient_are_those_of_our_own(
    name: str, path: str, more: Values, library: str
) -> None:
    pytest.importorskip(library)
    own, other = (build(REGISTRY.get("loss", it).cls, **values) for it, values in ((name, {}), (path, more)))
    rng = np.random.default_rng(0)
    output, target = rng.uniform(0.1, 0.9, (3, 5, 2)), rng.integers(0, 2, (3, 5, 2)).astype(float)
    np.testing.assert_allclose(other.value(output, target), own.value(output, target), rtol=1e-12)
    np.testing.assert_allclose(other.grad(output, target), own.grad(output, target), rtol=1e-12, atol=1e-15)


@torch_only
def test_a_loss_of_logits_predicts_probabilities() -> None:
    cls = REGISTRY.get("loss", "torch:torch.nn.functional.cross_entropy").cls
    logits, target = np.array([[[0.0, np.log(3.0)]]]), np.array([[[0.0, 1.0]]])
    assert cls.outputs["multiclass"] == "identity"
    np.testing.assert_allclose(cls().predict(logits), [[[0.25, 0.75]]])
    np.testing.assert_allclose(cls().value(logits, target), [-np.log(0.75)])
    np.testing.assert_allclose(cls().grad(logits, target), [[[0.25, -0.25]]])
    result = trained(loss="torch:torch.nn.functional.binary_cross_entropy_with_logits", output="identity")
    same = trained(loss="binary_cross_entropy", output="sigmoid")
    assert result.metrics["test_accuracy"] == same.metrics["test_accuracy"]
    np.testing.assert_allclose(result.metrics["test_loss"], same.metrics["test_loss"], rtol=1e-9)


def trained(**parts: Any) -> TrialResult:
    (result,) = train_stack([make_trial(REGISTRY, **parts)], REGISTRY)
    return result


# Somebody's own class


MINE = '''
import torch

class Two(torch.optim.Optimizer):
    """Momentum, shorter for matrices than for vectors; the buffer is a new tensor in every step."""

    def __init__(self, params, lr=0.01, momentum=0, *, weight_decay=0, **others):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.steps = 0
        assert not others

    @torch.no_grad()
    def step(self, closure=None):
        self.steps += 1
        for group in self.param_groups:
            norm = sum(float(p.grad.norm()) ** 2 for p in group["params"]) ** 0.5
            for p in group["params"]:
                held = self.state[p].get("held", 0) * group["momentum"] + p.grad / max(1, norm)
                self.state[p]["held"] = held
                p.data = p - (0.5 if p.ndim == 2 else 1) * group["lr"] / self.steps**0.1 * held
'''


@pytest.fixture
def mine(tmp_path: Path) -> Registry:
    pytest.importorskip("torch")
    (tmp_path / "mine.py").write_text(MINE)
    return REGISTRY.changed(folder=str(tmp_path))


def test_a_class_in_a_file_runs_as_it_is(mine: Registry) -> None:
    """It sees matrices and vectors, several arrays at once, keeps its own counter, and makes new tensors."""
    rows = [{"lr": 0.3, "momentum": 0.9}, {"lr": 0.2}, {"lr": 0.5, "momentum": 0.5}]
    trials = trials_of(mine, "torch:mine.Two", rows, "float64")
    assert_alone_as_stacked(mine, trials, [0, 1, 2])
    (result,) = train_stack([trials[0]], mine)
    assert result.curves["train_loss"][-1] == pytest.approx(by_hand(trials[0], mine), rel=1e-12)


def by_hand(trial: Trial, registry: Registry) -> float:
    """Train the trial's network with the user's class as its own file says, in our engine's gradients."""
    import torch

    from anncore.engine.training import make_stack

    stack, evaluator, _ = make_stack([trial], registry)
    stack.initialize()
    sys.path.insert(0, registry.folder)
    try:
        import mine as module
    finally:
        sys.path.remove(registry.folder)
        sys.modules.pop("mine", None)
    run = stack.optimizers[0]
    theta, grads, specs = run._weight, run._grad, run._fitted._optimizer._specs
    params, start = [], 0
    for spec in specs:
        size = spec.shape[0] * spec.shape[1]
        piece = torch.tensor(theta[0, 0, start : start + size]).reshape(spec.shape)
        params.append(torch.nn.Parameter(piece.T.clone() if spec.role == "weight" else piece[0].clone()))
        start += size
    optimizer = module.Two(params, lr=0.3, momentum=0.9)

    class Update:
        def step(self, t: int, steps: int) -> None:
            start = 0
            for spec, param in zip(specs, params, strict=True):
                size = spec.shape[0] * spec.shape[1]
                piece = torch.tensor(grads[0, 0, start : start + size]).reshape(spec.shape)
                param.grad = piece.T.clone() if spec.role == "weight" else piece[0].clone()
                start += size
            optimizer.step()
            flat = [p.detach().numpy().T.ravel() if p.ndim == 2 else p.detach().numpy() for p in params]
            theta[0, 0] = np.concatenate(flat)

    run.step = Update().step
    for t in range(1, 7):
        stack.step(t, 6)
    return float(evaluator.curve([])["train_loss"][0])


def test_the_code_of_a_class_and_the_version_of_its_library_enter_the_key(mine: Registry) -> None:
    import torch

    before = mine.get("optimizer", "torch:mine.Two")
    assert before.code.endswith(f" torch {torch.__version__}")
    file = Path(mine.folder, "mine.py")
    file.write_text(MINE.replace("0.5 if", "0.25 if"))
    after = mine.changed().get("optimizer", "torch:mine.Two")
    assert before.code != after.code
    assert before.full_name == after.full_name == "torch:mine.Two"
    own = mine.get("optimizer", "torch:torch.optim.Adam")
    assert own.code == f"torch {torch.__version__}"


def test_whole_defaults_of_a_class_take_numbers_and_searches(
    mine: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mine.folder)
    experiment = load_experiment(
        {
            "dataset": {"xor": {"n": 40}},
            "optimizer": {
                "mine": {"use": "torch:mine.Two", "lr": "search", "momentum": {"uniform": [0.0, 0.9]}},
                "adam": {"lr": {"log": [1e-3, 0.1]}},
            },
            "search": {"method": "random", "samples": 3},
            "train": {"steps": 2},
        },
        registry=mine,
    )
    lr, momentum = experiment.entries["optimizer"][0].axes
    assert lr.search.how == "log"  # type: ignore[union-attr]
    assert momentum.search.values == (0.0, 0.9)  # type: ignore[union-attr]


# Mistakes, in one line each


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("optimizer", "torch:torch.optim.Nadam", "torch.optim has no Nadam. Did you mean 'NAdam'?"),
        ("optimizer", "tortch:torch.optim.Adam", "Did you mean 'torch:torch.optim.Adam'?"),
        ("optimizer", "torch:torch.optim.LBFGS", "by a closure, which annx cannot give it"),
        ("optimizer", "torch:torch.optim.SparseAdam", "does not support dense gradients"),
        ("optimizer", "torch:torch.optim", "is a module; name a class or a function in it"),
        ("optimizer", "torch:nowhere.Opt", "no package is called 'nowhere', and no file nowhere.py lies in"),
        ("optimizer", "torch:torch.nn.functional.mish", "is no optimizer: name a subclass of torch.optim"),
        ("activation", "torch:torch.optim.Adam", "is no activation: name a function of a tensor"),
        ("activation", "torch:torch.nn.functional.dropout", "draws random numbers from PyTorch's global"),
        ("activation", "torch:torch.nn.PReLU", "has weights of its own"),
        ("activation", "torch:torch.nn.functional.glu", "an activation keeps the shape"),
        ("dataset", "torch:torch.optim.Adam", "cannot be a dataset"),
    ],
)
@torch_only
def test_what_torch_cannot_give_is_said_in_one_line(kind: str, name: str, message: str) -> None:
    with pytest.raises(ComponentError) as caught:
        build(REGISTRY.get(kind, name).cls)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("optax:adamm", "optax has no adamm. Did you mean 'adam"),
        ("optax:noisy_sgd", "draws random numbers from its own key"),
        ("optax:polyak_sgd", "its update needs more than gradients and weights"),
        ("optax:chain", "not enough values to unpack"),
    ],
)
@optax_only
def test_what_optax_cannot_give_is_said_in_one_line(name: str, message: str) -> None:
    with pytest.raises(ComponentError) as caught:
        build(REGISTRY.get("optimizer", name).cls)
    assert message in str(caught.value)


@torch_only
def test_values_that_the_library_refuses_are_refused_where_the_file_is_read() -> None:
    cls = REGISTRY.get("optimizer", "torch:torch.optim.Adam").cls
    with pytest.raises(ComponentError, match=r"torch_adam: Invalid beta parameter at index 0: 1\.5"):
        build(cls, betas=[1.5, 0.9])
    with pytest.raises(ComponentError, match="unknown hyperparameter 'maximize'"):
        build(cls, maximize=True)
    with pytest.raises(ComponentError, match=r"lr must be in \(0, inf\), got 0"):
        build(cls, lr=0)


# Tables of statsmodels

statsmodels_only = pytest.mark.skipif(
    importlib.util.find_spec("statsmodels") is None, reason="needs statsmodels"
)


def table_of(name: str, **values: Any) -> Any:
    return build(REGISTRY.get("dataset", f"statsmodels:{name}").cls, **values).make(np.random.default_rng(0))


@statsmodels_only
def test_a_table_of_statsmodels_is_its_own() -> None:
    from statsmodels.datasets import engel, grunfeld, spector

    theirs, ours = spector.load_pandas(), table_of("spector")
    np.testing.assert_array_equal(ours.x, theirs.exog)
    np.testing.assert_array_equal(ours.y, theirs.endog)
    assert (ours.task, ours.classes, ours.features) == ("binary", ("0", "1"), ("GPA", "TUCE", "PSI"))
    frame, named = engel.load_pandas().data, table_of("engel", target="foodexp")
    np.testing.assert_array_equal(named.y, frame["foodexp"])
    np.testing.assert_array_equal(named.x[:, 0], frame["income"])
    assert REGISTRY.get("dataset", "statsmodels:engel").cls().target == "income"  # what it calls endog
    firms = table_of("grunfeld", group="firm")
    assert len(set(firms.groups)) == grunfeld.load_pandas().data["firm"].nunique() == 11
    assert table_of("grunfeld").columns[2].kind == "category"


@statsmodels_only
def test_dates_that_name_rows_become_a_column() -> None:
    data = table_of("danish_data", target="lrm")
    assert data.features == ("period", "lry", "lpy", "ibo", "ide")
    assert np.isfinite(data.x).all()
    assert data.x[1, 0] - data.x[0, 0] in (90, 91, 92)  # days, a quarter apart


@statsmodels_only
def test_the_licence_of_a_table_is_said() -> None:
    said = REGISTRY.get("dataset", "statsmodels:spector").cls.__doc__ or ""
    text = " ".join(said.split())
    assert "Licence of the data, as statsmodels says: Used with express permission of the original" in text
    assert "32 rows with the columns GPA, TUCE, PSI, GRADE." in text
    unknown = REGISTRY.get("dataset", "statsmodels:cancer").cls.__doc__ or ""
    assert "Licence of the data, as statsmodels says: it says nothing." in " ".join(unknown.split())


@pytest.mark.slow
@statsmodels_only
def test_a_table_keeps_what_every_data_set_must() -> None:
    for name in ("spector", "engel"):
        check_component(REGISTRY.get("dataset", f"statsmodels:{name}"))


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("dataset", "engle", "statsmodels has no engle. Did you mean 'engel'?"),
        ("dataset", "utils", "statsmodels:utils is a module; name a class or a function in it"),
        (
            "dataset",
            "get_rdataset",
            "is no dataset: name a table in statsmodels.datasets",
        ),
        (
            "optimizer",
            "engel",
            "cannot be an optimizer; statsmodels gives components of",
        ),
    ],
)
@statsmodels_only
def test_what_statsmodels_cannot_give_is_said_in_one_line(kind: str, name: str, message: str) -> None:
    with pytest.raises(ComponentError) as caught:
        build(REGISTRY.get(kind, f"statsmodels:{name}").cls)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@statsmodels_only
def test_a_table_without_a_target_of_its_own_asks_for_one() -> None:
    with pytest.raises(AnnxError, match="target"):
        table_of("macrodata")


@statsmodels_only
def test_an_experiment_runs_on_a_table_of_statsmodels(tmp_path: Path) -> None:
    data = {"it": {"use": "statsmodels:spector"}}
    run = sweep(
        {"train": {"steps": 4}, "seeds": {"report": [1]}, "dataset": data, "optimizer": {"sgd": {}}},
        out=tmp_path,
    )
    assert run.trials["status"].tolist() == ["ok"]


# In everything


EXPERIMENT = """
# Theirs and ours
seeds = { tune = [0], report = [1, 2] }
train = { steps = 6, eval_every = 3, batch_size = 16 }
dataset.xor.n = 60
network.mlp.hidden = [4]
schedule.cosine = {}
[optimizer.ours]
use = "nadam"
lr = [0.01, 0.1]
[optimizer.theirs]
use = "torch:torch.optim.NAdam"
lr = [0.01, 0.1]
[optimizer.mine]
use = "torch:mine.Two"
lr = { log = [0.01, 0.1], num = 2 }
[optimizer.clipped]
use = "clip_norm"
optimizer = "torch:torch.optim.SGD"
"optimizer.lr" = 0.1
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of which half was done before an interruption."""
    pytest.importorskip("torch")
    place = tmp_path_factory.mktemp("libraries")
    (place / "mine.py").write_text(MINE)
    (place / "e.toml").write_text(EXPERIMENT)
    options: dict[str, Any] = {"executor": "serial", "unchecked": True}
    sweep(load_experiment(place / "e.toml", skip=["optimizer=theirs"]), out=place / "run", **options)
    run = sweep(load_experiment(place / "e.toml"), out=place / "run", **options)
    assert set(run.trials.status) == {"ok"}
    return place


def test_they_take_part_in_tuning_seeds_report_and_resume(folder: Path) -> None:
    run = load_run(folder / "run")
    trials = run.trials
    assert len(trials) == 7 + 2 * 4
    ours_theirs = trials[trials.phase == "tune"].pivot(
        index="optimizer.lr", columns="optimizer", values="valid_loss"
    )
    np.testing.assert_allclose(ours_theirs["ours"].dropna(), ours_theirs["theirs"].dropna(), atol=1e-10)
    assert {"ours", "theirs", "mine", "clipped"} == set(trials.optimizer)
    assert (run.report(folder / "report", figures=False)).is_file()


def test_a_run_is_read_and_reported_where_the_library_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_run(folder / "run")
    monkeypatch.setitem(sys.modules, "torch", None)
    (folder / "mine.py").rename(folder / "away.py")
    try:
        with pytest.raises(
            AnnxError, match=r"torch:torch\.optim\.NAdam needs PyTorch; install annx\[torch\]"
        ):
            load_experiment(folder / "e.toml")
        run = load_run(folder / "run")
        assert list(run.trials.valid_loss) == list(before.trials.valid_loss)
    finally:
        (folder / "away.py").rename(folder / "mine.py")


@pytest.mark.slow
@torch_only
@optax_only
def test_worker_processes_find_them_too(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "e.toml").write_text(
        'seeds.report = [1, 2]\ntrain.steps = 3\ndataset.xor.n = 40\noptimizer.o = { use = "optax:sgd", '
        'learning_rate = 0.1 }\noptimizer.m.use = "torch:mine.Two"\n'
    )
    done = [
        sweep(tmp_path / "e.toml", out=tmp_path / how, executor=how, unchecked=True, jobs=2)
        for how in ("serial", "processes")
    ]
    one, other = (run.trials.sort_values("key").valid_loss.tolist() for run in done)
    assert one == other


# The kit


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("torch:torch.optim.SGD", marks=torch_only),
        pytest.param("torch:torch.nn.functional.softplus", marks=torch_only),
        pytest.param("torch:torch.nn.functional.smooth_l1_loss", marks=torch_only),
        pytest.param("optax:sgd", marks=optax_only),
        pytest.param("jax:jax.nn.mish", marks=jax_only),
    ],
)
def test_they_keep_every_promise(name: str) -> None:
    from anncore.testing import check_component

    check_component(REGISTRY.get(REGISTRY.kind_of(name), name))


def record() -> None:
    """Write the curves of the installed libraries to the file, after a change of the rules or the engine."""
    content = {key: theirs(key) for key in SAME}
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in content.items()]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


@torch_only
def test_an_error_that_says_little_names_its_class() -> None:
    with pytest.raises(ComponentError, match="PyTorch raises IndexError for these values: tuple index"):
        build(REGISTRY.get("optimizer", "torch:torch.optim.Adam").cls, betas=(0.9,))
