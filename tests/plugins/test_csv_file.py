from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from shipped import REGISTRY
from sklearn.datasets import load_wine

from anncore import ComponentError, Data, DataError
from anncore.contract.hyperparameters import build
from anncore.testing import check_component

CSV = REGISTRY.get("dataset", "csv").cls
FEWEST_ROWS = 5


def table(header: str, *rows: str) -> str:
    return "\n".join((header, *rows)) + "\n"


def column(*values: object, header: str = "a,y") -> str:
    """A file whose target y holds these values beside a feature that counts rows."""
    return table(header, *(f"{i},{value}" for i, value in enumerate(values)))


def read(folder: Path, content: str | bytes, **values: Any) -> Data:
    file = folder / "mine.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return build(CSV, path=str(file), **{"target": "y", **values}).make(np.random.default_rng(0))


# What is read


def test_columns_become_features_and_target(tmp_path: Path) -> None:
    content = table("a,y,b", "1,0.5,10", "2,1.5,20", "3,2.5,30", "4,3.5,4e1", "-5,4.25,+50")
    data = read(tmp_path, content)
    assert data.x.tolist() == [[1, 10], [2, 20], [3, 30], [4, 40], [-5, 50]]
    assert data.y.tolist() == [0.5, 1.5, 2.5, 3.5, 4.25]
    assert (data.task, data.features, data.classes) == ("regression", ("a", "b"), ())


def test_without_a_target_every_column_is_a_feature(tmp_path: Path) -> None:
    content = table("a,name,b", "1,x,10", "2,y,20", "3,z,30", "4,u,4e1", "-5,v,+50")
    data = read(tmp_path, content, target="", task="unsupervised", drop=("name",))
    assert data.x.tolist() == [[1, 10], [2, 20], [3, 30], [4, 40], [-5, 50]]
    assert (data.y, data.task, data.features, data.classes) == (None, "unsupervised", ("a", "b"), ())


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["cat", "dog", "cat", "dog", "ox", "ox"], "multiclass", ("cat", "dog", "ox")),
        (["no", "yes", "yes", "no", "no"], "binary", ("no", "yes")),
        (["True", "False", "True", "False", "True"], "binary", ("False", "True")),
        ([0, 1, 1, 0, 1], "binary", ("0", "1")),
        (["1.0", "2.0", 1, 2, 10, 10], "multiclass", ("1", "2", "10")),
        ([1234567, 1234568, 1234567, 1234568], None, ()),
        ([0, 1, 2, 3, 4, 5], "regression", ()),  # whole numbers, but none twice
        ([*range(21), *range(21)], "regression", ()),  # twice each, but more than 20
        ([*range(20), *range(20)], "multiclass", tuple(map(str, range(20)))),
        ([0.5, 1.5, 0.5, 1.5, 0.5, 1.5], "regression", ()),
    ],
)
def test_the_task_is_found_from_the_target(
    tmp_path: Path, values: list[Any], task: str | None, classes: tuple[str, ...]
) -> None:
    if task is None:
        values, task, classes = values * 2, "binary", ("1234567", "1234568")
    data = read(tmp_path, column(*values))
    assert (data.task, data.classes) == (task, classes)


def test_classes_are_numbered_in_order(tmp_path: Path) -> None:
    assert read(tmp_path, column("b", "a", "c", "b", "a", "c")).y.tolist() == [1, 0, 2, 1, 0, 2]
    assert read(tmp_path, column(10, 9, 10, 9, 9, 9)).y.tolist() == [1, 0, 1, 0, 0, 0]


def test_the_task_can_be_said(tmp_path: Path) -> None:
    numbers = column(0, 1, 0, 1, 2, 2)
    assert read(tmp_path, numbers).task == "multiclass"
    assert read(tmp_path, numbers, task="regression").y.tolist() == [0, 1, 0, 1, 2, 2]
    halves = read(tmp_path, column(0.5, 1.5, 0.5, 1.5, 0.5), task="classification")
    assert (halves.task, halves.classes) == ("binary", ("0.5", "1.5"))


