"""Tables by other doors than a text file: Parquet, data frames; and what scikit-learn brings along."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
from shipped import REGISTRY

import anncore
from anncore import ComponentError, Data, DataError
from anncore.contract.hyperparameters import build
from anncore.testing import check_component

FRAME = pd.DataFrame(
    {
        "age": [31.0, np.nan, 45.5, 28.0, 60.25, 33.0],
        "city": ["Oslo", "NA", None, "Rome", "Oslo", "NA"],
        "vip": [True, False, True, True, False, False],
        "since": pd.to_datetime(
            ["1970-01-02", "1970-01-03T12:00", None, "1970-01-05", "1970-01-06", "1970-01-07"],
            format="ISO8601",
        ),
        "y": ["yes", "no", "no", "yes", "yes", "no"],
    }
)
CSV = """age,city,vip,since,y
31.0,Oslo,true,1970-01-02,yes
,NA,false,1970-01-03T12:00:00,no
45.5,,true,,no
28.0,Rome,true,1970-01-05,yes
60.25,Oslo,false,1970-01-06,yes
33.0,NA,false,1970-01-07,no
"""


def make(name: str, **values: Any) -> Data:
    return build(REGISTRY.get("dataset", name).cls, **values).make(np.random.default_rng(0))


def of_csv(folder: Path, **values: Any) -> Data:
    (folder / "a.csv").write_text(CSV)
    return make("csv", path=str(folder / "a.csv"), **values)


def of_frame(folder: Path, frame: pd.DataFrame = FRAME, **values: Any) -> Data:
    section = anncore.dataset_from_frame(frame, folder=folder, **values)
    return make(section.pop("use"), **section)


def of_parquet(folder: Path, frame: pd.DataFrame = FRAME, **values: Any) -> Data:
    pytest.importorskip("pyarrow")
    frame.to_parquet(folder / "a.parquet", index=False)
    return make("parquet", path=str(folder / "a.parquet"), **values)


@pytest.mark.parametrize("door", [of_frame, of_parquet])
def test_every_door_leads_to_the_same_data(tmp_path: Path, door: Any) -> None:
    for values in ({}, {"drop": ["city"]}, {"categories": ["age"]}):
        ours, theirs = door(tmp_path, target="y", **values), of_csv(tmp_path, target="y", **values)
        np.testing.assert_array_equal(ours.x, theirs.x)
        if not values.get("categories"):  # a file spells 31.0, as Python does
            assert ours.columns == theirs.columns
        assert (ours.y.tolist(), ours.classes, ours.features) == (
            theirs.y.tolist(),
            theirs.classes,
            theirs.features,
        )


@pytest.mark.parametrize("door", [of_frame, of_parquet])
def test_texts_that_look_like_numbers_stay_texts(tmp_path: Path, door: Any) -> None:
    frame = pd.DataFrame({"zip": ["01", "1", "01", "1", "2"], "y": [0.5, 1.5, 2.5, 3.5, 4.5]})
    assert door(tmp_path, frame, target="y").columns[0].categories == ("01", "1", "2")


@pytest.mark.parametrize("door", [of_frame, of_parquet])
def test_mistakes_name_the_row(tmp_path: Path, door: Any) -> None:
    frame = pd.DataFrame({"a": [1.0, np.inf, 3, 4, 5], "y": [0.5, np.nan, 2.5, 3.5, 4.5]})
    with pytest.raises(DataError) as caught:
        door(tmp_path, frame, target="y")
    assert [line.partition(": ")[2].rpartition(": ")[2] for line in caught.value.lines] == [
        "a value is missing in column 'y', first on row 2; fill them or take the rows out",
        "column 'a' must hold finite numbers, got 'inf' on row 2; turn it into numbers, or leave it out with "
        'drop = ["a"], or read all as texts with categories = ["a"]',
    ]


def test_a_frame_is_known_by_what_it_holds(tmp_path: Path) -> None:
    one = anncore.dataset_from_frame(FRAME, folder=tmp_path, target="y")
    other = anncore.dataset_from_frame(FRAME.set_index(np.arange(6) * 2), folder=tmp_path, target="y")
    assert one == other
    changed = anncore.dataset_from_frame(FRAME.assign(age=FRAME["age"] + 1), folder=tmp_path, target="y")
    assert changed["path"] != one["path"]
    assert len(list(tmp_path.iterdir())) == 2


def test_kinds_of_columns_of_objects(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "flag": [True, None, False, True, True],
            "day": [datetime.date(1970, 1, 2), None, *[datetime.date(1970, 1, 3)] * 3],
            "level": pd.Categorical(["b", "a", "b", None, "a"]),
            "code": pd.Categorical([2, 10, 2, 10, 2]),
            "big": pd.array([1, None, 3, 4, 5], dtype="Int64"),
            "y": [0.5, 1.5, 2.5, 3.5, 4.5],
        }
    )
    data = of_frame(tmp_path, frame, target="y")
    np.testing.assert_array_equal(
        data.x,
        [
            [1, 1, 1, 0, 1],
            [np.nan, np.nan, 0, 1, np.nan],
            [0, 2, 1, 0, 3],
            [1, 2, np.nan, 1, 4],
            [1, 2, 0, 0, 5],
        ],
    )
    assert (data.columns[2].categories, data.columns[3].categories) == (("a", "b"), ("2", "10"))


@pytest.mark.parametrize(
    ("frame", "values", "error", "message"),
    [
        ([1, 2], {}, TypeError, "a pandas data frame is needed, got"),
        (FRAME.assign(d=[{}] * 6), {"target": "y"}, DataError, "column 'd' holds {}, no number"),
        (
            FRAME.assign(d=pd.to_timedelta([1] * 6)),
            {"target": "y"},
            DataError,
            "column 'd' holds timedelta64",
        ),
        (FRAME, {"target": "why"}, DataError, "has no column 'why', which target names"),
        (FRAME, {"targte": "y"}, ComponentError, "unknown hyperparameter 'targte'.*Did you mean 'target'"),
        (
            pd.concat([FRAME, FRAME[["age"]]], axis=1),
            {"target": "y"},
            DataError,
            "both called 'age'; rename one",
        ),
        (
            FRAME.set_axis(pd.MultiIndex.from_product([["a"], range(5)]), axis=1),
            {},
            DataError,
            "several levels",
        ),
    ],
)
def test_frames_that_do_not_serve_are_refused(
    tmp_path: Path, frame: Any, values: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        anncore.dataset_from_frame(frame, folder=tmp_path, **values)


def test_a_frame_that_is_refused_leaves_no_file_and_is_not_called_by_it(tmp_path: Path) -> None:
    anncore.dataset_from_frame(FRAME, folder=tmp_path, target="y")
    frame = FRAME.assign(w=[1e302, *[1.0] * 5])
    with pytest.raises(DataError) as caught:
        anncore.dataset_from_frame(frame, folder=tmp_path, target="y", weight="w")
    assert str(caught.value) == (
        "the frame: column 'w' holds values up to 1e+302, too large to compute with; divide them"
    )
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(DataError, match=r"^the frame: has no column 'z', which target names"):
        anncore.dataset_from_frame(FRAME, folder=tmp_path, target="z")
    assert len(list(tmp_path.iterdir())) == 1  # which another call made


@pytest.mark.parametrize("values", [pd.to_timedelta(range(6), unit="s"), [{}] * 6])
def test_a_column_that_is_needed_is_not_to_be_left_out(tmp_path: Path, values: Any) -> None:
    frame = FRAME.assign(w=values)
    with pytest.raises(DataError, match="convert it to one of these"):
        anncore.dataset_from_frame(frame, folder=tmp_path, target="y", weight="w")
    with pytest.raises(DataError, match="leave it out"):
        anncore.dataset_from_frame(frame, folder=tmp_path, target="y")


def test_columns_that_are_left_out_may_hold_anything(tmp_path: Path) -> None:
    assert of_frame(tmp_path, FRAME.assign(d=[{}] * 6), target="y", drop=["d"]).x.shape == (6, 4)


def test_parquet_with_odd_columns_and_odd_files(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(DataError, match="column 'd' holds list<"):
        of_parquet(tmp_path, FRAME.assign(d=[[1]] * 6), target="y")
    assert of_parquet(tmp_path, FRAME.assign(d=[[1]] * 6), target="y", drop=["d"]).x.shape == (6, 4)
    (tmp_path / "b.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=r"b\.parquet: is no Parquet file that can be read"):
        make("parquet", path=str(tmp_path / "b.parquet"), target="y")


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    with pytest.raises(
        DataError, match=r"needs pyarrow, which is not installed: pip install 'annx\[parquet\]'"
    ):
        make("parquet", path=str(tmp_path / "b.parquet"), target="y")


@pytest.mark.slow
def test_they_keep_what_every_data_set_must(tmp_path: Path) -> None:
    section = anncore.dataset_from_frame(FRAME.iloc[[0, 1, 2, 3, 4, 5] * 4], folder=tmp_path, target="y")
    section.pop("use")
    check_component(REGISTRY.get("dataset", "data_frame").cls, values=section)


# scikit-learn


def test_what_it_loads_is_its_own() -> None:
    wine, ours = sklearn.datasets.load_wine(), make("sklearn", loader="load_wine")
    np.testing.assert_array_equal(ours.x, wine.data)
    assert (ours.task, ours.classes) == ("multiclass", ("class_0", "class_1", "class_2"))
    assert make("sklearn", loader="load_digits", options=["n_class=2"]).classes == ("0", "1")
    assert make("sklearn", loader="load_linnerud").y.shape == (20, 3)
    assert make("sklearn", loader="load_diabetes").task == "regression"


def test_what_it_makes_is_its_own_with_the_streams_seed() -> None:
    cls = REGISTRY.get("dataset", "sklearn").cls
    ours = build(cls, loader="make_moons", n=50, options=["noise=0.2"]).make(np.random.default_rng(7))
    seed = int(np.random.default_rng(7).integers(2**31))
    x, y = sklearn.datasets.make_moons(50, noise=0.2, random_state=seed)
    np.testing.assert_array_equal(ours.x, x)
    assert (ours.y.tolist(), ours.task) == (y.tolist(), "binary")


@pytest.mark.parametrize(
    "loader", REGISTRY.get("dataset", "sklearn").cls.__dataclass_fields__["loader"].metadata["annx"][1].values
)
def test_every_loader_gives_data(loader: str) -> None:
    data = make("sklearn", loader=loader)
    assert len(data.x) == len(data.y)
    assert np.isfinite(data.x).all()


def test_every_loader_without_a_download_that_gives_x_and_y_is_there() -> None:
    known = set(
        REGISTRY.get("dataset", "sklearn").cls.__dataclass_fields__["loader"].metadata["annx"][1].values
    )
    # Files, images, several labels at once, and matrices without a target.
    others = {
        "load_files",
        "load_sample_image",
        "load_sample_images",
        "load_svmlight_file",
        "load_svmlight_files",
    }
    others |= {
        "make_biclusters",
        "make_checkerboard",
        "make_low_rank_matrix",
        "make_multilabel_classification",
    }
    others |= {"make_sparse_coded_signal", "make_sparse_spd_matrix", "make_spd_matrix"}
    theirs = {name for name in sklearn.datasets.__all__ if name.startswith(("load_", "make_"))}
    assert known == theirs - others


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"loader": "load_wien"}, "loader must be one of .* Did you mean 'load_wine'"),
        ({"loader": "fetch_covtype"}, "loader must be one of"),
        ({"n": 50}, "n has no meaning for load_wine"),
        (
            {"loader": "make_moons", "options": ["nois=1"]},
            "got 'nois=1'; it takes shuffle, noise. Did you mean 'noise'",
        ),
        ({"loader": "make_moons", "options": ["random_state=1"]}, "got 'random_state=1'"),
        (
            {"loader": "make_moons", "options": ["noise"]},
            "options must be name=value of make_moons, got 'noise'",
        ),
    ],
)
def test_what_scikit_learn_does_not_have_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ComponentError, match=message):
        build(REGISTRY.get("dataset", "sklearn").cls, **values)


def test_options_that_scikit_learn_refuses_are_one_line() -> None:
    with pytest.raises(DataError, match="sklearn: make_moons refuses its options: ") as caught:
        make("sklearn", loader="make_moons", options=["noise=-1"])
    assert len(caught.value.lines) == 1
