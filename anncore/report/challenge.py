"""The card of a challenge: where a newcomer stands in its field, as JSON, Markdown and a page."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anncore._version import __version__
from anncore.contract.columns import FLOOR_STEPS
from anncore.contract.errors import ReportError
from anncore.evidence.results import PlanSummary
from anncore.evidence.sentences import counted, number, p_value, percent, size, span
from anncore.evidence.standing import Standing, standing, standing_sentence
from anncore.evidence.study import Study
from anncore.evidence.units import singular
from anncore.report.html import asset, source_hash
from anncore.report.markdown import escape
from anncore.report.printable import printable
from anncore.report.suites import suite_line, suite_used
from anncore.running.files import replace_files

if TYPE_CHECKING:
    import pandas as pd

    from anncore.contract.registry import Registry
    from anncore.evidence.results import Results

SCHEMA = 1
NAMES = ("card.html", "card.md", "card.json")
VERDICTS = {
    "better": "newcomer is better",
    "worse": "newcomer is worse",
    "equivalent": "equivalent",
    "tie": "equal",
    "undecided": "not told apart",
    "too_few": "too few to tell",
    "blocked": "no claim",
}


@dataclass(frozen=True)
class Challenge:
    """What a card is about.

    newcomer: its label among the arms. component: its full name and version. kind: what is compared.
    finished: report trials of arms that were not trained here, as a field keeps them; None for none.
    left_out: arms that take no part, by the reason. skipped: problems that do not, by the reason.
    origin: what the finished trials come from, in words. namesake: which component the newcomer is, where
    another one has its name. part: the name of the field's protocol, where it takes a part of the suite.
    """

    newcomer: str
    component: str
    kind: str
    finished: pd.DataFrame | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""
    namesake: str = ""
    part: str = ""


@dataclass(frozen=True)
class Finished:
    """The arms of a field whose numbers hold here.

    trials: a row per trial. arms: by the component's full name the arm's label. stale: by label why the
    numbers of an arm do not hold. origin: where all of it comes from, in words.
    """

    trials: pd.DataFrame | None
    arms: Mapping[str, str]
    stale: Mapping[str, str]
    origin: str

    def on(self, experiment: Any, only: Collection[str] | None) -> tuple[Any, dict[str, str]]:
        """Return the report trials on an experiment's problems and seeds, and by arm why it takes no part.

        only: the full names of the components that take part; None for all.
        """
        import pandas as pd

        if self.trials is None:
            return pd.DataFrame(), {}
        arms = [label for name, label in self.arms.items() if only is None or name in only]
        lacking = dict(self.stale) if only is None else {}
        problems = [problem.name for problem in experiment.suite.problems]
        rows = self.trials[
            (self.trials["phase"] == "report")
            & self.trials["arm"].isin(arms)
            & self.trials["problem"].isin(problems)
            & self.trials["seed"].isin(list(experiment.report_seeds))
        ]
        planned = len(problems) * len(experiment.report_seeds)
        counts = rows.groupby("arm").size().to_dict()
        for arm in arms:
            if counts.get(arm, 0) < planned:
                lacking[arm] = f"the field has {counts.get(arm, 0)} of its {counted(planned, 'trials')}."
        return rows[~rows["arm"].isin(list(lacking))], lacking


def finished_of(field: Any, registry: Registry, newcomer: str) -> Finished:
    """Return the arms of a `Field` whose numbers hold here, without the newcomer's own; None has none."""
    if field is None:
        return Finished(None, {}, {}, "")
    stale = {
        arm: f"its numbers in the field do not hold here: {why}" for arm, why in field.stale(registry).items()
    }
    arms = {
        str(meta["component"]): arm
        for arm, meta in field.meta.items()
        if arm not in stale and meta["component"] != newcomer
    }
    versions = " and ".join(sorted({str(meta["annx"]) for meta in field.meta.values()}))
    folder = field.protocol.path.parent
    origin = f"Trials of others come from the field in {folder} (annx {versions}) and were not run again."
    return Finished(field.trials, arms, stale, origin)


