"""A gradient that is written by hand says in one comment why it is not left to the derived one."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from shipped import REGISTRY

from anncore.contract.kinds.networks import learns_by_rule

METHODS = {
    "activation": ("backward",),
    "loss": ("grad", "grad_from_logits"),
    "network": ("backward",),
    "objective": ("grad",),
}
WRITTEN = [
    pytest.param(getattr(component.cls, name), id=f"{component.name}.{name}")
    for kind, names in METHODS.items()
    for component in REGISTRY.of_kind(kind)
    for name in names
    if name in vars(component.cls)
    and not getattr(component.cls, "noisy", False)  # the kind asks for it: no formula knows the noise
    and not (kind == "network" and learns_by_rule(component.cls))
]


@pytest.mark.parametrize("method", WRITTEN)
def test_a_written_gradient_says_why(method: Any) -> None:
    text = (inspect.getcomments(method) or "") + inspect.getsource(method)
    reasons = re.findall(r"# .*?[Bb]y hand,? (?:for|because) \S+", text)
    assert len(reasons) == 1, text


def test_there_are_written_gradients_to_look_at() -> None:
    assert len(WRITTEN) > 15
