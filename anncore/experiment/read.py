"""From a path to an Experiment: everything is read and checked before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from anncore.contract.errors import ExperimentError, tells_users
from anncore.contract.file_names import readable
from anncore.contract.handed_over import with_components
from anncore.contract.kind_names import SECTIONS, UNTUNED
from anncore.contract.loading import load_registry
from anncore.contract.registry import HOME, Registry
from anncore.contract.trial import Split, Train
from anncore.experiment import settings
from anncore.experiment.claim import read_claim
from anncore.experiment.document import Document, Source, first_comment
from anncore.experiment.entries import read_entries
from anncore.experiment.exercise import Exercise, read_exercise
from anncore.experiment.metric_values import read_metrics
from anncore.experiment.model import (
    Entry,
    Experiment,
    Limits,
    Range,
    RoundsSettings,
    Rule,
    SearchSettings,
)
from anncore.experiment.overrides import apply_overrides
from anncore.experiment.problem_lists import ProblemList
from anncore.experiment.rules import read_rules
from anncore.experiment.suites import keep_with_problems, put_suite, read_trains
from anncore.experiment.typed import read_source

TOP = (
    "schema",
    "title",
    "claim",
    "suite",
    "vary",
    "train",
    "split",
    "seeds",
    "select",
    "search",
    "rounds",
    "metrics",
    *SECTIONS,
    "exclude",
    "include",
    "limits",
    "run",
    "plugins",
    "report",
    "explain",
)
SCHEMA = 1

Given = Experiment | str | Path | Mapping[str, Any]
"""What is taken for an experiment: one that was read, or what `load_experiment` reads."""


@tells_users
def load_experiment(
    source: str | Path | Mapping[str, Any],
    *,
    overrides: Sequence[str] = (),
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    quick: bool = False,
    plugins: Sequence[str | Path] = (),
    components: Sequence[type[Any]] = (),
    registry: Registry | None = None,
) -> Experiment:
    """Read an experiment and check it whole.

    source: the path of a TOML file; or, from Python, a dict with the same tables, or TOML text of several
    lines. overrides: KEY=VALUE texts put into the document first. only, skip: `kind=label` texts (* and ?
    match) that keep or drop entries. quick: a first look with few steps and seeds. plugins: further plugin
    files, relative to the working directory. components: further component classes, such as were defined in
    a notebook's cell. registry: components to use in place of the installed ones.

    Raises ExperimentError (or another AnnxError) that names file, key, rule and value; for several mistakes
    ExperimentErrors, with a line for each.
    """
    options = ReadOptions(tuple(overrides), tuple(only), tuple(skip), quick, tuple(plugins), components)
    return read_experiment(read_source(source), options, registry)


def as_experiment(given: Given, components: Sequence[type[Any]] = ()) -> Experiment:
    """Return an Experiment as it is, and anything else that `load_experiment` reads read by it."""
    if not isinstance(given, Experiment):
        return load_experiment(given, components=components)
    if components:
        raise ExperimentError("an Experiment has its components already; hand them to load_experiment.")
    settings_there = {name: getattr(given, name) for name in ("train", "split", "limits", "registry")}
    parts = {kind: given.entries.get(kind) for kind in given.problem.parts}
    for name, value in {**settings_there, **parts}.items():
        if not value and not isinstance(value, Registry):
            raise ExperimentError(
                f"{given.name}: the Experiment has no {name}; make it by load_experiment, whose overrides, "
                "only and skip change what it holds."
            )
    return given


class ReadOptions(NamedTuple):
    """How a file is read beside what it says; see `load_experiment`."""

    overrides: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    quick: bool = False
    plugins: tuple[str | Path, ...] = ()
    components: Sequence[type[Any]] = ()
    suite: ProblemList | None = None  # what a run folder keeps of the suite that the file names
    closed: bool = False  # no plugin file is loaded beside those of the registry


def read_experiment(source: Source, options: ReadOptions, registry: Registry | None = None) -> Experiment:
    """Check a document that has been read from its file; see `load_experiment`.

    Raises the one mistake in it, or ExperimentErrors with all of them.
    """
    document = apply_overrides(source.name, source.data, options.overrides)
    document.check()
    mistakes = document.mistakes
    _check_top(document)
    base = source.path.parent.absolute()
    loaded = mistakes.attempt(lambda: _components(document, base, options, registry), None)
    suite = None if loaded is None else _suite(document, loaded[0], options)
    setting = _read_settings(document)
    if loaded is None:  # without its plugins, the file's own components would seem unknown
        mistakes.raise_all()
    assert loaded is not None, "a plugin that cannot be loaded is a mistake"
    components, files = loaded
    chosen = settings.read_chosen(document, components)
    # Half a search, a method or samples alone, is one mistake, noted already; its ranges are none besides.
    searching = setting.search is not None or not {"method", "samples"}.isdisjoint(
        document.section("search").data
    )
    every, vary, exclude, include = _read_compared(document, components, suite, searching=searching)
    watch = mistakes.attempt(lambda: settings.read_watch(document, components), ())
    metrics = mistakes.attempt(lambda: read_metrics(document, components), {})
    exercise = mistakes.attempt(lambda: read_exercise(document, base), Exercise())
    mistakes.raise_all()
    suite, entries = keep_with_problems(document, suite, every, options.only, options.skip)
    train, seeds, search = replace(setting.train, watch=watch, metrics=metrics), setting.seeds, setting.search
    trains = {} if suite is None else read_trains(document, suite, train)
    if options.quick:
        trains = {name: settings.quicken(own, seeds, search)[0] for name, own in trains.items()}
        train, seeds, search = settings.quicken(train, seeds, search)
    return Experiment(
        name=readable(source.path.stem),
        title=setting.title or first_comment(source.text) or readable(source.path.stem),
        question=first_comment(source.text),
        path=None if source.typed else source.path.absolute(),
        base=base,
        text=source.text,
        document=document.data,
        overrides=options.overrides,
        only=options.only,
        skip=options.skip,
        quick=options.quick,
        vary=vary,
        train=train,
        split=setting.split,
        sweep_seed=seeds.sweep,
        tune_seeds=seeds.tune,
        report_seeds=seeds.report,
        select_metric=setting.select[0],
        select_goal=setting.select[1],
        entries=entries,
        search=search,
        exclude=exclude,
        include=tuple(rule for rule in include if _still_there(rule, entries)),
        limits=setting.limits,
        report=setting.report,
        plugin_files=files,
        registry=components,
        notes=(
            *_namesakes(entries, components, source.text, options.overrides),
            *settings.without_lanes(train),
        ),
        widen=setting.widen,
        chosen=chosen,
        exercise=exercise,
        suite=suite,
        trains=trains,
        in_rounds=None if options.quick else setting.rounds,  # a first look adds no seeds
    )


def _suite(document: Document, registry: Registry, options: ReadOptions) -> ProblemList | None:
    """Put the file's suite into the document; without it, all that follows would seem wrong."""
    before = len(document.mistakes.errors)
    suite = document.mistakes.attempt(lambda: put_suite(document, registry, options.suite), None)
    if len(document.mistakes.errors) > before:
        document.mistakes.raise_all()
    return suite


