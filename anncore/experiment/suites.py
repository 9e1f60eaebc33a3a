"""`suite = "core"`: the sections and problems that a suite puts into the document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from anncore.contract.errors import ComponentError, ExperimentError, nearest
from anncore.contract.kind_names import PROBLEMS, SECTIONS
from anncore.contract.kinds import Problem
from anncore.contract.problem_kinds import problem_in
from anncore.contract.registry import Registered, Registry
from anncore.contract.trial import Split, Train
from anncore.experiment.document import Document, Path_, show
from anncore.experiment.entries import keep
from anncore.experiment.model import Entry
from anncore.experiment.problem_lists import ProblemList, matching, problem_list
from anncore.experiment.settings import read_split, read_train

LENGTHS = ("steps", "epochs")  # a file that sets one of them sets how long training takes
KEYS = ("name", "only", "skip")


def put_suite(
    document: Document, registry: Registry, recorded: ProblemList | None = None
) -> ProblemList | None:
    """Put the sections of the file's suite into the document, and return the problems it keeps.

    recorded: the list that a run folder keeps, which stands for the suite of that name. Returns None where
    the file names no suite. Raises ExperimentError for an unknown suite, and for sections of the file that
    contradict it.
    """
    if "suite" not in document.data:
        return None
    name, only, skip = _asked(document)
    suite = recorded if recorded is not None else problem_list(_component(document, registry, name))
    suite = _kept(document, suite, only, skip)
    suite = _without_compared(document, suite)
    _refuse_contradictions(document, suite)
    used = {kind: {problem.parts[kind] for problem in suite.problems} for kind in suite.kinds}
    for kind, labels in used.items():
        named = suite.sections[kind]
        document.data[kind] = {label: dict(named[label]) for label in named if label in labels}
    return suite


def _asked(document: Document) -> tuple[str, Sequence[str], Sequence[str]]:
    """Return the suite's name, and the patterns of problems and groups that are kept and left out."""
    value = document.data["suite"]
    if isinstance(value, str) and value.strip():
        return value, [], []
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise document.error(
            ("suite",),
            "suite must be the name of a suite, or a table with name and problems or groups to keep (only) "
            f"or to leave out (skip), got {show(value)}.",
        )
    section = document.section("suite")
    section.allow(KEYS)
    return value["name"], section.texts("only"), section.texts("skip")


def _component(document: Document, registry: Registry, name: str) -> Registered:
    try:
        return registry.get("suite", name)
    except ComponentError as error:
        offer = ", ".join(component.name for component in registry.of_kind("suite"))
        known = f" Known are {offer}." if str(error).endswith("names all.") and offer else ""
        raise document.error(("suite",), f"suite: {error}{known}") from None


def _kept(document: Document, suite: ProblemList, only: Sequence[str], skip: Sequence[str]) -> ProblemList:
    """Return the problems whose names or groups match the patterns to keep, and none to leave out."""
    problems = suite.problems
    for key, patterns in (("only", only), ("skip", skip)):
        matched: set[str] = set()
        for pattern in patterns:
            names = matching(pattern, suite.problems)
            if not names:
                raise nothing(document, suite, f"suite {key} {show(pattern)}", pattern, ("suite", key))
            matched |= names
        if patterns:
            problems = tuple(problem for problem in problems if (problem.name in matched) == (key == "only"))
    if not problems:
        raise document.error(("suite", "skip"), f"suite skip leaves no problem of {suite.name!r}.")
    return replace(suite, problems=problems)


def nothing(
    document: Document, suite: ProblemList, what: str, pattern: str, path: Path_ = ("suite",)
) -> ExperimentError:
    """Return the error about a pattern that matches no problem and no group."""
    groups = list(dict.fromkeys(problem.group for problem in suite.problems))
    guess = nearest(pattern, [problem.name for problem in suite.problems] + groups)
    error = document.error(
        path,
        f"{what} matches no problem of the suite {suite.name!r}, whose groups are {', '.join(groups)}"
        f" ('annx suites {suite.name}' lists its problems).{guess}",
    )
    error.exit_code = 5  # nothing matched
    return error


def _without_compared(document: Document, suite: ProblemList) -> ProblemList:
    """Return the problems without the kinds by which the file compares arms, each once."""
    vary = document.data.get("vary", [])
    names = [vary] if isinstance(vary, str) else [name for name in vary if isinstance(name, str)]
    varied = {name.partition(".")[0] for name in names}  # "network.hidden" is of networks too
    dropped = [kind for kind in suite.kinds if kind in varied - set(PROBLEMS)]
    if not dropped:
        return suite
    by_labels: dict[tuple[str, ...], Problem] = {}
    for problem in suite.problems:
        parts = {kind: label for kind, label in problem.parts.items() if kind not in dropped}
        by_labels.setdefault(tuple(parts.values()), problem._replace(parts=parts))
    return replace(suite, problems=tuple(by_labels.values()))


