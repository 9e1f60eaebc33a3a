"""The number-version: raised whenever a shipped component gives other bits, since keys rest on it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from shipped_bits import COMMAND, DTYPES, FILE, all_numbers, changed, components, name_of, numbers_of

from anncore import Registry, load_registry
from anncore.contract.engine_version import NUMBER_VERSION, environment_digest, numeric_environment
from anncore.contract.registry import Registered

ELSEWHERE = "no environment of the file"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry(environ={"ANNX_PLUGINS": ""})


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(FILE.read_text())
    return content


def numbers(registry: Registry, component: Registered) -> dict[str, list[float]]:
    return {dtype: numbers_of(registry, component, dtype) for dtype in DTYPES}


def test_shipped_components_give_the_bits_that_the_number_version_stands_for(
    registry: Registry, known: dict[str, Any]
) -> None:
    how = f"renew {FILE.name} by '{COMMAND}'"
    assert known["number_version"] == NUMBER_VERSION, f"NUMBER_VERSION was raised: {how}"
    here = environment_digest(numeric_environment())
    others, strangers = [], []
    numbers_by_name = all_numbers(registry)
    for component in components(registry):
        bits = numbers_by_name[name_of(component)]
        if name_of(component) not in known["values"]:
            strangers.append(name_of(component))
        elif changed(known, component, bits, here) or changed(known, component, bits, ELSEWHERE):
            others.append(name_of(component))
    assert not others, (
        f"bits of {', '.join(others)} changed: raise NUMBER_VERSION in anncore/contract/engine_version.py, "
        f"and {how}; every trial is then run anew"
    )
    assert not strangers, f"{', '.join(strangers)} is new: {how}"
    assert len(known["values"]) == len(components(registry)), f"a component is gone: {how}"


def test_one_changed_bit_is_noticed_where_the_environment_is_known(
    registry: Registry, known: dict[str, Any]
) -> None:
    component = registry.get("activation", "tanh")
    bits = numbers(registry, component)
    (here, *_) = known["environments"]
    before = changed(known, component, bits, here)
    if environment_digest(numeric_environment()) == here:
        assert not before
    bits["float32"][0] = float(np.nextafter(bits["float32"][0], 1))
    assert changed(known, component, bits, here)


def test_a_changed_formula_is_noticed_on_any_machine(
    registry: Registry, known: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    component = registry.get("activation", "tanh")
    assert not changed(known, component, numbers(registry, component), ELSEWHERE)
    honest = component.cls.forward
    monkeypatch.setattr(component.cls, "forward", lambda self, z: 1.001 * honest(self, z))
    assert changed(known, component, numbers(registry, component), ELSEWHERE)