def _check_top(document: Document) -> None:
    """Note sections that there are not, and another version of the format."""
    top = document.section()
    top.allow(TOP)
    document.mistakes.attempt(lambda: read_claim(document), None)
    if top.whole("schema", SCHEMA, 1) != SCHEMA:
        document.mistakes.note(top.wrong("schema", f"{SCHEMA}, the only version of the format so far"))


class _Settings(NamedTuple):
    """What the sections say that name no component."""

    title: str | None
    train: Train
    split: Split
    seeds: settings.Seeds
    select: tuple[str | None, str | None]
    search: SearchSettings | None
    widen: bool
    rounds: RoundsSettings | None
    limits: Limits
    report: Mapping[str, Any]


def _read_settings(document: Document) -> _Settings:
    """Read every section that names no component; what is wrong in them is noted."""
    attempt = document.mistakes.attempt
    seeds = attempt(lambda: settings.read_seeds(document), settings.DEFAULT_SEEDS)
    return _Settings(
        title=document.section().text("title", None),
        train=attempt(lambda: settings.read_train(document), Train()),
        split=attempt(lambda: settings.read_split(document), Split()),
        seeds=seeds,
        select=attempt(lambda: settings.read_select(document), (None, None)),
        search=attempt(lambda: settings.read_search(document), None),
        widen=attempt(lambda: settings.read_widen(document, seeds), False),
        rounds=attempt(lambda: settings.read_rounds(document), None),
        limits=attempt(lambda: settings.read_limits(document), Limits()),
        report=attempt(lambda: settings.read_report(document), {}),
    )


