"""Where nobody knows the user's home, checks that passed are not remembered, and nothing else happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from right.optimizers import Plain

from anncore.contract.registry import Registered
from anncore.testing import before_sweep


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")  # what pathlib raises

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    component = Registered("optimizer", "plain", Plain, "p", "1", "p:plain")
    before_sweep._remember(component)
    assert not before_sweep._remembered(component)
