"""`annx plan`: what a sweep would run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anncore.cli.common import (
    check_rounds,
    counted,
    json_option,
    out_option,
    rounds_options,
    say,
    selection_options,
    table,
)
from anncore.report.printable import printable, spelt

if TYPE_CHECKING:
    from anncore.contract.trial import Trial
    from anncore.experiment.model import Experiment, Rounds
    from anncore.experiment.plan import Plan


@click.command(short_help="Show what a sweep would run: axes, counts, done and to do.")
@selection_options
@out_option
@rounds_options
@json_option
def command(
    file: str,
    overrides: tuple[str, ...],
    only: tuple[str, ...],
    skip: tuple[str, ...],
    quick: bool,
    plugins: tuple[str, ...],
    out: str | None,
    until_decided: bool,
    max_seeds: int | None,
    as_json: bool,
) -> int:
    """Show what `annx sweep` would run for the experiment FILE: its axes, how many trials, what is done.

    KEY=VALUE sets a key of the file, as in train.steps=100 or optimizer.adam.lr=[0.1,0.01]. With --json
    every trial is listed. Nothing is written.
    """
    from anncore.experiment import load_experiment

    check_rounds(until_decided, max_seeds)
    experiment = load_experiment(
        file, overrides=overrides, only=only, skip=skip, quick=quick, plugins=plugins
    )
    folder = out_folder(out, file)
    plan = planned(experiment, folder, until_decided, max_seeds, allow_large=True)
    show_plan(plan, folder, as_json)
    return 0


def planned(
    experiment: Experiment, folder: Path, until_decided: bool, max_seeds: int | None, *, allow_large: bool
) -> Plan:
    """Return the plan of an experiment, in rounds that of the round at which a sweep would begin."""
    from anncore.experiment.plan import make_plan
    from anncore.running.run_folder import RunFolder
    from anncore.running.seed_rounds import begin

    plan = make_plan(experiment, allow_large=allow_large)
    if not until_decided:
        return plan
    looks = RunFolder(folder).looks(experiment)
    experiment = begin(experiment, plan, most=max_seeds, looks=looks, allow_large=allow_large)
    return make_plan(experiment, allow_large=allow_large, shapes=plan.shapes)


def out_folder(out: str | None, file: str) -> Path:
    """Return the run folder: the one given, or reports/ and the experiment file's stem."""
    return Path(out) if out is not None else Path("reports") / Path(file).stem


def show_plan(plan: Plan, folder: Path, as_json: bool) -> None:
    """Print a plan, with what of it the run folder holds already."""
    from anncore.running.run_folder import RunFolder

    done = progress_so_far(plan, folder)
    if as_json:
        for piece in _json(plan, done):
            click.echo(spelt(piece), nl=False)
    else:
        say(_text(plan, done))
        if plan.experiment.rounds is not None or RunFolder(folder).looks(plan.experiment):
            say(rounds_text(plan.experiment.rounds, RunFolder(folder).rounds()))


def rounds_text(now: Rounds | None, before: Rounds | None) -> str:
    """Say at which round a sweep begins, and what an earlier one found, where it ran in rounds."""
    parts = []
    if now is not None:
        parts.append(
            f"until decided: {counted(now.looks[-1], 'report seed')} first, then half as many again each "
            f"round, up to {now.most}"
        )
    if before is not None:
        looks = ", ".join(map(str, before.looks))
        state = "running" if before.open is None else f"{counted(before.open, 'claim')} open"
        parts.append(f"until decided, so far: looked at {looks} seeds of at most {before.most}, {state}")
    return "\n".join(parts)


def progress_so_far(plan: Plan, folder: Path) -> dict[str, Any]:
    """Return how many of the plan's trials are done, and how long one took on average.

    Which configurations will be reported is known only when all are tuned; until then those trials count
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
    """Yield the trials that are sure before anything has run."""
    return plan.tune() if plan.experiment.tune_seeds else plan.report(None)


def _text(plan: Plan, done: dict[str, Any]) -> str:
    experiment, counts = plan.experiment, plan.counts
    rows = [
        (
            axis["kind"],
            axis["label"],
            axis["component"].removeprefix("annx:"),
            "; ".join(f"{key} = {_few(key, values)}" for key, values in axis["values"].items()),
        )
        for axis in plan.axes
    ]
    made = counted(counts["configurations"], "configuration")
    if counts["excluded"] or counts["included"]:
        made += f" ({counts['product']} - {counts['excluded']} excluded + {counts['included']} included)"
    sums = [f"{counted(len(plan.problems), 'problem')}, {counted(len(plan.arms), 'arm')}, {made}"]
    seeds = counted(len(experiment.report_seeds), "seed")
    tuning, reporting = counted(counts["tune"], "trial"), counted(counts["report"], "trial")
    if counts["tune"]:
        tuned = counted(len(experiment.tune_seeds), "seed")
        sums.append(f"{tuning} to tune: each configuration on {tuned}")
        sums.append(f"{reporting} to report: each chosen configuration on {seeds}")
    else:
        sums.append(f"{reporting}: each configuration on {seeds}")
    if experiment.widen:
        sums.append("where a chosen value lies at the edge of its range, it grows tenfold for every arm")
    state = f"{done['done']} of {counts['total']} done, {done['to_do']} to do"
    if done["seconds_per_trial"] and done["to_do"]:
        state += f", about {_duration(done['seconds_per_trial'] * done['to_do'])} of one core's time"
    sums.append(state)
    limit = experiment.limits.max_trials
    if counts["total"] > limit:
        sums.append(f"more than [limits] max_trials = {limit}: a sweep needs --yes")
    head = [text for text in map(printable, (experiment.title, experiment.question)) if text]
    return "\n\n".join(["\n".join(dict.fromkeys(head)), table(rows), "\n".join(sums)])


def _few(key: str, values: list[str], most: int = 8) -> str:
    if ", " in key:  # keys that walk together
        values = [f"({value})" for value in values]
    shown = values if len(values) <= most else [*values[: most - 2], "...", values[-1]]
    return ", ".join(shown)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _json(plan: Plan, done: dict[str, Any]) -> Iterator[str]:
    """Yield one JSON document in pieces: a large plan is never held whole."""
    head = {
        "experiment": plan.experiment.name,
        "title": plan.experiment.title,
        "counts": plan.counts,
        **done,
        "problems": plan.problems,
        "arms": plan.arms,
        "axes": plan.axes,
        "select": plan.experiment.select._asdict(),
        "rounds": None if plan.experiment.rounds is None else plan.experiment.rounds._asdict(),
    }
    yield json.dumps(head, indent=2, ensure_ascii=False)[:-2] + ',\n  "trials": ['
    comma = "\n    "
    for trial in known_trials(plan):
        yield comma + json.dumps(
            {
                "key": trial.key,
                "phase": trial.phase,
                "problem": trial.problem,
                "arm": trial.arm,
                "config": trial.config,
                "labels": dict(trial.labels),
                "values": dict(trial.values),
                "seed": trial.seed,
            },
            ensure_ascii=False,
        )
        comma = ",\n    "
    yield "\n  ]\n}\n"
