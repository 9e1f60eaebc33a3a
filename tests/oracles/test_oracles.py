"""Every component against the libraries that have it: live, and as recorded where they are not installed.

A row more in the module of its kind compares a component more. `python -m pytest tests/oracles
--record`, with `pip install -e ".[oracles]"`, writes what the libraries say to tests/golden/oracles.json,
with their versions.
"""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles.rows import REGISTRY, Row
from oracles.tables import ROWS, ours, theirs

FILE = Path(__file__).parents[1] / "golden" / "oracles.json"
BY_ID = {row.id: row for row in ROWS}
MODULES = {"scikit-learn": "sklearn", "pytorch-optimizer": "pytorch_optimizer"}

Recorded = dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def recorder(request: pytest.FixtureRequest) -> Iterator[Recorded]:
    """Collect figures; with --record, write them over those of the same rows, and drop rows that are gone."""
    fresh: Recorded = {}
    yield fresh
    if request.config.getoption("--record", False):
        known: Recorded = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
        kept = {key: (known | fresh)[key] for key in sorted(BY_ID) if key in known | fresh}
        lines = [f"{json.dumps(key)}: {json.dumps(record)}" for key, record in kept.items()]
        FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


@cache
def recorded() -> Recorded:
    """Return the figures that were written down."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def agree(row: Row, figures: Any) -> None:
    """Compare with ours; a library that knows no gradient gives a loss's value alone, which comes first."""
    of_ours = ours(row)
    assert len(figures) in (len(of_ours), 1)
    np.testing.assert_allclose(of_ours[: len(figures)], figures, rtol=row.rtol, atol=row.atol)


@pytest.mark.parametrize("key", BY_ID, ids=str)  # else pytest numbers the long ones
def test_live(key: str, recorder: Recorded) -> None:
    row = BY_ID[key]
    module = MODULES.get(row.library, row.library)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' own
        try:
            importlib.import_module(module)
        except ImportError:
            pytest.skip(f"{row.library} is not installed: pip install -e '.[oracles]'")
        figures = theirs(row)
    version = metadata.version(row.library).partition("+")[0]
    recorder[key] = {"library": row.library, "version": version, "figures": figures.tolist()}
    agree(row, figures)


@pytest.mark.parametrize("key", BY_ID, ids=str)  # else pytest numbers the long ones
def test_recorded(key: str) -> None:
    record = recorded().get(key)
    assert record, "write it down: python -m pytest tests/oracles --record"
    agree(BY_ID[key], record["figures"])


def test_only_rows_are_recorded() -> None:
    assert set(recorded()) <= set(BY_ID)


def test_every_row_has_a_name_of_its_own() -> None:
    assert len(BY_ID) == len(ROWS)


def test_a_looser_row_says_why() -> None:
    assert [row.id for row in ROWS if (max(row.rtol, row.atol) > 1e-10) != bool(row.why)] == []


COMPARED = ("optimizer", "activation", "loss", "objective", "schedule", "initializer", "metric")


def test_every_component_is_compared_with_a_library() -> None:
    rows = {(row.kind, row.name) for row in ROWS}
    components = {
        (kind, component.name)
        for kind in COMPARED
        for component in REGISTRY.of_kind(kind)
        # What networks measure of themselves depends on their structure, which no library shares: these
        # are compared in test_unsupervised_networks.py, by hand, by enumeration and with scikit-learn.
        if not getattr(component.cls, "from_network", False)
    }
    assert components - rows == set()


def test_every_preset_of_an_optimizer_is_compared_with_its_library() -> None:
    presets = {
        (component.name, preset)
        for component in REGISTRY.of_kind("optimizer")
        for preset in component.cls.presets
        if preset in ("torch", "keras", "optax")
    }
    compared = {(row.name, row.library) for row in ROWS if row.values.get("preset")}
    assert presets - compared == set()
