"""Decision boundaries: where the axes say classes change, and on how much of the plane seeds disagree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lazy_report import LazyReport
from matplotlib.colors import to_rgb
from matplotlib.contour import ContourSet
from results_factory import make_results
from sweep_factory import load

from anncore import DecisionMap, Drawing, load_run, sweep
from anncore.report.drawing import Theme, drawing_style, to_svg
from anncore.report.write import draw_figures, figures_to_draw, write_report

SIDE = 10
MIDDLES = (np.arange(SIDE) + 0.5) / SIDE
MapOf = Callable[[str, str, int], DecisionMap | None]
"""A trial's map from its problem, arm and seed."""


def map_of(shares: Any, classes: Sequence[str] = ("0", "1"), **options: Any) -> DecisionMap:
    """Return a map on the unit square from probabilities (K, S, S), of the second class alone for two."""
    shares = np.asarray(shares, float)
    given: dict[str, Any] = {
        "low": (0.0, 0.0),
        "high": (1.0, 1.0),
        "examples": np.array([[0.25, 0.5], [0.75, 0.5]]),
        "labels": np.array([0, 1]),
    }
    levels = np.rint(255 * shares).astype(np.uint8)
    return DecisionMap(("x1", "x2"), tuple(classes), levels=levels, **(given | options))


def step(at: float) -> DecisionMap:
    """Return a map of the second class right of `at`, without any doubt."""
    return map_of(np.broadcast_to((at < MIDDLES).astype(float), (1, SIDE, SIDE)))


def logistic(weight: tuple[float, float], bias: float, side: int = 48) -> DecisionMap:
    """Return the map of σ(w·x + b)."""
    middles = (np.arange(side) + 0.5) / side
    logit = weight[0] * middles[None, :] + weight[1] * middles[:, None] + bias
    return map_of(1 / (1 + np.exp(-logit))[None])


def results(make: MapOf, **options: Any) -> Any:
    """Return a sweep's results with a map for every report trial that ended well and has one."""
    given: dict[str, Any] = {"arms": ("sgd", "adam"), "problems": ("moons",), "regression": (), "steps": 100}
    swept = make_results(**(given | {"tune_seeds": (), "rates": (0.1,)} | options))
    report = swept.trials[(swept.trials["phase"] == "report") & (swept.trials["status"] == "ok")]
    for row in report.itertuples():
        made = make(row.problem, row.arm, row.seed)
        if made is not None:
            swept.maps[row.key] = made
    return swept


def drawn(swept: Any) -> Drawing | None:
    for _, drawing in draw_figures(swept, LazyReport(swept), only=("decision_boundaries",)):
        assert isinstance(drawing, Drawing), drawing
        return drawing
    return None


def draw(make: MapOf, **options: Any) -> Drawing:
    drawing = drawn(results(make, **options))
    assert drawing is not None
    return drawing


def panels(drawing: Drawing) -> list[Any]:
    """Return the panels, without the marks of the keys."""
    return [ax for ax in drawing.figure.axes if ax.axison]


def texts(thing: Any) -> list[str]:
    from matplotlib.text import Text

    return [text.get_text() for text in thing.findobj(Text) if text.get_text()]


def borders(ax: Any) -> np.ndarray[Any, Any]:
    """Return the places of all lines drawn between classes, (M, 2)."""
    lines = [artist for artist in ax.collections if isinstance(artist, ContourSet)]
    return np.concatenate([path.vertices for contours in lines for path in contours.get_paths()])


# ---- what is drawn


def test_the_border_of_a_linear_model_lies_where_its_formula_is_zero() -> None:
    drawing = draw(lambda p, a, s: logistic((6.0, -3.0), -1.0))
    for ax in panels(drawing):
        x, y = borders(ax).T
        inner = (x > 0.02) & (x < 0.98) & (y > 0.02) & (y < 0.98)
        # A byte is 1/255, and σ' is 1/4 where σ is 1/2: 4/255 at most, half of it by rounding.
        assert np.abs(6 * x - 3 * y - 1)[inner].max() < 0.02
        assert inner.sum() > 30
        assert (y.min(), y.max()) == (0, 1)  # it runs on to the rim


