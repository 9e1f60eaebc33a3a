"""One list of kinds: everything that a kind needs elsewhere is there for each of them, and for no other."""

from __future__ import annotations

from importlib import resources

import pytest

from anncore.contract import hookspecs, kind_names, kinds
from anncore.contract.kind_names import ALL_KINDS, HOOKS, KINDS, kind_called
from anncore.testing import KITS


def test_every_kind_has_a_base_class_a_hook_a_kit_and_templates() -> None:
    assert set(kinds.BASES) == set(KINDS)
    hooks = {name for name in vars(hookspecs) if name.startswith("annx_")}
    # A library is no component: it makes components of what another package has.
    assert hooks - {"annx_libraries"} == set(HOOKS.values())
    assert set(KITS) == set(KINDS)
    folders = (resources.files("anncore.cli") / "templates").iterdir()
    assert {folder.name for folder in folders if folder.is_dir()} == set(KINDS)


def test_the_lists_that_derive_from_it() -> None:
    assert (
        *("dataset", "objective", "network", "activation"),
        *("loss", "optimizer", "schedule", "initializer"),
    ) == kind_names.SECTIONS
    assert (
        *("dataset", "network", "loss", "optimizer", "schedule", "initializer"),
    ) == kind_names.PARTS_ON_DATA
    assert kind_names.ON_OBJECTIVES == ("objective", "optimizer", "schedule")
    assert set(kind_names.ON_DATA) == set(kind_names.SECTIONS) - {"objective"}
    assert kind_names.PROBLEMS == ("dataset", "objective")
    assert kind_names.UNTUNED == ("dataset", "objective", "network")
    assert kind_names.REQUIRED == ("dataset", "objective", "optimizer")
    doors = {"sampler", "selector", "stopper", "suite", "section", "exporter", "listener", "command"}
    assert set(KINDS) - set(kind_names.PUBLISHED) == {"dataset", "figure", "executor", *doors}


def test_only_kinds_with_sections_have_a_place_in_an_experiment() -> None:
    for kind in ALL_KINDS:
        assert kind.section == (kind.on_data or kind.on_objectives), kind.name


@pytest.mark.parametrize(
    ("word", "kind"),
    [("loss", "loss"), ("losses", "loss"), ("schedules", "schedule"), ("lossess", None), ("", None)],
)
def test_a_kind_is_called_by_its_singular_or_plural(word: str, kind: str | None) -> None:
    assert kind_called(word) == kind
