"""`annx new-plugin`: red until the formula is written, green afterwards, always an installable package."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fresh_environment import fresh_environment

import anncore
from anncore.cli.group import MISUSED, cli
from anncore.cli.new_plugin import class_name
from anncore.contract.kind_names import KINDS, SECTIONS

TWO_LAYERS = """\
z = x @ weights["W1"]
a = self.activation[0].forward(z)
return a @ weights["W2"]
"""
QUADRANTS = """\
x = rng.standard_normal((self.n, 2))
return Data(x, (x[:, 0] * x[:, 1] > 0).astype(int), "binary")
"""
RIGHT_SIDE = """\
right = ((output > 0.5) == (target > 0.5)).mean(axis=(1, 2))
right[(output != output).any(axis=(1, 2))] = float("nan")
return right
"""
BARS = """\
from anncore import drawing
rows = data.report["leaderboard"]["overall"]
sheet = drawing.new_sheet(6.0, 2.0, "Mean ranks", "A bar is a mean rank.", data.theme)
drawing.place(sheet, 0.5, 0.3, 5.0, 1.5).barh(range(len(rows)), [row["mean_rank"] for row in rows])
return Drawing(sheet, self.name, "Mean ranks", f"Mean ranks of {len(rows)} arms.")
"""
ONE_BY_ONE = """\
for task in tasks:
    if stop():
        return
    yield task, work(task)
