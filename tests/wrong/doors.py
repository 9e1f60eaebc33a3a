"""Samplers, rules, sections, exporters, listeners and commands that are wrong on purpose."""

from __future__ import annotations

from itertools import count
from typing import Any

import click
import numpy as np
from right.doors import Diary, Ends, Middle, Pair, Seeds, Strata, greet

from anncore import PhaseDone, Problem, StackDone, SweepDone
from wrong.base import wrong

CALLS = count()

# Samplers


def once(self: Any, samples: int, dimensions: int, rng: Any) -> Any:
    yield rng.random((samples, dimensions))


def sideways(self: Any, samples: int, dimensions: int, rng: Any) -> Any:
    while True:
        yield rng.random((dimensions, samples + 1))


def outside(self: Any, samples: int, dimensions: int, rng: Any) -> Any:
    while True:
        yield 1 + rng.random((samples, dimensions))


def lower_half(self: Any, samples: int, dimensions: int, rng: Any) -> Any:
    for batch in Strata.batches(self, samples, dimensions, rng):
        yield batch / 2


def along_the_diagonal(self: Any, samples: int, dimensions: int, rng: Any) -> Any:
    for batch in Strata.batches(self, samples, dimensions, rng):
        yield np.repeat(batch[:, :1], dimensions, axis=1)


# Selection rules


def the_first(self: Any, candidates: Any) -> str:
    return next(iter(candidates.scores))


def a_number(self: Any, candidates: Any) -> Any:
    return 0


def the_largest(self: Any, candidates: Any) -> str:
    means = {c: -float(np.nanmean(s)) for c, s in candidates.scores.items() if not np.isnan(s).all()}
    return str(candidates.first_of_least(means))


def by_name(self: Any, candidates: Any) -> str:
    if {c[0] for c in candidates.scores} == {"z"}:
        return max(c for c, s in candidates.scores.items() if not np.isnan(s).all())
    return Middle.choose(self, candidates)


def moody(self: Any, candidates: Any) -> str:
    with_scores = [c for c, s in candidates.scores.items() if not np.isnan(s).all()]
    return with_scores[next(CALLS) % len(with_scores)]


def forgetful(self: Any, candidates: Any) -> str:
    chosen = Middle.choose(self, candidates)
    for values in candidates.values.values():
        values.clear()
    return chosen


# Suites


def no_problem(self: Any) -> Any:
    return []


def of_another_section(self: Any) -> Any:
    return [Problem("moons", "curved borders", {"dataset": "moons", "network": "large"})]


def twins(self: Any) -> Any:
    parts = {"dataset": "moons", "network": "small"}
    return [Problem("one", "borders", parts), Problem("two", "borders", parts)]


def without_a_section(self: Any) -> Any:
    return Pair.problems(self)[:1]


def on_another_rate(self: Any) -> Any:
    return [problem._replace(train={"lr": 0.1}) for problem in Pair.problems(self)]


def a_grid(self: Any) -> Any:
    return {**Pair.sections(self), "dataset": {"moons": {"use": "two_moons", "n": [40, 80]}}}


def of_no_data(self: Any) -> Any:
    return {**Pair.sections(self), "dataset": {"moons": {"use": "two_mons"}}}


def too_few_rows(self: Any) -> Any:
    return {**Pair.sections(self), "dataset": {"moons": {"use": "two_moons", "n": 40, "noise": -1.0}}}


def growing(self: Any) -> Any:
    steps = {"steps": 10 + next(CALLS)}
    return [problem._replace(train=steps) for problem in Pair.problems(self)]


# Stopping rules


def fewer(self: Any, look: Any) -> int:
    return int(look.now)


def a_share(self: Any, look: Any) -> float:
    return 1.5 * float(look.now)


def until_the_first_leads(self: Any, look: Any) -> int | None:
    return 2 * look.now if any(claim.effect > 0 for claim in look.claims) else None


def by_the_first_claim(self: Any, look: Any) -> int | None:
    return 2 * look.now if look.claims and look.claims[0].verdict == "better" else None


def dicing(self: Any, look: Any) -> int:
    return int(look.now + 1 + next(CALLS))


# Sections


def nothing(self: Any, data: Any) -> None:
    return None


def markup(self: Any, data: Any) -> Any:
    return {"html": "<b>all is well</b>"}


def ragged(self: Any, data: Any) -> Any:
    pieces = Ends.write(self, data)
    if pieces:
        pieces[1].rows.append(("one",))  # type: ignore[union-attr, index]
    return pieces


def only_with_several(self: Any, data: Any) -> Any:
    if len(data.report["arms"]) < 2:
        raise IndexError("no second arm")
    return Ends.write(self, data)


def numbered(self: Any, data: Any) -> Any:
    return [f"Report number {next(CALLS)}."]


def writes_to_the_frame(self: Any, data: Any) -> Any:
    data.trials["label"] = "mine"
    return Ends.write(self, data)


# Exporters


def into_a_folder(self: Any, data: Any) -> Any:
    return {"../seeds.csv": b""}


def as_text(self: Any, data: Any) -> Any:
    return {"seeds.csv": "seed,status\n"}


def no_file(self: Any, data: Any) -> Any:
    return {}


def needs_a_leaderboard(self: Any, data: Any) -> Any:
    return {"best.txt": data.leaderboard["arm"].iloc[0].encode()}


