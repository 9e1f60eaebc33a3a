"""The sections that are not components: how to train, split, seed, select, search and limit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal, NamedTuple

from anncore.contract.admission import OWN_KEYS
from anncore.contract.errors import ComponentError, nearest
from anncore.contract.hyperparameters import build, declared, resolve
from anncore.contract.kind_names import PROBLEMS, SECTIONS
from anncore.contract.problem_kinds import problem_in
from anncore.contract.registry import HOME, Registry
from anncore.contract.trial import AUTO, Split, Stop, Train
from anncore.engine.fusing.emit import why_unavailable
from anncore.experiment.document import LARGEST, Document, Section, is_number, show
from anncore.experiment.levels import check_varied, in_order
from anncore.experiment.model import Chosen, Entry, Limits, RoundsSettings, SearchSettings
from anncore.experiment.success import read_success

THESE_ROWS, NEW_ROWS = "these rows", "new rows"
SCOPES = (THESE_ROWS, NEW_ROWS)
NO_ROUNDS = (
    "scope = 'new rows' and rounds exclude each other: splitting the same rows once more says little of new "
    "ones. Leave out rounds (and --until-decided), or scope"
)
WAIVABLE = ("failed", "timeout", "crashed")  # what blocks a claim
MOST_SEEDS = 100_000
MOST_SAMPLES = 100_000
MOST_MOMENTS = 24  # maps along the way of one trial, about 1.4 kB each
MOST_STEPS = 1_000_000_000
MOST_EPOCHS = 1_000_000
MOST_EVALUATIONS = 100_000  # of one trial; each keeps several numbers
LONGEST_TIMEOUT = 1_000_000.0  # seconds, 11 days: an operating system's own clocks take no more than 24 days
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def read_train(document: Document) -> Train:
    """Read [train] but for `watch`; steps = 500 where neither steps nor epochs is given."""
    section = document.section("train")
    section.allow(
        (
            "steps",
            "epochs",
            "batch_size",
            "shuffle",
            "eval_every",
            "eval_train",
            "dtype",
            "stop",
            "watch",
            "diverged_above",
            "engine",
        )
    )
    default = Train()
    problem = problem_in(document.data)
    for (owner, key), lack in problem.lacks.items():
        if owner == "train" and section.data.get(key, []) != []:
            raise section.error(
                key,
                f"{key} has no meaning for {problem.noun}, which has no {lack}, got "
                f"{show(section.data[key])}; leave it out.",
            )
    if not problem.batches and section.data.get("batch_size", "full") != "full":
        raise section.error(
            "batch_size",
            f"batch_size has no meaning for {problem.noun}, which has no data, got "
            f"{show(section.data['batch_size'])}; leave it out.",
        )
    if "steps" in section.data and "epochs" in section.data:
        raise section.error("epochs", "steps and epochs are both given; keep one.")
    epochs = _bounded(section, "epochs", None, MOST_EPOCHS)
    steps = _bounded(section, "steps", None if epochs else default.steps, MOST_STEPS)
    batch: int | Literal["full"] = "full"
    if section.data.get("batch_size") != "full" and problem.batches:
        if isinstance(section.data.get("batch_size"), str):
            raise section.wrong("batch_size", "a whole number of at least 1, or 'full'")
        batch = section.whole("batch_size", default.batch_size, 1)
    every = section.whole("eval_every", default.eval_every, 1)
    if steps is not None and steps > every * MOST_EVALUATIONS:
        raise section.error("eval_every", too_many_evaluations(steps, every))
    return Train(
        steps=steps,
        epochs=epochs,
        batch_size=batch,
        shuffle=section.flag("shuffle", default.shuffle),
        eval_every=every,
        eval_train=section.one_of("eval_train", default.eval_train, ("sample", "all")),
        dtype=section.one_of("dtype", default.dtype, ("float32", "float64")),
        stop=_read_stop(document) if "stop" in section.data else default.stop,
        diverged_above=section.number("diverged_above", default.diverged_above, 0, open=True),
        engine=section.one_of("engine", default.engine, ("auto", "blas", "lanes")),
    )


def without_lanes(train: Train) -> list[str]:
    """Return a line if the engine "auto" is asked for and there are no lanes here."""
    why = why_unavailable() if train.engine == AUTO else ""
    if not why:
        return []
    return [
        f"[train] engine = 'auto' computes everything by 'blas' here, as {why}; the keys of trials say so"
    ]


def _bounded(section: Section, key: str, default: int | None, most: int) -> Any:
    """Return a whole number of at least 1; one above `most` is noted."""
    number = section.whole(key, default, 1)
    if number is None or number <= most:
        return number
    section.note_wrong(key, f"at most {most:,}")
    return default


def too_many_evaluations(steps: int, every: int) -> str:
    """Say that the curves of a trial would be too long, and which eval_every is large enough."""
    return (
        f"eval_every = {every} evaluates {steps // every:,} times in {steps:,} steps, and a trial may have "
        f"{MOST_EVALUATIONS:,} evaluations; write eval_every = {-(-steps // MOST_EVALUATIONS)} or more."
    )


def read_watch(document: Document, registry: Registry) -> tuple[str, ...]:
    """Read [train] watch: full names of metrics that look into the network, sorted."""
    section = document.section("train")
    names = section.texts("watch")
    offer = [metric.name for metric in registry.of_kind("metric") if metric.cls.watches]
    watched: list[str] = []
    for name in names:
        try:
            component = registry.get("metric", name)
        except ComponentError as error:
            guess = "" if "Did you mean" in str(error) else f" Those that can be watched: {', '.join(offer)}."
            raise section.error("watch", f"watch: {error}{guess}") from None
        if not component.cls.watches:
            raise section.error(
                "watch",
                f"watch takes metrics that look into the network ({', '.join(offer)}), got {name!r}, which "
                "scores predictions and is recorded anyway.",
            )
        if component.full_name in watched:
            raise section.error("watch", f"watch lists {name!r} twice.")
        watched.append(component.full_name)
    return tuple(sorted(watched))


def _read_stop(document: Document) -> Stop:
    section = document.section("train", "stop")
    section.allow(("loss", "patience", "min_delta", "monitor"))
    if not section.data.keys() - {"min_delta", "monitor"}:
        raise section.error(None, "needs loss = .. or patience = .. to know when to stop.")
    for key in ("min_delta", "monitor"):
        if key in section.data and "patience" not in section.data:
            raise section.error(key, f"{key} needs patience, which is not given.")
    return Stop(
        loss=section.number("loss", None, float("-inf")),
        patience=section.whole("patience", None, 1),
        min_delta=section.number("min_delta", 0.0, 0),
        monitor=section.one_of("monitor", "valid_loss", ("valid_loss", "train_loss")),
    )


def read_split(document: Document) -> Split:
    """Read [split]: the shares held out, of which 0 leaves a split out, and what is done to the rest."""
    section = document.section("split")
    section.allow(("valid", "test", "stratify", "standardize"))
    default = Split()
    split = Split(
        valid=section.number("valid", default.valid, 0, 1),
        test=section.number("test", default.test, 0, 1),
        stratify=section.flag("stratify", default.stratify),
        standardize=section.flag("standardize", default.standardize),
    )
    if split.valid + split.test >= 1:
        raise section.error(
            None,
            f"valid and test must leave a share for training, got {split.valid} + {split.test}.",
        )
    return split


class Seeds(NamedTuple):
    """The seeds of the two phases, and the sweep's own."""

    tune: tuple[int, ...]
    report: tuple[int, ...]
    sweep: int


