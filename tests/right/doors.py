"""One right component of each kind that decides, tells or writes outside of the trials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import click
import numpy as np

from anncore import (
    Candidates,
    Command,
    Event,
    Exporter,
    ExportInput,
    FigureInput,
    Hyper,
    Listener,
    Look,
    PhaseDone,
    Problem,
    ReportSection,
    ReportTable,
    Sampler,
    SelectionRule,
    StoppingRule,
    Suite,
    hyper,
    to_csv,
)
from anncore.contract.kinds import Array


@dataclass(frozen=True)
class Strata(Sampler):
    """One point in each of n slices of every dimension.

    Slices are paired at random, and a point lies in the middle of its slices.
    """

    name: ClassVar[str] = "strata"

    def batches(self, samples: int, dimensions: int, rng: np.random.Generator) -> Iterator[Array]:
        while True:
            slices = np.array([rng.permutation(samples) for _ in range(dimensions)]).T
            yield (slices + rng.random()) / (samples + 1e-9)


@dataclass(frozen=True)
class Middle(SelectionRule):
    """The best quantile of the scores over the tuning seeds.

    share: which quantile; 0.5 is the median. Seeds without a score are left out.
    """

    name: ClassVar[str] = "middle"
    share: Hyper = hyper(0.5, "[0, 1]")

    def choose(self, candidates: Candidates) -> str:
        return candidates.first_of_least(
            {
                config: float(np.nanquantile(costs, self.share))
                for config, costs in candidates.costs.items()
                if not np.isnan(costs).all()
            }
        )


@dataclass(frozen=True)
class Narrow(StoppingRule):
    """More seeds until every interval is narrow.

    width: how wide it may be. Twice as many seeds at each look.
    """

    name: ClassVar[str] = "narrow"
    width: Hyper = hyper(0.5, "(0, inf)")

    def next_seeds(self, look: Look) -> int | None:
        wide = [claim for claim in look.claims if claim.high - claim.low > self.width or claim.open]
        return 2 * look.now if wide else None


@dataclass(frozen=True)
class Pair(Suite):
    """One data set with two networks.

    The first is small, the second smaller.
    """

    name: ClassVar[str] = "pair"
    version: ClassVar[int] = 1

    def sections(self) -> dict[str, dict[str, dict[str, object]]]:
        return {
            "dataset": {"moons": {"use": "two_moons", "n": 40}},
            "network": {"small": {"use": "mlp", "hidden": [3]}, "smaller": {"use": "mlp", "hidden": [2]}},
        }

    def problems(self) -> Sequence[Problem]:
        return [
            Problem("moons", "curved borders", {"dataset": "moons", "network": "small"}, {"steps": 4}),
            Problem("moons smaller", "curved borders", {"dataset": "moons", "network": "smaller"}),
        ]


@dataclass(frozen=True)
class Diary(Listener):
    """A line for each phase that ends, in diary.txt.

    The file lies in the working directory.
    """

    name: ClassVar[str] = "diary"

    def hear(self, event: Event) -> None:
        if isinstance(event, PhaseDone):
            with Path("diary.txt").open("a", encoding="utf-8") as file:
                file.write(f"{event.phase}: {sum(event.counts.values())}\n")


@dataclass(frozen=True)
class Ends(ReportSection):
    """How the trials of each arm ended, as a table.

    A row per arm that has a trial.
    """

    name: ClassVar[str] = "ends"
    title: ClassVar[str] = "How did the trials end?"

    def write(self, data: FigureInput) -> Sequence[str | ReportTable] | str | None:
        ended = data.trials.groupby("arm", sort=False)["status"].value_counts()
        rows = [(arm, status, int(count)) for (arm, status), count in ended.items()]
        return (
            [f"{len(rows)} rows.", ReportTable("Trials.", ["arm", "status", "trials"], rows)]
            if rows
            else None
        )


@dataclass(frozen=True)
class Seeds(Exporter):
    """The seeds and statuses of all trials as CSV.

    Nothing else.
    """

    name: ClassVar[str] = "seeds"

    def files(self, data: ExportInput) -> Mapping[str, bytes]:
        return {"seeds.csv": to_csv(data.trials[["seed", "status"]])} if len(data.trials) else {}


@click.command()
@click.option("--loudly", is_flag=True, help="Say it in capitals.")
def greet(loudly: bool) -> None:
    """Say hello."""
    click.echo("HELLO" if loudly else "hello")


@dataclass(frozen=True)
class Greet(Command):
    """Say hello.

    For whoever needs it.
    """

    name: ClassVar[str] = "greet"

    def command(self) -> click.Command:
        return greet


DOORS = {
    "sampler": Strata,
    "selector": Middle,
    "stopper": Narrow,
    "suite": Pair,
    "section": Ends,
    "exporter": Seeds,
    "listener": Diary,
    "command": Greet,
}
