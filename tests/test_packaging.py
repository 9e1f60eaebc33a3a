"""The catalogue of entry points, what an import costs, and who may import whom."""

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

import anncore
from anncore.contract.kind_names import HOOKS

ROOT = Path(__file__).parents[1]
CORE = ROOT / "anncore"
PLUGINS = ROOT / "plugins" / "annx_plugins"


def metadata() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


# The catalogue


def plugin_modules() -> set[str]:
    files = (file.relative_to(PLUGINS.parent) for file in PLUGINS.glob("*/*.py") if file.stem[0] != "_")
    return {".".join(file.with_suffix("").parts) for file in files}


def test_every_plugin_has_its_entry_point_and_every_entry_point_its_plugin() -> None:
    written = set(metadata()["project"]["entry-points"]["annx"].values())
    assert plugin_modules() - written == set(), (
        "these have no line in pyproject.toml, [project.entry-points.annx]"
    )
    assert written - plugin_modules() == set(), "these lines of pyproject.toml have no file"


def test_the_installed_catalogue_is_the_written_one() -> None:
    written = metadata()["project"]["entry-points"]["annx"]
    installed = {e.name: e.value for e in entry_points(group="annx") if e.dist and e.dist.name == "annx"}
    assert installed == written, "run 'pip install -e .' again: entry points are read when installing"


def test_an_entry_point_is_called_kind_and_name() -> None:
    for name, module in metadata()["project"]["entry-points"]["annx"].items():
        kind, _, short = name.partition("_")
        assert kind in (*HOOKS, "library")
        # A module cannot be called csv without hiding Python's own.
        assert module.rpartition(".")[2] in (short, f"{short}_file")


# What an import costs


def loaded_by(code: str) -> set[str]:
    script = f"import sys; {code}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300
    )
    return set(run.stdout.split())


HEAVY = {"numpy", "pandas", "scipy", "sklearn", "matplotlib", "seaborn", "jinja2", "rich"}


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import anncore", set()),
        ("import anncore.cli", set()),
        ("from anncore.cli import group; [group.cli.get_command(None, v) for v in group.VERBS]", set()),
        ("import anncore; anncore.hyper", set()),
        ("import anncore; anncore.load_registry()", {"numpy"}),
    ],
)
def test_what_is_heavy_is_imported_where_it_is_used(code: str, allowed: set[str]) -> None:
    assert loaded_by(code) & HEAVY <= allowed


# Names


def test_all_names_exist() -> None:
    assert len(anncore.__all__) == len(set(anncore.__all__)) > 90
    assert [name for name in anncore.__all__ if not hasattr(anncore, name)] == []
    assert dir(anncore) == sorted(anncore.__all__)


GUIDES = ("README.md", "plugins/README.md", "experiments/README.md", "reports/README.md")


def test_every_public_name_is_in_a_guide() -> None:
    text = "\n".join((ROOT / guide).read_text("utf-8") for guide in GUIDES)
    code = " ".join(re.findall(r"`[^`\n]+`|```.*?```", text, re.DOTALL))
    assert [name for name in anncore.__all__ if not re.search(rf"\b{name}\b", code)] == []


def test_every_public_name_says_what_it_is() -> None:
    """Classes, functions and namespaces have a docstring; constants and types have none of their own."""
    public = {name: getattr(anncore, name) for name in anncore.__all__}
    own = {name: it for name, it in public.items() if inspect.isclass(it) or inspect.isfunction(it)}
    own["drawing"] = anncore.drawing
    assert len(own) > 80
    assert [name for name, it in own.items() if len((it.__doc__ or "").split()) < 3] == []


def test_every_drawing_helper_says_what_it_is() -> None:
    helpers = {name: getattr(anncore.drawing, name) for name in anncore.drawing.__all__}
    mute = [name for name, it in helpers.items() if not isinstance(it, float) and not inspect.getdoc(it)]
    assert mute == []
    assert not {name for name in helpers if name != "Drawing"} & set(anncore.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="sweeep"):
        _ = anncore.sweeep


def test_the_version_is_written_once() -> None:
    from importlib.metadata import version

    assert version("annx") == anncore.__version__
    assert f"## [{anncore.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


# Who may import whom


def imports(file: Path) -> Iterator[str]:
    """Yield the dotted names of everything a file imports, `from a import b` as a.b."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_core_knows_no_plugin() -> None:
    for file in CORE.rglob("*.py"):
        assert [name for name in imports(file) if name.split(".")[0] in ("annx_plugins", "plugins")] == [], (
            file
        )


def test_the_core_names_no_algorithm_of_ours() -> None:
    # A string that is a component's name would tie the core to it; help and errors may give examples.
    kinds_that_train = ("activation", "loss", "optimizer", "schedule", "initializer", "dataset")
    entries = metadata()["project"]["entry-points"]["annx"]
    names = {name.partition("_")[2] for name in entries if name.partition("_")[0] in kinds_that_train} - {
        "step",
        "constant",
        "normal",
        "friedman",
        "sign",
        "digits",
        "csv",
        "parquet",
        "sklearn",
        "classification",
        "linear",
        "uniform",
        "circles",
    }  # also plain words, a function of NumPy, an option, a test, formats, a package, a task, scales
    for file in CORE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in names:
                pytest.fail(f"{file.relative_to(ROOT)}:{node.lineno} names {node.value!r}")


def test_a_plugin_imports_only_top_level_names_of_anncore() -> None:
    public = {f"anncore.{name}" for name in anncore.__all__} | {"anncore.report"}
    for file in PLUGINS.rglob("*.py"):
        ours = [name for name in imports(file) if name.split(".")[0] in ("anncore", "annx_plugins")]
        allowed = [name for name in ours if name in public or name.startswith("anncore.report.")]
        assert ours == allowed, file


# Each room may import from rooms of its own or an earlier line (DESIGN.md).
