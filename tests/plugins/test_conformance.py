"""Joins the kinds that have no test file of their own for the kit; test_csv_file.py joins csv with a file."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from shipped import REGISTRY

from anncore.contract.kind_names import KINDS
from anncore.testing import Check, parametrize_with_checks

ELSEWHERE = ("activation", "loss", "optimizer", "schedule", "initializer", "network", "objective", "metric")
HERE = [
    component
    for kind in KINDS
    if kind not in ELSEWHERE
    for component in REGISTRY.of_kind(kind)
    if component.name not in ("csv", "parquet", "data_frame")
]


@parametrize_with_checks(HERE)
def test_conformance(check: Check) -> None:
    check()


@pytest.mark.parametrize("kind", ["activation", "loss", "optimizer", "schedule", "initializer", "metric"])
def test_a_component_says_when_to_choose_it_or_how_it_differs_from_another(kind: str) -> None:
    names = "|".join(component.name for component in REGISTRY.of_kind(kind))
    silent = [
        component.name
        for component in REGISTRY.of_kind(kind)
        if not re.search(rf"\b[Cc]hoose it|`({names})`", inspect.getdoc(component.cls) or "")
        and not getattr(component.cls, "from_network", False)  # their networks say when
    ]
    assert silent == []


def test_the_kinds_with_a_file_of_their_own_join_the_kit_there() -> None:
    for kind in ELSEWHERE:
        file = Path(__file__).with_name(f"test_{kind}{'es' if kind.endswith('s') else 's'}.py")
        assert f'@parametrize_with_checks(REGISTRY.of_kind("{kind}"))' in file.read_text(encoding="utf-8")
