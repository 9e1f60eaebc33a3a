"""The findings below the first sentence: what is claimed of pairs, what is open, and how rounds ended."""

from __future__ import annotations

from typing import Any, NamedTuple

from anncore.evidence.frame import NOT_RUN
from anncore.evidence.headline import nearest
from anncore.evidence.sentences import SEEDS, beyond_headline, counted, joined, sentence, would_settle
from anncore.evidence.study import BLOCKING, Study
from anncore.evidence.units import agreeing, singular
from anncore.evidence.verdicts import Comparison
from anncore.experiment.model import Rounds

MOST_SENTENCES = 10


MOST_TALLIES = 8


class Claims(NamedTuple):
    """Every comparison: over all data sets on their common scale, and on each problem by itself."""

    over_all: list[Comparison]
    scale: str
    friedman: dict[str, Any] | None
    by_problem: dict[str, list[Comparison]]

    @property
    def deciding(self) -> list[Comparison]:
        """Those that the first sentence rests on; none of several variants speaks for the others."""
        only = next(iter(self.by_problem.values())) if len(self.by_problem) == 1 else []
        return self.over_all or only


def findings_of(claims: Claims, ranked: list[str], places: str, *, answered: bool) -> list[dict[str, str]]:
    """Return the sentences of the answer box: over all, then how often an arm won on one problem alone.

    answered: whether the first sentence is about these comparisons.
    """
    deciding = claims.deciding
    undecided = [c for c in deciding if c.verdict == "undecided"]
    summed_up = undecided if len(undecided) > 2 else []
    elsewhere = [*summed_up, *(c for c in deciding if _waits(c) or c.neither_ends)]  # said once for all
    shown = [c for c in deciding if c.verdict != "too_few" and c not in elsewhere]
    if len(shown) > MOST_SENTENCES:
        shown = [c for c in shown if ranked[0] in (c.a, c.b)][:MOST_SENTENCES]
    findings: list[tuple[str, str]] = [(c.verdict, sentence(c)) for c in shown]
    if answered and len(deciding) == 1:  # the first sentence has said most of it
        findings = [(c.verdict, text) for c in shown if (text := beyond_headline(c))]
    if summed_up:
        findings.append(("undecided", _undecided(summed_up, len(deciding))))
    few = [c for c in claims.over_all if c.verdict == "too_few"]
    if few:
        findings.append(
            (
                "too_few",
                f"{few[0].n} {few[0].unit} are too few to decide {counted(len(few), 'comparisons')} over "
                f"all; {few[0].needed:.0f} would be enough to let a difference show.",
            )
        )
    if len(claims.by_problem) > 1:
        findings += [("problems", text) for text in tally(claims.by_problem, ranked, places)]
    return [{"kind": kind, "where": "", "text": text} for kind, text in findings]


def _waits(claim: Comparison) -> bool:
    """Say whether all that blocks a claim are trials that have not run, which is said once for all."""
    return NOT_RUN in claim.reason and not any(status in claim.reason for status in (*BLOCKING, "choose"))


def _undecided(undecided: list[Comparison], total: int) -> str:
    near = nearest(undecided)
    wanted = would_settle(near)
    return (
        f"{len(undecided)} of {total} {'pair' if total == 1 else 'pairs'} of arms cannot be told apart with "
        f"{counted(near.n, near.unit)}; "
        f"nearest to a verdict are {near.a} and {near.b}"
        f"{', for which ' if wanted.endswith('needed') else ': '}{wanted}."
    )


def known_rounds(study: Study) -> Rounds | None:
    """Return the rounds; where trials are missing, what an earlier look at all of them counted is void."""
    rounds = study.experiment.rounds
    return rounds if rounds is None or "report" not in study.not_run else rounds._replace(open=None)


def rounds_findings(study: Study) -> list[dict[str, str]]:
    """Say how the rounds ended, where seeds were added in rounds."""
    rounds, units, experiment = known_rounds(study), study.unit, study.experiment
    if rounds is None or rounds.open is None:
        return []
    looks = f"{counted(len(rounds.looks), 'looks')} (at {joined([str(n) for n in rounds.looks], 10)} seeds)"
    one = singular(units)
    text = f"Every claim on a {one} is settled after {looks}."
    if rounds.open:
        open_ = f"{counted(rounds.open, 'claims')} on a {one} {agreeing(rounds.open, 'are')}"
        end = f"the limit is {counted(rounds.most, SEEDS)}"
        if rounds.looks[-1] < rounds.most and "stopper" in experiment.chosen:
            end = f"the stopping rule {experiment.chosen['stopper'].component.name} asks for no more seeds"
        text = f"{open_} still open after {looks}; {end}."
    return [{"kind": "rounds", "where": "", "text": text}]


def tally(by_problem: dict[str, list[Comparison]], ranked: list[str], places: str) -> list[str]:
    """Say on how many problems each arm beats each other one, tested on that problem's seeds alone."""
    wins: dict[str, dict[str, int]] = {}
    decided = [c for comparisons in by_problem.values() for c in comparisons if c.verdict == "better"]
    for c in decided:
        own = wins.setdefault(c.a, {})
        own[c.b] = own.get(c.b, 0) + 1
    tested = {c.verdict for comparisons in by_problem.values() for c in comparisons}
    if not decided:
        some = tested & {"undecided", "tie", "equivalent"}
        return [f"On no {singular(places)} by itself can two arms be told apart."] if some else []
    texts = []
    for arm in [arm for arm in ranked if arm in wins][:MOST_TALLIES]:
        beaten = [f"{other} on {wins[arm][other]}" for other in ranked if other in wins[arm]]
        texts.append(f"Taken one by one, of {len(by_problem)} {places} {arm} beats {joined(beaten)}.")
    return texts


def problem_sentence(comparisons: list[Comparison]) -> str:
    """Return one sentence for one problem: who beats whom, or that no two arms can be told apart."""
    if not comparisons:
        return ""
    wins: dict[str, list[str]] = {}
    for c in comparisons:
        if c.verdict == "better":
            wins.setdefault(c.a, []).append(c.b)
    n = max(c.n for c in comparisons)
    if wins:
        ordered = sorted(wins.items(), key=lambda item: -len(item[1]))
        said = "; ".join(f"{arm} beats {joined(beaten)}" for arm, beaten in ordered)
        return f"{said} ({counted(n, SEEDS)})."
    if all(c.verdict == "too_few" for c in comparisons):
        return ""  # said once for all by the warning on seeds
    if all(c.neither_ends for c in comparisons):
        return "Every trial diverged, so nothing can be compared."
    if any(c.verdict == "blocked" and not c.neither_ends for c in comparisons):
        waiting = all(_waits(c) for c in comparisons if c.verdict == "blocked" and not c.neither_ends)
        return f"Trials {'have not run' if waiting else 'failed or have not run'}, so no claim is made."
    return f"No two arms can be told apart with {counted(n, SEEDS)}."
