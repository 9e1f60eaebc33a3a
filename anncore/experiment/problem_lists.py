"""What a suite says, read once: its sections and its problems, and what tells two versions apart."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from anncore.contract.errors import RAISED_BY_PLUGINS, ComponentError, described
from anncore.contract.kind_names import PROBLEMS, SECTIONS
from anncore.contract.kinds import Problem
from anncore.contract.kinds.suites import PROBLEM_SPLIT_KEYS, PROBLEM_TRAIN_KEYS
from anncore.contract.registry import Registered
from anncore.contract.trial import canonical


@dataclass(frozen=True)
class ProblemList:
    """What a suite said when it was read: its sections by kind and label, and its problems.

    package, release: what brought it, and in which version. digest: of sections and problems, which tells
    whether two lists of one name and version are the same. every: all problems, of which `problems` are those
    that the file keeps.
    """

    name: str
    version: int
    package: str
    release: str
    sections: Mapping[str, Mapping[str, Mapping[str, Any]]]
    problems: tuple[Problem, ...]
    digest: str
    every: tuple[Problem, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of sections that the problems name."""
        return tuple(self.problems[0].parts) if self.problems else ()

    def at(self, labels: Mapping[str, str]) -> Problem:
        """Return the problem that is made of sections with these labels."""
        return self._by_labels[tuple(labels[kind] for kind in self.kinds)]

    @cached_property
    def _by_labels(self) -> dict[tuple[str, ...], Problem]:
        return {tuple(problem.parts.values()): problem for problem in self.problems}

    def to_json(self) -> dict[str, Any]:
        """Return the whole list as plain JSON, with the problems that the file leaves out."""
        return {
            **self.named(),
            "sections": {kind: dict(named) for kind, named in self.sections.items()},
            "problems": [_said(problem) for problem in self.every],
        }

    def named(self) -> dict[str, Any]:
        """Return what names the list: name, version, package and its release, digest."""
        return {key: getattr(self, key) for key in ("name", "version", "package", "release", "digest")}

    def described(self) -> str:
        """Return "core, version 1 (annx 0.1): 30 problems"."""
        kept, total = len(self.problems), len(self.every)
        problems = f"{kept} problem{'s' * (kept != 1)}" if kept == total else f"{kept} of {total} problems"
        return f"{self.name}, version {self.version} ({self.package} {self.release}): {problems}"

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ProblemList:
        """Read what `to_json` wrote; raises TypeError, KeyError or ValueError for anything else."""
        problems = tuple(Problem(**fields) for fields in data["problems"])
        if not problems or not all(isinstance(problem.parts, Mapping) for problem in problems):
            raise TypeError("no problems")
        return cls(**{**data, "problems": problems}, every=problems)


def problem_list(component: Registered) -> ProblemList:
    """Return what a registered suite says; raises ComponentError where it is no list of problems."""
    cls: Any = component.cls
    return problem_list_of(cls(), component.name, cls.version, component.dist, component.version)


def problem_list_of(suite: Any, name: str, version: int, package: str = "", release: str = "") -> ProblemList:
    """Return what a suite says; raises ComponentError where it is no list of problems."""
    try:
        sections = {
            kind: {label: dict(keys) for label, keys in named.items()}
            for kind, named in suite.sections().items()
        }
        problems = tuple(_in_order(Problem(*problem)) for problem in suite.problems())
    except RAISED_BY_PLUGINS as error:
        raise ComponentError(f"suite {name!r} cannot be read: {described(error)}") from error
    if reason := wrong_with(sections, problems):
        raise ComponentError(f"suite {name!r}: {reason}")
    text = canonical([sections, [_said(problem) for problem in problems]])
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return ProblemList(name, version, package, release, sections, problems, digest, problems)


def _said(problem: Problem) -> dict[str, Any]:
    """Return what a problem says; without a split of its own the digest is that of before there were any."""
    return {key: value for key, value in problem._asdict().items() if key != "split" or value}


def _in_order(problem: Problem) -> Problem:
    parts = {kind: problem.parts[kind] for kind in SECTIONS if kind in problem.parts}
    return problem._replace(
        parts=parts | dict(problem.parts), train=dict(problem.train), split=dict(problem.split)
    )


def wrong_with(sections: Mapping[str, Mapping[str, Any]], problems: Sequence[Problem]) -> str:
    """Say what is wrong with a suite's problems; "" for nothing."""
    if not problems:
        return "it has no problems"
    kinds = tuple(problems[0].parts)
    seen: dict[Any, str] = {}
    for problem in problems:
        reason = _wrong_with_one(sections, problem, kinds)
        if reason:
            return f"problem {problem.name!r} {reason}"
        for what in (("name", problem.name), ("parts", *problem.parts.values())):
            if what in seen:
                same = "name" if what[0] == "name" else "sections"
                return f"problems {seen[what]!r} and {problem.name!r} have the same {same}"
            seen[what] = problem.name
    return _splits_differ(problems)


def _splits_differ(problems: Sequence[Problem]) -> str:
    """Say which problems have the same data and divide them otherwise; "" for none."""
    first: dict[str, Problem] = {}
    for problem in problems:
        label = problem.parts.get("dataset", "")
        other = first.setdefault(label, problem)
        if dict(problem.split) != dict(other.split):
            return f"problems {other.name!r} and {problem.name!r} divide [dataset.{label}] in two ways"
    return ""


def _wrong_with_one(
    sections: Mapping[str, Mapping[str, Any]], problem: Problem, kinds: Collection[str]
) -> str:
    if not isinstance(problem.name, str) or not problem.name.strip():
        return "has no name"
    if not isinstance(problem.group, str) or not problem.group.strip():
        return "has no group"
    if len(set(PROBLEMS) & set(problem.parts)) != 1:
        return "must name one data set or one objective"
    if tuple(problem.parts) != tuple(kinds):
        return f"names {', '.join(problem.parts)}, the first one {', '.join(kinds)}"
    for kind, label in problem.parts.items():
        if kind not in SECTIONS or kind == "optimizer":
            return f"names {kind!r}, which is no part of a problem"
        if label not in sections.get(kind, {}):
            return f"names [{kind}.{label}], which is no section of the suite"
    for key in problem.train:
        if key not in PROBLEM_TRAIN_KEYS:
            return f"sets {key!r}; it may set {', '.join(PROBLEM_TRAIN_KEYS)}"
    for key in problem.split:
        if "dataset" not in problem.parts:
            return "sets a split, and a function has no data to divide"
        if key not in PROBLEM_SPLIT_KEYS:
            return f"sets {key!r} of [split]; it may set {', '.join(PROBLEM_SPLIT_KEYS)}"
    return ""


def matching(pattern: str, problems: Sequence[Problem]) -> set[str]:
    """Return the names of the problems whose name or group matches a pattern with * and ?."""
    return {
        problem.name
        for problem in problems
        if fnmatchcase(problem.name, pattern) or fnmatchcase(problem.group, pattern)
    }
