"""Tables as people have them: what a column holds, what it is for, and every mistake at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from anncore import Data, DataError, Table, TableDataset
from anncore.contract.hyperparameters import build
from anncore.contract.table_cells import days


@dataclass(frozen=True)
class Memory(TableDataset):
    """A table in memory."""

    name: ClassVar[str] = "memory"

    def make(self, rng: np.random.Generator) -> Data:
        raise NotImplementedError


def read(header: str, *rows: str, **values: Any) -> Data:
    cells = [row.split(",") for row in rows]
    table = Table(header.split(","), cells, list(range(2, len(rows) + 2)))
    return build(Memory, **{"target": "y", **values}).data_of(table)


def column(*cells: object, **values: Any) -> Data:
    """Return a table whose feature holds these cells, beside a target of numbers."""
    return read("a,y", *(f"{cell},{i}.5" for i, cell in enumerate(cells)), **values)


def refused(header: str, *rows: str, **values: Any) -> tuple[str, ...]:
    with pytest.raises(DataError) as caught:
        read(header, *rows, **values)
    assert all(line.startswith("memory: ") and "\n" not in line for line in caught.value.lines)
    return tuple(line.removeprefix("memory: ") for line in caught.value.lines)


def wrong(*cells: object, **values: Any) -> str:
    [line] = refused("a,y", *(f"{cell},{i}.5" for i, cell in enumerate(cells)), **values)
    return line


def test_plain_numbers_need_no_encoding() -> None:
    assert column(1, 2, 3, 4, 5).columns == ()
    assert column("true", "false", "true", "True", "FALSE").columns == ()


def test_texts_are_categories_in_the_order_of_the_alphabet() -> None:
    data = column("oslo", "bonn", "oslo", "rome", "bonn")
    assert data.x[:, 0].tolist() == [1, 0, 1, 2, 0]
    assert data.columns[0].categories == ("bonn", "oslo", "rome")


def test_one_category_alone_is_taken() -> None:
    assert column(*["x"] * 5).columns[0].categories == ("x",)


@pytest.mark.parametrize(
    ("cells", "categories", "missing"),
    [
        (["NA", "DE", "US", "NA", "DE"], ("DE", "NA", "US"), 0),
        (["None", "Shed", "None", "", "Shed"], ("None", "Shed"), 1),
        (["NaN", "a", "#N/A", "b", "NULL"], ("a", "b"), 3),
    ],
)
def test_words_that_may_be_texts_are_texts(
    cells: list[str], categories: tuple[str, ...], missing: int
) -> None:
    data = column(*cells)
    assert data.columns[0].categories == categories
    assert int(np.isnan(data.x).sum()) == missing


def test_among_numbers_the_words_of_pandas_are_missing() -> None:
    data = column(1, "NA", "None", 4.5, "", 6, 7, 8)
    assert np.isnan(data.x[:, 0]).tolist() == [False, True, True, False, True, False, False, False]
    assert data.columns[0].kind == "number"


def test_the_files_own_list_is_all_that_is_missing() -> None:
    data = column("?", 2, 3, 4, "", missing=["?"])
    assert np.isnan(data.x[:, 0]).tolist() == [True, False, False, False, True]
    assert "got 'NA' on line 2" in wrong("NA", 2, 3, 4, 5, missing=["?"])
    kept = column("NaN", "b", "b", "?", "b", missing=["?"])
    assert kept.columns[0].categories == ("NaN", "b")


def test_class_names_are_texts() -> None:
    rows = [f"{i},{name}" for i, name in enumerate(["NA", "DE", "NA", "None", "DE", "None"])]
    data = read("a,y", *rows)
    assert (data.classes, data.y.tolist()) == (("DE", "NA", "None"), [1, 0, 1, 2, 0, 2])


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("1970-01-01", "", 0.0),
        ("1970-01-02 12:00", "", 1.5),
        ("1970/1/2T06:00:00", "", 1.25),
        ("1970-01-02T00:00:00+06:00", "", 0.75),
        ("1970-01-02T00:00:00Z", "", 1.0),
        ("2024-03-01", "", 19783.0),  # date -d 2024-03-01 +%s is 1709251200 = 19783 * 86400
        ("1969-12-31", "", -1.0),
        ("01.03.2024", "%d.%m.%Y", 19783.0),
        ("2023-02-29", "", None),
        ("2024-13-01", "", None),
        ("20240301", "", None),
        ("31.12.2024", "", None),
    ],
)
def test_dates_are_days(text: str, form: str, expected: float | None) -> None:
    assert days(text, form) == expected


def test_a_column_of_dates_says_what_it_holds() -> None:
    data = column("1970-01-01", "1970-01-03", "", "1970-01-02", "1970-01-05")
    np.testing.assert_array_equal(data.x[:, 0], [0, 2, np.nan, 1, 4])
    assert data.columns[0].how == "days since 1970-01-01"


def test_dates_mixed_with_text_are_a_mistake() -> None:
    line = wrong("2024-01-01", "2024-01-02", "soon", "2024-01-04", "2024-02-30")
    assert line.startswith(
        "column 'a' must hold dates such as 2024-03-31, got 'soon' on line 4, '2024-02-30' on line 6; say how"
    )
    assert "date_format" in wrong(*["31.12.2024"] * 5)
    assert column(*["31.12.2024"] * 5, date_format="%d.%m.%Y").x[0, 0] == 20088
    assert "got 'x' on line 2" in wrong("x", *["y"] * 4, dates=["a"])


def test_numbers_that_are_categories_are_named() -> None:
    data = column(10, 9, 10, 9, 11, categories=["a"])
    assert data.columns[0].categories == ("9", "10", "11")
    assert data.x[:, 0].tolist() == [1, 0, 1, 0, 2]
    assert column("01", "1", "01", "1", "2", categories=["a"]).columns[0].categories == ("01", "1", "2")


def test_many_categories_have_a_way_out() -> None:
    cells = [f"t{i % 1000}" for i in range(2000)]
    assert wrong(*cells) == (
        "column 'a' has 1000 different texts, and most_categories is 100; leave it out with drop = [\"a\"], "
        "or set most_categories = 1000"
    )
    assert len(column(*cells, most_categories=1000).columns[0].categories) == 1000
    assert wrong(*(f"name {i}" for i in range(30))).startswith(
        "column 'a' holds another text in every row, as names of rows do; set id = \"a\""
    )


def test_numbers_in_another_spelling_are_no_categories() -> None:
    assert "without signs of percent or money" in wrong("5 %", "7 %", "8 %", "9%", "$3")


def test_cells_of_a_mistake_are_counted() -> None:
    line = wrong(*range(10), "a", "b", "c", "d", "e")
    assert "got 'a' on line 12, 'b' on line 13, 'c' on line 14 and 2 more; turn it into numbers" in line


HEADER = "a,who,fam,w,part,y"


def rows(*changes: tuple[int, int, str]) -> Sequence[str]:
    cells = [
        [str(i), f"p{i}", f"f{i // 2}", str(1 + i % 2), ("train", "valid", "test")[i % 3], f"{i}.5"]
        for i in range(12)
    ]
    for row, place, text in changes:
        cells[row][place] = text
    return [",".join(row) for row in cells]


ROLES = {"id": "who", "group": "fam", "weight": "w"}


def test_roles_are_no_features() -> None:
    data = read(HEADER, *rows(), **ROLES, drop=["part"])
    assert data.features == ("a",)
    assert data.weights.tolist() == [1, 2] * 6
    assert len(set(data.groups.tolist())) == 6
    assert data.groups[0] == data.groups[1] != data.groups[2]


def test_a_column_gives_the_splits() -> None:
    data = read(HEADER, *rows(), split_column="part", drop=["who", "fam", "w"])
    assert data.valid_index.tolist() == [1, 4, 7, 10]
    assert data.test_index.tolist() == [2, 5, 8, 11]
    two = read(
        HEADER,
        *(row.replace("valid", "Train") for row in rows()),
        split_column="part",
        drop=["who", "fam", "w"],
    )
    assert two.valid_index is None
    assert two.test_index.tolist() == [2, 5, 8, 11]


@pytest.mark.parametrize(
    ("changes", "values", "message"),
    [
        (
            [(3, 1, "p1")],
            ROLES,
            "id 'who' must name each row alone, got once more 'p1' on line 5; where rows",
        ),
        ([(3, 1, "")], ROLES, "a value is missing in column 'who', first on line 5"),
        ([(3, 2, "")], ROLES, "a value is missing in column 'fam'"),
        ([(3, 3, "")], ROLES, "a value is missing in column 'w'"),
        (
            [(3, 3, "-1"), (4, 3, "-2")],
            ROLES,
            "weight 'w' must be at least 0, got '-1' on line 5, '-2' on line 6",
        ),
        ([(3, 3, "inf")], ROLES, "column 'w' must hold finite numbers, got 'inf' on line 5; a weight is"),
        ([(i, 3, "0") for i in range(12)], ROLES, "weight 'w' is 0 in every row; nothing would count"),
        (
            [(3, 4, "later")],
            {"split_column": "part"},
            "split_column 'part' must hold train, valid or test, got 'later'",
        ),
        ([], {"id": "who", "group": "who"}, "column 'who' is named by id and by group; keep one"),
        ([], {"group": "y"}, "column 'y' is named by target and by group; keep one"),
        ([], {"weight": "wt"}, "has no column 'wt', which weight names"),
        ([], {"categories": ["fam"], **ROLES}, "categories names 'fam', which is no feature but the group"),
        ([], {"categories": ["a"], "dates": ["a"], **ROLES}, "column 'a' is in categories and in dates"),
    ],
)
def test_roles_that_do_not_fit_are_refused(
    changes: list[tuple[int, int, str]], values: dict[str, Any], message: str
) -> None:
    named = (
        set(values.values())
        if all(isinstance(value, str) for value in values.values())
        else set(ROLES.values())
    )
    drop = [name for name in ("who", "fam", "w", "part") if name not in named]
    lines = refused(HEADER, *rows(*changes), **values, drop=drop)
    assert any(line.startswith(message) for line in lines), lines


def test_all_mistakes_come_at_once() -> None:
    lines = refused(
        HEADER, *rows((1, 0, "x"), (2, 1, "p1"), (3, 3, "-1"), (4, 5, "")), **ROLES, drop=["part"]
    )
    assert [line.split(";")[0].split(",")[0] for line in lines] == [
        "a value is missing in column 'y'",
        "column 'a' must hold finite numbers",
        "id 'who' must name each row alone",
        "weight 'w' must be at least 0",
    ]


def test_a_missing_weight_hides_no_other_mistake_of_the_weights() -> None:
    changes = [(1, 3, ""), (2, 3, "-1"), (3, 3, "inf")]
    lines = refused(HEADER, *rows(*changes), **ROLES, drop=["part"])
    assert [line.split(";")[0] for line in lines] == [
        "a value is missing in column 'w', first on line 3",
        "column 'w' must hold finite numbers, got 'inf' on line 5",
        "weight 'w' must be at least 0, got '-1' on line 4",
    ]
