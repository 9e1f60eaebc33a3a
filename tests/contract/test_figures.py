"""What both drawings of a figure share."""

from __future__ import annotations

from dataclasses import replace

from anncore import FigureInput


def test_what_is_asked_for_once_is_made_once_for_the_same_data_alone() -> None:
    made: list[str] = []

    def make() -> list[str]:
        made.append("made")
        return [f"{len(made)}"]

    data = FigureInput(trials=[1, 2], curves=[], report={"arms": ["a"]})
    phone = replace(data, width=3.6)
    assert data.once("lines", make) is phone.once("lines", make) is data.once("lines", make)
    assert made == ["made"]
    assert phone.once("other lines", make) == ["2"]
    # A copy of other data has the same memory, and must not see what was made of these.
    for field, other in {"trials": [1, 2], "curves": [3], "report": {}, "options": {"a": 1}}.items():
        before = len(made)
        assert replace(data, **{field: other}).once("lines", make) == [f"{before + 1}"], field
    assert data.once("lines", make) == [f"{len(made)}"]
