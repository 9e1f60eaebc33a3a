"""Figures are judged by what their axes hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from drawn_figures import NAMES, PROBLEMS, draw, draw_on, few, panel, texts
from results_factory import make_results
from shipped import REGISTRY

from anncore import Drawing, FigureInput
from anncore.evidence.study import Study
from anncore.report.build import build_report
from anncore.report.drawing import PHONE, WIDE, drawing_style, text_width
from anncore.report.theme import Theme
from anncore.report.write import draw_figures


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
