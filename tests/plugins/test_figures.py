"""Figures are judged by what their axes hold."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from lazy_report import LazyReport
from matplotlib.colors import to_hex
from results_factory import make_results
from scipy import stats
from shipped import REGISTRY

from anncore import Drawing, FigureInput
from anncore.evidence.study import Study
from anncore.report.build import build_report
from anncore.report.drawing import PHONE, WIDE, drawing_style, text_width
from anncore.report.theme import Theme
from anncore.report.write import draw_figures, figure_input

NAMES = (
    "leaderboard",
    "heat_map",
    "learning_curves",
    "performance_profile",
    "critical_difference",
    "paired_differences",
    "probability_of_improvement",
    "lr_sensitivity",
    "budget_curves",
)
ARMS, PROBLEMS = ("sgd", "rmsprop", "adam"), ("two_moons", "digits", "sine")


def draw(results: Any, *names: str) -> dict[str, Drawing]:
    """Draw the figures of these names, all of NAMES where there are none."""
    return next(draw_on(results, [WIDE], *names))


def draw_on(results: Any, widths: Sequence[float], *names: str) -> Iterator[dict[str, Drawing]]:
    """Draw them on sheets of several widths; the report is built once."""
    report = LazyReport(results)
    data = figure_input(results, report)
    for width in widths:
        drawings = {}
        on_sheet = replace(data, width=width)
        for component, drawing in draw_figures(results, report, on_sheet, only=names or NAMES):
            assert isinstance(drawing, Drawing), drawing
            drawings[component.name] = drawing
        yield drawings


def texts(drawing: Drawing) -> list[str]:
    from matplotlib.text import Text

    return [text.get_text() for text in drawing.figure.findobj(Text)]


def panel(drawing: Drawing, title: str) -> Any:
    return next(ax for ax in drawing.figure.axes if ax.get_title(loc="left") == title)


def few(**options: Any) -> Any:
    given: dict[str, Any] = {"arms": ARMS, "problems": PROBLEMS, "regression": ("sine",), "steps": 100}
    return make_results(**(given | options))


@pytest.fixture(scope="module")
def plain() -> dict[str, Drawing]:
    return draw(few())


def test_every_figure_draws_and_says_what_it_found(plain: dict[str, Drawing]) -> None:
    assert set(plain) == set(NAMES)
    for drawing in plain.values():
        assert drawing.title
        assert drawing.subtitle
        assert len(drawing.alt) > len(drawing.title) / 2
        assert "nan" not in drawing.alt


def test_leaderboard_shows_every_seed_in_order_of_rank(plain: dict[str, Drawing]) -> None:
    ax = panel(plain["leaderboard"], "digits")
    dots = [points for points in ax.collections if len(points.get_offsets())]
    assert [len(points.get_offsets()) for points in dots] == [10, 10, 10]
    first = plain["leaderboard"].figure.axes[0]
    assert [label.get_text() for label in first.get_yticklabels()] == ["adam", "rmsprop", "sgd"]
    assert ax.get_xscale() == "log"
    bottom, top = ax.get_ylim()
    assert bottom > top  # the best is on top


def test_learning_curves_show_each_arm_with_its_last_interval(plain: dict[str, Drawing]) -> None:
    ax = panel(plain["learning_curves"], "two_moons")
    lines = {line.get_label(): line for line in ax.lines}
    assert set(ARMS) <= set(lines)
    assert list(lines["adam"].get_xdata()) == list(range(0, 101, 10))
    assert not ax.collections  # three bands would cover each other
    marks = [line for line in ax.lines if len(line.get_xdata()) == 1]
    assert all(mark.get_xdata()[0] > 100 for mark in marks)
    assert [mark.get_ydata()[0] for mark in marks] == [lines[arm].get_ydata()[-1] for arm in ARMS]
    spreads = [
        line.get_ydata() for line in ax.lines if len(line.get_xdata()) == 2 and line.get_xdata()[0] > 100
    ]
    assert all(low < mark.get_ydata()[0] < high for mark, (low, high) in zip(marks, spreads, strict=True))
    assert plain["learning_curves"].title == (
        "adam ends with the lowest validation loss on 3 of 3 data sets; on each of these surely ahead of the "
        "next arm (95 % intervals)"
    )


@pytest.mark.parametrize("problems", [("xor",), ("xor", "iris")])
@pytest.mark.parametrize("log", [False, True])
def test_a_lead_at_the_end_is_sure_where_the_paired_interval_leaves_out_0(
    log: bool, problems: tuple[str, ...]
) -> None:
    """The interval is that of SciPy 1.17's paired t-test, of logarithms where all values are positive."""
    results = make_results(arms=("a", "b"), problems=problems, tune_seeds=(), rates=(0.1,))
    trials = results.trials.set_index("key")
    arms, seeds = (trials.loc[results.curves["key"], name].to_numpy() for name in ("arm", "seed"))
    ends = results.curves["step"] == results.curves["step"].max()
    first = ends & (results.curves["metric"] == "valid_loss")
    for name, value in (("problem", "xor"), ("phase", "report")):
        first &= trials.loc[results.curves["key"], name].to_numpy() == value
    said = []
    for spread in (0.5, 3.0):  # of the differences, whose mean is 1
        behind = np.where(arms == "b", 1 + spread * np.where(seeds % 2, 1.0, -1.0), 0.0)
        level = np.where(ends, 0.3 * (seeds % 3) + behind, 9.0)
        curves = results.curves.assign(value=np.exp(level) if log else level - 20)
        title = draw(replace(results, curves=curves), "learning_curves")["learning_curves"].title
        test = stats.ttest_rel(*(level[(arms == arm) & first] for arm in "ba"))
        assert (test.confidence_interval(0.95).low > 0) == (spread < 1)
        said.append(title.partition("; ")[2])
    if len(problems) == 1:
        assert said == [f"{no}surely ahead of b, the next arm (95 % interval)" for no in ("", "not ")]
    else:
        assert said == [
            f"on {n} of these surely ahead of the next arm (95 % intervals)" for n in ("each", "none")
        ]


