"""Gathers what the benchmarks measure and prints it at the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.tables import Lines

KEY = pytest.StashKey[Lines]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[KEY] = Lines()


@pytest.fixture
def lines(pytestconfig: pytest.Config) -> Lines:
    """Return the tables to add to."""
    return pytestconfig.stash[KEY]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    text = config.stash[KEY].text()
    if text:
        terminalreporter.section("Speed")
        terminalreporter.write_line(f"{_machine()}\n\n{text}")


def _machine() -> str:
    from anncore.contract.registry import Registry
    from anncore.running.environment import environment

    facts = environment(Registry((), ()), Path.cwd())
    numpy = facts["packages"]["numpy"]
    return f"{facts['cpu']}, {facts['cores']} cores, Python {facts['python']}, NumPy {numpy}, {facts['blas']}"