def joined_study(results: Results, challenge: Challenge) -> Study:
    """Return a sweep's results together with the finished ones, as if one sweep had run all of them.

    Where a function's floor is reached, the steps to it decide in a report; a field keeps no curves, so that
    here all arms at the floor are equal.
    """
    import pandas as pd

    trials = results.trials.drop(columns=FLOOR_STEPS, errors="ignore")
    arms, problems = results.plan.arms, results.plan.problems
    if challenge.finished is not None and len(challenge.finished):
        finished = _as_trials(challenge.finished, results, challenge.kind)
        trials = pd.concat([trials, finished], ignore_index=True)
        arms = tuple(dict.fromkeys([*arms, *finished["arm"]]))
    plan = PlanSummary(arms, problems, results.plan.counts, results.plan.unchecked)
    joined: Any = dataclasses.replace(results, trials=trials, plan=plan, planned=None)
    return Study(joined)


def _as_trials(finished: pd.DataFrame, results: Results, kind: str) -> pd.DataFrame:
    """Return finished report trials with the columns of a sweep's own."""
    experiment = results.experiment
    assert experiment.suite is not None, "a challenge is on a suite"
    parts = {problem.name: problem.parts for problem in experiment.suite.problems}
    rows = finished[~finished["arm"].isin(list(results.plan.arms))]
    labels = {name: [parts[problem][name] for problem in rows["problem"]] for name in experiment.suite.kinds}
    return rows.assign(**labels, **{kind: rows["arm"]})


def card(results: Results, challenge: Challenge) -> dict[str, Any]:
    """Return what the card says, as plain JSON."""
    study = joined_study(results, challenge)
    suite = suite_used(results.experiment)
    assert suite is not None, "a challenge is on a suite"
    one = standing(study, challenge.newcomer, suite["groups"])
    experiment = results.experiment
    return {
        "schema": SCHEMA,
        "generator": f"annx {__version__}",
        "sentence": standing_sentence(one, _where(suite["name"], challenge.part)),
        "newcomer": challenge.newcomer,
        "component": challenge.component,
        "kind": challenge.kind,
        "suite": suite,
        "metric": sorted({measure.label for measure in study.measures.values()}),
        # The rank of an arm that is not told apart from all others is noise.
        "place": one.place if one.settled else None,
        "of": one.of,
        "unit": one.unit,
        "data_sets": one.data_sets,
        **{verdict: one.others(verdict) for verdict in VERDICTS},
        "arms": _arms(study, one),
        "groups": [_finite(group._asdict()) for group in one.groups],
        "groups_p": None if math.isnan(one.apart) else one.apart,
        "problems": _problems(study, one, suite["groups"]),
        "left_out": dict(challenge.left_out),
        "skipped": dict(challenge.skipped),
        "terms": _terms(experiment, challenge),
        "origin": challenge.origin,
        "namesake": challenge.namesake,
        "part": challenge.part,
    }


def _where(suite: str, part: str) -> str:
    return f"{suite} ({part})" if part else suite


def _heading(content: Mapping[str, Any]) -> str:
    return f"{printable(content['newcomer'])} on {_where(content['suite']['name'], content['part'])}"


def _arms(study: Study, one: Standing) -> list[dict[str, Any]]:
    """Return a row per arm, in the order of mean ranks; those without a rank come last."""
    # An arm that diverged with every configuration has no report trials: its costs say so, its trials do not.
    costs = [study.costs(problem) for problem in study.problems]
    order = sorted(study.arms, key=lambda arm: (math.isnan(one.ranks[arm]), one.ranks[arm]))
    rows = []
    for arm in order:
        pair = one.against.get(arm)
        ahead = pair is not None and pair.a == one.arm
        rows.append(
            _finite(
                {
                    "arm": arm,
                    "mean_rank": one.ranks[arm],
                    "verdict": None if pair is None else one.with_verdict(arm),
                    # How much lower the newcomer's cost is than this arm's, on `scale`.
                    "effect": None if pair is None else pair.effect if ahead else -pair.effect,
                    "low": None if pair is None else pair.low if ahead else -pair.high,
                    "high": None if pair is None else pair.high if ahead else -pair.low,
                    "scale": one.scale,
                    "p": None if pair is None else pair.p,
                    "diverged": sum(int((table[arm] == math.inf).sum()) for table in costs),
                    "trials": len(study.problems) * len(study.seeds),
                    "why": one.blocked.get(arm, ""),
                }
            )
        )
    return rows