"""

BEST_SEED = """\
import numpy as np
with_scores = {name: costs for name, costs in candidates.costs.items() if not np.isnan(costs).all()}
return candidates.first_of_least({name: float(np.nanmin(costs)) for name, costs in with_scores.items()})
"""
COUNTED = """\
rows = data.report["leaderboard"]["overall"]
cells = [(row["arm"], row["mean_rank"]) for row in rows]
return [f"{len(rows)} arms.", ReportTable("Arms.", ["arm", "rank"], cells)]
"""

# What an author would write in place of each `raise NotImplementedError`, in the order of the file.
FORMULAS = {
    "activation": ["return z / (1 + abs(z))"],  # softsign
    "loss": ["return ((output - target) ** 2).mean(axis=(1, 2))"],
    "optimizer": ["m = 0.9 * state.m + grad\nreturn -self.lr * m, state._replace(m=m)"],
    "schedule": ["return 1 - (t - 1) / steps"],
    "initializer": ["return rng.standard_normal(shape) / fan_in**0.5"],
    "dataset": [QUADRANTS],
    "network": [TWO_LAYERS],
    "objective": ["return (x * x).sum(axis=(1, 2)) / 2"],
    "metric": [RIGHT_SIDE],
    "figure": [BARS],
    "executor": [ONE_BY_ONE],
    "sampler": ["while True:\n    yield rng.random((samples, dimensions))"],
    "selector": [BEST_SEED],
    "stopper": ["return 2 * look.now if any(claim.open for claim in look.claims) else None"],
    "suite": [
        'return [Problem(data, "small data", {"dataset": data, "network": "small"}) '
        'for data in ("moons", "iris", "wine")]'
    ],
    "section": [COUNTED],
    "exporter": ['return {"rows.txt": str(len(data.trials)).encode()}'],
    "listener": ["print(type(event).__name__)"],
    "command": ['return click.Command("fresh", help="Do nothing.", callback=lambda: None)'],
}


ALL_IN_TRIALS = (*SECTIONS, "executor")


def annx(*args: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, args)))


def scaffold(tmp_path: Path, kind: str) -> Path:
    """Write a package for a component called fresh and return its folder."""
    result = annx("new-plugin", "fresh", "--kind", kind, "--dir", tmp_path)
    assert result.exit_code == 0, result.output
    return tmp_path / "annx-fresh"


def fill_in(module: Path, kind: str) -> None:
    """Write the formulas and the reference, as an author would."""
    text = module.read_text(encoding="utf-8")
    text = text.replace('Authors, "Title", venue and year. Address.', 'Nobody, "Fresh", 2020.')
    places = re.findall(r"^ +raise NotImplementedError\(.*\)$", text, re.MULTILINE)
    for place, formula in zip(places, FORMULAS[kind], strict=True):
        indented = "".join(f"        {line}\n" for line in formula.splitlines())
        text = text.replace(place, indented.rstrip("\n"), 1)
    module.write_text(text, encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_red_for_the_missing_formula_and_green_with_a_right_one(tmp_path: Path, kind: str) -> None:
    folder = scaffold(tmp_path, kind)
    module = folder / "annx_fresh.py"
    red = annx("check", module, "--json")
    assert red.exit_code == 1, red.output
    (component,) = json.loads(red.stdout)["components"]
    assert (component["kind"], component["full_name"]) == (kind, "annx_fresh:fresh")
    reasons = {check["name"]: check["reason"] for check in component["checks"] if not check["holds"]}
    assert reasons
    for name, reason in reasons.items():
        missing = "NotImplementedError: not written yet: " in reason
        assert missing or (name == "documentation" and "must give the source" in reason), (name, reason)
    fill_in(module, kind)
    green = annx("check", module)
    assert green.exit_code == 0, green.output


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "executor"])
def test_its_first_experiment_can_be_planned(tmp_path: Path, kind: str) -> None:
    folder = scaffold(tmp_path, kind)
    module = folder / "annx_fresh.py"
    fill_in(module, kind)
    planned = annx("plan", folder / "annx_fresh.toml", "--plugin", module, "--json")
    assert planned.exit_code == 0, planned.output
    trials = json.loads(planned.stdout)["trials"]
    assert trials
    if kind in ALL_IN_TRIALS:
        assert any("fresh" in json.dumps(trial) for trial in trials)
    # The least p-value of n pairs, 2 / 2ⁿ, times the pairs of arms (Holm), must leave room for a claim.
    content = json.loads(planned.stdout)
    if kind == "optimizer":  # as many rates for each arm, or the report warns of unequal budgets
        assert len(set(Counter((trial["arm"], trial["problem"]) for trial in trials).values())) == 1
    pairs = math.comb(len(content["arms"]), 2)
    seeds = len(anncore.load_experiment(folder / "annx_fresh.toml", plugins=[module]).report_seeds)
    assert 2 / 2**seeds * pairs < 0.05
    if len(content["problems"]) > 5:  # over all data sets too
        assert 2 / 2 ** len(content["problems"]) * pairs < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_its_first_experiment_runs(tmp_path: Path, kind: str) -> None:
    folder = scaffold(tmp_path, kind)
    fill_in(folder / "annx_fresh.py", kind)
    experiment = anncore.load_experiment(
        folder / "annx_fresh.toml",
        overrides=["train.steps=2", "seeds.tune=[0]", "seeds.report=[1]"],
        skip=[] if kind in ("dataset", "objective") else ["dataset=[bciowd]*"],  # one is enough
        plugins=[folder / "annx_fresh.py"],
    )
    run = anncore.sweep(
        experiment,
        out=tmp_path / "run",
        executor="fresh" if kind == "executor" else "serial",
        unchecked=True,
    )
    assert (run.failures, run.missing) == (0, 0)
    if kind == "section":
        content = json.loads((run.report(figures=False).parent / "report.json").read_text(encoding="utf-8"))
        assert content["sections"][0]["paragraphs"] == ["2 arms."]
    if kind == "figure":
        assert run.figure("fresh").title == "Mean ranks"


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_whole(tmp_path: Path, kind: str) -> None:
    folder = scaffold(tmp_path, kind)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "pyproject.toml", "README.md", "annx_fresh.py", "tests/test_fresh.py", "annx_fresh.toml"
    }  # fmt: skip
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "annx-fresh"
    assert project["entry-points"]["annx"] == {"fresh": "annx_fresh"}
    assert project["dependencies"] == [f"annx>={anncore.__version__}"]
    for path in files:
        text = (folder / path).read_text(encoding="utf-8")
        assert "$" not in text, path
        assert max(map(len, text.splitlines())) <= 110, path
        assert text.endswith("\n")
        assert not text.endswith("\n\n")


def test_names_of_several_words_are_written_as_each_place_writes_them(tmp_path: Path) -> None:
    result = annx("new-plugin", "soft_sign", "--kind", "activation", "--dir", tmp_path, "--json")
    content = json.loads(result.stdout)
    assert content["folder"] == str(tmp_path / "annx-soft-sign")
    assert "annx_soft_sign.py" in content["files"]
    text = (tmp_path / "annx-soft-sign" / "annx_soft_sign.py").read_text(encoding="utf-8")
    assert "class SoftSign(Activation):" in text
    assert 'name: ClassVar[str] = "soft_sign"' in text


@pytest.mark.parametrize(
    ("name", "kind"), [("array", "loss"), ("optimizer", "optimizer"), ("any", "network")]
)
def test_a_class_does_not_hide_what_its_module_imports(tmp_path: Path, name: str, kind: str) -> None:
    assert class_name(name, kind) == name.capitalize() + kind.capitalize()
    annx("new-plugin", name, "--kind", kind, "--dir", tmp_path)
    result = annx("check", tmp_path / f"annx-{name}" / f"annx_{name}.py", "--only", "well_formed")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Lion", "must be in snake_case, without 'annx', such as 'lion', got 'Lion'. Did you mean 'lion'?"),
        ("annx-lion", "Did you mean 'lion'?"),
        ("soft-sign", "Did you mean 'soft_sign'?"),
        ("two__words", "Did you mean 'two_words'?"),
        ("2fast", "got '2fast'.\n"),
        ("löwe", "must be in snake_case"),
        ("../lion", "must be in snake_case"),
        ("", "must be in snake_case"),
        ("lambda", "no component can be called 'lambda'"),
        ("auto", "no component can be called 'auto'"),
        ("plugins", "no component can be called 'plugins'"),
        ("adam", "annx has an optimizer called 'adam'"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused_in_a_line(tmp_path: Path, name: str, says: str) -> None:
    result = annx("new-plugin", "--kind", "optimizer", "--dir", tmp_path, "--", name)
    assert result.exit_code == MISUSED
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "annx-fresh").mkdir()
    (tmp_path / "annx-fresh" / "annx_fresh.py").write_text("mine")
    result = annx("new-plugin", "fresh", "--kind", "loss", "--dir", tmp_path)
    assert result.exit_code == MISUSED
    assert "annx-fresh already exists; choose another name or another --dir." in result.stderr
    assert [path.name for path in (tmp_path / "annx-fresh").iterdir()] == ["annx_fresh.py"]
    assert (tmp_path / "annx-fresh" / "annx_fresh.py").read_text() == "mine"


def test_a_kind_must_be_given_and_known(tmp_path: Path) -> None:
    assert "Missing option '--kind'" in annx("new-plugin", "fresh", "--dir", tmp_path).stderr
    assert "'optimiser'" in annx("new-plugin", "fresh", "--kind", "optimiser", "--dir", tmp_path).stderr


@pytest.mark.slow
def test_from_the_scaffold_to_a_sweep_in_a_fresh_environment(tmp_path: Path) -> None:
    """As an author works: build the wheel, install it, see red, write the formula, see green, sweep."""
    folder = scaffold(tmp_path, "optimizer")
    fill_in(folder / "annx_fresh.py", "optimizer")
    environment = fresh_environment(tmp_path, [folder], own_wheel=False)
    assert environment.wheels["annx_fresh"].name.startswith("annx_fresh-0.1.0-")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with environment.one_process() as at_once:
        for target in ("fresh", "annx-fresh:fresh", "annx-fresh"):
            # The package's own tests make all checks of the same component.
            done = at_once("check", target, "--only", "documentation", cwd=elsewhere)
            assert done.returncode == 0, done.stdout + done.stderr
            assert done.stdout.startswith("optimizer fresh: 1 check"), done.stdout
    tested = environment.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=folder)
    assert tested.returncode == 0, tested.stdout
    assert "18 passed" in tested.stdout
    settings = (
        "train.steps=30",
        "seeds.tune=[0]",
        "seeds.report=[10,11]",
        "--executor",
        "serial",
        "--no-figures",
    )
    swept = environment.annx("sweep", folder / "annx_fresh.toml", *settings, "--out", "out", cwd=elsewhere)
    assert swept.returncode == 0, swept.stderr
    rows = (elsewhere / "out" / "trials.csv").read_text(encoding="utf-8").splitlines()
    assert sum(",report,ok," in row and ",fresh," in row for row in rows) == 8 * 2


@pytest.mark.slow
def test_its_own_tests_are_red_before_the_formula_is_written(tmp_path: Path) -> None:
    folder = scaffold(tmp_path, "initializer")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stdout
    assert "NotImplementedError: not written yet: return float64 weights" in done.stdout
    assert "error" not in done.stdout.splitlines()[-1]  # nothing failed to be imported
