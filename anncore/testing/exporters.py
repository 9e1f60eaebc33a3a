"""The checks of an exporter: files with plain names, the same bytes each time."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from anncore.contract.errors import AnnxError
from anncore.contract.kinds import ExportInput
from anncore.testing import figure_data
from anncore.testing.kit import Kit, Named, Subject, must, raised


class ExporterKit(Kit):
    """Names, bytes, nothing changed."""

    computes = False  # it gives files
    dear = True

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        return [
            ("files", files),
            ("hard_cases", hard_cases),
            ("repeatable", repeatable),
            ("data_unchanged", data_unchanged),
        ]


def _input(made: figure_data.Made) -> ExportInput:
    """Return a made-up sweep as an exporter gets it, with a row per arm and problem in the leaderboard."""
    import pandas as pd

    from anncore.report.json_values import plain

    data = figure_data.copied(made.data)
    trials = data.trials.drop(columns="label")
    boards = data.report["leaderboard"]["problems"]
    rows = [
        {
            "problem": problem,
            **{key: value for key, value in row.items() if not isinstance(value, (dict, list))},
        }
        for problem, board in boards.items()
        for row in board
    ]
    reported = bool((trials["phase"] == "report").any())
    board = pd.DataFrame(rows) if reported else pd.DataFrame()
    return ExportInput("optimizers", trials, board, data.curves, plain(data.report), data)


@cache
def _ordinary() -> ExportInput:
    return _input(figure_data.ordinary())


@cache
def _hard() -> tuple[tuple[str, ExportInput], ...]:
    cases = [(made.label, _input(made)) for made in figure_data.hard()]
    data = _ordinary()
    empty = replace(data, trials=data.trials.iloc[:0], leaderboard=data.leaderboard.iloc[:0])
    return (*cases, ("no trial has run", empty))


def _copied(data: ExportInput) -> ExportInput:
    return replace(
        data,
        trials=data.trials.copy(),
        leaderboard=data.leaderboard.copy(),
        curves=data.curves.copy(),
        report=copy.deepcopy(data.report),
        figures=figure_data.copied(data.figures),
    )


def _exported(component: Any, data: ExportInput, where: str) -> dict[str, bytes]:
    """Return an exporter's files; an AssertionError says what is none, an AnnxError what the user lacks."""
    from anncore.report.export import checked_files

    given = _copied(data)
    if not component.whole:
        given = replace(given, curves=given.curves.iloc[:0], report={}, figures=None)
    written = component.files(given)
    try:
        return checked_files(type(component).name, written)
    except AnnxError as error:
        raise AssertionError(f"{where}: {error}") from None


def _where_possible(component: Any, data: ExportInput, where: str) -> Iterator[dict[str, bytes]]:
    """Yield an exporter's files; nothing where it lacks a package, as it says in one line."""
    try:
        yield _exported(component, data, where)
    except AnnxError as error:
        must("\n" not in str(error), f"{where}: the error has several lines")


def files(subject: Subject) -> int:
    """A good sweep gives at least one file, each with a plain name and bytes."""
    count = 0
    for variant in subject.variants():
        for written in _where_possible(subject.build(variant), _ordinary(), variant.label):
            must(written, f"{variant.label}: it writes no file for a tuned sweep")
        count += 1
    return count


def hard_cases(subject: Subject) -> int:
    """Divergence, failures, one arm, markup, part of a sweep, no trial at all: files or none; no error."""
    count = 0
    for variant in subject.variants():
        for label, data in _hard():
            where = f"{variant.label}, {label}"
            try:
                list(_where_possible(subject.build(variant), data, where))
            except AssertionError:
                raise
            except Exception as error:
                raise AssertionError(f"{where}: {raised(subject.cls, error)}") from error
            count += 1
    return count


def repeatable(subject: Subject) -> int:
    """The same run gives the same bytes again."""
    count = 0
    for variant in subject.variants():
        for first in _where_possible(subject.build(variant), _ordinary(), variant.label):
            again = _exported(subject.build(variant), _ordinary(), variant.label)
            must(again == first, f"{variant.label}: other bytes the second time")
        count += 1
    return count


def data_unchanged(subject: Subject) -> int:
    """It does not change the tables that it gets."""
    count = 0
    for variant in subject.variants():
        data = _copied(_ordinary())
        try:
            subject.build(variant).files(data)
        except AnnxError:
            return 1
        for what in ("trials", "leaderboard", "curves"):
            same = getattr(data, what).equals(getattr(_ordinary(), what))
            must(same, f"{variant.label}: it changes data.{what}; work on a copy")
        must(repr(data.report) == repr(_ordinary().report), f"{variant.label}: it changes data.report")
        count += 1
    return count
