"""What a worker says of a trial that raised."""

from __future__ import annotations

import pytest

from anncore import ComponentError, StoreError
from anncore.engine.asking import HiddenChange
from anncore.engine.lanes.nests import Unlowerable
from anncore.engine.lanes.refusing import Named
from anncore.running.worker import _explained


@pytest.mark.parametrize("known", [ComponentError, Unlowerable, Named, HiddenChange])
def test_a_mistake_has_the_name_that_users_know(known: type[ComponentError]) -> None:
    assert _explained(known("adam: no")) == "ComponentError: adam: no"


def test_other_mistakes_keep_their_names() -> None:
    assert _explained(StoreError("full")) == "StoreError: full"
    assert _explained(KeyError("x")) == "KeyError: 'x'"
