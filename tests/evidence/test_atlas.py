"""The failure atlas and the tiers of a field, by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from anncore.evidence.atlas import Atlas, atlas
from anncore.evidence.tiers import Pairing, tiers_of
from anncore.report.atlas_figure import finding

LIMITS = {"ravine": 1e-3, "cliff": 1.0}


def counted(successes: int, starts: int = 10, diverged: int = 0) -> Atlas:
    """Return the atlas of an arm that succeeds on so many starts, and just misses the limit on the others."""
    values = [1e-3] * successes + [1.001e-3] * (starts - successes)
    status = ["diverged"] * diverged + ["ok"] * (starts - diverged)
    table = pd.DataFrame({"test_loss": values, "status": status})
    table = table.assign(arm="sgd", problem="ravine", config="lr=0.1")
    return atlas(table, LIMITS, ["ravine", "cliff"], {"sgd": ["cliff"]})


@pytest.mark.parametrize(
    ("successes", "outcome"),
    [(10, "passes"), (9, "passes"), (8, "sometimes"), (2, "sometimes"), (1, "fails"), (0, "fails")],
)
def test_an_arm_passes_from_nine_tenths_on(successes: int, outcome: str) -> None:
    cell = counted(successes).cells["sgd", "ravine"]
    assert (cell.n, cell.successes, cell.outcome, cell.config) == (10, successes, outcome, "lr=0.1")


def test_shares_have_clopper_and_pearson_s_interval() -> None:
    """0.025^(1/10), and for 8 of 10 the published 0.444 to 0.975."""
    assert counted(10).cells["sgd", "ravine"][4:6] == pytest.approx((0.025**0.1, 1.0))
    assert counted(8).cells["sgd", "ravine"][4:6] == pytest.approx((0.4439, 0.9748), abs=1e-4)


def test_what_diverged_has_failed_and_what_was_not_tried_counts_for_nothing() -> None:
    one = counted(10, diverged=3)
    assert one.cells["sgd", "ravine"].successes == 7
    assert one.cells["sgd", "cliff"].outcome == "none"
    assert [one.number("sgd", outcome) for outcome in ("passes", "sometimes", "fails", "none")] == [
        0,
        1,
        0,
        1,
    ]
    assert one.passed_by("ravine") == 0


def test_an_arm_that_diverged_at_every_rate_fails() -> None:
    rows = [{"arm": "sgd", "problem": "cliff", "config": "", "status": "ok", "test_loss": 0.5}]
    one = atlas(pd.DataFrame(rows), LIMITS, list(LIMITS))
    assert [one.cells["sgd", problem].outcome for problem in LIMITS] == ["fails", "passes"]
    assert (one.cells["sgd", "ravine"].n, one.cells["sgd", "ravine"].diverged) == (0, True)


def single(values: dict[str, tuple[float, float]]) -> Atlas:
    """Return the atlas of one start per arm and pathology, by its values at the end."""
    rows = [
        {"arm": arm, "problem": problem, "config": "", "status": "ok", "test_loss": value}
        for arm, ends in values.items()
        for problem, value in zip(LIMITS, ends, strict=True)
    ]
    return atlas(pd.DataFrame(rows), LIMITS, list(LIMITS))


def test_arms_are_ordered_by_what_they_pass() -> None:
    assert single({"a": (1.0, 2.0), "b": (0.0, 0.0), "c": (1.0, 0.5)}).arms == ("b", "c", "a")


@pytest.mark.parametrize(
    ("values", "title"),
    [
        ({"a": (1, 2), "b": (0, 0)}, "b passes 2 of 2 pathologies, the most of all"),
        ({"a": (1, 2), "b": (1, 0), "c": (0, 2)}, "b and c pass 1 of 2 pathologies, the most of all"),
        (dict.fromkeys("abc", (0, 0)), "3 of 3 optimizers pass 2 of 2 pathologies, the most of all"),
        ({"a": (1, 2), "b": (1, 3)}, "None of 2 optimizers passes any of 2 pathologies"),
    ],
)
def test_the_picture_s_title_names_all_who_pass_most(
    values: dict[str, tuple[float, float]], title: str
) -> None:
    assert finding(single(values)) == title


@pytest.mark.parametrize(
    ("wins", "expected"),
    [
        (set(), {"a": 1, "b": 1, "c": 1, "d": 1}),
        ({("a", "b"), ("b", "c")}, {"a": 1, "b": 2, "c": 3, "d": 1}),
        ({("a", "c"), ("b", "c"), ("c", "d")}, {"a": 1, "b": 1, "c": 2, "d": 3}),
        # A circle, and d below it: a, b and c share the first tier.
        ({("a", "b"), ("b", "c"), ("c", "a"), ("a", "d")}, {"a": 1, "b": 1, "c": 1, "d": 2}),
    ],
)
def test_tiers_peel_off_who_is_beaten_by_nobody(wins: set[tuple[str, str]], expected: dict[str, int]) -> None:
    table = tiers_of(["a", "b", "c", "d"], [Pairing(a, b, "better") for a, b in wins], {})
    assert {arm: table.tier(arm) for arm in table.order} == expected
