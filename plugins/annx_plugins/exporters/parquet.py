"""Exporter: parquet."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import AnnxError, Exporter, ExportInput, hookimpl


@dataclass(frozen=True)
class Parquet(Exporter):
    """Apache Parquet: trials.parquet, a row per trial, and leaderboard.parquet, a row per arm and data set.

    Needs pyarrow, which annx[parquet] brings.
    """

    name: ClassVar[str] = "parquet"
    whole: ClassVar[bool] = False

    def files(self, data: ExportInput) -> Mapping[str, bytes]:
        if importlib.util.find_spec("pyarrow") is None:
            raise AnnxError(
                "--format parquet needs pyarrow, which is not installed: pip install 'annx[parquet]'."
            )
        tables = {"trials.parquet": data.trials, "leaderboard.parquet": data.leaderboard}
        return {name: _written(frame) for name, frame in tables.items() if len(frame)}


def _written(frame: Any) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, engine="pyarrow", index=False)
    return buffer.getvalue()


@hookimpl
def annx_exporters() -> list[type[Exporter]]:
    return [Parquet]
