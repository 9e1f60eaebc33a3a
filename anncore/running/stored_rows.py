"""A result as a row of the store's table of trials, with the checksums that tell a damaged one."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from anncore.contract.engine_version import environment_digest
from anncore.contract.trial import TrialResult
from anncore.running.float_blobs import pack_floats, pack_numbers, unpack_floats, unpack_numbers


def result_columns(curves: bool, checked: bool) -> str:
    """Return what `result_of` reads of a row; stores of schema 1 have neither environments nor checksums."""
    own = "key, description, status, metrics, steps_done, stopped, error, train_seconds"
    head = f"{own}, environment, checksum" if checked else f"{own}, '', 0"
    if not curves:
        return f"{head}, NULL, 0"
    return f"{head}, curves, curves_checksum" if checked else f"{head}, curves, 0"


def row_of(result: TrialResult, description: str) -> tuple[Any, ...]:
    """Return a result as the columns of its row, in the order of the table."""
    metrics = pack_numbers(result.metrics)
    curves = pack_floats(result.curves, result.steps)
    environment, seconds = environment_digest(result.environment), float(result.train_seconds)
    head = (
        *(result.key, description, result.status, metrics, result.steps_done),
        *(result.stopped, result.error, seconds, environment),
    )
    return (
        *(result.key, description, result.status, metrics, curves, result.steps_done),
        *(result.stopped, result.error, seconds, environment),
        *(_checksum(head), zlib.crc32(curves)),
    )


def _checksum(head: Sequence[Any]) -> int:
    """Return the checksum of all columns but the curves; raises where a number or a blob is none."""
    key, description, status, metrics, steps_done, stopped, error, seconds, environment = head
    texts = "\0".join(map(str, (key, description, status, stopped, error, environment)))
    return zlib.crc32(struct.pack("<qd", steps_done, seconds) + metrics + texts.encode())


def result_of(row: Sequence[Any], environments: Mapping[str, str], checked: bool) -> TrialResult:
    """Return the result of a row; raises ValueError, or what a wrong type raises, for a damaged one."""
    *head, checksum, curves, curves_checksum = row
    key, _, status, metrics, steps_done, stopped, error, seconds, environment = head
    if checked and _checksum(head) != checksum:
        raise ValueError("its checksum does not fit")
    if checked and curves is not None and zlib.crc32(curves) != curves_checksum:
        raise ValueError("the checksum of its curves does not fit")
    values = unpack_numbers(metrics)
    steps, series = ((), {}) if curves is None else unpack_floats(curves)
    return TrialResult(
        key=key,
        status=status,
        metrics=values,
        steps=steps,
        curves=series,
        steps_done=steps_done,
        stopped=stopped,
        error=error,
        train_seconds=seconds,
        environment=environments[environment] if environment else "",
    )
