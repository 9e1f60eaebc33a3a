"""The house: eight wings, whose imports run one way, without circles, with nothing lying loose."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CORE = Path(__file__).parents[1] / "anncore"
WINGS = ("contract", "engine", "experiment", "evidence", "running", "report", "testing", "cli")
FACE = {"__init__.py", "__init__.pyi", "__main__.py", "_version.py", "py.typed", "README.md"}
MODULES = {
    ".".join(("anncore", *path.relative_to(CORE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(CORE.rglob("*.py"))
}


def imports(module: str, path: Path) -> Iterator[str]:
    """Yield every module of the core that a module imports, also inside functions and for types alone."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            while name and name not in MODULES:
                name = name.rpartition(".")[0]
            if name and name != module:
                yield name


def wing(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


Arrows = dict[str, list[str]]


@pytest.fixture(scope="module")
def arrows() -> Arrows:
    """Return by module what it imports; to read all files takes seconds."""
    return {module: sorted(set(imports(module, path))) for module, path in MODULES.items()}


def test_the_reader_of_imports_sees_them(arrows: Arrows) -> None:
    assert len(MODULES) > 100
    assert "anncore.contract.errors" in arrows["anncore.contract.hyperparameters"]
    assert "anncore.report.compare_runs" in arrows["anncore.cli.compare"]  # inside a function


def test_nothing_lies_loose_at_the_top() -> None:
    assert {path.name for path in CORE.iterdir() if path.is_file()} == FACE
    folders = {path.name for path in CORE.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    assert folders == set(WINGS)


@pytest.mark.parametrize("module", MODULES)
def test_no_import_runs_back(module: str, arrows: Arrows) -> None:
    own = wing(module)
    if own not in WINGS:
        return  # the public face imports what it exports
    for other in arrows[module]:
        if other == "anncore":
            assert own in ("testing", "cli"), f"{module} imports the public face, which imports it"
        elif wing(other) in WINGS:
            assert WINGS.index(wing(other)) <= WINGS.index(own), f"{module} imports {other}, a later wing"


def test_no_circle(arrows: Arrows) -> None:
    done: set[str] = set()

    def follow(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module in done:
            return
        for other in arrows[module]:
            follow(other, (*path, module))
        done.add(module)

    for module in MODULES:
        follow(module, ())


def test_tests_have_the_same_wings() -> None:
    tests = Path(__file__).parent
    named = {path.name for path in tests.iterdir() if path.is_dir() and any(path.glob("test_*.py"))}
    assert set(WINGS) <= named