def _problems(study: Study, one: Standing, groups: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a row per problem: the newcomer's score and rank there, and the best arm."""
    from anncore.evidence import stats

    ranked = [arm for arm in study.arms if not math.isnan(one.ranks[arm])]
    rows = []
    for problem in study.problems:
        costs = study.costs(problem)[ranked].mean(axis=0).to_numpy(float)
        scores = study.values(problem)
        ranks = dict(zip(ranked, stats.ranks(costs), strict=True)) if ranked else {}
        best = min(ranks, key=lambda arm: ranks[arm], default=None)
        rows.append(
            _finite(
                {
                    "problem": problem,
                    "group": groups[problem],
                    "metric": study.measures[problem].label,
                    "score": _mean(scores, one.arm),
                    "rank": ranks.get(one.arm),
                    "of": len(ranked),
                    "best": best,
                    "best_score": None if best is None else _mean(scores, best),
                }
            )
        )
    return rows


def _mean(scores: pd.DataFrame, arm: str) -> float:
    return float(scores[arm].mean()) if arm in scores else math.nan


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as JSON holds it: what is no number, or infinite, is null."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in row.items()
    }


def _terms(experiment: Any, challenge: Challenge) -> str:
    """Say on what terms arms were compared."""
    tune, report = len(experiment.tune_seeds), len(experiment.report_seeds)
    arms = experiment.entries[challenge.kind]
    rates = max((_configurations(entry) for entry in (*arms, *_beside(experiment, challenge))), default=1)
    return (
        f"Every arm was tuned over at most {counted(rates, 'configurations')} on "
        f"{counted(tune, 'tuning seeds')}, chosen on each problem by {experiment.select.metric}, and is "
        f"scored on {counted(report, 'fresh seeds')} that are paired between arms."
    )


def _beside(experiment: Any, challenge: Challenge) -> Sequence[Any]:
    return () if challenge.kind == "optimizer" else experiment.entries["optimizer"]


def _configurations(entry: Any) -> int:
    return math.prod(len(axis.rows) for axis in entry.axes)


# The views


