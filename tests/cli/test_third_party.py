"""Strangers by the front door: real wheels, built and installed into a fresh environment, and local files."""

import json
import subprocess
import textwrap
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fresh_environment import LIMIT, ROOT, Annx, Environment, fresh_environment

pytestmark = pytest.mark.slow

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "annx-{name}"
version = "0.3.0"
dependencies = ["annx"]

[project.entry-points.annx]
{name} = "annx_{name}"

[tool.hatch.build.targets.wheel]
only-include = ["annx_{name}.py"]
"""

LION = '''
"""Lion, as a stranger would ship it under a name of his own."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, hookimpl, log, hyper


class LionState(NamedTuple):
    m: Array


@dataclass(frozen=True)
class Lion(Optimizer):
    """Evolved sign momentum: every step has the same size in every coordinate.

        θ ← θ - lr sign(β₁ m + (1 - β₁) g),   m ← β₂ m + (1 - β₂) g

    Domain: lr > 0, β₁ and β₂ in [0, 1).

    Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS 2023, algorithm 2.
    https://arxiv.org/abs/2302.06675
    """

    name: ClassVar[str] = "leo"

    lr: Hyper = hyper(1e-4, "(0, inf)", search=log(1e-5, 1e-2))
    beta1: Hyper = hyper(0.9, "[0, 1)")
    beta2: Hyper = hyper(0.99, "[0, 1)")

    def init(self, weight: Array) -> LionState:
        return LionState(np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: LionState, t: int) -> tuple[Array, LionState]:
        change = -self.lr * np.sign(self.beta1 * state.m + (1 - self.beta1) * grad)
        return change, LionState(self.beta2 * state.m + (1 - self.beta2) * grad)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [Lion]