def test_diverged_seeds_end_in_a_cross_and_dash_the_mean() -> None:
    def status(problem: str, arm: str, seed: int) -> str:
        return "diverged" if (problem, arm) == ("digits", "sgd") and seed < 103 else "ok"

    names = ("learning_curves", "leaderboard", "heat_map", "paired_differences")
    drawn = draw(few(status=status), *names)
    ax = panel(drawn["learning_curves"], "digits")
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    assert len(crosses) == 3
    mean = next(line for line in ax.lines if line.get_label() == "sgd")
    assert mean.get_linestyle() == "--"
    assert drawn["learning_curves"].title.endswith("diverged seeds: sgd on digits (3/10)")
    assert "sgd ×3/10" in texts(drawn["learning_curves"])
    assert "×3/10" in texts(drawn["leaderboard"])
    assert "×3" in texts(drawn["heat_map"])
    assert "×3/10" in texts(drawn["paired_differences"])


def test_heat_map_calls_no_gap_nought() -> None:
    def score(problem: str, arm: str, seed: int) -> float:
        return 0.5 if arm == "a" else 0.501  # 0.2 % apart on both

    results = make_results(arms=("a", "b"), problems=("xor", "iris"), score=score)
    title = draw(results, "heat_map")["heat_map"].title
    assert title == "Best and worst optimizer differ by less than 1 % on each data set"


def test_heat_map_holds_ranks_and_gaps_by_column(plain: dict[str, Drawing]) -> None:
    ax = plain["heat_map"].figure.axes[0]
    levels = ax.collections[0].get_array().reshape(3, 3)
    assert (levels[0] == 0).all()  # adam is the best of every column
    assert (levels[2] == 15).all()  # sgd the worst
    shown = texts(plain["heat_map"])
    assert [shown.count(rank) for rank in ("1", "2", "3")] == [3, 3, 3]
    assert "1.0" in " ".join(shown)


