"""Scores over learning rates, judged by what the panels hold."""

from __future__ import annotations

from typing import Any

import pytest
from drawn_figures import draw, few, panel, texts
from matplotlib.colors import to_hex
from shipped import REGISTRY

from anncore.report.theme import Theme


def test_sensitivity_has_a_lane_for_divergence_and_a_star_for_the_best() -> None:
    ax = panel(draw(few(), "lr_sensitivity")["lr_sensitivity"], "digits")
    assert ax.get_xscale() == "log"
    stars = [line for line in ax.lines if line.get_marker() == "*"]
    assert [line.get_xdata()[0] for line in stars] == [0.1, 0.1, 0.1]
    lane = [line for line in ax.lines if line.get_marker() == "x"]
    assert [list(line.get_xdata()) for line in lane] == [[1.0], [1.0]]  # sgd and rmsprop, all at lr 1
    assert all(0.8 < y < 1 for line in lane for y in line.get_ydata())
    ways = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert [list(line.get_xdata()) for line in ways] == [[0.1, 1.0], [0.1, 1.0]]
    assert len(ax.get_yticks()) > 1


def test_sensitivity_says_where_some_seeds_diverged_and_rings_an_edge() -> None:
    results = few(arms=("sgd", "adam"), rates=(1e-3, 1e-2, 1e-1))
    own = results.trials["arm"] == "adam"
    results.trials.loc[
        own & (results.trials["optimizer.lr"] == 0.1) & (results.trials["seed"] == 0), "status"
    ] = "diverged"
    scores = results.trials["valid_loss"].mask(results.trials["optimizer.lr"] == 0.001, 0.001)
    results.trials["valid_loss"] = scores.where(own, results.trials["valid_loss"])
    drawn = draw(results, "lr_sensitivity")["lr_sensitivity"]
    assert "1/3" in texts(drawn)
    rings = [
        line
        for line in panel(drawn, "digits").lines
        if line.get_marker() == "o" and line.get_markersize() > 10
    ]
    assert [line.get_xdata()[0] for line in rings] == [0.001]
    assert "3 of 6 best values lie at the edge (adam)" in drawn.title


def test_values_that_differ_in_other_hyperparameters_too_are_not_joined() -> None:
    results = few(arms=("sgd", "momentum"), rates=(1e-3, 1e-2, 1e-1))
    own = results.trials["arm"] == "momentum"
    results.trials["optimizer.momentum"] = (-10 * results.trials["optimizer.lr"] + 0.9).where(own)
    drawn = draw(results, "lr_sensitivity")["lr_sensitivity"]
    lines = {line.get_label(): line for line in panel(drawn, "digits").lines}
    assert lines["momentum"].get_linewidth() == 0
    assert lines["sgd"].get_linewidth() > 0
    assert "No line where momentum changed with lr." in drawn.subtitle
    assert drawn.title.startswith("sgd: ")


@pytest.mark.parametrize("least", [1e-5, 5e-3])
def test_one_value_of_zero_does_not_flatten_all_others(least: float) -> None:
    """The other values span a factor of 200 or more: a log axis, with 0 on its lower edge."""
    results = few(arms=("sgd", "adam"), problems=("digits",), rates=(1e-3, 1e-2, 1e-1), tune_seeds=(0,))
    values = dict(
        zip(((a, r) for a in ("sgd", "adam") for r in (1e-3, 1e-2, 1e-1)), (*VALUES, least, 0.0), strict=True)
    )
    rows = zip(results.trials["arm"], results.trials["optimizer.lr"], strict=True)
    results.trials["valid_loss"] = [values[row] for row in rows]
    drawn = draw(results, "lr_sensitivity")["lr_sensitivity"]
    ax = panel(drawn, "digits")
    assert ax.get_yscale() == "log"
    (line,) = [line for line in ax.lines if line.get_label() == "adam"]
    low = ax.get_ylim()[0]
    assert list(line.get_ydata()) == [1.0, least, low]
    assert 0 < low < least
    assert "exactly 0" in drawn.subtitle


VALUES = (1.0, 0.5, 0.1, 1.0)


def test_no_sensitivity_where_nothing_was_tuned() -> None:
    assert not draw(few(tune_seeds=(), rates=(0.1,)), "lr_sensitivity")


