"""A run folder of unknown origin is opened without running anything that it names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from anncore import load_run
from anncore.cli.group import cli
from anncore.running.own_folders import SEAL, is_own, sealed
from anncore.running.run_folder import RunFolder
from anncore.running.stored_plan import digest, read_plan

PLUGIN = '''
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from anncore import Array, Hyper, Optimizer, hookimpl, hyper, log

with Path({trace!r}).open("a") as trace:
    trace.write("run\\n")

@dataclass(frozen=True)
class Walk(Optimizer):
    """Gradient descent: w - lr g. Domain: lr > 0. Cauchy 1847."""
    name: ClassVar[str] = "walk"
    lr: Hyper = hyper(0.1, "(0, inf)", search=log(1e-3, 1.0))
    def init(self, weight: Array) -> Any:
        return ()
    def step(self, weight: Array, grad: Array, state: Any, t: int) -> Any:
        return -self.lr * grad, ()

@hookimpl
def annx_optimizers() -> list: return [Walk]
'''
EXPERIMENT = """\
# Which walk?
vary = ["optimizer"]
plugins.files = ["mine.py"]
train = { steps = 4, eval_every = 2 }
seeds = { tune = [0], report = [1, 2] }
dataset.two_moons.n = 40
network.mlp.hidden = [[2]]
optimizer.walk.lr = 0.1
optimizer.sgd.lr = 0.1
"""


@pytest.fixture(scope="module", autouse=True)
def _undrawn() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("anncore.report.write.figures_to_draw", lambda results: [])
        yield


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with a plugin file, an experiment, a run folder of it, and the caches of who made it."""
    place = tmp_path_factory.mktemp("swept")
    (place / "mine.py").write_text(PLUGIN.format(trace=str(place / "trace")))
    (place / "x.toml").write_text(EXPERIMENT)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(place)
        monkeypatch.setenv("XDG_CACHE_HOME", str(place / "caches"))
        result = invoke("sweep", "x.toml", "--executor", "serial", "--unchecked", "--out", "run", "-q")
    assert result.exit_code == 0, result.output
    return place


@pytest.fixture
def place(swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the run folder, opened by the one who made it; the plugin file lies where it was."""
    for name in ("run", "other"):
        shutil.copytree(swept / "run", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(swept / "caches"))
    (swept / "trace").unlink(missing_ok=True)
    return tmp_path


@pytest.fixture
def strange(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, opened by somebody else."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "caches"))
    return place


def invoke(*args: str) -> Result:
    return CliRunner().invoke(cli, args)


def changed(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    plan = json.loads((run / "plan.json").read_bytes())
    change(plan)
    (run / "plan.json").write_text(json.dumps(plan))


VERBS = {
    "report": ("report", "run", "-q"),
    "status": ("status", "run"),
    "export": ("export", "run", "--format", "csv"),
    "compare": ("compare", "run", "other"),
    "merge": ("merge", "run", "other", "--out", "joined", "-q", "--no-figures"),
}


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_is_run_of_a_folder_that_somebody_else_made(strange: Path, swept: Path, verb: str) -> None:
    result = invoke(*VERBS[verb])
    assert result.exit_code == 0, result.output
    assert not (swept / "trace").exists()
    if verb in ("report", "export"):
        assert "is not run, as this folder was made by somebody else or on another machine" in result.stderr
        assert result.stderr.endswith(" --plugin FILE.py loads a file that you know.\n")
        assert result.stderr.count("\n") == 1


def test_who_made_it_gets_the_plugin(place: Path, swept: Path) -> None:
    result = invoke(*VERBS["report"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert (swept / "trace").exists()


def test_a_plugin_that_is_given_is_run(strange: Path, swept: Path) -> None:
    result = invoke(*VERBS["report"], "--plugin", str(swept / "mine.py"))
    assert (result.exit_code, result.stderr) == (0, "")
    assert (swept / "trace").exists()
    (swept / "trace").unlink()
    plugins = [str(swept / "mine.py")]
    optimizer = load_run(strange / "run", plugins=plugins).experiment.registry.get("optimizer", "walk")
    assert optimizer.cls.__module__ != "types"
    assert (swept / "trace").exists()


def test_a_plan_that_was_changed_is_nobodys(place: Path, swept: Path) -> None:
    evil = place / "evil.py"
    evil.write_text(PLUGIN.format(trace=str(swept / "trace")))
    changed(place / "run", lambda plan: plan["plugin_files"].append(str(evil)))
    assert not is_own(read_plan(place / "run"))
    assert invoke(*VERBS["report"]).exit_code == 0
    assert not (swept / "trace").exists()


def test_what_the_copy_of_the_experiment_names_is_not_run_either(strange: Path, swept: Path) -> None:
    evil = strange / "evil.py"
    evil.write_text(PLUGIN.format(trace=str(swept / "trace")))
    text = EXPERIMENT.replace('"mine.py"', f'"mine.py", "{evil}"')
    (strange / "run" / "experiment.toml").write_text(text)
    changed(strange / "run", lambda plan: plan.update(experiment_sha256=digest(text)))
    for args in VERBS.values():
        invoke(*args)
    assert not (swept / "trace").exists()


def test_what_an_unknown_folder_names_by_a_library_is_not_imported(strange: Path) -> None:
    (strange / "evil_module.py").write_text("raise SystemExit('it was imported')")
    text = EXPERIMENT + 'optimizer.torched = { use = "torch:evil_module.Rule" }\n'
    (strange / "run" / "experiment.toml").write_text(text)
    changed(strange / "run", lambda plan: plan.update(experiment_sha256=digest(text), base=str(strange)))
    result = invoke(*VERBS["report"])
    assert result.exit_code == 2
    assert "it was imported" not in result.output
    assert RunFolder(strange / "other").experiment().registry.libraries == ()


def test_a_folder_joined_of_anothers_is_as_unknown_as_that(
    place: Path, swept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert invoke(*VERBS["merge"]).exit_code == 0
    assert is_own(read_plan(place / "joined"))
    changed(place / "other", lambda plan: plan.pop(SEAL))
    again = [name if name != "joined" else "third" for name in VERBS["merge"]]
    assert invoke(*again).exit_code == 0
    assert not is_own(read_plan(place / "third"))


def test_a_seal_is_of_its_content_and_of_its_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    plan = json.loads(json.dumps(sealed({"arms": ("a", "b"), "n": 1.5, "none": None})))
    assert is_own(plan)
    assert is_own(sealed(plan))
    assert not is_own({**plan, "n": 1.25})
    assert not is_own({**plan, "more": 1})
    assert not is_own({name: value for name, value in plan.items() if name != SEAL})
    for odd in (None, 3, "", "é", "\ud800"):
        assert not is_own({**plan, SEAL: odd})
    key = tmp_path / "mine" / "annx" / "run_folders.key"
    assert key.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "theirs"))
    assert not is_own(plan)


def test_without_a_place_for_the_key_a_folder_has_no_seal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert sealed({"n": 1}) == {"n": 1}
    assert not is_own({"n": 1})


def test_a_sweep_says_first_whose_code_it_runs(
    place: Path, swept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(swept)
    named = invoke("plan", "x.toml")
    assert named.stderr.splitlines()[0] == "annx: x.toml runs the code of mine.py."
    (place / "y.toml").write_text(EXPERIMENT.replace('plugins.files = ["mine.py"]\n', ""))
    monkeypatch.chdir(place)
    assert invoke("plan", "y.toml", "--plugin", str(swept / "mine.py")).stderr == ""
