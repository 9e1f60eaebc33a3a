"""The key names the code that ran: an edited formula, or an edited helper, is another version."""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anncore import PluginError, load_registry
from anncore.contract.code_digest import file_code
from anncore.contract.engine_version import NUMBER_VERSION, engine_version

PLUGIN = """
from dataclasses import dataclass
from typing import ClassVar
from anncore import Activation, hookimpl
{imports}

@dataclass(frozen=True)
class Scaled(Activation):
    '''A multiple of the input.'''

    name: ClassVar[str] = "{name}"

    def forward(self, z):
        {inside}
        return {scale} * z

    def backward(self, grad, z, a):
        return self.forward(grad)

@hookimpl
def annx_activations():
    return [Scaled]
"""


def plugin(imports: str = "", scale: str = "3.0", name: str = "scaled", inside: str = "pass") -> str:
    return PLUGIN.format(imports=imports, scale=scale, name=name, inside=inside)


def code(path: Path, name: str = "scaled") -> str:
    return load_registry([path]).get("activation", name).code


def doubled(path: Path, name: str = "scaled") -> float:
    """Return what the plugin makes of 1."""
    return float(load_registry([path]).get("activation", name).cls().forward(np.ones(1))[0])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "helper.py").write_text("SCALE = 2.0\n")
    (tmp_path / "mine.py").write_text(plugin("from helper import SCALE", "SCALE"))
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_file_imports_its_neighbour_while_it_is_loaded(folder: Path) -> None:
    assert doubled(folder / "mine.py") == 2
    assert "helper" not in sys.modules
    assert str(folder) not in sys.path


def test_a_file_imports_its_neighbour_later_too(folder: Path) -> None:
    (folder / "mine.py").write_text(plugin(scale="helper.SCALE", inside="import helper"))
    assert doubled(folder / "mine.py") == 2


def test_an_edited_neighbour_is_executed_anew_and_is_another_version(folder: Path) -> None:
    before = code(folder / "mine.py")
    assert code(folder / "mine.py") == before
    edit(folder / "helper.py", "2.0", "4.0")  # as long as before, and within the same second
    assert doubled(folder / "mine.py") == 4
    assert code(folder / "mine.py") != before


def test_a_neighbour_of_a_neighbour_and_a_package_count(folder: Path) -> None:
    (folder / "helper.py").write_text("from deep.inner import SCALE\n")
    (folder / "deep").mkdir()
    (folder / "deep" / "__init__.py").write_text("")
    (folder / "deep" / "inner.py").write_text("from .table import VALUES\nSCALE = VALUES[0]\n")
    (folder / "deep" / "table.py").write_text("VALUES = [5.0]\n")
    before = code(folder / "mine.py")
    assert doubled(folder / "mine.py") == 5
    edit(folder / "deep" / "table.py", "5.0", "6.0")
    assert doubled(folder / "mine.py") == 6
    assert code(folder / "mine.py") != before


def test_a_neighbour_that_nobody_imports_does_not_count(folder: Path) -> None:
    before = code(folder / "mine.py")
    (folder / "notes.py").write_text("A = 1\n")
    assert code(folder / "mine.py") == before


def test_helpers_of_one_name_in_two_folders_stay_apart(folder: Path) -> None:
    other = folder / "other"
    other.mkdir()
    (other / "helper.py").write_text("SCALE = 7.0\n")
    (other / "yours.py").write_text(plugin("from helper import SCALE", "SCALE", "yours"))
    registry = load_registry([folder / "mine.py", other / "yours.py"])
    values = {
        name: float(registry.get("activation", name).cls().forward(np.ones(1))[0])
        for name in ("scaled", "yours")
    }
    assert values == {"scaled": 2, "yours": 7}


def test_the_standard_library_and_the_core_are_no_neighbours(folder: Path) -> None:
    for name in ("random", "numpy", "anncore"):
        (folder / f"{name}.py").write_text("raise RuntimeError('not me')\n")
    (folder / "mine.py").write_text(
        plugin("import random\nimport numpy as np", "np.float64(2) + 0 * len(random.__name__)")
    )
    assert doubled(folder / "mine.py") == 2