def test_the_border_is_the_mean_s_and_no_single_seed_s() -> None:
    ax = panels(draw(lambda p, a, s: logistic((20.0, 0.0), -8.0 if s % 2 else -12.0)))[0]
    x = borders(ax)[:, 0]  # one half of the seeds at 0.4, the others at 0.6
    assert np.abs(x - 0.5).max() < 0.005


@pytest.mark.parametrize(
    ("seeds", "far", "share"),
    [
        (5, 1, "20 %"),  # 4 of 5 are fewer than nine in ten
        (10, 1, "0 %"),  # 9 of 10 are not
        (10, 2, "20 %"),
        (10, 5, "20 %"),
        (20, 2, "0 %"),
        (20, 3, "20 %"),
    ],
)
def test_disagreement_is_the_share_of_cells_that_too_few_seeds_agree_on(
    seeds: int, far: int, share: str
) -> None:
    # All seeds put the border at 0.5 but for some, which put it at 0.7: two of ten columns of cells.
    drawing = draw(
        lambda p, a, s: step(0.7 if a == "sgd" and s < 100 + far else 0.5), seeds=range(100, 100 + seeds)
    )
    adam, sgd = panels(drawing)
    assert "0 %" in texts(adam)
    assert share in texts(sgd)
    grey = np.array((96, 104, 116))
    for ax, hatched in ((adam, False), (sgd, share == "20 %")):
        pixels = ax.images[0].get_array()[..., :3]
        columns = np.flatnonzero((pixels == grey).all(axis=2).any(axis=0))
        assert bool(len(columns)) == hatched
        if hatched:
            assert (columns.min() >= 15, columns.max() < 21) == (True, True)  # of 30: 3 to a cell
    if share == "20 %":
        assert drawing.title == ("On moons sgd's seeds disagree most: on 20 % of the plane (adam's on 0 %)")
    else:
        assert drawing.title == "All seeds agree on the whole plane: moons"


def test_colour_is_the_likeliest_class_and_doubt_lets_the_paper_through() -> None:
    halves = np.where(MIDDLES < 0.3, 0.0, np.where(MIDDLES < 0.6, 0.5, 1.0))
    ax = panels(draw(lambda p, a, s: map_of(np.broadcast_to(halves, (1, SIDE, SIDE)))))[0]
    image = ax.images[0]
    assert tuple(image.get_extent()) == (0, 1, 0, 1)
    assert image.origin == "lower"
    row = image.get_array()[15]
    theme = Theme.of(())
    assert row[0].tolist() == [*(round(255 * c) for c in to_rgb(theme.class_color(0))), 128]
    assert row[-1].tolist() == [*(round(255 * c) for c in to_rgb(theme.class_color(1))), 128]
    assert row[13, 3] == 0


def test_rows_run_along_the_second_feature() -> None:
    up = np.broadcast_to((MIDDLES > 0.5).astype(float)[:, None], (1, SIDE, SIDE))
    ax = panels(draw(lambda p, a, s: map_of(up, low=(-1.0, 10.0), high=(1.0, 30.0))))[0]
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1, 1), (10, 30))
    np.testing.assert_allclose(borders(ax)[:, 1], 20)


def test_three_classes_have_the_borders_between_them() -> None:
    places = np.floor(3 * (np.arange(30) + 0.5) / 30).astype(int)
    stripes = np.broadcast_to(np.eye(3)[places].T[:, None, :], (3, 30, 30))
    drawing = draw(lambda p, a, s: map_of(stripes, classes=("setosa", "b", "c")))
    x = borders(panels(drawing)[0])[:, 0]
    # Between a cell's middle and the next one's the lead passes through 0 half way.
    assert sorted(set(np.round(x, 6))) == [0.333333, 0.666667]
    assert {"setosa", "b", "c"} <= set(texts(drawing.figure))
    assert "where the likeliest class changes" in drawing.subtitle


def test_marks_lie_where_the_examples_do() -> None:
    own = {"examples": np.array([[0.1, 0.2], [0.6, 0.9], [0.8, 0.3]]), "labels": np.array([0, 1, 1])}
    ax = panels(draw(lambda p, a, s: replace(step(0.5), **own), seeds=(100,)))[0]
    marks = {patch.get_label(): patch.get_path().vertices for patch in ax.patches}
    assert set(marks) == {"class 0", "class 1"}
    np.testing.assert_allclose(marks["class 0"][:-1].mean(axis=0), [0.1, 0.2])
    squares = marks["class 1"].reshape(2, -1, 2)
    np.testing.assert_allclose(squares[:, :-1, 0].mean(axis=1), [0.6, 0.8])


