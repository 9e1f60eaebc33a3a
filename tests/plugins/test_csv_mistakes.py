"""What is wrong with a file is said at once, one line per mistake, with the hint that helps."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from shipped import REGISTRY

from anncore import ComponentError, Data, DataError
from anncore.cli.group import cli
from anncore.contract.hyperparameters import build

CSV = REGISTRY.get("dataset", "csv").cls
PLAIN = "a,b,y\n" + "".join(f"{i},{i * i},{'yes' if i % 2 else 'no'}\n" for i in range(10))
# As Excel writes a table where the comma is the decimal mark.
GERMAN = "a;b;y\n" + "".join(f"{i},5;-0,{i}25;{'ja' if i % 2 else 'nein'}\n" for i in range(10))


def read(folder: Path, content: str | bytes, name: str = "mine.csv", **values: Any) -> Data:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return build(CSV, path=str(file), **{"target": "y", **values}).make(np.random.default_rng(0))


def mistakes(folder: Path, content: str | bytes, **values: Any) -> list[str]:
    """Return the lines of the error without the name of the file before each."""
    with pytest.raises(DataError) as caught:
        read(folder, content, **values)
    start = f"csv: {folder / 'mine.csv'}: "
    assert all(line.startswith(start) and "\n" not in line for line in caught.value.lines)
    return [line.removeprefix(start) for line in caught.value.lines]


# All mistakes at once

CROWDED = """a,b,b,city,,y,note
1,2,3,Oslo,5,0.5,x
2,,3,Rome,5,1.5,x
3,NA,3,Bonn,5,high,x
4,2,3,Oslo,5,,x
5,2,inf,Oslo
6,2,-inf,Oslo,5,4.5,x
"""


def test_every_mistake_of_a_file_has_its_line(tmp_path: Path) -> None:
    assert mistakes(tmp_path, CROWDED, task="regression", drop=["note", "remark"]) == [
        "column 5 has no name; give it one, or take it out "
        "(pandas leaves the row numbers out with to_csv(index=False))",
        "columns 2 and 3 are both called 'b'; rename one",
        "line 6 has 4 fields, the header 7; quote texts that contain the separator",
        "has no column 'remark', which drop names. It has 'a', 'b', 'b', 'city', '', 'y', 'note'.",
        "a value is missing in column 'y', first on line 5; fill them or take the rows out",
        "column 'b' must hold finite numbers, got '-inf' on line 7; turn it into numbers, "
        'or leave it out with drop = ["b"], or read all as texts with categories = ["b"]',
        "column 'y' must hold finite numbers, got 'high' on line 4; a regression needs them; "
        'set task = "classification"?',
    ]


def test_the_command_line_prints_them_one_line_each(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(
        PLAIN.replace("3,9", "Oslo,").replace("4,16", "4,many").replace("b,y", "b,z")
    )
    (tmp_path / "x.toml").write_text(
        'seeds.report = [0]\n[dataset.csv]\npath = "mine.csv"\ntarget = "z"\ndrop = ["c"]\n[optimizer.sgd]\n'
    )
    outcome = CliRunner().invoke(cli, ["plan", str(tmp_path / "x.toml")])
    assert outcome.exit_code == 2
    *lines, last = outcome.stderr.split("\n")
    assert last == ""
    assert len(lines) == 3
    for line, part in zip(lines, ("no column 'c'", "got 'Oslo'", "got 'many' on line 6"), strict=True):
        assert line.startswith("annx: ")
        assert "[dataset.csv] csv: " in line
        assert part in line


def test_of_hundreds_of_mistakes_the_first_are_printed_and_the_others_counted(tmp_path: Path) -> None:
    header = ",".join(f"c{i}" for i in range(300)) + ",y"
    rows = [",".join(["x" if k == 3 else "1"] * 300 + [str(k % 2)]) for k in range(6)]
    lines = mistakes(tmp_path, "\n".join((header, *rows)))
    assert len(lines) == 21
    assert lines[-1] == "and 280 more such mistakes"


def test_a_misspelt_target_does_not_hide_the_other_columns(tmp_path: Path) -> None:
    content = PLAIN.replace("b,y", "b,label").replace("4,16", "4,sixteen")
    assert [line.partition(";")[0] for line in mistakes(tmp_path, content, target="lable")] == [
        "has no column 'lable', which target names. Did you mean 'label'?",
        "column 'b' must hold finite numbers, got 'sixteen' on line 6",
    ]


def test_long_values_are_shortened_in_messages(tmp_path: Path) -> None:
    long = "x" * 10_000
    for content, values in (
        (PLAIN.replace("4,16", f"4,{long}"), {}),
        (PLAIN.replace("a,b", f"{long},b").replace("3,9", "?,9"), {}),
        (PLAIN.replace("a,b", f"{long},{long}"), {}),
        (PLAIN, {"target": long}),
        (PLAIN, {"drop": [long, long + "z"]}),
        (PLAIN.replace("yes", long).replace("no", long), {}),
    ):
        for line in mistakes(tmp_path, content, **values):
            assert len(line) < 1200
    with pytest.raises(ComponentError) as caught:
        build(CSV, path="a.csv", target="y", encoding=long)
    assert len(str(caught.value)) < 1200


# Hints


@pytest.mark.parametrize(
    ("content", "values", "hint"),
    [
        (GERMAN, {}, 'Its only column is \'a;b;y\'; set separator = ";" and decimal = ","?'),
        (GERMAN.replace(";", "\t"), {}, 'set separator = "\\t" and decimal = ","?'),
        (GERMAN.replace(",", "."), {}, 'set separator = ";"?'),
        (
            GERMAN,
            {"separator": ";"},
            "got '0,5' on line 2, '1,5' on line 3, '2,5' on line 4 and 7 more; set decimal = \",\"?",
        ),
        (PLAIN, {"separator": ";", "decimal": ","}, 'set separator = "," and decimal = "."?'),
        (PLAIN.replace(",", "|"), {}, 'set separator = "|"?'),
        (GERMAN.replace("a;b;y", "a;b;y"), {"target": "label"}, 'set separator = ";" and decimal = ","?'),
        (GERMAN.replace("5;-", "567.25;-"), {"separator": ";"}, "without separators of thousands"),
        ("a;b;y\n" + "1'234;2;0\n5'678;3;1\n" * 5, {"separator": ";"}, "without separators of thousands"),
        ('a,b,y\n"1,5",2,0\n"2,5",3,1\n' * 1 + '"3,5",4,1\n' * 5, {}, "write decimals with '.'"),
    ],
)
def test_a_table_written_otherwise_gets_the_settings_that_read_it(
    tmp_path: Path, content: str, values: dict[str, Any], hint: str
) -> None:
    assert any(hint in line for line in mistakes(tmp_path, content, **values))


def test_the_hinted_settings_read_the_table(tmp_path: Path) -> None:
    data = read(tmp_path, GERMAN, separator=";", decimal=",")
    assert data.x.tolist() == [[i + 0.5, -float(f"0.{i}25")] for i in range(10)]
    assert data.classes == ("ja", "nein")


def workbook(names: tuple[str, ...]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), "application/vnd.oasis.opendocument.spreadsheet")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            workbook(("[Content_Types].xml", "xl/workbook.xml")),
            "is an Excel workbook, no text; save the sheet",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "is an Excel workbook, no text; save the sheet"),
        (workbook(("mimetype", "content.xml")), "is an OpenDocument sheet, no text; save the sheet as CSV"),
        (workbook(("mine.csv",)).replace(b"opendocument", b"____________"), "is a zip archive; unpack it"),
        (b"PAR1\x15\x04\x15" + bytes(50) + b"PAR1", 'is a Parquet file; set use = "parquet"'),
        (b"%PDF-1.7\n" + PLAIN.encode(), "is a PDF, no table"),
        (b"<!DOCTYPE html>\n<html><body>mine.csv</body></html>", "is a web page; download the file itself"),
        (b'[{"a": 1, "y": 0}, {"a": 2, "y": 1}]', "is JSON; write it as CSV"),
        (b"\x28\xb5\x2f\xfd\x04\x00", "is packed by zstd; unpack it first"),
        (gzip.compress(PLAIN.encode(), mtime=0)[:-9], "is a packed file that is damaged"),
        (gzip.compress(workbook(("xl/workbook.xml",)), mtime=0), "is an Excel workbook"),
        (gzip.compress(gzip.compress(PLAIN.encode(), mtime=0), mtime=0), "is packed twice; unpack it once"),
        (bz2.compress(lzma.compress(PLAIN.encode())), "is packed twice; unpack it once"),
        (gzip.compress(bytes(2**26 + 1), mtime=0), "unpacks to more than 64 MB"),
    ],
)
def test_what_is_no_text_is_called_by_its_kind(tmp_path: Path, content: bytes, message: str) -> None:
    [line] = mistakes(tmp_path, content)
    assert line.startswith(message)


@pytest.mark.parametrize("name", ["PK", "PAR1", "BZh", "ARROW1"])
def test_a_column_may_be_called_as_another_format_begins(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, PLAIN.replace("a,b", f"{name},b")).features == (name, "b")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("name", ["mine.csv.gz", "mine.csv"])
def test_a_packed_file_is_simply_read(tmp_path: Path, pack: Callable[[bytes], bytes], name: str) -> None:
    packed, plain = read(tmp_path, pack(PLAIN.encode()), name), read(tmp_path, PLAIN)
    assert np.array_equal(packed.x, plain.x)
    assert packed.classes == plain.classes
    german = pack(GERMAN.encode("utf-16"))
    assert read(tmp_path, german, name, encoding="utf-16", separator=";", decimal=",").classes == (
        "ja",
        "nein",
    )


def test_pipes_and_odd_paths_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, message in (
        (str(tmp_path / "pipe"), "is a pipe or a device; write its content to a file"),
        ("/dev/zero", "is a pipe or a device"),
        ("a\0b.csv", "cannot be read: embedded null byte"),
        ("x" * 5000, "cannot be read: File name too long"),
    ):
        with pytest.raises(DataError, match=message):
            CSV(path=path, target="y").make(np.random.default_rng(0))


@pytest.mark.parametrize("encoding", ["utf-9", "base64", "rot13", "a\0b", "x" * 5000, "ü"])
def test_what_is_no_encoding_of_texts_is_refused(encoding: str) -> None:
    with pytest.raises(ComponentError, match=r"^csv: encoding must be one that Python knows"):
        build(CSV, path="a.csv", target="y", encoding=encoding)


# Labels and whole numbers: 2**53 = 9007199254740992 is where float64 begins to skip some


def labelled(*labels: str) -> str:
    return "a,y\n" + "".join(f"{i}.5,{label}\n" for i, label in enumerate(labels))


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (
            ["9007199254740993", "9007199254740992", "9007199254740994"],
            ("9007199254740992", "9007199254740993", "9007199254740994"),
        ),
        (["-9007199254740992", "-9007199254740993"], ("-9007199254740993", "-9007199254740992")),
        (
            ["9007199254740994", "9007199254740993.0", "9007199254740993"],
            ("9007199254740993", "9007199254740994"),
        ),
        (
            ["123456789012345678901234567891", "123456789012345678901234567890"],
            ("123456789012345678901234567890", "123456789012345678901234567891"),
        ),
        (["10000000000000000000001", "1e22", "10000000000000000000000"], ("1e22", "10000000000000000000001")),
        (["10", "1", "01"], ("01", "1", "10")),  # codes, not numbers
        (["000", "0", "00"], ("0", "00", "000")),
        (["10", "9", "11"], ("9", "10", "11")),
        (["1.0", "3.0", "2.0"], ("1.0", "2.0", "3.0")),
        (["1", "-0", "0"], ("0", "1")),
    ],
)
def test_classes_are_told_apart_exactly_and_called_as_in_the_file(
    tmp_path: Path, labels: list[str], classes: tuple[str, ...]
) -> None:
    data = read(tmp_path, labelled(*labels * 4))
    assert data.classes == classes
    assert data.task == ("binary" if len(classes) == 2 else "multiclass")
    for label, number in zip(labels, data.y, strict=False):
        assert data.classes[number] == label or label not in classes


def test_whole_numbers_that_float64_merges_are_refused(tmp_path: Path) -> None:
    apart = "9007199254740992 and 9007199254740993 apart"
    rows = "".join(f"{9007199254740992 + i % 2},{i % 2}\n" for i in range(8))
    [line] = mistakes(tmp_path, "a,y\n" + rows)
    assert line.startswith("column 'a' holds whole numbers beyond 2**53, of which float64 cannot tell")
    assert apart in line
    [line] = mistakes(
        tmp_path, "a,y\n" + "".join(f"{i},{9007199254740992 + i % 2}\n" for i in range(8)), task="regression"
    )
    assert apart in line
    # Nothing is lost where all of them have a float of their own.
    rows = "".join(f"{9007199254740992 + 2 * i},{i % 2}\n" for i in range(8))
    assert np.ptp(read(tmp_path, "a,y\n" + rows).x) == 14


@pytest.mark.parametrize("value", ["2e301", "-1.7e308"])
def test_numbers_beyond_what_can_be_computed_with_name_their_column(tmp_path: Path, value: str) -> None:
    [line] = mistakes(tmp_path, PLAIN.replace("4,16", f"4,{value}"))
    assert line.startswith(
        f"column 'b' holds values up to {value.removeprefix('-').replace('e', 'e+')}, too large"
    )


def test_targets_beyond_what_can_be_computed_with_are_not_to_be_dropped(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i}e306\n" for i in range(10))
    [line] = mistakes(tmp_path, "a,y\n" + rows, task="regression")
    assert line == "column 'y' holds values up to 9e+306, too large to compute with; divide them"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_the_mark_of_a_file_tells_its_encoding(tmp_path: Path, encoding: str) -> None:
    [line] = mistakes(tmp_path, PLAIN.encode(encoding))
    assert line.endswith(f'encoding = "{encoding}" perhaps')
    assert read(tmp_path, PLAIN.encode(encoding), encoding=encoding).x.shape == (10, 2)


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("https://example.org/mine.csv", "It is a web address; download the file and name that."),
        ("s3://bucket/mine.csv", "It is a web address; download the file and name that."),
        ("~/mine.csv", "~ is not read as your home; write the whole path."),
    ],
)
def test_an_address_or_a_home_is_no_path(tmp_path: Path, path: str, hint: str) -> None:
    with pytest.raises(DataError) as caught:
        build(CSV, path=str(tmp_path / path), target="y").make(np.random.default_rng(0))
    assert str(caught.value).endswith(f": no such file. {hint}")


def test_a_quote_that_is_never_closed_is_what_to_look_for(tmp_path: Path) -> None:
    [line] = mistakes(tmp_path, PLAIN + '1,2,"yes\n')
    assert line.endswith("a quote that was opened is never closed")
    [line] = mistakes(tmp_path, PLAIN + '1,2,"yes\n' + "x" * 140_000)
    assert line.endswith("a quote before it may never be closed")
