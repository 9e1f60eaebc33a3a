"""Tables of results from elsewhere as files: text with commas, semicolons or tabs, and Parquet."""

from __future__ import annotations

import csv
import importlib.util
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from anncore.contract.errors import ReportError
from anncore.evidence.sentences import counted

if TYPE_CHECKING:
    import pandas as pd

PARQUET = b"PAR1"
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
DIVIDERS = ",;\t|"


def read_table(file: str | os.PathLike[str]) -> pd.DataFrame:
    """Return a file's cells: of Parquet as they are, of a CSV file as texts. Raises ReportError.

    What divides the cells of a CSV file is seen from its first line: commas, semicolons, tabs or bars.
    """
    path = Path(file)
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise ReportError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    return _parquet(path, content) if content.startswith(PARQUET) else _csv(path, content)


def _parquet(path: Path, content: bytes) -> pd.DataFrame:
    import pandas as pd

    if importlib.util.find_spec("pyarrow") is None:
        raise ReportError(
            f"{path} is a Parquet file, and reading it needs pyarrow, which is not installed: "
            "pip install 'annx[parquet]'."
        )
    try:
        return pd.read_parquet(io.BytesIO(content), engine="pyarrow")
    except (OSError, ValueError) as error:  # ArrowInvalid is a ValueError
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise ReportError(f"{path} is no Parquet file that can be read: {reason}.") from None


def _csv(path: Path, content: bytes) -> pd.DataFrame:
    import pandas as pd

    encoding = next((MARKS[mark] for mark in MARKS if content.startswith(mark)), "utf-8-sig")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        raise ReportError(f"{path} is no CSV file in UTF-8; save it as one.") from None
    if "\0" in text:
        raise ReportError(f"{path} is no CSV file in UTF-8; save it as one.")
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=_divider(text)))
    except csv.Error as error:
        raise ReportError(f"{path} is no CSV file: {error}.") from None
    lines = [line for line in lines if any(cell.strip() for cell in line)]
    if len(lines) < 2:
        raise ReportError(f"{path} holds no rows; it needs a header and a row per trial.")
    header = [cell.strip() for cell in lines[0]]
    for place, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            cells, columns = counted(len(line), "cells"), counted(len(header), "columns")
            raise ReportError(f"{path}: row {place} has {cells} for {columns}.")
    return pd.DataFrame([[cell.strip() for cell in line] for line in lines[1:]], columns=header, dtype=object)


def _divider(text: str) -> str:
    """Return what divides the names in the first line that holds any, but for what stands in quotes."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    outside = "".join(part for place, part in enumerate(first.split('"')) if place % 2 == 0)
    return max(DIVIDERS, key=outside.count)