def fills(drawn: Drawing) -> dict[str, tuple[float, float]]:
    """Return by colour a place of those cells of a heat map that are not coloured by their gap."""
    return {to_hex(patch.get_facecolor()): patch.get_xy() for patch in drawn.figure.axes[0].patches}


@pytest.mark.parametrize("spread", [0.5, 3.0])
def test_a_cell_is_grey_where_the_paired_interval_from_the_best_holds_0(spread: float) -> None:
    """b is 10 % worse than a on average, and by turns far more and less; checked by SciPy 1.17's t-test."""

    def score(problem: str, arm: str, seed: int) -> float:
        behind = 0.1 * (1 + spread * (1 if seed % 2 else -1)) * (arm == "b")
        return math.exp(0.2 * (seed % 3) + behind)

    results = make_results(arms=("a", "b"), problems=("xor", "iris"), score=score)
    drawn, theme = draw(results, "heat_map")["heat_map"], Theme()
    a, b = ([math.log(score("xor", arm, seed)) for seed in range(100, 110)] for arm in "ab")
    grey = stats.ttest_rel(b, a).confidence_interval(0.95).low <= 0
    assert grey == (spread > 1)
    assert fills(drawn) == ({theme.token("grid"): (1, 1)} if grey else {})
    assert ("Grey: the 95 % t-interval" in drawn.subtitle) == grey


def test_arms_that_share_a_rank_as_they_lost_a_seed_have_one_colour() -> None:
    """Both b and c lost a seed, so both rank behind a, though the mean of b's others is the best of all."""
    results = make_results(
        arms=("a", "b", "c"),
        problems=("xor", "iris"),
        score=lambda p, arm, s: {"a": 0.5, "b": 0.1, "c": 2.0}[arm] * (1 + s % 7 / 100),
        status=lambda p, arm, s: "diverged" if p == "iris" and arm != "a" and s == 100 else "ok",
    )
    drawn, lost = draw(results, "heat_map")["heat_map"], Theme().token("alarm_fill")
    red = [patch.get_xy() for patch in drawn.figure.axes[0].patches if to_hex(patch.get_facecolor()) == lost]
    assert len(red) == 2
    assert {x for x, _ in red} == {1.0}  # iris
    assert "2.5" in texts(drawn)
    assert "Red, ×n: n seeds did not finish" in drawn.subtitle


def test_a_cell_fails_where_half_of_its_seeds_diverged() -> None:
    results = few(status=lambda p, a, s: "diverged" if (p, a) == ("digits", "sgd") and s < 105 else "ok")
    drawn = draw(results, "heat_map")["heat_map"]
    assert "diverged\n5/10" in texts(drawn)
    (box,) = [patch for patch in drawn.figure.axes[0].patches if patch.get_hatch()]
    assert box.get_hatch() == "////"
    assert drawn.title.endswith("failures on digits")


def test_sensitivity_has_a_lane_for_divergence_and_a_star_for_the_best(plain: dict[str, Drawing]) -> None:
    ax = panel(plain["lr_sensitivity"], "digits")
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


def test_paired_differences_lie_right_of_the_reference() -> None:
    drawn = draw(few(), "paired_differences")["paired_differences"]
    ax = panel(drawn, "digits")
    assert ax.get_xscale() == "log"
    dots = [points.get_offsets() for points in ax.collections]
    assert [len(points) for points in dots] == [10, 10]
    assert (dots[1][:, 0] > 1).all()  # sgd's loss over adam's
    assert drawn.title == "adam beats rmsprop on 3 and sgd on 3 of 3 data sets"


def test_a_control_is_the_reference() -> None:
    drawn = draw(few(report={"control": "sgd"}), "paired_differences")["paired_differences"]
    assert drawn.title == "sgd loses to adam on 3 and rmsprop on 3 of 3 data sets"


