"""What a report says of the suite that its problems come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from anncore.contract.trial import Split
from anncore.evidence.sentences import counted, joined


def suite_used(experiment: Any) -> dict[str, Any] | None:
    """Return the suite's name, version, source, digest and groups of problems; None without a suite."""
    suite = experiment.suite
    if suite is None:
        return None
    return {
        **suite.named(),
        "of": len(suite.every),
        "groups": {problem.name: problem.group for problem in suite.problems},
    }


def suite_line(used: Mapping[str, Any] | None) -> str:
    """Return "core, version 1, of annx 0.1 (digest 0123456789ab): 30 of 34 problems"; "" without a suite."""
    if used is None:
        return ""
    return (
        f"{used['name']}, version {used['version']}, of {used['package']} {used['release']} (digest "
        f"{used['digest']}): {problems_kept(used)}"
    )


def problems_kept(used: Mapping[str, Any]) -> str:
    """Return "30 problems", or "30 of 34 problems" where the file keeps some of them."""
    kept, total = len(used["groups"]), used["of"]
    return counted(total, "problems") if kept == total else f"{kept} of {counted(total, 'problems')}"


def suite_methods(used: Mapping[str, Any]) -> str:
    """Say where the problems come from, for the methods."""
    sizes = {group: list(used["groups"].values()).count(group) for group in used["groups"].values()}
    groups = joined([f"{group} ({size})" for group, size in sizes.items()])
    return (
        f"The problems are those of the suite {suite_line(used)}. Its groups: {groups}. Networks, steps and "
        "batches are the suite's where the experiment file does not set them."
    )


def span(numbers: Sequence[int], unit: str) -> str:
    """Return "500 steps", or "200 to 1,000 steps" where problems differ."""
    low, high = min(numbers), max(numbers)
    return counted(high, unit) if low == high else f"{low:,} to {counted(high, unit)}"


def train_settings(experiment: Any) -> dict[str, Any]:
    """Return [train] as trials used it: a list of values for a key in which a suite's problems differ."""
    return _together([train.to_json() for train in experiment.every_train])


def split_settings(experiment: Any) -> dict[str, Any]:
    """Return [split] as trials used it: a list of values for a key in which a suite's data sets differ."""
    return _together([asdict(split) for split, _ in splits_used(experiment)])


def splits_used(experiment: Any) -> list[tuple[Split, list[str]]]:
    """Return every way in which data sets are divided, with their labels, the file's own way first."""
    if experiment.suite is None or not experiment.splits:
        return [(experiment.split, [])]
    labels = list(dict.fromkeys(problem.parts["dataset"] for problem in experiment.suite.problems))
    groups: dict[Split, list[str]] = {}
    for label in sorted(labels, key=lambda label: experiment.split_of(label) != experiment.split):
        groups.setdefault(experiment.split_of(label), []).append(label)
    return list(groups.items())


def _together(tables: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for key in dict.fromkeys(key for table in tables for key in table):
        values: list[Any] = []
        for table in tables:
            if table.get(key) is not None and table[key] not in values:
                values.append(table[key])
        settings[key] = (values or [None])[0] if len(values) < 2 else values
    return settings