DEFAULT_SEEDS = Seeds((), tuple(range(100, 110)), 0)


def read_seeds(document: Document) -> Seeds:
    """Read [seeds]; without it ten report seeds from 100 on, and no tuning."""
    section = document.section("seeds")
    section.allow(("tune", "report", "sweep"))
    tune = _seed_list(section, "tune", ())
    report = _seed_list(section, "report", DEFAULT_SEEDS.report)
    if not report:
        raise section.error("report", "report is empty; give at least one seed to report on.")
    if shared := sorted(set(tune) & set(report)):
        raise section.error(
            "report",
            f"tune and report share seed {shared[0]}; a seed used for tuning cannot be used for the report.",
        )
    return Seeds(tune, report, section.whole("sweep", DEFAULT_SEEDS.sweep, 0))


def _seed_list(section: Section, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
    if key not in section.data:
        return default
    value = section.data[key]
    if isinstance(value, dict):
        table = section.document.section("seeds", key)
        table.allow(("start", "num"))
        if "num" not in value:
            raise table.error(None, f"needs num = .. next to start, got {show(value)}.")
        num = table.whole("num", None, 0, MOST_SEEDS)
        start = table.whole("start", 0, 0, LARGEST - MOST_SEEDS)
        return default if num is None else tuple(range(start, start + num))
    if not isinstance(value, list) or not all(map(_is_seed, value)):
        raise section.wrong(
            key, "a list of whole numbers of at least 0 and below 2^63, or { start = .., num = .. }"
        )
    if len(value) > MOST_SEEDS:
        raise section.error(key, f"{key} must have at most {MOST_SEEDS} seeds, got {len(value)}.")
    seeds = tuple(map(int, value))
    seed, times = Counter(seeds).most_common(1)[0] if seeds else (0, 0)
    if times > 1:
        raise section.error(key, f"{key} lists seed {seed} twice.")
    return seeds


def _is_seed(value: Any) -> bool:
    return is_number(value) and value == int(value) and 0 <= int(value) <= LARGEST


def read_select(document: Document) -> tuple[str | None, str | None]:
    """Read [select]: the metric and goal as written, None where they are not."""
    section = document.section("select")
    if "rule" not in section.data:
        section.allow((*OWN_KEYS["selector"],))
    metric = section.text("metric", None)
    if metric is not None and not metric.startswith("valid_"):
        why = " the test split is opened once, for the report;" if metric.startswith("test_") else ""
        bare = re.sub(r"^(test|train)_", "", metric)
        raise section.error(
            "metric",
            f"metric must be 'valid_loss' or 'valid_' and a metric's name, got {metric!r};{why}"
            f" write for example 'valid_{bare}'.",
        )
    return metric, section.one_of("goal", None, ("min", "max"))


def read_search(document: Document) -> SearchSettings | None:
    """Read [search] but for what its sampler takes; None for a grid."""
    if "search" not in document.data:
        return None
    section = document.section("search")
    method = section.text("method", None)
    if method == "grid":
        raise section.error("method", "method = 'grid' is what a file without method has; leave it out.")
    if method is None:
        if "method" not in section.data:
            section.allow(OWN_KEYS["sampler"])
        return None
    if "samples" not in section.data:  # `read_chosen` says so, if there is such a method
        return None
    return SearchSettings(method, section.whole("samples", None, 1, MOST_SAMPLES))


def read_rounds(document: Document) -> RoundsSettings | None:
    """Read [rounds] but for what its stopping rule takes; None where the file has none."""
    if "rounds" not in document.data:
        return None
    section = document.section("rounds")
    if "rule" not in section.data:
        section.allow(OWN_KEYS["stopper"])
    return RoundsSettings(section.whole("most", None, 1, MOST_SEEDS))


NAMED_IN = {
    "sampler": ("search", "method"),
    "selector": ("select", "rule"),
    "stopper": ("rounds", "rule"),
    "executor": ("run", "executor"),
}
"""By kind of component, the section and the key that name one; the section's other keys are its values."""


def read_chosen(document: Document, registry: Registry) -> dict[str, Chosen]:
    """Return the components that a search, a selection, rounds and a run use, by kind; mistakes are noted.

    Where the file names none it is annx's own default, if there is one.
    """
    chosen: dict[str, Chosen] = {}
    for kind in NAMED_IN:
        component = document.mistakes.attempt(partial(_read_one, document, registry, kind), None)
        if component is not None:
            chosen[kind] = component
    return chosen


def _read_one(document: Document, registry: Registry, kind: str) -> Chosen | None:
    name_of_section, key = NAMED_IN[kind]
    section = document.section(name_of_section)
    if kind == "sampler" and "samples" in section.data and key not in section.data:
        offer = ", ".join(component.name for component in registry.of_kind(kind))
        raise section.error("samples", f"samples needs a method: one of {offer}.")
    if key not in section.data:
        if kind == "executor":
            section.allow(OWN_KEYS[kind])
        default = next((c for c in registry.of_kind(kind) if c.dist == HOME and c.cls.default), None)
        return None if default is None else Chosen(default, resolve(default.cls, {}))
    name = section.data[key]
    if not isinstance(name, str):
        if kind != "sampler":  # `read_search` notes it
            section.note_wrong(key, "a text")
        return None
    if (kind, name) == ("sampler", "grid"):  # `read_search` raises
        return None
    try:
        component = registry.get(kind, name)
    except ComponentError as error:
        raise section.error(key, f"{key}: {error}{_offer(registry, kind, str(error))}") from None
    if kind == "sampler" and "samples" not in section.data:
        raise section.error(None, f"method {name!r} needs samples = .., the number of draws per arm.")
    cls: Any = component.cls
    section.allow((*OWN_KEYS[kind], *declared(cls), *(("preset",) if cls.presets else ())))
    own = {known: value for known, value in section.data.items() if known not in OWN_KEYS[kind]}
    own = {known: value for known, value in own.items() if known in declared(cls) or known == "preset"}
    try:
        values = resolve(cls, own)
        build(cls, **values)
    except ComponentError as error:
        raise section.error(next(iter(own), None), f"{error}.") from None
    return Chosen(component, values)


def _offer(registry: Registry, kind: str, error: str) -> str:
    """Return the names of a kind, where an error gives no other hint."""
    if not error.endswith("names all."):
        return ""
    return f" Known are {', '.join(component.name for component in registry.of_kind(kind))}."


def read_widen(document: Document, seeds: Seeds) -> bool:
    """Read [search] widen; without tune seeds nothing is chosen, so nothing lies at an edge."""
    section = document.section("search")
    widen = section.flag("widen", False)
    if widen and not seeds.tune:
        raise section.error("widen", "widen needs tune seeds: without [seeds] tune nothing is chosen.")
    return widen


def read_limits(document: Document) -> Limits:
    """Read [limits]; a timeout is a number of seconds or a text like "60s", "5m", "1h", at most 11 days."""
    section = document.section("limits")
    section.allow(("max_trials", "timeout"))
    return Limits(section.whole("max_trials", Limits().max_trials, 1), _timeout(section))


def _timeout(section: Section) -> float | None:
    value: Any = section.data.get("timeout")
    if value is None:
        return None
    if isinstance(value, str):
        parts = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h)?\s*", value, re.ASCII)
        value = float(parts[1]) * UNITS[parts[2] or "s"] if parts else None
    if not is_number(value) or value <= 0:
        raise section.wrong("timeout", "a positive number of seconds, or a text like '60s', '5m', '1h'")
    return min(float(value), LONGEST_TIMEOUT)