# ---- what is said where something is missing


def test_diverged_seeds_are_counted_in_the_panel() -> None:
    def status(problem: str, arm: str, seed: int) -> str:
        return "diverged" if arm == "sgd" and seed < 103 else "ok"

    drawing = draw(lambda p, a, s: step(0.5), status=status)
    adam, sgd = panels(drawing)
    assert "7 of 10 seeds" in texts(sgd)
    assert not any("seeds" in text for text in texts(adam))
    assert "sgd 0 % (7 of 10 seeds)" in drawing.alt


def test_trials_from_before_there_were_maps_are_counted_too() -> None:
    drawing = draw(lambda p, a, s: None if a == "sgd" or s < 104 else step(0.5))
    adam, sgd = panels(drawing)
    assert "6 of 10 seeds" in texts(adam)
    assert "without a map\n10/10" in texts(sgd)
    assert not sgd.images


def test_an_arm_that_always_diverges_says_so_in_its_panel() -> None:
    drawing = draw(
        lambda p, a, s: step(0.5),
        status=lambda p, a, s: "diverged" if a == "sgd" else "ok",
    )
    assert "diverged\n10/10" in texts(panels(drawing)[1])
    assert "sgd diverged (0 of 10 seeds)" in drawing.alt


def test_maps_of_another_range_are_left_out_and_counted() -> None:
    def grown(problem: str, arm: str, seed: int) -> DecisionMap:
        return step(0.5) if seed < 108 else replace(step(0.5), high=(2.0, 1.0))

    assert "8 of 10 seeds" in texts(panels(draw(grown))[0])


def test_one_seed_shows_no_agreement() -> None:
    drawing = draw(lambda p, a, s: step(0.5), seeds=(100,))
    assert drawing.title == "One seed per picture: another one may have learned something else"
    assert not any("%" in text for ax in panels(drawing) for text in texts(ax))


def test_one_arm_is_said_alone() -> None:
    drawing = draw(lambda p, a, s: step(0.5 if s % 2 else 0.7), arms=("adam",))
    assert drawing.title == "moons: adam's seeds disagree on 20 % of the plane"


def test_without_maps_there_is_nothing_to_draw() -> None:
    assert drawn(results(lambda p, a, s: None)) is None


def test_six_arms_at_most_the_best_and_the_control() -> None:
    arms = tuple(f"arm_{i}" for i in range(9))
    drawing = draw(lambda p, a, s: step(0.5), arms=arms, report={"control": "arm_0"}, seeds=(100, 101, 102))
    # The later an arm, the lower its loss.
    names = [next(text for text in texts(ax) if text in arms) for ax in panels(drawing)]
    assert names == ["arm_8", "arm_7", "arm_6", "arm_5", "arm_4", "arm_0"]
    assert drawing.subtitle.endswith("Not drawn: arm_1, arm_2 and arm_3.")


def test_a_data_set_is_left_out_where_no_drawn_arm_has_a_map() -> None:
    arms = tuple(f"arm_{i}" for i in range(8))
    swept = results(lambda p, a, s: step(0.5) if a == "arm_0" else None, arms=arms, seeds=(100, 101))
    assert drawn(swept) is None


def test_one_arm_s_title_names_the_data_set_of_most_disagreement() -> None:
    drawing = draw(
        lambda p, a, s: step(0.5 if s % 2 or p == "easy" else 0.7), arms=("adam",), problems=("easy", "hard")
    )
    assert drawing.title == "hard: adam's seeds disagree most, on 20 % of the plane"


def test_long_names_get_room_before_more_stand_in_a_row() -> None:
    short, long = (tuple(f"{name}_{i}" for i in range(8)) for name in ("s", "a_rather_long_name"))
    columns = []
    for names in (short, long):
        drawing = draw(lambda p, a, s: step(0.5), arms=("adam",), problems=names, seeds=(100, 101))
        assert set(names) <= set(texts(drawing.figure))
        columns.append(len({round(ax.get_position().x0, 3) for ax in panels(drawing)}))
    assert columns == [6, 3]  # and never fewer than half