def _read_compared(
    document: Document, registry: Registry, suite: ProblemList | None, *, searching: bool
) -> tuple[dict[str, tuple[Entry, ...]], tuple[str, ...], tuple[Rule, ...], tuple[Rule, ...]]:
    """Read the components' sections, what is varied, and the rules; what is wrong in them is noted."""
    mistakes = document.mistakes
    before = len(mistakes.errors)
    entries = read_entries(document, registry)
    complete = len(mistakes.errors) == before
    vary = mistakes.attempt(
        lambda: settings.read_vary(document, entries, () if suite is None else suite.kinds), ()
    )
    if not complete:  # a rule about a section that could not be read would seem wrong as well
        return entries, vary, (), ()
    exclude = read_rules(document, "exclude", entries, registry)
    include = read_rules(document, "include", entries, registry)
    if len(mistakes.errors) == before:
        _check_ranges(document, entries, vary, searching=searching)
    return entries, vary, exclude, include


def _components(
    document: Document, base: Path, options: ReadOptions, registry: Registry | None
) -> tuple[Registry, tuple[str, ...]]:
    """Return the registry with the components of document and caller, and all plugin files."""
    loaded, files = _with_files(document, base, options, registry)
    if loaded.folder != str(base) and _names_a_library(document.data, loaded):
        loaded = loaded.changed(folder=str(base))
    return with_components(loaded, options.components) if options.components else loaded, files


def _names_a_library(value: Any, registry: Registry) -> bool:
    """Tell whether a text anywhere in a document has the prefix of a library."""
    if isinstance(value, Mapping):
        return any(_names_a_library(item, registry) for pair in value.items() for item in pair)
    if isinstance(value, list):
        return any(_names_a_library(item, registry) for item in value)
    return isinstance(value, str) and registry.library(value) is not None


def _with_files(
    document: Document, base: Path, options: ReadOptions, registry: Registry | None
) -> tuple[Registry, tuple[str, ...]]:
    """Return the registry with the plugin files of the document and of the caller, and those files."""
    section = document.section("plugins")
    section.allow(("files",))
    try:
        files = [str((base / file).resolve()) for file in section.texts("files")]
        files += [str(Path(file).resolve()) for file in options.plugins]
        if registry is not None:
            missing = [file for file in files if file not in registry.files]
            if options.closed or not missing:
                return registry, tuple(dict.fromkeys(files))
            files = [*registry.files, *files]
        files = list(dict.fromkeys(files))
        return load_registry(files=files), tuple(files)
    except (OSError, ValueError) as error:  # a path that no file system takes
        raise section.error("files", f"files cannot be read: {error}.") from None


def _check_ranges(
    document: Document, entries: Mapping[str, tuple[Entry, ...]], vary: tuple[str, ...], *, searching: bool
) -> None:
    """Refuse a range that nothing would draw from."""
    for kind in SECTIONS:
        for entry in entries[kind]:
            for axis in entry.axes:
                if isinstance(axis, Range) and (error := _unfit(document, entry, axis, vary, searching)):
                    document.mistakes.note(error)


def _unfit(
    document: Document, entry: Entry, axis: Range, vary: tuple[str, ...], searching: bool
) -> ExperimentError | None:
    """Return why nothing would draw from a range, None where a search does."""
    key, section = axis.keys[0], document.section(entry.kind, entry.label)
    low, high = axis.search.values
    how = f"{{ {axis.search.how} = [{low:g}, {high:g}], num = 5 }}"
    if entry.kind in UNTUNED and entry.kind not in vary:
        return section.error(
            key, f"{key} is part of the problem and is not tuned; give a list or a grid such as {how}."
        )
    if not searching:
        return section.error(
            key,
            f"{key} is a range without num, which needs a sampler; add [search] method and samples, "
            f"or write a grid such as {how}.",
        )
    return None


def _namesakes(
    entries: Mapping[str, tuple[Entry, ...]], registry: Registry, text: str, overrides: Sequence[str]
) -> Iterator[str]:
    """Yield a line for each short name that a plugin offers as well and that means annx's own component."""
    used = {
        component.full_name: component
        for named in entries.values()
        for entry in named
        for components in entry.reachable.values()
        for component in components
    }
    for component in used.values():
        written = any(component.full_name in given for given in (text, *overrides))
        others = [other.full_name for other in registry.namesakes(component)]
        if others and not written and component.dist == HOME:
            yield (
                f"{component.kind} {component.name!r} is annx's own; a plugin offers one of that name too, "
                f"which an experiment calls {' or '.join(map(repr, others))} (and {component.full_name!r} "
                "this one)."
            )


def _still_there(rule: Rule, entries: Mapping[str, tuple[Entry, ...]]) -> bool:
    """Tell whether --only and --skip left the entries of an [[include]]."""
    return all(any(entry.label in labels for entry in entries[kind]) for kind, labels in rule.labels.items())