def test_what_a_helper_defines_can_be_pickled_and_sent_to_another_process(folder: Path) -> None:
    (folder / "helper.py").write_text("class State(tuple):\n    pass\n\nSCALE = 2.0\n")
    (folder / "mine.py").write_text(plugin("from helper import SCALE, State", "SCALE"))
    cls: Any = load_registry([folder / "mine.py"]).get("activation", "scaled").cls
    state = vars(sys.modules[cls.__module__])["State"]([1, 2])
    assert pickle.loads(pickle.dumps(state)) == state
    from anncore.testing import elsewhere

    assert elsewhere.ask(elsewhere.same, cls(), classes=[cls]) == cls()
    assert elsewhere.ask(elsewhere.same, state, classes=[type(state)]) == state


def test_the_versions_of_imported_packages_count(folder: Path) -> None:
    import scipy

    (folder / "mine.py").write_text(plugin("from scipy.special import erf"))
    assert code(folder / "mine.py").endswith(f" scipy {scipy.__version__}")


def test_annxs_own_code_is_its_number_version() -> None:
    import scipy
    import sklearn

    registry = load_registry()
    assert registry.get("activation", "relu").code == ""
    assert registry.get("activation", "gelu").code == f"scipy {scipy.__version__}"
    assert registry.get("dataset", "iris").code == f"scikit-learn {sklearn.__version__}"
    assert engine_version() == f"numbers {NUMBER_VERSION}, numpy {np.__version__}"


# ---- installed plugins


class Installed:
    """A distribution in a folder of its own on sys.path, editable or from a wheel."""

    def __init__(self, root: Path, *, record: bool) -> None:
        self.root, self.info = root, root / "annx_own-1.2.dist-info"
        self.info.mkdir(parents=True)
        (self.info / "METADATA").write_text("Metadata-Version: 2.1\nName: annx-own\nVersion: 1.2\n")
        (self.info / "entry_points.txt").write_text("[annx]\nown = annx_own.formulas\n")
        self.package = root / "annx_own"
        self.package.mkdir()
        (self.package / "__init__.py").write_text("")
        (self.package / "formulas.py").write_text(plugin("from annx_own.constants import SCALE", "SCALE"))
        (self.package / "constants.py").write_text("SCALE = 2.0\n")
        (self.package / "README.md").write_text("prose\n")
        names = [f"annx_own/{name}" for name in ("__init__.py", "formulas.py", "constants.py", "README.md")]
        lines = [f"{name},," for name in [*names, "annx_own-1.2.dist-info/METADATA"]]
        (self.info / "RECORD").write_text("\n".join(lines if record else ["_annx_own.pth,,"]) + "\n")

    def code(self) -> str:
        """Return the code as a fresh process sees it, which imports the package anew."""
        script = (
            "import sys\nfrom anncore import load_registry\n"
            "print(load_registry(only=['annx-own:own']).get('activation', 'annx-own:scaled').code)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.mark.parametrize("record", [False, True], ids=["editable", "wheel"])
def test_an_installed_plugin_is_known_by_its_own_files(tmp_path: Path, record: bool) -> None:
    own = Installed(tmp_path / "site", record=record)
    before = own.code()
    assert before.startswith("1.2+")
    (own.package / "README.md").write_text("other prose\n")
    assert own.code() == before
    (own.package / "constants.py").write_text("SCALE = 2.5  # edited\n")
    assert own.code() != before


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installed]:
    installed = Installed(tmp_path / "site", record=False)
    monkeypatch.syspath_prepend(installed.root)
    yield installed
    for name in [name for name in sys.modules if name.partition(".")[0] == "annx_own"]:
        del sys.modules[name]
    importlib.invalidate_caches()


def test_a_file_that_changes_after_it_was_loaded_has_no_digest(own: Installed) -> None:
    component = load_registry().get("activation", "annx-own:scaled")
    (own.package / "constants.py").write_text("SCALE = 2.25\n")
    with pytest.raises(
        PluginError, match=r"annx-own: .*constants\.py has changed since it was loaded; start again"
    ):
        _ = component.code
    # This process goes on with the old module, whoever asks: its new files stand for nothing that runs.
    with pytest.raises(PluginError, match="has changed since it was loaded"):
        _ = load_registry().get("activation", "annx-own:scaled").code


def test_nothing_is_read_before_it_is_asked_for(own: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anncore.contract.code_digest._digest", lambda *args: pytest.fail("it was read"))
    assert load_registry().get("activation", "annx-own:scaled").version == "1.2"


def test_a_single_module_counts_with_the_modules_beside_it(tmp_path: Path) -> None:
    (tmp_path / "alone.py").write_text(textwrap.dedent("import beside\n"))
    (tmp_path / "beside.py").write_text("A = 1\n")
    assert [file.name for file in file_code(tmp_path / "alone.py").files] == ["alone.py", "beside.py"]
