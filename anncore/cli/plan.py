"""`annx plan`: what a sweep would run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anncore.cli.common import counted, say, table
from anncore.cli.options import ExperimentOptions, experiment_options, json_option
from anncore.cli.printing import put_json
from anncore.contract.standard_output import kept_for_results
from anncore.report.printable import printable
from anncore.running.progress_line import duration

if TYPE_CHECKING:
    from anncore.contract.trial import Trial
    from anncore.experiment.model import Chosen, Experiment, Rounds
    from anncore.experiment.plan import Plan

MOST_VALUES = 8  # of one hyperparameter that are printed


@click.command(short_help="Show what a sweep would run: axes, counts, done and to do.")
@experiment_options
@json_option
def command(chosen: ExperimentOptions, as_json: bool) -> int:
    """Show what `annx sweep` would run for the experiment FILE: axes, number of trials, what is done.

    KEY=VALUE sets a key of the file, for example train.steps=100 or optimizer.adam.lr=[0.1,0.01]. With --json
    every trial is listed. Nothing is written.
    """
    with kept_for_results():
        plan, counted_only = _planned_or_counted(chosen, listed=as_json)
    if counted_only:
        say(_large_text(plan))
    else:
        show_plan(plan, chosen.folder, as_json)
    return 0


def _planned_or_counted(chosen: ExperimentOptions, *, listed: bool) -> tuple[Plan, bool]:
    """Return the plan, and whether it is only counted: one above the limit is made where it is listed."""
    from anncore.experiment.plan import make_plan

    experiment = chosen.load()
    if not listed:
        plan = make_plan(experiment, allow_large=True, count_large=True)
        if plan.total > experiment.limits.max_trials:
            return plan, True
    return planned(experiment, chosen, allow_large=True), False


def planned(experiment: Experiment, chosen: ExperimentOptions, *, allow_large: bool) -> Plan:
    """Return the plan of an experiment; in rounds that of the round where a sweep would begin."""
    from anncore.experiment.plan import make_plan
    from anncore.running.run_folder import RunFolder
    from anncore.running.seed_rounds import begin

    plan = make_plan(experiment, allow_large=allow_large)
    if not chosen.until_decided and experiment.in_rounds is None:
        return plan
    looks = RunFolder(chosen.folder).looks(experiment)
    experiment = begin(experiment, plan, most=chosen.max_seeds, looks=looks, allow_large=allow_large)
    return make_plan(experiment, allow_large=allow_large, shapes=plan.shapes)


def show_plan(plan: Plan, folder: Path, as_json: bool) -> None:
    """Print a plan, and how much of it the run folder already holds."""
    from anncore.experiment.encodings import encoded_sets, encoding_line
    from anncore.running.run_folder import RunFolder

    done = progress_so_far(plan, folder)
    if as_json:
        for piece in _json(plan, done):
            put_json(piece)
    else:
        say(_text(plan, done))
        for line in map(encoding_line, encoded_sets(plan.experiment)):
            say(line)
        if plan.experiment.rounds is not None or RunFolder(folder).looks(plan.experiment):
            rule = plan.experiment.chosen.get("stopper")
            say(rounds_text(plan.experiment.rounds, RunFolder(folder).rounds(), rule))


def rounds_text(now: Rounds | None, before: Rounds | None, rule: Chosen | None = None) -> str:
    """Say with how many report seeds a sweep begins, and how far an earlier one that ran in rounds came."""
    lines = []
    if now is not None:
        first = counted(now.looks[-1], "report seed")
        if rule is None or rule.is_default:
            lines.append(
                f"until decided: {first} first, then half as many again each round, up to {now.most}"
            )
        else:
            lines.append(
                f"in rounds: {first} first, then as many as {rule.component.name} asks for, up to {now.most}"
            )
    if before is not None:
        looks = ", ".join(map(str, before.looks))
        state = "running" if before.open is None else f"{counted(before.open, 'claim')} open"
        lines.append(f"until decided, so far: looked at {looks} seeds of at most {before.most}, {state}")
    return "\n".join(lines)


def progress_so_far(plan: Plan, folder: Path) -> dict[str, Any]:
    """Return how many of the plan's trials are done, and how long one took on average.

    Which configurations will be reported is known only when all are tuned; until then their trials count
    as to do.
    """
    from anncore.running.store import Store

    file, counts = folder / "trials.sqlite", plan.counts
    seconds: list[float] = []
    if file.is_file():
        with Store(file, write=False) as store:
            keys = [trial.key for trial in known_trials(plan)]
            if plan.experiment.tune_seeds and len(store.statuses(keys)) == len(set(keys)):
                keys += [trial.key for trial in plan.report(None)]
            seconds = [result.train_seconds for result in store.results(keys, curves=False)]
    done = min(len(seconds), counts["total"])
    return {
        "done": done,
        "to_do": counts["total"] - done,
        "seconds_per_trial": sum(seconds) / len(seconds) if seconds else None,
    }


def known_trials(plan: Plan) -> Iterator[Trial]:
    """Yield the trials that are certain before anything has run."""
    return plan.tune() if plan.experiment.tune_seeds else plan.report(None)


# As text


def _text(plan: Plan, done: dict[str, Any]) -> str:
    experiment = plan.experiment
    titles = [text for text in map(printable, (experiment.title, experiment.question)) if text]
    return "\n\n".join(["\n".join(dict.fromkeys(titles)), table(_axes(plan)), "\n".join(_counts(plan, done))])


def _large_text(plan: Plan) -> str:
    """Return what is known of a plan of which nothing has been made: axes and counts."""
    limit = plan.experiment.limits.max_trials
    state = (
        f"{plan.total} trials, more than [limits] max_trials = {limit}: a sweep needs --yes. Data and "
        "components are made, and checked, by the sweep or by a plan below the limit."
    )
    return "\n\n".join([table(_axes(plan)), state])


def _axes(plan: Plan) -> Iterator[Sequence[str]]:
    """Yield for each entry its kind, label, component, and the values of its hyperparameters."""
    for axis in plan.axes:
        values = "; ".join(f"{key} = {_few(key, values)}" for key, values in axis["values"].items())
        yield (axis["kind"], axis["label"], axis["component"].removeprefix("annx:"), values)


def _counts(plan: Plan, done: dict[str, Any]) -> Iterator[str]:
    """Yield the lines below the axes: how many there are of what, and how many are done."""
    experiment, counts = plan.experiment, plan.counts
    configurations = counted(counts["configurations"], "configuration")
    if counts["excluded"] or counts["included"]:
        excluded, included = counts["excluded"], counts["included"]
        configurations += f" ({counts['product']} - {excluded} excluded + {included} included)"
    if experiment.suite is not None:
        yield f"suite {experiment.suite.described()}"
    yield f"{counted(len(plan.problems), 'problem')}, {counted(len(plan.arms), 'arm')}, {configurations}"
    seeds = counted(len(experiment.report_seeds), "seed")
    reporting = counted(counts["report"], "trial")
    if counts["tune"]:
        tuning, tune_seeds = counted(counts["tune"], "trial"), counted(len(experiment.tune_seeds), "seed")
        yield f"{tuning} to tune: each configuration on {tune_seeds}"
        yield f"{reporting} to report: each chosen configuration on {seeds}"
    else:
        yield f"{reporting}: each configuration on {seeds}"
    if experiment.widen:
        yield "where a chosen value lies at the edge of its range, it grows tenfold for every arm"
    state = f"{done['done']} of {counts['total']} done, {done['to_do']} to do"
    if done["seconds_per_trial"] and done["to_do"]:
        state += f", about {duration(done['seconds_per_trial'] * done['to_do'])} on one core"
    yield state
    limit = experiment.limits.max_trials
    if counts["total"] > limit:
        yield f"more than [limits] max_trials = {limit}: a sweep needs --yes"


def _few(key: str, values: list[str]) -> str:
    if ", " in key:  # rows of several keys
        values = [f"({row})" for row in values]
    shown = values if len(values) <= MOST_VALUES else [*values[: MOST_VALUES - 2], "...", values[-1]]
    return ", ".join(shown)


# As JSON


def _json(plan: Plan, done: dict[str, Any]) -> Iterator[str]:
    """Yield one JSON document in pieces, so that a large plan is never held whole."""
    from anncore.report.encoding import encodings_content

    summary = {
        "experiment": plan.experiment.name,
        "title": plan.experiment.title,
        "counts": plan.counts,
        **done,
        "problems": plan.problems,
        "arms": plan.arms,
        "suite": None if plan.experiment.suite is None else plan.experiment.suite.to_json(),
        "axes": plan.axes,
        "encodings": encodings_content(plan.experiment),
        "select": plan.experiment.select._asdict(),
        "rounds": None if plan.experiment.rounds is None else plan.experiment.rounds._asdict(),
    }
    yield json.dumps(summary, indent=2, ensure_ascii=False)[:-2] + ',\n  "trials": ['
    separator = "\n    "
    for trial in known_trials(plan):
        yield separator + json.dumps(_trial(trial), ensure_ascii=False)
        separator = ",\n    "
    yield "\n  ]\n}\n"


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "key": trial.key,
        "phase": trial.phase,
        "problem": trial.problem,
        "arm": trial.arm,
        "config": trial.config,
        "labels": dict(trial.labels),
        "values": dict(trial.values),
        "seed": trial.seed,
    }