def read_vary(
    document: Document, entries: Mapping[str, tuple[Entry, ...]], of_suite: Collection[str] = ()
) -> tuple[str, ...]:
    """Read `vary`; without it the kinds of which there are several, else the optimizer.

    A hyperparameter, "network.hidden", is varied as a factor: each of its values makes arms of its own.
    of_suite: the kinds that belong to the problems of a suite.
    """
    known = [kind for kind in SECTIONS if kind not in PROBLEMS]
    section = document.section()
    if "vary" not in document.data:
        several = [kind for kind in known if len(entries[kind]) > 1 and kind not in of_suite]
        return tuple(several) or ("optimizer",)
    if isinstance(document.data["vary"], str):
        section = Section(document, (), {"vary": [document.data["vary"]]})
    vary = section.texts("vary")
    if not vary:
        raise section.wrong("vary", "a list of at least one kind")
    for kind in vary:
        if "." in kind:
            check_varied(section, kind, entries)
            continue
        if kind in PROBLEMS:
            what = "data sets" if kind == "dataset" else "objectives"
            raise section.error(
                "vary", f"vary cannot name {kind!r}: arms are compared on {what}, not by them."
            )
        if kind not in known:
            raise section.error(
                "vary", f"vary must name kinds of {', '.join(known)}, got {kind!r}.{nearest(kind, known)}"
            )
        if kind not in document.data:
            raise section.error("vary", f"vary names {kind!r}, but there is no [{kind}.NAME] section.")
    if len(set(vary)) < len(vary):
        twice = next(name for name in vary if vary.count(name) > 1)
        what = "a hyperparameter" if "." in twice else "a kind"
        raise section.error("vary", f"vary names {what} twice, got {show(list(vary))}.")
    return in_order(vary)