def test_too_few_seeds_say_so_in_the_title() -> None:
    drawn = draw(few(seeds=(100, 101, 102)), "paired_differences")["paired_differences"]
    assert drawn.title == "3 seeds are too few to tell adam from any other arm on a single data set"


LONG = "mlp(hidden=[256, 256, 256], activation=leaky_relu) with a name that goes on and on"


def little(**options: Any) -> Any:
    """Return a sweep just large enough for six pairs of seeds."""
    return few(
        **{
            "arms": ("sgd", "adam"),
            "problems": ("xor", "sine"),
            "seeds": range(10, 16),
            "tune_seeds": (0, 1),
            **options,
        }
    )


HARD: dict[str, Callable[[], Any]] = {
    "one arm": lambda: little(arms=("adam",)),
    "one data set": lambda: little(problems=("xor",)),
    "one seed": lambda: little(seeds=(100,), tune_seeds=(0,)),
    "twenty arms": lambda: little(
        arms=tuple(f"arm_{i}" for i in range(20)), problems=("xor",), seeds=(100, 101)
    ),
    "long names": lambda: little(arms=(LONG, LONG + "!"), problems=(LONG, LONG + "?")),
    "mathematics in names": lambda: little(
        arms=("$\\alpha", "a$b$^{", "优化器", "最適化"), problems=("$x_{", "_", "数据")
    ),
    "hostile names": lambda: little(arms=("<script>alert(1)</script>", "|`=cmd()"), problems=("</svg>",)),
    "all diverged": lambda: little(status=lambda *_: "diverged"),
    "all failed": lambda: little(status=lambda *_: "failed"),
    "one arm always diverges": lambda: little(status=lambda p, a, s: "diverged" if a == "sgd" else "ok"),
    "half the seeds crash": lambda: little(status=lambda p, a, s: "crashed" if s % 2 else "ok"),
    "mixed metrics": lambda: little(metric="valid_accuracy", goal="max"),
    "all equal": lambda: little(score=lambda *_: 0.25),
    "perfect accuracy": lambda: little(
        metric="valid_accuracy", goal="max", score=lambda *_: 0.0, regression=()
    ),
    "tiny and huge": lambda: little(score=lambda p, a, s: 1e-22 if a == "adam" else 1e18),
    "zero loss": lambda: little(score=lambda *_: 0.0),
    "not tuned": lambda: little(tune_seeds=()),
    "thirteen data sets": lambda: little(
        arms=("sgd", "adam"), problems=tuple(f"data_set_number_{i}" for i in range(13)), seeds=(100, 101)
    ),
}


# Those that the kit draws too, on a wide sheet.
OF_THE_KIT = {"one arm", "one seed", "all diverged", "all failed", "half the seeds crash", "not tuned"}
OF_THE_KIT |= {"one arm always diverges", "hostile names"}
# Those that are hard for their numbers: as hard on a wide sheet as on a narrow one, with less room for them.
OF_NUMBERS = {"mixed metrics", "all equal", "perfect accuracy", "tiny and huge", "zero loss"}


@pytest.mark.parametrize("name", HARD)
def test_hard_cases_break_no_figure(name: str) -> None:
    widths = [PHONE] if name in OF_THE_KIT | OF_NUMBERS else [WIDE, PHONE]
    for width, drawings in zip(widths, draw_on(HARD[name](), widths), strict=True):
        for drawing in drawings.values():
            with drawing_style():
                drawing.figure.draw_without_rendering()
            assert drawing.figure.get_figwidth() <= width + 0.01
            for text in (drawing.title, drawing.subtitle, drawing.alt):
                assert "nan" not in text.lower().split()


def test_with_no_trials_at_all_nothing_is_drawn_and_nothing_breaks() -> None:
    results = few()
    results = replace(results, trials=results.trials.iloc[:0])
    results = replace(results, curves=results.curves.iloc[:0])
    report = build_report(results, {})
    data = FigureInput(
        results.trials.assign(label=""),
        results.curves,
        report,
        Theme.of(report["arms"]),
        Study(results).options,
    )
    for component in results.experiment.registry.of_kind("figure"):
        with drawing_style():
            drawing = component.cls().draw(data)
        assert drawing is None or isinstance(drawing, (Drawing, str))