def test_twenty_four_panels_at_most() -> None:
    for arms, many, count in ((("adam",), 25, 24), (("a", "b", "c", "d", "e"), 6, 20)):
        sets = tuple(f"s{i}" for i in range(many))
        drawing = draw(lambda p, a, s: step(0.5), arms=arms, problems=sets, seeds=(100, 101))
        assert len(panels(drawing)) == count
        assert "Not drawn: " in drawing.subtitle
        width, height = drawing.figure.get_size_inches()
        for ax in panels(drawing):  # none lies outside the sheet or under the heading
            box = ax.get_position()
            assert 0 <= box.x0 <= box.x1 <= 1
            assert 0 <= box.y0 <= box.y1 <= 1
        assert (width, height < 12) == (9.6, True)


LONG = "mlp(hidden=[256, 256, 256], activation=leaky_relu) with a name that goes on and on"
HARD: dict[str, dict[str, Any]] = {
    "long names": {"arms": (LONG, LONG + "!"), "problems": (LONG, LONG + "?")},
    "mathematics in names": {"arms": ("$\\alpha", "a$b$^{"), "problems": ("$x_{", "_")},
    "hostile names": {"arms": ("<script>alert(1)</script>", "|`=cmd()"), "problems": ("</svg>",)},
    "another script": {"arms": ("优化器", "最適化"), "problems": ("数据",)},
    "half the seeds crash": {"status": lambda p, a, s: "crashed" if s % 2 else "ok"},
    "all seeds but one fail": {"status": lambda p, a, s: "failed" if s > 100 else "ok"},
    "two configurations that were not tuned": {"rates": (0.1, 0.2)},
}


@pytest.mark.parametrize("name", HARD)
def test_hard_cases_break_nothing(name: str) -> None:
    drawing = draw(lambda p, a, s: step(0.5 + 0.1 * (s % 3)), **HARD[name])
    with drawing_style():
        svg = to_svg(drawing.figure)
    assert svg.count("<image") == sum(len(ax.images) for ax in panels(drawing)) > 0


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_plane_of_one_class_or_of_none_has_no_border(share: float) -> None:
    ax = panels(draw(lambda p, a, s: map_of(np.full((1, SIDE, SIDE), share))))[0]
    assert not ax.collections


def test_no_example_is_no_mark() -> None:
    none = {"examples": np.zeros((0, 2)), "labels": np.zeros(0, int)}
    assert not panels(draw(lambda p, a, s: replace(step(0.5), **none)))[0].patches


def test_the_largest_drawing_is_small() -> None:
    side = 48
    x, y = np.meshgrid(np.linspace(-6, 6, side), np.linspace(-6, 6, side))
    examples = np.random.default_rng(0).uniform(0, 1, (64, 2))

    def spiral(problem: str, arm: str, seed: int) -> DecisionMap:
        angle = np.arctan2(y, x) + np.hypot(x, y) + 0.2 * (seed % 5)
        shares = (1 / (1 + np.exp(-4 * np.sin(angle))))[None]
        return map_of(shares, examples=examples, labels=np.arange(64) % 2)

    arms, sets = tuple(f"arm_{i}" for i in range(6)), tuple(f"set_{i}" for i in range(4))
    drawing = draw(spiral, arms=arms, problems=sets, seeds=range(100, 105))
    with drawing_style():
        svg = to_svg(drawing.figure)
    assert len(panels(drawing)) == 24
    assert len(svg) < 450_000


# ---- the whole way


def test_a_report_and_its_second_rendering_show_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = partial(figures_to_draw, only=("decision_boundaries",))
    monkeypatch.setattr("anncore.report.write.figures_to_draw", only)
    text = "\nseeds = { report = [0, 1, 2] }\noptimizer.sgd.lr = 0.1\noptimizer.adam.lr = 0.01\n"
    swept = sweep(load(tmp_path, text), out=tmp_path / "run", executor="serial")
    report = write_report(swept, tmp_path / "one")
    again = write_report(load_run(tmp_path / "run"), tmp_path / "two")
    (figure,) = [entry for entry in report["figures"] if entry["name"] == "decision_boundaries"]
    assert figure["section"] == "diagnostics"
    assert figure in again["figures"]
    for name in ("decision_boundaries.svg", "decision_boundaries.png"):
        one, two = (tmp_path / folder / "figures" / name for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