'''

# A second package with the same short name, and one of ours: another class named adam.
ADAM = """
@dataclass(frozen=True)
class Adam(Lion):
    '''Adam, but a lion.'''

    name: ClassVar[str] = "adam"


@hookimpl
"""
TIGER = LION.replace("@hookimpl\n", ADAM).replace("return [Lion]", "return [Lion, Adam]")

PACKAGES = {
    "lion": LION,
    "tiger": TIGER,
    "broken": "import no_such_module_anywhere\n",
    "misspelt": LION.replace("def annx_optimizers", "def annx_optimiser").replace('"leo"', '"misspelt"'),
    "leaver": "raise SystemExit('I am leaving')\n",
}

EXPERIMENT = """
# Does a stranger's optimizer run beside ours?
schema = 1
title = "Strangers"
vary = ["optimizer"]
[train]
steps = 20
[seeds]
report = [1, 2]
[dataset.two_moons]
n = 60
[network.mlp]
hidden = [[4]]
[optimizer.sgd]
lr = 0.1
[optimizer.{label}]
use = "{use}"
lr = 0.01
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Build every wheel, and install all into an environment that sees this one's dependencies."""
    root = tmp_path_factory.mktemp("strangers")
    sources = []
    for name, code in PACKAGES.items():
        folder = root / f"annx-{name}"
        folder.mkdir()
        (folder / "pyproject.toml").write_text(PYPROJECT.format(name=name), encoding="utf-8")
        (folder / f"annx_{name}.py").write_text(code, encoding="utf-8")
        sources.append(folder)
    return fresh_environment(root, sources)


@pytest.fixture(scope="module")
def annx(environment: Environment) -> Iterator[Annx]:
    with environment.one_process() as annx:
        yield annx


def test_our_wheel_holds_the_two_packages_and_what_they_need(environment: Environment) -> None:
    names = zipfile.ZipFile(environment.wheels["annx"]).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"anncore", "annx_plugins"}
    shipped = {name for name in names if name.startswith(("anncore/", "annx_plugins/"))}
    folders = ((ROOT / "anncore", ROOT), (ROOT / "plugins" / "annx_plugins", ROOT / "plugins"))
    present = {
        path.relative_to(base).as_posix()
        for folder, base in folders
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shipped == present
    assert "anncore/report/report.schema.json" in shipped


def test_whoever_installed_the_wheel_can_read_the_schema_of_reports(environment: Environment) -> None:
    code = (
        "import json; from importlib import resources; "
        "file = resources.files('anncore.report') / 'report.schema.json'; "
        "print(json.loads(file.read_text('utf-8'))['$id'])"
    )
    command = [environment.bin / "python", "-c", code]
    done = subprocess.run(
        command, cwd=environment.bin, capture_output=True, text=True, check=True, timeout=LIMIT
    )
    assert done.stdout == "urn:annx:report:2\n"


def test_the_command_runs_from_the_wheel(environment: Environment, tmp_path: Path) -> None:
    done = environment.annx("show", "adam", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["full_name"] == "annx:adam"
    code = "import anncore; print(anncore.__file__)"
    where = subprocess.run(
        [environment.bin / "python", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=LIMIT,
    )
    assert Path(where.stdout.strip()).is_relative_to(environment.bin.parent)


def test_what_loads_is_listed_and_what_is_shared_by_full_name(annx: Annx, tmp_path: Path) -> None:
    done = annx("list", "optimizer", cwd=tmp_path)
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert {"adam", "sgd", "annx-lion:leo", "annx-tiger:leo", "annx-tiger:adam"} <= set(names)
    assert "leo" not in names
    alone = annx("list", "optimizer", cwd=tmp_path, ANNX_PLUGINS="annx-lion")
    assert "leo" in [line.split()[0] for line in alone.stdout.splitlines()]


def test_what_is_broken_is_reported_and_stops_nobody(annx: Annx, tmp_path: Path) -> None:
    done = annx("plugins", cwd=tmp_path)
    assert done.returncode == 0
    broken = {line.split()[0]: line for line in done.stdout.splitlines() if "BROKEN" in line}
    assert set(broken) == {"annx-broken:broken", "annx-misspelt:misspelt", "annx-leaver:leaver"}
    assert "No module named 'no_such_module_anywhere'" in broken["annx-broken:broken"]
    assert "'annx_optimiser'. Did you mean 'annx_optimizers'?" in broken["annx-misspelt:misspelt"]
    assert "SystemExit: I am leaving" in broken["annx-leaver:leaver"]
    plugins = json.loads(annx("plugins", "--json", cwd=tmp_path).stdout)
    assert {plugin["name"] for plugin in plugins if plugin["problem"]} == set(broken)


def test_strict_plugins_make_a_broken_one_an_error(annx: Annx, tmp_path: Path) -> None:
    done = annx("list", cwd=tmp_path, ANNX_STRICT_PLUGINS="1")
    assert done.returncode == 2
    assert done.stderr.startswith("annx: plugin annx-broken:broken is broken: ModuleNotFoundError")
    assert done.stderr.count("\n") == 1
    ours = annx("list", cwd=tmp_path, ANNX_STRICT_PLUGINS="1", ANNX_PLUGINS="")
    assert ours.returncode == 0


def test_a_strangers_component_is_shown(annx: Annx, tmp_path: Path) -> None:
    done = annx("show", "annx-lion:leo", cwd=tmp_path)
    assert "https://arxiv.org/abs/2302.06675" in done.stdout
    assert "From annx-lion 0.3.0" in done.stdout


def test_a_strangers_component_is_swept_in_worker_processes(environment: Environment, tmp_path: Path) -> None:
    write(tmp_path / "x.toml", EXPERIMENT.format(label="leo", use="annx-lion:leo"))
    done = environment.annx("sweep", "x.toml", "--jobs", 2, "--out", "out", "--no-figures", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "out" / "trials.csv").read_text().splitlines()
    assert sum(",leo," in row and ",ok," in row for row in rows) == 2


def test_a_shared_short_name_is_an_error_that_names_both(annx: Annx, tmp_path: Path) -> None:
    write(tmp_path / "x.toml", EXPERIMENT.format(label="leo", use="leo"))
    done = annx("sweep", "x.toml", "--out", "out", cwd=tmp_path)
    assert done.returncode == 2
    assert "annx-lion:leo, annx-tiger:leo" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_name_of_ours_stays_ours(annx: Annx, tmp_path: Path) -> None:
    done = annx("show", "optimizer:adam", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["full_name"] == "annx:adam"


def test_one_local_file_is_enough(annx: Annx, tmp_path: Path) -> None:
    write(tmp_path / "mine.py", LION.replace('"leo"', '"mine"'))
    write(tmp_path / "x.toml", EXPERIMENT.format(label="mine", use="mine"))
    done = annx(
        "sweep", "x.toml", "--plugin", "mine.py", "--out", "out", "--jobs", 2, "--no-figures", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "out" / "trials.csv").read_text().splitlines()
    assert sum(",mine," in row and ",ok," in row for row in rows) == 2
    without = annx("sweep", "x.toml", "--out", "other", cwd=tmp_path)
    assert without.returncode == 2
    assert "No optimizer is called 'mine'" in without.stderr


def test_a_broken_local_file_is_an_error(annx: Annx, tmp_path: Path) -> None:
    write(tmp_path / "mine.py", "import no_such_module_anywhere\n")
    write(tmp_path / "x.toml", EXPERIMENT.format(label="mine", use="mine"))
    done = annx("sweep", "x.toml", "--plugin", "mine.py", "--out", "out", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("annx: plugin file:mine is broken: ModuleNotFoundError")
    assert not (tmp_path / "out").exists()


def write(path: Path, text: str) -> None:
    path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