def _refuse_contradictions(document: Document, suite: ProblemList) -> None:
    """Note all sections of the file that say what the suite says, or that have no meaning beside it."""
    problem = problem_in(suite.kinds)
    for kind in SECTIONS:
        if kind not in document.data:
            continue
        if kind in suite.kinds or kind in PROBLEMS:
            table = f'{{ name = "{suite.name}", only = [..] }}'
            ways = f"keep some of the suite's problems by suite = {table}"
            if kind not in PROBLEMS:
                ways = f'compare them by vary = ["{kind}"]'
            message = (
                f'[{kind}] and suite = "{suite.name}" cannot both be given, because the suite names its '
                f"own; leave out one of the two, or {ways}."
            )
        elif kind not in problem.kinds:
            message = (
                f'[{kind}] has no meaning beside suite = "{suite.name}", whose problems are {problem.unit}.'
            )
        else:
            continue
        place = next((path for path in document.overridden if path[0] == kind), (kind,))
        document.mistakes.note(document.error(place, message))


def read_trains(document: Document, suite: ProblemList, train: Train) -> dict[str, Train]:
    """Return by problem how it is trained: what the file's [train] sets counts before the problem's own keys.

    train: what [train] says by itself, with what is read of it elsewhere.
    """
    given = document.section("train").data
    trains: dict[str, Train] = {}
    for problem in suite.problems:
        own = {key: value for key, value in problem.train.items() if key not in given}
        if any(key in given for key in LENGTHS):
            own = {key: value for key, value in own.items() if key not in LENGTHS}
        data = {**document.data, "train": {**given, **own}}
        merged = Document(f"{document.name}, problem {problem.name!r}", data, document.overridden)
        trains[problem.name] = replace(read_train(merged), watch=train.watch, metrics=train.metrics)
        merged.mistakes.raise_all()
    return trains


def read_splits(document: Document, suite: ProblemList) -> dict[str, Split]:
    """Return by label of a data set how it is divided, where the suite says so itself.

    What the file's [split] sets counts before the suite's own keys.
    """
    given = document.section("split").data
    splits: dict[str, Split] = {}
    for problem in suite.problems:
        if problem.split:
            data = {**document.data, "split": {**problem.split, **given}}
            merged = Document(f"{document.name}, problem {problem.name!r}", data, document.overridden)
            splits[problem.parts["dataset"]] = read_split(merged)
            merged.mistakes.raise_all()
    return splits


def keep_with_problems(
    document: Document,
    suite: ProblemList | None,
    entries: Mapping[str, tuple[Entry, ...]],
    only: tuple[str, ...],
    skip: tuple[str, ...],
) -> tuple[ProblemList | None, dict[str, tuple[Entry, ...]]]:
    """Return what `--only` and `--skip` leave of a suite's problems, and of all entries.

    Beside `kind=label` they take `problem=NAME`, where NAME is that of problems or of their groups.
    """
    if suite is None:
        return None, keep(entries, document, only, skip)
    whole = suite
    for option, choices in (("--only", only), ("--skip", skip)):
        patterns = [value for choice in choices if (value := _pattern(choice)) is not None]
        matched: set[str] = set()
        for pattern in patterns:
            names = matching(pattern, whole.problems)
            if not names:
                raise nothing(document, whole, f"{option} problem={pattern}", pattern)
            matched |= names
        if patterns:
            left = [p for p in suite.problems if (p.name in matched) == (option == "--only")]
            suite = replace(suite, problems=tuple(left))
    only, skip = (tuple(choice for choice in choices if _pattern(choice) is None) for choices in (only, skip))
    kept = keep(entries, document, only, skip)
    there = {kind: {entry.label for entry in kept[kind]} for kind in whole.kinds}
    problems = tuple(p for p in suite.problems if all(p.parts[kind] in there[kind] for kind in whole.kinds))
    if not problems:
        error = document.error(("suite",), f"--only and --skip leave no problem of the suite {whole.name!r}.")
        error.exit_code = 5  # nothing matched
        raise error
    for kind in whole.kinds:
        used = {problem.parts[kind] for problem in problems}
        kept[kind] = tuple(entry for entry in kept[kind] if entry.label in used)
    return replace(suite, problems=problems), kept


def _pattern(choice: str) -> str | None:
    """Return NAME of `problem=NAME`, None for another choice."""
    kind, equals, pattern = (part.strip() for part in choice.partition("="))
    return pattern if equals and kind == "problem" else None