def test_true_and_false_are_one_and_zero(tmp_path: Path) -> None:
    rows = [f"{flag},{i}.5" for i, flag in enumerate(["true", "False", "TRUE", "false", "True"])]
    assert read(tmp_path, table("a,y", *rows)).x.ravel().tolist() == [1, 0, 1, 0, 1]


def test_separator_decimal_and_drop(tmp_path: Path) -> None:
    rows = [f"{i},5;town {i};{i},25" for i in range(5)]
    data = read(tmp_path, table("a;b;y", *rows), separator=";", decimal=",", drop=["b"])
    assert data.x.ravel().tolist() == [0.5, 1.5, 2.5, 3.5, 4.5]
    assert data.y.tolist() == [0.25, 1.25, 2.25, 3.25, 4.25]


def test_dropped_columns_may_hold_anything(tmp_path: Path) -> None:
    rows = [f"{i},{text},{i}.5" for i, text in enumerate(["", "NA", "x", "inf", '"a,b"'])]
    assert read(tmp_path, table("a,b,y", *rows), drop=["b"]).features == ("a",)


def test_quotes_spaces_blank_lines_and_line_ends_are_read(tmp_path: Path) -> None:
    content = '"a b", y \r\n\r\n"1", "p ""q"""\r\n 2 ,r\r\n3,r\r\n\r\n4,r\r\n5,"p ""q"""\r\n'
    # A quote after a space is text, as for pandas.read_csv.
    data = read(tmp_path, content.replace(', "', ',"'))
    assert data.features == ("a b",)
    assert data.classes == ('p "q"', "r")
    assert data.x.ravel().tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1", 1.0),
        ("-0.1", -0.1),
        ("+3.5e-7", 3.5e-7),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("7.", 7.0),
        ("\u0661", 1.0),
    ],
)
@pytest.mark.parametrize("decimal", [".", ","])
def test_tables_of_plain_numbers_are_read_as_column_by_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: str, number: float, decimal: str
) -> None:
    rows = (f"{cell.replace('.', decimal)};{k}{decimal}25;{k % 2}" for k in range(12))
    content = table("a;b;y", *rows)
    quick = read(tmp_path, content, separator=";", decimal=decimal)
    np.testing.assert_array_equal(quick.x, [[number, k + 0.25] for k in range(12)])
    monkeypatch.setattr("anncore.contract.table_columns.ColumnReader.block", lambda columns, kept: None)
    slow = read(tmp_path, content, separator=";", decimal=decimal)
    assert quick.x.tobytes() == slow.x.tobytes()
    assert (quick.x.dtype, quick.x.flags.c_contiguous) == (slow.x.dtype, slow.x.flags.c_contiguous)


def test_the_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    content = column(*"abab", "a", header="y2,y")
    assert read(tmp_path, b"\xef\xbb\xbf" + content.encode()).features == ("y2",)
    assert read(tmp_path, content.encode("utf-16"), encoding="utf-16").features == ("y2",)


def test_a_table_that_pandas_wrote_is_read_as_pandas_reads_it(tmp_path: Path) -> None:
    frame = load_wine(as_frame=True).frame
    frame["target"] = frame["target"].map({0: "first", 1: "second", 2: "third"})
    frame.to_csv(tmp_path / "wine.csv", index=False)
    back = pd.read_csv(tmp_path / "wine.csv")
    data = read(tmp_path, (tmp_path / "wine.csv").read_bytes(), target="target")
    assert np.array_equal(data.x, back.drop(columns="target").to_numpy())
    assert list(data.features) == list(back.columns[:-1])
    assert [data.classes[k] for k in data.y] == back["target"].tolist()
    assert data.task == "multiclass"


def test_another_encoding_can_be_said(tmp_path: Path) -> None:
    content = column("für", "für", "wider", "wider", "für").encode("latin-1")
    assert read(tmp_path, content, encoding="latin-1").classes == ("für", "wider")


def test_the_fingerprint_is_the_sha256_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"abc")
    # The digest of "abc" in FIPS 180-2, appendix B.1.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert CSV(path=str(tmp_path / "a.csv")).fingerprint() == expected
    assert hashlib.sha256(b"abc").hexdigest() == expected