@pytest.mark.parametrize(
    ("seeds", "title"),
    [
        ((100,), "1 seed is too few to tell adam from any other arm on a single data set"),
        ((100, 101), "2 seeds are too few to tell adam from any other arm on a single data set"),
    ],
)
def test_paired_differences_count_their_seeds_in_words(seeds: tuple[int, ...], title: str) -> None:
    assert draw(few(seeds=seeds), "paired_differences")["paired_differences"].title == title


@pytest.mark.parametrize("arms", [("sgd", "adam"), ("adam",)])
@pytest.mark.parametrize("tune_seeds", [(0,), ()])
def test_one_of_a_thing_is_no_plural(arms: tuple[str, ...], tune_seeds: tuple[int, ...]) -> None:
    plural = re.compile(r"\b1 (\w+ )?(seeds|data sets|arms|configurations|steps|pairs|trials)\b")
    results = few(arms=arms, problems=("xor",), seeds=(100,), tune_seeds=tune_seeds, steps=1)
    for component, drawing in draw_figures(results, build_report(results, {})):
        assert isinstance(drawing, Drawing), drawing
        for text in (drawing.title, drawing.subtitle, drawing.alt, *texts(drawing)):
            assert not plural.search(text), f"{component.name}: {text}"


@pytest.mark.parametrize("name", ["leaderboard", "paired_differences"])
@pytest.mark.parametrize("metric", ["valid_loss", "valid_accuracy"])
def test_counts_of_lost_seeds_lie_right_of_all_that_is_drawn(name: str, metric: str) -> None:
    def status(problem: str, arm: str, seed: int) -> str:
        return "diverged" if arm == "sgd" and seed < 103 else "ok"

    goal = "max" if metric == "valid_accuracy" else "min"
    drawing = draw(few(status=status, metric=metric, goal=goal), name)[name]
    panels = [ax for ax in drawing.figure.axes if "×3/10" in [text.get_text() for text in ax.texts]]
    assert len(panels) == len(PROBLEMS)
    for ax in panels:
        inside = ax.transData + ax.transAxes.inverted()
        points = [points.get_offsets() for points in ax.collections if len(points.get_offsets())]
        points += [
            line.get_xydata() for line in ax.lines if len(line.get_xdata()) and line.get_xdata()[0] > 0
        ]
        most = max(float(inside.transform(places)[:, 0].max()) for places in points)
        width = ax.get_position().width * drawing.figure.get_figwidth()
        assert most <= 1 - text_width("×3/10", 7, "bold") / width


def test_a_lone_arm_does_not_win() -> None:
    title = draw(few(arms=("adam",)), "learning_curves")["learning_curves"].title
    assert title == "adam ends with a lower validation loss than it starts with on 3 of 3 data sets"


def test_arms_that_end_best_equally_often_are_all_named() -> None:
    def score(problem: str, arm: str, seed: int) -> float:
        return 0.1 if (problem, arm) in (("xor", "sgd"), ("iris", "adam")) else 0.5

    results = few(arms=("sgd", "adam"), problems=("xor", "iris"), score=score)
    title = draw(results, "learning_curves")["learning_curves"].title
    assert title.startswith("sgd and adam end with the lowest validation loss on 1 of 2 data sets each; ")


def test_a_table_without_failures_does_not_explain_them(plain: dict[str, Drawing]) -> None:
    assert "×n" not in plain["heat_map"].subtitle
    assert "Hollow" not in plain["leaderboard"].subtitle
    assert "×" not in plain["learning_curves"].subtitle