def write_card(content: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write card.html, card.md and card.json into a folder and return their paths."""
    texts = (render_page(content), render_markdown(content), render_json(content))
    files = {folder / name: text.encode() for name, text in zip(NAMES, texts, strict=True)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_files(files)
    except OSError as error:
        raise ReportError(f"{folder} cannot hold the card: {error.strerror or error}.") from None
    return list(files)


def render_json(content: Mapping[str, Any]) -> str:
    """Return the card as JSON."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def arm_rows(content: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of arms as texts: place, arm, mean rank, what may be said, the difference, p."""
    rows = []
    for row in content["arms"]:
        newcomer = row["arm"] == content["newcomer"]
        verdict = "the newcomer" if newcomer else VERDICTS[row["verdict"]]
        rows.append(
            [
                printable(row["arm"]),
                "–" if row["mean_rank"] is None else number(row["mean_rank"]),
                verdict + (f" ({printable(row['why'])})" if row["why"] else ""),
                *_difference(row),
                f"{row['diverged']} of {counted(row['trials'], 'trials')}" if row["diverged"] else "",
            ]
        )
    return rows


def _difference(row: Mapping[str, Any]) -> tuple[str, str]:
    if row["effect"] is None:
        return "", ""
    low, high = (math.nan if row[key] is None else row[key] for key in ("low", "high"))
    words = size(row["effect"], row["scale"])
    between = span(low, high, row["scale"])
    return f"{words} ({between})" if between else words, p_value(row["p"]).removeprefix("p = ") if row[
        "p"
    ] is not None else ""


ARM_COLUMNS = (
    "arm",
    "mean rank",
    "adjusted verdict",
    "newcomer's score against it (95 % interval)",
    "p",
    "diverged",
)


def group_rows(content: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of groups as texts."""
    return [
        [
            printable(row["group"]),
            str(row["data_sets"]),
            "–" if row["share"] is None else percent(row["share"], 0),
        ]
        for row in content["groups"]
    ]


def group_columns(content: Mapping[str, Any]) -> list[str]:
    """Return the headings of the table of groups."""
    return ["group", content["unit"], "ahead of"]


def problem_rows(content: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of problems as texts."""
    rows = []
    for row in content["problems"]:
        score, best = (("–" if row[key] is None else number(row[key])) for key in ("score", "best_score"))
        place = "–" if row["rank"] is None else f"{row['rank']:g} of {row['of']}"
        winner = "–" if row["best"] is None else f"{printable(row['best'])}, {best}"
        rows.append([printable(row["problem"]), row["group"], row["metric"], score, place, winner])
    return rows


PROBLEM_COLUMNS = ("problem", "group", "metric", "newcomer", "rank", "best")


def notes(content: Mapping[str, Any]) -> list[str]:
    """Return what a reader must know: where finished trials come from, who and what takes no part."""
    lines = [content["terms"]]
    lines += [content[name] for name in ("namesake", "origin") if content[name]]
    if content["groups_p"] is not None:
        lines.append(
            "That groups differ at all is tested by shuffling their labels over "
            f"{content['unit']}: {p_value(content['groups_p'])}."
        )
    for arm, reason in content["left_out"].items():
        lines.append(f"{arm} takes no part: {reason}")
    for problem, reason in content["skipped"].items():
        lines.append(f"Problem {problem} is left out for all: {reason}")
    return [printable(line) for line in lines]


def caption(content: Mapping[str, Any]) -> str:
    """Say what the table of arms holds."""
    one = singular(content["unit"])
    return (
        f"Arms by mean rank over {counted(content['data_sets'], content['unit'])}. Each is compared with the "
        f"newcomer by exact signed ranks, a {one} being one pair, with Holm's correction over all of them; "
        "the order among arms that are not told apart means nothing."
    )


def foot(content: Mapping[str, Any]) -> str:
    """Say what the card rests on: the suite with its version, the component with its own, annx."""
    return printable(f"Suite {suite_line(content['suite'])}. {content['component']}. {content['generator']}.")


def render_markdown(content: Mapping[str, Any]) -> str:
    """Return the card as Markdown."""
    parts = [
        f"# {escape(_heading(content))}",
        f"**{escape(printable(content['sentence']))}**",
        _table(ARM_COLUMNS, arm_rows(content)),
        escape(caption(content)),
        _table(group_columns(content), group_rows(content)),
        _table(PROBLEM_COLUMNS, problem_rows(content)),
        "\n".join(f"- {escape(line)}" for line in notes(content)),
        escape(foot(content)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [columns, ["---"] * len(columns), *([escape(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def render_page(content: Mapping[str, Any]) -> str:
    """Return the card as one HTML file, without remote assets; every text is escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = asset("card.css")
    return environment.from_string(asset("card.html.j2")).render(
        sentence=printable(content["sentence"]),
        title=_heading(content),
        tables=[
            (caption(content), ARM_COLUMNS, arm_rows(content)),
            (
                "By group of problems: of how many other arms it is ahead.",
                group_columns(content),
                group_rows(content),
            ),
            ("Problem by problem.", PROBLEM_COLUMNS, problem_rows(content)),
        ],
        notes=notes(content),
        foot=foot(content),
        style=style,
        policy=f"default-src 'none'; style-src '{source_hash(style)}'; base-uri 'none'; form-action 'none'",
    )