OF_REPORT = ("scope", "control", "rope", "target", "success", "costs", "waive", "maps_at", "paths")
"""The keys of [report] that annx itself knows."""


def read_report(document: Document) -> Mapping[str, Any]:
    """Read [report], a free table of which the keys that annx itself knows are checked.

    Plugins' figures and sections may read other keys, but one that is spelt nearly like ours is a mistake.

    scope says whether claims on one data set are about its rows or about new ones, control is an arm, rope a
    number, target a number or a table from data set to number, success what `read_success` takes, costs a
    flag, waive a list of statuses, maps_at a number of moments or a list of steps, paths a flag that data
    sets do not have.
    """
    section = document.section("report")
    for key in section.data:
        hint = "" if key in OF_REPORT else nearest(key, OF_REPORT)
        if hint:
            raise section.error(key, f"unknown key {key!r}.{hint}")
    if problem_in(document.data).scored and "paths" in section.data:
        raise section.error(
            "paths",
            f"paths has no meaning for a data set: paths are those of objectives, got "
            f"{show(section.data['paths'])}; leave it out.",
        )
    section.flag("paths", False)
    if section.one_of("scope", THESE_ROWS, SCOPES) == NEW_ROWS:
        _check_new_rows(document, section)
    section.text("control", None)
    section.number("rope", None, 0, open=True)
    section.flag("costs", False)
    for status in section.texts("waive"):
        if status not in WAIVABLE:
            known = f"{', '.join(WAIVABLE)}, got {status!r}.{nearest(status, WAIVABLE)}"
            raise section.error("waive", f"waive must list statuses of {known}")
    target = section.data.get("target", 0)
    for value in target.values() if isinstance(target, Mapping) else (target,):
        if not is_number(value):
            raise section.wrong("target", "a number, or a table with a number for each data set")
    read_success(document)
    _read_moments(section)
    return dict(section.data)