def test_counts_of_seeds_lost_while_tuning_do_not_cover_each_other() -> None:
    """Two arms with equal scores lose a seed at each of three rates, side by side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    results = few(arms=("sgd", "adam"), rates=(0.1, 0.15, 0.2))
    trials = results.trials
    trials.loc[trials["seed"] == 0, "status"] = "diverged"
    trials["valid_loss"] = 1.0
    drawn = draw(results, "lr_sensitivity")["lr_sensitivity"]
    renderer = FigureCanvasAgg(drawn.figure).get_renderer()
    counts = [text for text in drawn.figure.axes[0].texts if text.get_text() == "1/3"]
    boxes = [text.get_window_extent(renderer) for text in counts]
    assert len(boxes) >= 2
    assert not [(i, j) for i, one in enumerate(boxes) for j in range(i) if one.overlaps(boxes[j])]


def test_an_arm_that_learns_nothing_is_not_praised_for_its_tolerance() -> None:
    """sgd scores 1 at every rate; adam 0.1 at the middle one, and 1 beside it."""
    results = few(arms=("sgd", "adam"), rates=(1e-3, 1e-2, 1e-1))
    good = (results.trials["arm"] == "adam") & (results.trials["optimizer.lr"] == 1e-2)
    results.trials["valid_loss"] = [0.1 if best else 1.0 for best in good]
    results.trials["status"] = "ok"
    drawing = draw(results, "lr_sensitivity")["lr_sensitivity"]
    assert ", but its best score is the worst of all arms on 3 of 3" in drawing.title
    assert drawing.title.startswith("sgd tolerates the widest range of lr")
    assert "Red lane" not in drawing.subtitle  # nothing diverged, so there is none
    alarm = Theme().token("alarm_fill")
    assert not [patch for patch in panel(drawing, "digits").patches if to_hex(patch.get_facecolor()) == alarm]


def tuned(arm: str, problem: str, width: float, best: float = 0.1) -> dict[str, Any]:
    """Return a report's row on the rates 0.001, 0.01 and 0.1, with a width in decades given by hand."""
    points = [
        {"value_of": rate, "value": best, "n": 2, "ok": 2, "diverged": 0} for rate in (1e-3, 1e-2, 1e-1)
    ]
    row = {"arm": arm, "problem": problem, "width": width, "points": points, "best": 1e-2, "others": []}
    return {**row, "edge": False}


@pytest.mark.parametrize(
    ("sgd", "adam", "title"),
    [
        (
            (1.8, 1.5, 1.2),
            (1.7, 1.4, 1.3),
            "sgd tolerates the widest range of lr (median 1.5 decades, wider than adam's on 2 of 3 data "
            "sets)",
        ),
        # A larger median alone: adam tolerates more on two of three.
        (
            (1.8, 1.5, 1.0),
            (1.2, 1.6, 1.1),
            "No arm tolerates a wider range of lr than each other arm on most data sets; "
            "medians lie between 1.2 and 1.5 decades",
        ),
        # Only the best value itself scores well, as its neighbours are a decade away.
        (
            (0.2, 0.1, 0.3),
            (0.1, 0.1, 0.1),
            "No arm tolerates half a step of lr: the widest range is median 0.20 decades, "
            "and the values lie 1.0 apart",
        ),
    ],
)
def test_a_range_is_called_the_widest_where_it_is(
    sgd: tuple[float, ...], adam: tuple[float, ...], title: str
) -> None:
    rows = [
        tuned(arm, f"set {i}", width, best)
        for arm, widths, best in (("sgd", sgd, 0.1), ("adam", adam, 0.2))
        for i, width in enumerate(widths)
    ]
    report = {"select": {"goal": "min"}, "problem_unit": "data sets"}
    figure = REGISTRY.get("figure", "lr_sensitivity").cls()
    assert figure._title(rows, ["sgd", "adam"], "optimizer.lr", report) == title


def test_the_widest_range_of_three_is_compared_with_the_nearest_other() -> None:
    """sgd is wider than adam on sets 0 and 1, and than lion on all three."""
    widths = {"sgd": (1.8, 1.5, 1.2), "adam": (1.7, 1.4, 1.3), "lion": (0.5, 0.5, 0.5)}
    rows = [tuned(arm, f"set {i}", w, 0.1) for arm, own in widths.items() for i, w in enumerate(own)]
    report = {"select": {"goal": "min"}, "problem_unit": "data sets"}
    title = REGISTRY.get("figure", "lr_sensitivity").cls()._title(rows, list(widths), "optimizer.lr", report)
    assert title == (
        "sgd tolerates the widest range of lr (median 1.5 decades, wider than each other arm's on 2 or more "
        "of 3 data sets)"
    )


def test_a_panel_without_a_lost_value_has_no_lane() -> None:
    """On digits sgd diverges at the highest rate, elsewhere nothing does."""
    results = few(arms=("sgd", "adam"), rates=(1e-3, 1e-2, 1e-1))
    results.trials["valid_loss"] = 0.5
    gone = (results.trials["arm"] == "sgd") & (results.trials["optimizer.lr"] == 1e-1)
    gone &= (results.trials["problem"] == "digits") & (results.trials["phase"] == "tune")
    results.trials["status"] = ["diverged" if lost else "ok" for lost in gone]
    drawing = draw(results, "lr_sensitivity")["lr_sensitivity"]
    alarm = Theme().token("alarm_fill")
    with_lane = [
        ax.get_title(loc="left")
        for ax in drawing.figure.axes
        if any(to_hex(patch.get_facecolor()) == alarm for patch in ax.patches)
    ]
    assert with_lane == ["digits"]
    assert texts(drawing).count("diverged") == 1
