"""Joins the kinds that have no test file of their own for the kit; test_csv_file.py joins csv with a file."""

from __future__ import annotations

from anncore import load_registry
from anncore.hookspecs import KINDS
from anncore.testing import Check, parametrize_with_checks

REGISTRY = load_registry(environ={"ANNX_PLUGINS": ""})
ELSEWHERE = ("activation", "loss", "optimizer", "schedule", "initializer", "network", "metric")
HERE = [
    component
    for kind in KINDS
    if kind not in ELSEWHERE
    for component in REGISTRY.of_kind(kind)
    if component.name != "csv"
]


@parametrize_with_checks(HERE)
def test_conformance(check: Check) -> None:
    check()