def _check_new_rows(document: Document, section: Section) -> None:
    """Refuse claims about new rows where there are no rows, and where seeds come in rounds."""
    if not problem_in(document.data).scored:
        raise section.error(
            "scope", "scope has no meaning for an objective, which has no rows; leave it out."
        )
    if "rounds" in document.data:
        raise section.error("scope", f"{NO_ROUNDS}.")
    if "success" in section.data:
        raise section.error(
            "scope",
            "scope = 'new rows' and success exclude each other: tests of success rates are about the rows at "
            "hand. Leave out one of them.",
        )


def _read_moments(section: Section) -> None:
    """Check maps_at; a list of steps may stand in any order, but names none twice."""
    asked = section.data.get("maps_at", 2)
    if isinstance(asked, list):
        sound = 0 < len(asked) <= MOST_MOMENTS and len(set(map(repr, asked))) == len(asked)
        sound = sound and all(type(step) is int and step >= 0 for step in asked)
    else:
        sound = type(asked) is int and 2 <= asked <= MOST_MOMENTS
    if not sound:
        raise section.wrong(
            "maps_at", f"a number of moments from 2 to {MOST_MOMENTS}, or a list of so many different steps"
        )


def quicken(train: Train, seeds: Seeds, search: SearchSettings | None) -> tuple[Any, Any, Any]:
    """Return smaller settings for a first look: `--quick`.

    At most 50 steps or 2 epochs, one tune seed, three report seeds, four samples per arm, and an
    evaluation every 10 steps. The grids stay whole, so that every entry is tried.
    """
    train = replace(
        train,
        steps=min(train.steps, 50) if train.steps else None,
        epochs=min(train.epochs, 2) if train.epochs else None,
        eval_every=min(train.eval_every, 10),
    )
    seeds = Seeds(seeds.tune[:1], seeds.report[:3], seeds.sweep)
    return train, seeds, search._replace(samples=min(search.samples, 4)) if search else None