def test_it_keeps_what_every_data_set_must(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD.replace(",", ";"))  # so that both decimals can be read
    check_component(CSV, values={"path": str(tmp_path / "a.csv"), "target": "y", "separator": ";"})


# What is refused, and how


GOOD = column(0, 1, 0, 1, 0)


@pytest.mark.parametrize(
    ("content", "values", "message"),
    [
        ("", {}, "is empty; the first line must name the columns"),
        ("\n  \n", {}, "is empty"),
        ("a,y\n", {}, "has 0 rows below its header; at least 5 are needed"),
        (column(0), {}, "has 1 row below its header; at least 5 are needed"),
        (column(0, 1, 0, 1), {}, "has 4 rows below its header; at least 5 are needed"),
        (GOOD, {"target": "Y"}, "has no column 'Y', which target names. Did you mean 'y'?"),
        (
            column(0, 1, 0, 1, 0, header="weight,label"),
            {"target": "lable"},
            "has no column 'lable', which target names. Did you mean 'label'?",
        ),
        (
            GOOD,
            {"target": ""},
            "target is missing; name the column to predict, one of 'a', 'y', or set task = ",
        ),
        (
            GOOD,
            {"task": "unsupervised"},
            "an unsupervised task has no target, got 'y'; leave target out, and the column with drop = [",
        ),
        (GOOD, {"target": "", "task": "unsupervised", "drop": ["a", "y"]}, "no feature column is left"),
        (
            table("a,b", *(f"{i},{i or 'text'}" for i in range(6))),
            {"target": "", "task": "unsupervised"},
            "column 'b' must hold finite numbers, got 'text' on line 2",
        ),
        (GOOD, {"drop": ["b"]}, "has no column 'b', which drop names. It has 'a', 'y'."),
        (GOOD, {"drop": ["y"]}, "the target 'y' cannot be in drop"),
        (GOOD, {"drop": ["a"]}, "no feature column is left beside the target 'y'"),
        (
            GOOD.replace(",", ";"),
            {},
            "has no column 'y', which target names. Its only column is 'a;y'; set separator = \";\"?",
        ),
        (
            GOOD.replace(",", "\t"),
            {},
            "has no column 'y', which target names. Its only column is 'a\\ty'; set separator = \"\\t\"?",
        ),
        (
            table(*(f"{i},{i + 1}" for i in range(7))),
            {},
            "has no column 'y', which target names. Line 1 holds numbers only; it must name the columns.",
        ),
        (
            table(*(f"{i},{i}" for i in range(7))),
            {},
            "line 1 holds numbers only; it must name the columns",
        ),
        (table("a,a,y", "1,2,3"), {}, "columns 1 and 2 are both called 'a'; rename one"),
        (
            table(",a,y", "0,1,2"),
            {},
            "column 1 has no name; give it one, or take it out "
            "(pandas leaves the row numbers out with to_csv(index=False))",
        ),
        (
            table("a,y", "1,2", "1,2,3"),
            {},
            "line 3 has 3 fields, the header 2; quote texts that contain the separator",
        ),
        (table("a,y", "", "1"), {}, "line 3 has 1 field, the header 2"),
        (table("a,y", '"1,2'), {}, "line 2 cannot be read: unexpected end of data"),
        (
            table("a,city,y", "1,2,0", "1,2,1", "", "1,Oslo,0", "1,2,0", "1,2,1"),
            {},
            "column 'city' must hold finite numbers, got 'Oslo' on line 5; turn it into numbers, "
            'or leave it out with drop = ["city"]',
        ),
        (GOOD.replace("3,1", "1_000,1"), {}, "column 'a' must hold finite numbers, got '1_000' on line 5"),
        (GOOD.replace("3,1", "-inf,1"), {}, "column 'a' must hold finite numbers, got '-inf' on line 5"),
        (GOOD.replace("3,1", "true,1"), {}, "column 'a' must hold finite numbers, got 'true' on line 5"),
        (
            GOOD.replace("3,1", "3.5,1").replace(",", ";"),
            {"separator": ";", "decimal": ","},
            "column 'a' must hold finite numbers, got '3.5' on line 5",
        ),
        (
            table("a,b,y", *(f"{i},,{i % 2}" for i in range(6))),
            {},
            "column 'b' holds no value at all; leave it out with drop = [\"b\"]",
        ),
        (
            column(0, "NA", 0, "null", 1, 1, 0),
            {},
            "2 values are missing in column 'y', first on line 3; fill them or take the rows out",
        ),
        (column(*"aaaaa"), {}, "target 'y' is 'a' in every row; there is nothing to learn"),
        (column(2, "2.0", 2, 2, 2), {"task": "regression"}, "target 'y' is '2' in every row"),
        (
            column(*"abcdef"),
            {},
            "target 'y' has 6 different values in 6 rows, too many for classes; name another target, "
            'or set task = "regression" if it holds numbers',
        ),
        (column(1.5, 2.5, 3.5, 4.5, 5.5), {"task": "classification"}, "target 'y' has 5 different values"),
        (
            column(1.5, "high", 3.5, 4.5, 5.5),
            {"task": "regression"},
            "column 'y' must hold finite numbers, got 'high' on line 3; "
            'a regression needs them; set task = "classification"?',
        ),
        (column(1.5, "inf", 3.5, 4.5, 5.5), {}, "column 'y' must hold finite numbers, got 'inf' on line 3"),
        (
            column("ja", "nein", "ja", "nein", "für").encode("latin-1"),
            {},
            'line 6 is not utf-8; say how the file is written, encoding = "latin-1" perhaps',
        ),
        (GOOD.encode("utf-16"), {}, 'line 1 is not utf-8; say how the file is written, encoding = "utf-16"'),
        (
            GOOD.encode("utf-16-le"),
            {},
            'holds NUL characters, as no text does; encoding = "utf-16" perhaps',
        ),
        (b"abc", {"encoding": "utf-16"}, "line 1 is not utf-16; say how the file is written"),
    ],
)
def test_a_file_that_is_not_as_described_is_refused(
    tmp_path: Path, content: str | bytes, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, content, **values)
    first, *others = lines = caught.value.lines
    assert first.startswith(f"csv: {tmp_path / 'mine.csv'}: {message}")
    assert not any("\n" in line for line in lines)
    # Some of these files are too short besides, which is a second mistake.
    assert all(
        re.search(rf"rows? below its header; at least {FEWEST_ROWS} are needed", line) for line in others
    )


