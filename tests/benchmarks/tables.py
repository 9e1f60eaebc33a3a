"""What was measured, beside what was asked for, as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.arena import Time
from benchmarks.contenders import Annx, Contender, Jax, Lanes, Matmul, Sklearn, Torch
from benchmarks.networks import Case
from benchmarks.overhead import COUNTED, PARTS, SCORES
from benchmarks.profile import PHASES
from benchmarks.reports import ASKED, STAGES

Row = list[str]


class Lines:
    """The rows of all tables, in the order in which they were measured."""

    def __init__(self) -> None:
        self.networks: list[Row] = []
        self.profiles: list[Row] = []
        self.own: list[Row] = []
        self.beyond: list[Row] = []
        self.scores: list[Row] = []
        self.overhead: list[Row] = []
        self.groups: list[Row] = []
        self.reports: list[Row] = []
        self.stages: list[Row] = []
        self.stored: list[Row] = []
        self.skipped: dict[str, str] = {}

    def add_network(
        self, case: Case, times: Mapping[str, tuple[Time, float]], skipped: Mapping[str, str]
    ) -> None:
        """Add a network: wall and CPU times, and the ratios that were asked for."""
        self.skipped |= skipped

        def cell(contender: type[Contender]) -> str:
            if contender.name not in times:
                return "skipped"
            time, spread = times[contender.name]
            return f"{_number(time.wall)} ±{spread:.0%} ({_number(time.cpu)})"

        def ratio(contender: type[Contender], target: float, to: type[Contender] = Annx) -> str:
            if contender.name not in times or to.name not in times:
                return "skipped"
            wall, cpu = (
                getattr(times[contender.name][0], clock) / getattr(times[to.name][0], clock)
                for clock in ("wall", "cpu")
            )
            return f"{wall:.3g}x ({cpu:.3g}x; {target:g}x)"

        ours, bare = times[Annx.name][0], times[Matmul.name][0]
        self.networks.append(
            [
                f"{case.name}, {case.trials} trials",
                f"{cell(Lanes)}; {case.target.lanes[0]:g}",
                ratio(Jax, case.target.lanes[1], Lanes),
                f"{cell(Annx)}; {case.target.us:g}",
                cell(Torch),
                ratio(Torch, case.target.against_torch),
                cell(Sklearn),
                cell(Jax),
                ratio(Jax, case.target.against_jax),
                cell(Matmul),
                f"{ours.wall / bare.wall:.2f}x ({ours.cpu / bare.cpu:.2f}x)",
            ]
        )

    def add_profile(self, case: Case, phases: Mapping[str, float], own: Mapping[str, float]) -> None:
        """Add where a step's time goes, and the engine's own part of it."""
        times = [_number(phases[phase]) for phase in ("whole", *PHASES)]
        self.profiles.append([f"{case.name}, stack of {phases['stack']:.0f}", *times])
        asked = "under 10 %" if own["stack"] >= 16 else "not asked for: fewer than 16 fit"
        self.own.append([f"{case.name}, stack of {own['stack']:.0f}", f"{own['share']:.1%}", asked])

    def add_beyond(self, case: Case, seconds: Mapping[str, float]) -> None:
        """Add what evaluation, history and storage add to training."""
        self.beyond.append(
            [f"{case.name}, stack of {seconds['stack']:.0f}", f"{seconds['share']:.1%}", "under 15 %"]
        )

    def add_scores(self, case: Case, shares: Mapping[str, float]) -> None:
        """Add what evaluations add to steps."""
        name = f"{case.name}, stack of {shares['stack']:.0f}"
        one, after, *rest = (f"{shares[part]:.1%}" for part in SCORES)
        self.scores.append([name, f"{one}; 15 %", after, *rest])

    def add_overhead(self, sweep: str, us: Mapping[str, float]) -> None:
        """Add what a trial costs beside its steps."""
        counted = sum(us[part] for part in COUNTED)
        self.overhead.append(
            [sweep, *(_number(us[part]) for part in PARTS), f"{counted:.0f}; 100", _number(sum(us.values()))]
        )

    def add_groups(self, sweep: str, seconds: Mapping[str, float]) -> None:
        """Add many small groups against equal trials, and against the same formulas in full stacks."""
        many, equal, full = seconds.values()
        relative = [f"{one / many:.2f}" for one in (equal, full)]
        self.groups.append([sweep, *map(_number, (many, equal, full)), *relative])

    def add_report(self, shape: str, seconds: Mapping[str, float]) -> None:
        """Add a report of ten thousand trials."""
        cells = [shape, f"{seconds['trials']:.0f}", f"{seconds['figures']:.0f}"]
        self.reports.append(
            [
                *cells,
                f"{seconds['wall']:.1f} ({seconds['cpu']:.1f}); 10",
                f"{seconds['again']:.2f}",
                f"{seconds['mb']:.1f}; 3",
            ]
        )

    def add_stored(self, shape: str, seconds: Mapping[str, float]) -> None:
        """Add a report of a stored sweep, figures and all."""
        clock, most = next(asked for count, asked in ASKED.items() if shape.startswith(count))
        self.stored.append(
            [
                shape,
                f"{seconds['sweep wall']:.1f} ({seconds['sweep cpu']:.1f})",
                f"{seconds['wall']:.1f} ({seconds['cpu']:.1f}); {clock}",
                f"{seconds['cpu'] / seconds['sweep cpu']:.2f}",
                f"{seconds['mb']:.1f}; {most}",
                f"{seconds['says']:.0f}",
            ]
        )

    def add_stages(self, seconds: Mapping[str, float]) -> None:
        """Add what README's experiment takes from its file to its answer, stage by stage."""
        first = seconds[f"{next(iter(STAGES))}: cpu"]
        for stage, target in STAGES.items():
            wall, cpu = seconds[f"{stage}: wall"], seconds[f"{stage}: cpu"]
            asked = "" if target is None else f"; {target:g}"
            self.stages.append([stage, f"{wall:.1f} ({cpu:.1f}){asked}", f"{cpu / first:.2f}"])
        self.stages.append(["until the sweep's answer stands there", f"{seconds['answer']:.1f}", ""])

    def text(self) -> str:
        """Return all tables that have rows."""
        network = [
            "network",
            "annx in lanes, 2 processes; target",
            "JAX to it (target)",
            "annx, 2 processes; target",
            Torch.name,
            "annx against it (target)",
            Sklearn.name,
            Jax.name,
            "annx against it (target)",
            "bare matmuls, 2 processes",
            "annx to it",
        ]
        parts = [
            _table(
                "us per trial-step by the clock ± half the distance of the quartiles (CPU time per process)",
                network,
                self.networks,
            ),
            _table(
                "Where it goes: CPU us per trial-step in one process", ["", "whole", *PHASES], self.profiles
            ),
            _table("The engine's own share of a step", ["", "share", "target"], self.own),
            _table(
                "20 activations x 5 optimizers on 2-32-32-1, CPU us per trial-step of one process",
                [
                    *("", "many groups", "equal trials (relu, adam)", "the same formulas, full stacks"),
                    *("rate relative to equal trials (0.8)", "relative to the same formulas (0.8)"),
                ],
                self.groups,
            ),
            _table(
                "Evaluation, history and storage relative to training", ["", "share", "target"], self.beyond
            ),
            _table(
                "Evaluations of a tuning trial relative to its steps",
                [
                    *("", "one, to the steps before it; target", "the same, after a stack of the same seeds"),
                    *("all, with what a stack does once", "final scores"),
                ],
                self.scores,
            ),
            _table(
                "A sweep of 20,000 trials of 2-16-1 for 500 steps: CPU us per trial",
                ["", *PARTS, f"{', '.join(COUNTED)}; target", "all"],
                self.overhead,
            ),
            _table(
                "A report of ten thousand trials, figures and all",
                [
                    *("", "trials with tuning's", "figures", "s by the clock (CPU); target"),
                    *("second report relative to the first, CPU", "MB of page; target"),
                ],
                self.reports,
            ),
            _table(
                "`annx report` of a stored sweep of tiny networks (2-16-1), figures and all",
                [
                    *("", "the sweep, s by the clock (CPU)", "the report, s by the clock (CPU); target"),
                    *("relative to the sweep, CPU", "MB of page; target", "sentences on what is left out"),
                ],
                self.stored,
            ),
            _table(
                "From file to answer: README's experiment, two processes",
                ["", "s by the clock (CPU); target", "relative to the sweep, CPU"],
                self.stages,
            ),
            *(f"{name} skipped: {reason}" for name, reason in self.skipped.items()),
        ]
        return "\n\n".join(part for part in parts if part)


def _number(value: Any) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _table(title: str, header: Row, rows: list[Row]) -> str:
    if not rows:
        return ""
    lines = [header, ["---"] * len(header), *rows]
    return title + ":\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)