def test_no_tick_stands_below_the_counts_of_lost_seeds() -> None:
    """An axis that is made longer for the counts has no accuracy above 100 %."""
    results = little(
        metric="valid_accuracy",
        goal="max",
        regression=(),
        score=lambda p, a, s: 0.01 * (s - 9),
        status=lambda p, a, s: "diverged" if a == "sgd" and s < 12 else "ok",
    )
    ax = panel(draw(results, "leaderboard")["leaderboard"], "xor")
    assert ax.get_xlim()[1] > 100
    assert max(ax.get_xticks()) <= 100


def test_a_name_above_a_column_lies_on_the_sheet() -> None:
    arms = tuple(f"an_optimizer_{i}" for i in range(12))
    drawing = draw(little(arms=arms), "probability_of_improvement")["probability_of_improvement"]
    with drawing_style():
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        canvas = FigureCanvasAgg(drawing.figure)
        canvas.draw()
    width = drawing.figure.bbox.width
    names = [
        label for ax in drawing.figure.axes for label in ax.get_xticklabels() if label.get_text() in arms
    ]
    assert len(names) == 12
    assert max(name.get_window_extent(canvas.get_renderer()).x1 for name in names) <= width


def test_no_text_is_smaller_than_six_and_a_half_points() -> None:
    from matplotlib.text import Text

    arms = tuple(f"arm_{i}" for i in range(12))
    results = little(arms=arms, status=lambda p, a, s: "diverged" if (a, s) == ("arm_3", 10) else "ok")
    for name, drawing in draw(results).items():
        for text in drawing.figure.findobj(Text):
            assert not text.get_text().strip() or text.get_size() >= 6.5, f"{name}: {text.get_text()}"


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


def flattened(results: Any, gap: float = 0.0) -> Any:
    """Return the results with curves that fall to 1 in every trial, and to `gap` more in adam's."""
    own = dict(zip(results.trials["key"], results.trials["arm"], strict=True))
    curves = results.curves.copy()
    last = curves.groupby(["key", "metric"])["step"].transform("max")
    curves["value"] = 2.0 - curves["step"] / last + [gap * (own[key] == "adam") for key in curves["key"]]
    return replace(results, curves=curves)


@pytest.mark.parametrize(
    ("gap", "title"),
    [
        (1e-3, "All arms end with the same validation loss, to 0.5 %, on every data set"),
        (
            0.1,
            "sgd ends with the lowest validation loss on 3 of 3 data sets; on each of these surely ahead of "
            "the next arm (95 % intervals)",
        ),
    ],
)
def test_arms_that_end_alike_do_not_win(gap: float, title: str) -> None:
    results = flattened(few(arms=("sgd", "adam"), tune_seeds=(), rates=(0.1,)), gap)
    assert draw(results, "learning_curves")["learning_curves"].title == title


def test_of_two_lines_that_coincide_both_are_seen() -> None:
    results = flattened(few(arms=("sgd", "adam"), tune_seeds=(), rates=(0.1,)))
    ax = panel(draw(results, "learning_curves")["learning_curves"], "digits")
    below, above = (line for line in ax.lines if line.get_label() in ("sgd", "adam"))
    assert below.get_linewidth() > 2 * above.get_linewidth()


def test_a_few_steps_have_whole_ticks() -> None:
    results = flattened(few(arms=("sgd", "adam"), tune_seeds=(), rates=(0.1,)))
    results.curves["step"] = (results.curves["step"] > 0).astype(int)
    curves = results.curves.drop_duplicates(["key", "metric", "step"])
    ax = panel(draw(replace(results, curves=curves), "learning_curves")["learning_curves"], "digits")
    assert [tick for tick in ax.get_xticks() if 0 <= tick <= 1] == [0, 1]


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


def test_run_times_begin_shortly_before_the_first_evaluation() -> None:
    """Nothing is evaluated before step 10, so the axis begins at a quarter of it, and fills the sheet."""
    results = few(arms=("sgd", "adam"), problems=("digits",), regression=(), tune_seeds=(), rates=(0.1,))
    (ax,) = draw(results, "run_times")["run_times"].figure.axes
    assert ax.get_xlim()[0] == 2.5
    assert ax.get_position().width > 0.7