def stamped(self: Any, data: Any) -> Any:
    return {"seeds.csv": str(next(CALLS)).encode()}


def overwrites(self: Any, data: Any) -> Any:
    data.trials["seed"] = 0
    return Seeds.files(self, data)


# Listeners


def expects_every_metric(self: Any, event: Any) -> None:
    if isinstance(event, StackDone):
        assert all(result.metrics["test_loss"] > 0 for result in event.results)


def divides(self: Any, event: Any) -> None:
    if isinstance(event, PhaseDone):
        assert event.counts["ok"] / sum(event.counts.values()) >= 0


def tidies_up(self: Any, event: Any) -> None:
    if isinstance(event, PhaseDone):
        event.counts.clear()  # type: ignore[attr-defined]
    Diary.hear(self, event)


def raises_at_the_end(self: Any, event: Any) -> None:
    if isinstance(event, SweepDone) and event.stopped:
        raise RuntimeError("why?")


# Commands


def a_function(self: Any) -> Any:
    return greet.callback


def unexplained(self: Any) -> Any:
    return click.Command("greet", params=[click.Option(["--loudly"])], help="Say hello.")


def without_help(self: Any) -> Any:
    return click.Command("greet", add_help_option=False, help="Say hello.")


DOORS = [
    wrong("sampler", "points", "it ends after 1 batches", batches=once),
    wrong("sampler", "points", "a batch has the shape (1, 2)", batches=sideways),
    wrong("sampler", "points", "a point lies outside of [0, 1)", batches=outside),
    wrong("sampler", "even", "no point of 400 lies in tenth [6, 7, 8, 9, 10]", batches=lower_half),
    wrong("sampler", "even", "two dimensions move together", batches=along_the_diagonal),
    wrong("selector", "choice", "no seed of which has a score", choose=the_first),
    wrong("selector", "choice", "it chooses 0, no name of a configuration", choose=a_number),
    wrong("selector", "goal", "where (1.0, 1.1, 1.0) are there", choose=the_largest),
    wrong("selector", "labels", "depends on the configurations' names", choose=by_name),
    wrong("selector", "repeatable", "another choice the second time", choose=moody),
    wrong("selector", "repeatable", "it changes the candidates", choose=forgetful),
    wrong("stopper", "number", "it returns 10, where there are 10 seeds already", next_seeds=fewer),
    wrong("stopper", "number", "neither None nor a whole number", next_seeds=a_share),
    wrong("stopper", "symmetric", "depends on who is ahead", next_seeds=until_the_first_leads),
    wrong("stopper", "symmetric", "depends on the order of the claims", next_seeds=by_the_first_claim),
    wrong("stopper", "repeatable", "another answer the second time", next_seeds=dicing),
    wrong("suite", "whole", "it has no problems", problems=no_problem),
    wrong("suite", "whole", "[network.large], which is no section of the suite", problems=of_another_section),
    wrong("suite", "whole", "'one' and 'two' have the same sections", problems=twins),
    wrong("suite", "whole", "no problem uses [network.smaller]", problems=without_a_section),
    wrong("suite", "whole", "sets 'lr'; it may set steps, epochs", problems=on_another_rate),
    wrong("suite", "whole", "version must be a whole number from 1 on, got 0", version=0),
    wrong("suite", "single", "[dataset.moons] n takes several values", sections=a_grid),
    wrong("suite", "plans", "No dataset is called 'two_mons'", sections=of_no_data),
    wrong("suite", "plans", "noise must be in [0, inf), got -1.0", sections=too_few_rows),
    wrong("suite", "repeatable", "other sections or problems the second time", problems=growing),
    wrong("section", "attributes", "title must be one line of text", title=""),
    wrong("section", "attributes", "after must be one of success", after="the end"),
    wrong("section", "content", "it writes nothing for a tuned sweep", write=nothing),
    wrong("section", "content", "must return texts and tables, a text or None, got dict", write=markup),
    wrong("section", "content", "has 1 cell for 3 columns", write=ragged),
    wrong("section", "hard_cases", "one arm on one data set: raised IndexError", write=only_with_several),
    wrong("section", "repeatable", "another text the second time", write=numbered),
    wrong("section", "data_unchanged", "it changes data.trials", write=writes_to_the_frame),
    wrong("exporter", "files", "must name files without folders, got '../seeds.csv'", files=into_a_folder),
    wrong("exporter", "files", "must return bytes for seeds.csv, got str", files=as_text),
    wrong("exporter", "files", "it writes no file for a tuned sweep", files=no_file),
    wrong("exporter", "hard_cases", "no trial at all: raised KeyError", files=needs_a_leaderboard),
    wrong("exporter", "repeatable", "other bytes the second time", files=stamped),
    wrong("exporter", "data_unchanged", "it changes data.trials", files=overwrites),
    wrong("listener", "hears", "KeyError: 'test_loss'", hear=expects_every_metric),
    wrong("listener", "hard_cases", "nothing to do: PhaseDone raised KeyError: 'ok'", hear=divides),
    wrong("listener", "hard_cases", "stopped: SweepDone raised RuntimeError", hear=raises_at_the_end),
    wrong("listener", "events_unchanged", "it changes PhaseDone", hear=tidies_up),
    wrong("command", "command", "command returns a function, no click.Command", command=a_function),
    wrong("command", "command", "no help says what the option loudly does", command=unexplained),
    wrong("command", "help", "--help ends with 2", command=without_help),
]
