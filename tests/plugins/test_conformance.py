"""Joins the kinds that have no test file of their own for the kit; test_csv_file.py joins csv with a file."""

from __future__ import annotations

from pathlib import Path

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


def test_the_kinds_with_a_file_of_their_own_join_the_kit_there() -> None:
    for kind in ELSEWHERE:
        file = Path(__file__).with_name(f"test_{kind}{'es' if kind.endswith('s') else 's'}.py")
        assert f'@parametrize_with_checks(REGISTRY.of_kind("{kind}"))' in file.read_text(encoding="utf-8")
