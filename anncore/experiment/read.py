"""From a path to an Experiment: everything is read and checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from anncore.contract.errors import ExperimentError, tells_users
from anncore.contract.file_names import readable
from anncore.contract.handed_over import with_components
from anncore.contract.hyperparameters import Search
from anncore.contract.kind_names import SECTIONS, UNTUNED
from anncore.contract.registry import Registry, load_registry
from anncore.experiment import settings
from anncore.experiment.document import Document, Source, first_comment
from anncore.experiment.entries import keep, read_entries
from anncore.experiment.model import Entry, Experiment, Range, Rule
from anncore.experiment.overrides import apply_overrides
from anncore.experiment.rules import read_rules
from anncore.experiment.typed import read_source

TOP = (
    "schema",
    "title",
    "vary",
    "train",
    "split",
    "seeds",
    "select",
    "search",
    *SECTIONS,
    "exclude",
    "include",
    "limits",
    "plugins",
    "report",
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

    Raises ExperimentError (or another AnnxError) that names file, key, rule and value.
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


def read_experiment(source: Source, options: ReadOptions, registry: Registry | None = None) -> Experiment:
    """Check a document that has been read from its file; see `load_experiment`."""
    document = apply_overrides(source.name, source.data, options.overrides)
    document.check()
    top = document.section()
    top.allow(TOP)
    if top.whole("schema", SCHEMA, 1) != SCHEMA:
        raise top.wrong("schema", f"{SCHEMA}, the only version of the format so far")
    base = source.path.parent.absolute()
    registry, files = _components(document, base, options.plugins, registry)
    if options.components:
        registry = with_components(registry, options.components)
    every = read_entries(document, registry)
    vary = settings.read_vary(document, every)
    search = settings.read_search(document)
    exclude = read_rules(document, "exclude", every, registry)
    include = read_rules(document, "include", every, registry)
    train, seeds = settings.read_train(document), settings.read_seeds(document)
    train = replace(train, watch=settings.read_watch(document, registry))
    if options.quick:
        train, seeds, search = settings.quicken(train, seeds, search)
    metric, goal = settings.read_select(document)
    entries = keep(every, document, options.only, options.skip)
    _check_ranges(document, entries, vary, searching=search is not None)
    return Experiment(
        name=readable(source.path.stem),
        title=top.text("title", first_comment(source.text) or readable(source.path.stem)),
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
        split=settings.read_split(document),
        sweep_seed=seeds.sweep,
        tune_seeds=seeds.tune,
        report_seeds=seeds.report,
        select_metric=metric,
        select_goal=goal,
        entries=entries,
        search=search,
        exclude=exclude,
        include=tuple(rule for rule in include if _still_there(rule, entries)),
        limits=settings.read_limits(document),
        report=settings.read_report(document),
        plugin_files=files,
        registry=registry,
        widen=settings.read_widen(document, seeds),
    )


def _components(
    document: Document, base: Path, plugins: Sequence[str | Path], registry: Registry | None
) -> tuple[Registry, tuple[str, ...]]:
    """Return the registry with the plugin files of the document and of the caller, and those files."""
    section = document.section("plugins")
    section.allow(("files",))
    try:
        files = [str((base / file).resolve()) for file in section.texts("files")]
        files += [str(Path(file).resolve()) for file in plugins]
        if registry is not None:
            missing = [file for file in files if file not in registry.files]
            if not missing:
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
                if isinstance(axis, Range):
                    _check_range(document, entry, axis.keys[0], axis.search, vary, searching)


def _check_range(
    document: Document, entry: Entry, key: str, search: Search, vary: tuple[str, ...], searching: bool
) -> None:
    section = document.section(entry.kind, entry.label)
    low, high = search.values
    how = f"{{ {search.how} = [{low:g}, {high:g}], num = 5 }}"
    if entry.kind in UNTUNED and entry.kind not in vary:
        raise section.error(
            key, f"{key} is part of the problem and is not tuned; give a list or a grid such as {how}."
        )
    if not searching:
        raise section.error(
            key,
            f"{key} is a range without num, which needs a sampler; add [search] method and samples, "
            f"or write a grid such as {how}.",
        )


def _still_there(rule: Rule, entries: Mapping[str, tuple[Entry, ...]]) -> bool:
    """Tell whether --only and --skip left the entries of an [[include]]."""
    return all(any(entry.label in labels for entry in entries[kind]) for kind, labels in rule.labels.items())