def test_a_missing_file_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "irises.csv").write_text(GOOD)
    for ask in ("make", "fingerprint"):
        component = CSV(path=str(tmp_path / "iris.csv"), target="y")
        with pytest.raises(DataError, match=r"iris\.csv: no such file\. Did you mean 'irises\.csv'\?$"):
            component.make(np.random.default_rng(0)) if ask == "make" else component.fingerprint()


def test_a_folder_a_file_as_folder_and_no_path_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    for path, message in (
        (str(tmp_path), "is a directory; name a file in it"),
        (str(tmp_path / "a.csv" / "b.csv"), "cannot be read: Not a directory"),
        ("", "csv: path is missing; name the file"),
    ):
        with pytest.raises(DataError, match=message):
            CSV(path=path, target="y").fingerprint()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"separator": ""}, "separator must be one character"),
        ({"separator": "\\s+"}, "separator must be one character"),
        ({"separator": '"'}, "separator must be one character other than the quote"),
        ({"decimal": ","}, "separator must be one character other than the quote and the decimal ','"),
        ({"encoding": "utf-9"}, "encoding must be one that Python knows, such as 'utf-8' or 'latin-1'"),
        ({"task": "classify"}, "task must be one of 'auto', 'classification', 'regression'"),
        ({"drop": "a"}, "drop must be a list, each item a text"),
    ],
)
def test_settings_outside_their_domain_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ComponentError, match=f"^csv: {message}"):
        build(CSV, path="a.csv", target="y", **values)
