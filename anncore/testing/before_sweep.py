"""What a stranger's component must show before its first trial: that its numbers can be trusted.

A formula that mixes the trials of a stack, or a wrong gradient, runs without a word, and its results look
like any others. So a sweep first runs the kit's checks that guard numbers on every component that is not
annx's own, a second or two for each. What passes is remembered in the user's cache folder by name, code, and
the versions of annx; a cache that is damaged, or cannot be written, is as good as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from anncore._version import __version__
from anncore.contract.cache_folder import cache_folder
from anncore.contract.documentation import documentation
from anncore.contract.engine_version import engine_version
from anncore.contract.errors import ExperimentError, PluginError, StoreError, tells_users
from anncore.contract.events import Event
from anncore.contract.hyperparameters import Plain, declared
from anncore.contract.in_time import Overtime, in_time
from anncore.contract.kinds import Executor
from anncore.contract.registry import Registered
from anncore.contract.shown import shortened
from anncore.experiment.model import Experiment
from anncore.experiment.read import Given, as_experiment
from anncore.experiment.typed import read_source
from anncore.report.run import Run
from anncore.running.files import replace_file
from anncore.running.progress_line import ProgressLine
from anncore.running.sweep import folder_of, sweep as sweep_without_checks
from anncore.testing import KITS, Check, checks_for, elsewhere, stacks
from anncore.testing.elsewhere import Ended
from anncore.testing.kit import NOTHING_CHECKED, by_reason

# The checks whose failure means wrong numbers; the others are about documents, pickling and politeness.
ESSENTIAL = frozenset(
    (
        *(
            "deterministic",
            "no_global_rng",
            "stacked_as_alone",
            "isolated",
            "keeps_dtype",
            "inputs_unchanged",
        ),
        *("gradient", "joint_as_chained", "mean_over_examples", "learns", "quadratic", "random", "width"),
        *("scope", "evaluated", "nests", "asks", "route", "factors", "state", "weights", "adjust", "noise"),
        *("data", "rows_unshared", "start", "modes", "draw", "learn", "nan", "order_free"),
        *("points", "even", "choice", "goal", "labels", "number", "symmetric", "bounds"),
        *("after_step", "measures", "snapshot"),
    )
)
LIMIT = 120.0  # seconds for one check; most take below one
GRACE = 5.0  # seconds more, after which the process of a check is killed
DRAWS = 3  # of the kit's many: what mixes trials shows at once
# Kinds that change no number.
WITHOUT = ("figure", "executor", "section", "exporter", "listener", "command")


class ConformanceError(PluginError):
    """A stranger's component fails checks; `failures` has a line for each."""

    def __init__(self, failures: Sequence[str]) -> None:
        self.failures = tuple(failures)
        names = ", ".join(dict.fromkeys(failure.partition(": ")[0] for failure in failures))
        super().__init__(
            f"{names} cannot be trusted, so nothing was run; mend it ('annx check' says more), or run it all "
            "the same by --unchecked, which the report then says."
        )


@tells_users
def sweep(
    experiment: Given,
    *,
    components: Sequence[type[Any]] = (),
    unchecked: bool = False,
    progress: bool = False,
    **options: Any,
) -> Run:
    """Check strangers' components that an experiment uses, then run it.

    experiment: the path of a TOML file, a dict with the same tables, TOML text of several lines, or what
    `load_experiment` returned. components: classes of your own that it names, such as were defined in a
    notebook's cell. unchecked: run strangers' components even if they fail the checks that guard numbers; by
    default ConformanceError, a PluginError, stops the sweep before it begins. progress: show on standard
    error how far it is, in one line that is written over on a terminal and in a notebook. For the rest:
    """
    _refuse_options(**options)
    if options.get("max_seeds") and not options.get("until_decided") and not _in_rounds(experiment):
        raise ExperimentError("max_seeds needs until_decided=True, or [rounds] in the experiment.")
    if progress:
        options["on_event"] = _also(ProgressLine(), options.get("on_event"))
    checked = as_experiment(experiment, components)
    results = sweep_without_checks(checked, admit=let_through if unchecked else admit, **options)
    return Run.of(results, folder_of(checked, options.get("out")))