@pytest.mark.parametrize(
    ("name", "up", "down", "beyond"),
    [
        ("leaderboard", 2.0, 0.5, False),
        ("leaderboard", 1e3, 1.0, True),
        ("paired_differences", 2.0, 0.5, False),
    ],
)
def test_a_triangle_is_explained_where_one_is_drawn(name: str, up: float, down: float, beyond: bool) -> None:
    """Eight of ten pairs are equal, so both others are far off by Tukey's fences; where one lies as far above
    as the other below, the t-interval reaches so far that the axis shows both."""
    results = make_results(arms=("sgd", "adam"), problems=("digits",), tune_seeds=(), rates=(0.1,), steps=20)
    factors = {("adam", 100): up, ("adam", 101): down}
    results.trials["status"] = "ok"
    results.trials["test_loss"] = [
        factors.get(pair, 1.0) for pair in zip(results.trials["arm"], results.trials["seed"], strict=True)
    ]
    drawing = draw(results, name)[name]
    lines = drawing.figure.axes[0].lines
    assert any(line.get_marker() in ("<", ">") for line in lines) == beyond
    assert ("Triangle" in drawing.subtitle) == beyond


@pytest.mark.parametrize("name", ["leaderboard", "paired_differences"])
def test_a_subtitle_explains_no_mark_that_is_not_there(name: str) -> None:
    results = few(arms=("sgd", "adam"), tune_seeds=(), rates=(0.1,))
    results.trials["status"] = "ok"
    drawing = draw(results, name)[name]
    assert "Red count" not in drawing.subtitle
    assert ("Triangle" in drawing.subtitle) == any("▶" in text or "◀" in text for text in texts(drawing))


def test_counts_of_failed_configurations_lie_clear_of_all_lines() -> None:
    """Eight names at the side of a panel leave no free place, so the axis grows for them."""
    from matplotlib.figure import Figure

    from anncore.report.drawing.sheet import corner_texts, place

    figure = Figure(figsize=(3, 2))
    ax = place(figure, 0.5, 0.5, 2.0, 1.2)
    for height in range(11):
        ax.plot([0, 1], [height, 10 - height])
    ax.set(xlim=(0, 1), ylim=(0, 10))
    corner_texts(ax, [("relu + he ×2/9", "black"), ("gelu + he ×2/9", "black")], Theme())
    lowest = min(text.get_position()[1] for text in ax.texts)
    assert ax.transAxes.inverted().transform(ax.transData.transform((0, 10)))[1] < lowest - 0.08


def test_a_word_in_a_cell_is_explained() -> None:
    results = few(arms=("sgd", "adam"), tune_seeds=(), rates=(0.1,))
    assert "Floor" not in draw(results, "heat_map")["heat_map"].subtitle
    results.trials.loc[results.trials["arm"] == "adam", ["test_loss", "test_accuracy", "test_mae"]] = 0.0
    drawing = draw(results, "heat_map")["heat_map"]
    assert ("Floor" in drawing.subtitle) == ("floor" in texts(drawing))


@pytest.mark.parametrize(
    ("metric", "goal", "column", "shares"),
    [
        ("valid_topographic_error", "min", "test_topographic_error", True),
        ("valid_accuracy", "max", "test_accuracy", True),
        ("valid_loss", "min", "test_accuracy", False),
    ],
)
def test_a_share_is_in_per_cent_whichever_way_is_better(
    metric: str, goal: str, column: str, shares: bool
) -> None:
    modules = (REGISTRY.get("figure", name).cls.__module__ for name in ("learning_curves", "lr_sensitivity"))
    learning_curves, lr_sensitivity = map(import_module, modules)
    report = {
        "select": {"metric": metric, "goal": goal},
        "measures": {"p": {"scale": "unit", "column": column}},
    }
    assert learning_curves._shares(report, metric) == lr_sensitivity._shares(report) == shares