def _in_rounds(given: Given) -> bool:
    """Tell whether an experiment has [rounds], read or not."""
    if isinstance(given, Experiment):
        return given.in_rounds is not None
    return "rounds" in read_source(given).data


def _also(show: Callable[[Event], None], then: Callable[[Event], None] | None) -> Callable[[Event], None]:
    """Return what hands an event to one listener, then to the other if there is one."""

    def hear(event: Event) -> None:
        show(event)
        if then is not None:
            then(event)

    return hear


def _refuse_options(
    *,
    jobs: object = None,
    max_seeds: object = None,
    max_time: object = None,
    executor: object = None,
    **others: object,
) -> None:
    """Raise ExperimentError for an option of a sweep that has no meaning."""
    for name, value in (("jobs", jobs), ("max_seeds", max_seeds)):
        if value is not None and (not _is_whole(value) or int(str(value)) < 1):
            raise ExperimentError(
                f"{name} must be a whole number of at least 1, got {shortened(repr(value), 60)}."
            )
    if max_time is not None and not (isinstance(max_time, (int, float)) and max_time > 0):
        raise ExperimentError(f"max_time must be a number of seconds, got {shortened(repr(max_time), 60)}.")
    if executor is not None and not isinstance(executor, (str, Executor)):
        raise ExperimentError(
            f"executor must be a name or an Executor, got {shortened(repr(executor), 60)}; "
            "load_registry().of_kind('executor') lists them."
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _documented() -> None:
    """Give `sweep` the parameters and the documentation of what it calls beside its own."""
    inner, own = inspect.signature(sweep_without_checks), inspect.signature(sweep)
    first, *others = [parameter for name, parameter in inner.parameters.items() if name != "admit"]
    components, *mine = (own.parameters[name] for name in ("components", "unchecked", "progress"))
    parameters = [own.parameters[first.name], components, *others, *mine]
    sweep.__signature__ = inner.replace(parameters=parameters, return_annotation="Run")  # type: ignore[attr-defined]
    sweep.__doc__ = f"{documentation(sweep)}\n\n{documentation(sweep_without_checks)}"


_documented()


def admit(components: Iterable[Registered]) -> tuple[str, ...]:
    """Check the components that are not known to pass; raises ConformanceError for those that do not.

    Returns the names of those that are admitted without a check, which are none.
    """
    failures: list[str] = []
    for component in components:
        if component.kind in WITHOUT or _remembered(component):
            continue
        reasons = list(failing(component))
        if reasons:
            failures += [f"{component.kind} {component.full_name}: {reason}" for reason in reasons]
        else:
            _remember(component)
    if failures:
        raise ConformanceError(failures)
    return ()


def let_through(components: Iterable[Registered]) -> tuple[str, ...]:
    """Return the names of all that are not known to pass, and check none."""
    return tuple(
        component.full_name
        for component in components
        if component.kind not in WITHOUT and not _remembered(component)
    )


def failing(component: Registered) -> Iterator[str]:
    """Yield "checks: reason" for each reason for which essential checks of a component fail.

    They run in another process, which can be killed whatever its code does: a loop in C that never gives the
    interpreter back, or a crash, would take this one along. A check that does not end within LIMIT seconds
    fails and is the last one, as others might not end either; so does one that crashes.
    """
    try:
        names = _ask(_prepared, component, LIMIT)
    except (Overtime, Ended) as error:
        yield f"checks: {_never(error)}"
        return
    except AssertionError:  # it cannot be sent there, as a class made by a function
        yield from _failing_here(component)
        return
    reasons: dict[str, list[str]] = {}
    last = ""
    for place, name in enumerate(names):
        try:
            reason = _ask(_reason, component, place, LIMIT)
        except (Overtime, Ended, AssertionError) as error:
            last = f"{name}: {_never(error)}"
            break
        if reason and reason != NOTHING_CHECKED:
            reasons.setdefault(reason, []).append(name)
    yield from (f"{', '.join(checks)}: {reason}" for reason, checks in reasons.items())
    if last:
        yield last


def _ask(function: Callable[..., Any], component: Registered, *arguments: Any) -> Any:
    """Return what a function gives for a component in another process; Overtime beyond LIMIT and GRACE.

    Code that comes back to Python is ended there at LIMIT; the process is killed for all other.
    """
    elsewhere.ask(elsewhere.same, "")  # starting takes time of its own
    outcome = elsewhere.ask(function, component, *arguments, classes=[component.cls], seconds=LIMIT + GRACE)
    if isinstance(outcome, Overtime):
        raise outcome
    return outcome


def _never(error: BaseException) -> str:
    if isinstance(error, Overtime):
        return f"did not end within {LIMIT:g} s; most take below one: does a loop never end?"
    return str(error)


_HELD: list[Check] = []  # in the other process: the checks of the component that is looked at


def _prepared(component: Registered, limit: float) -> list[str] | Overtime:
    """In the other process: make the checks, return their names."""
    try:
        _HELD[:] = in_time(lambda: list(essential_checks(component)), limit)
    except Overtime as error:
        return error
    return [check.name for check in _HELD]


def _reason(component: Registered, place: int, limit: float) -> str | Overtime:
    """In the other process: run one of the checks, return why it fails."""
    try:
        return in_time(_HELD[place].outcome, limit).reason
    except Overtime as error:
        return error


def _failing_here(component: Registered) -> Iterator[str]:
    """Do as `failing` in this process, for a component that no other one can get."""
    name, overtime = "checks", ""
    outcomes = []
    try:
        for check in in_time(lambda: list(essential_checks(component)), LIMIT):
            name = check.name
            outcomes.append(in_time(check.outcome, LIMIT))
    except Overtime as error:
        overtime = f"{name}: {_never(error)}"
    for reason, checks in by_reason(outcomes).items():
        if reason != NOTHING_CHECKED:
            yield f"{checks}: {reason}"
    if overtime:
        yield overtime


def essential_checks(component: Registered) -> Iterator[Check]:
    """Yield the checks of a component that guard numbers, with fewer draws than the whole kit's.

    None for a data set that reads a file, of which nothing can be made without one.
    """
    if _reads_a_file(component):
        return
    for check in checks_for(component):
        if check.name == "stacked_as_alone":
            run = partial(stacks.stacked_as_alone, kit=KITS[component.kind], draws=DRAWS)
            yield Check(check.subject, check.name, run)
        elif check.name in ESSENTIAL:
            yield check


def _reads_a_file(component: Registered) -> bool:
    cls: Any = component.cls
    pairs = [(declaration.domain, declaration.default) for declaration in declared(cls).values()]
    return any(
        isinstance(domain, Plain) and domain.type == "path" and not default for domain, default in pairs
    )


# What passed


def _remembered(component: Registered) -> bool:
    try:
        return bool(json.loads(_note(component).read_bytes()) == _known_by(component))
    except (OSError, ValueError, RuntimeError):  # RuntimeError: nobody knows the user's home
        return False


def _remember(component: Registered) -> None:
    with contextlib.suppress(OSError, StoreError, RuntimeError):
        note = _note(component)
        note.parent.mkdir(parents=True, exist_ok=True)
        replace_file(note, json.dumps(_known_by(component)).encode())


def _known_by(component: Registered) -> list[str]:
    """Return all that a passed check rests on."""
    return [component.kind, component.full_name, component.code, __version__, engine_version()]


def _note(component: Registered) -> Path:
    name = hashlib.sha256(json.dumps(_known_by(component)).encode()).hexdigest()[:32]
    return cache_folder() / "checked" / f"{name}.json"
