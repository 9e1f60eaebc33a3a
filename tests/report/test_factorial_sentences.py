"""What a report says of factors varied together: sentences, tables, all views; its schema."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pandas
import pytest
from grammar import faults
from reached import Reached
from report_schema import complaints
from results_factory import asked, make_results

from anncore.evidence import factorial_sentences
from anncore.evidence.factorial_parts import Analysis, Marginal, Row, Together
from anncore.evidence.factorial_sentences import leaders, marginal_sentence, shares_sentence, trend_sentence
from anncore.evidence.factors import Factor, Grid
from anncore.evidence.interaction import Interaction
from anncore.evidence.results import Results
from anncore.evidence.study import Study, by_data_set
from anncore.evidence.trend import Trend
from anncore.evidence.variance_shares import DATA, LUCK, Lead, Share
from anncore.evidence.verdicts import Comparison, compare, seed_claims
from anncore.experiment.model import Rounds
from anncore.report import factorial
from anncore.report.build import build_report, plain
from anncore.report.factorial import factorial_content, factorial_findings, methods_text
from anncore.report.markdown import render_markdown
from anncore.report.view import Section, _factorial as factorial_section, sections

OPTIMIZERS, SCHEDULES = ("sgd", "adam"), ("constant", "cosine", "step")
PAIRS = tuple(f"{first} + {second}" for first in OPTIMIZERS for second in SCHEDULES)
DEPTHS = tuple(f"depth={d} + {name}" for d in (1, 2, 4) for name in ("relu", "gelu"))
TRIPLES = tuple(f"{pair} + {start}" for pair in PAIRS for start in ("zeros", "normal"))
SEVEN = ("xor", "iris", "wine", "two_moons", "digits", "spirals", "blobs")
ADDITIVE = {"sgd": 0.3, "constant": 0.2, "step": 0.1}
CROSSED = {**ADDITIVE, "sgd + constant": -0.4}
# gelu leads at one layer, relu from two on; and all get better with depth.
BY_DEPTH = {"depth=1": 0.5, "depth=2": 0.25, "gelu": 0.2, "depth=1 + gelu": -0.4}


def made(effects: dict[str, float], noise: float = 0.02, **options: Any) -> Results:
    """Return a sweep whose log losses are sums: effects of levels, arms, problems, and seeds; noise."""

    def score(problem: str, arm: str, seed: int) -> float:
        shared = 0.1 * math.sin(5 * seed + len(problem))
        own = noise * math.sin(1e4 * (sum(map(ord, arm)) * 0.37 + seed * 1.7 + len(problem)))
        levels = arm.split(" + ")
        names = [*levels, arm, problem, *(f"{problem}: {level}" for level in levels)]
        names += [" + ".join(levels[:2])] if len(levels) > 2 else []
        return math.exp(-1 + shared + own + sum(effects.get(name, 0.0) for name in names))

    given: dict[str, Any] = {
        "arms": PAIRS,
        "problems": ("xor",),
        "vary": ("optimizer", "schedule"),
        "tune_seeds": (),
        "rates": (0.1,),
        "regression": (),
        "steps": 30,
        "score": score,
    }
    return make_results(**(given | options))


def headline(*args: Any, **options: Any) -> str:
    content = plain(build_report(made(*args, **options), {}))
    assert complaints(content) == []
    text: str = content["answer"]["headline"]
    return text


def test_the_first_sentence_names_the_best_pair_and_whether_it_depends() -> None:
    assert headline(CROSSED) == (
        "adam + cosine is the best pair on xor: it beats all 5 others; the best schedule depends on the "
        "optimizer: constant leads with sgd, cosine with adam."
    )
    assert headline(ADDITIVE, noise=0.001) == (
        "adam + cosine is the best pair on xor: it beats all 5 others; what the schedule does changes "
        "with the optimizer by less than 1 %."
    )
    few = headline(CROSSED, problems=("xor", "iris"))
    assert few.endswith(
        "Each by itself, what the schedule does depends on the optimizer on 2 of 2 data sets (the best "
        "schedule changes with it on 2)."
    )


def test_an_ordered_factor_has_a_leader_from_a_value_on_and_a_trend() -> None:
    results = made(BY_DEPTH, arms=DEPTHS, vary=("network.depth", "activation"))
    answer = build_report(results, {})["answer"]
    assert answer["headline"].endswith(
        "the best activation depends on depth: gelu leads at depth=1, relu from depth=2 on."
    )
    texts = " ".join(finding["text"] for finding in answer["findings"])
    assert (
        "On xor, test loss gets better from depth=1 to depth=4 (Page's trend test p < .001, 95 % interval"
        in texts
    )


def test_the_part_that_matters_most_is_named_where_it_is_told_apart() -> None:
    (text,) = (
        finding["text"]
        for finding in build_report(made({"sgd": 1.5}), {})["answer"]["findings"]
        if "matters" in finding["text"]
    )
    assert text.startswith("On this data set the optimizer matters most: it makes 9")


def worlds() -> Iterator[tuple[str, Results]]:
    """Yield sweeps in which every sentence on factors is said."""
    yield "crossed", made(CROSSED)
    yield "additive", made(ADDITIVE)
    yield "nearly additive", made(ADDITIVE, noise=0.001)
    yield "the same", made(ADDITIVE, noise=0.0)
    yield "nothing", made({}, noise=0.0)
    yield "noise", made({}, noise=0.3)
    yield "one pair is better", made({"adam + cosine": -1.0})
    yield "one optimizer is better", made({"sgd": 0.3})
    yield "cosine is always better", made({**ADDITIVE, "adam + cosine": -0.5})
    yield "the data matter", made({**CROSSED, "iris": 1.0, "iris: sgd": 0.5}, problems=SEVEN[:2])
    yield "no change on two", made({"adam + cosine": -1.0}, problems=SEVEN[:2])
    yield "a control", asked(made(CROSSED, report={"control": PAIRS[0]}))
    for count in (1, 2, 5):
        yield f"{count} seeds", made(CROSSED, seeds=range(100, 100 + count))
    yield "seven", made(CROSSED, problems=SEVEN)
    yield "seven of noise", made({}, noise=0.3, problems=SEVEN)
    yield "two", made(CROSSED, problems=SEVEN[:2])
    yield "two, additive", made(ADDITIVE, problems=SEVEN[:2])
    yield "variants", made(CROSSED, problems=SEVEN[:3], datasets={"xor": "x", "iris": "x", "wine": "x"})
    yield (
        "unlike scores",
        made(CROSSED, problems=SEVEN[:3], regression=("xor",), metric="valid_accuracy", goal="max"),
    )
    yield "accuracy", made(CROSSED, metric="valid_accuracy", goal="max")
    yield "functions", made(CROSSED, functions=True)
    three = {"arms": TRIPLES, "vary": ("optimizer", "schedule", "initializer")}
    yield "three factors", made(CROSSED, **three)
    yield "three factors, one crossing", made({**ADDITIVE, "zeros": 0.1}, **three)
    yield "depth", made(BY_DEPTH, arms=DEPTHS, vary=("network.depth", "activation"))
    yield "depth of noise", made({}, 0.3, arms=DEPTHS, vary=("network.depth", "activation"))
    widths = tuple(f"width={w}" for w in (2, 4, 8))
    yield "width alone", made({"width=2": 0.3, "width=4": 0.1}, arms=widths, vary=("network.width",))
    yield "width, worse", made({"width=8": 0.3, "width=4": 0.1}, arms=widths, vary=("network.width",))
    yield "width, few", made({}, arms=widths, vary=("network.width",), problems=SEVEN[:2], seeds=(100,))
    both = tuple(f"depth={d} + width={w}" for d in (1, 2) for w in (8, 16))
    yield "numbers", made({"depth=2 + width=16": -0.5}, arms=both, vary=("network.depth", "network.width"))
    one_pair = PAIRS[2]
    for word in ("diverged", "failed", "crashed", "timeout"):

        def status(problem: str, arm: str, seed: int, word: str = word) -> Any:
            return word if arm == one_pair and seed == 101 else "ok"

        yield f"one {word}", made(CROSSED, status=status)
    many = tuple(f"{first} + {second}" for first in ("a", "b", "c", "d") for second in ("w", "x", "y", "z"))
    lost = ("a + w", "b + x")
    yield "two fail", made({}, arms=many, status=lambda p, arm, s: "failed" if arm in lost else "ok")
    yield "all of one failed", made(CROSSED, status=lambda p, arm, s: "failed" if arm == one_pair else "ok")
    yield "sgd fails", made(CROSSED, status=lambda p, arm, s: "failed" if "sgd" in arm else "ok")
    yield (
        "two with sgd fail",
        made(CROSSED, problems=SEVEN[:2], status=lambda p, arm, s: "failed" if "sgd" in arm else "ok"),
    )
    yield "untuned", made(CROSSED, rates=(0.1, 1.0))
    yield "tuned", made(CROSSED, rates=(0.1, 1.0), tune_seeds=(0, 1))
    lacking = tuple(arm for arm in PAIRS if arm != one_pair)
    yield "a combination is not there", made(CROSSED, arms=lacking)
    yield "a single kind", made({}, vary=("optimizer",))
    yield "rounds", asked(made(CROSSED, seeds=range(100, 112)), rounds=Rounds((12,), 30, 0))
    yield "partial", _partly(made(CROSSED))


def _partly(results: Results) -> Results:
    return replace(results, trials=results.trials.iloc[:-4])


class Said(NamedTuple):
    """What a report says of factors: as report.json has it, and as the page shows it."""

    content: dict[str, Any] | None
    section: Section | None
    methods: str

    @classmethod
    def of(cls, results: Results) -> Said:
        """Return it without the rest of a report, which takes ten times as long."""
        study = Study(results)
        costs, scale = by_data_set(study)
        over_all = compare(costs, unit=study.unit, scale=scale) if len(costs) > 1 else []
        content = plain(factorial_content(study, {**seed_claims(study), "": over_all}))
        if content is None:
            return cls(None, None, "")
        page = {"factorial": content, "figures": [], "problem_unit": study.problem_unit, "unit": study.unit}
        methods = methods_text(content, study.unit) if content["factors"] else "Nothing."
        return cls(content, factorial_section(page), methods)

    def sentences(self) -> Iterator[str]:
        """Yield all of them."""
        if self.content is None:
            return
        yield from filter(None, (self.content[name] for name in ("headline", "note", "shares_sentence")))
        yield f"Each by itself, {self.content['beside'] or 'nothing is said'}."
        yield from (finding["text"] for finding in factorial_findings(self.content))
        yield self.methods
        for one in self.content["analyses"]:
            yield from (pair["sentence"] for pair in one["together"])
            yield from (trend["sentence"] for trend in one["trends"])
        if self.section is not None:
            yield from self.section.paragraphs
            yield from (table.caption for table in self.section.tables)

    def cells(self) -> Iterator[str]:
        """Yield the cells of all tables."""
        for table in self.section.tables if self.section is not None else ():
            yield from (cell.text for row in table.rows for cell in row)


@pytest.mark.slow
def test_every_sentence_on_factors_is_sound_and_every_branch_is_looked_at() -> None:
    wrong: dict[str, str] = {}
    reached = Reached([factorial_sentences, factorial])
    with reached.watching():
        for name, results in worlds():
            said = Said.of(results)
            for text in said.sentences():
                wrong |= dict.fromkeys(faults(text), f"{name}: {text}")
            for text in said.cells():
                wrong |= {text: name} if text.strip() in ("nan", "None", "inf", "") else {}
        for text in _made_up():
            wrong |= dict.fromkeys(faults(text), text)
        assert factorial_findings(None) == []
    assert wrong == {}
    assert reached.unreached() == []


def _made_up() -> Iterator[str]:
    """Yield sentences that take many arms, or rare results, to come about."""
    rows = {level: ("r", "s") if level == "l1" else ("r",) for level in (f"l{i}" for i in range(12))}
    yield f"Here {leaders(_together(rows))}."
    for unbeaten in (("r", "s"), ("r", "s", "t")):
        yield f"Here {leaders(_together({'k=1': unbeaten, 'k=2': unbeaten, 'k=3': ('r',)}))}."
    shares = [Share((LUCK,), 1.0, 0.9, 1.0, 9, 1.0), Share((DATA,), 0.0, 0.0, 0.1, 1, 0.0)]
    yield shares_sentence(shares, Lead((LUCK,), (DATA,), apart=False), "data sets", "", 3)
    analysis = Analysis("", "data sets", 7, "unit", Grid((), ()))
    rounds = [replace(_claim(), a=a, b=b) for a, b in (("r", "s"), ("s", "t"), ("t", "r"))]
    effects = tuple(Marginal("depth", level, 0.0, 0.0, 0.0) for level in "rst")
    depth = Factor("depth", ("r", "s", "t"))
    both = Grid((depth, Factor("optimizer", ("sgd", "adam"))), ())
    circle = replace(analysis, grid=both, comparisons={"depth": rounds}, marginals=effects)
    yield marginal_sentence(depth, circle)
    yield shares_sentence([*shares, Share(("f",), 0.1, 0.0, 0.2, 1, 1.0)], None, "functions", "", 1)
    for verdict in ("falls", "rises", "undecided", "too_few"):
        one = Trend("depth", "k=1", "depth=1", "depth=4", 7, 0.1, 0.05, 0.2, 9.0, 0.03, verdict)
        yield trend_sentence(one, analysis, "")
        yield trend_sentence(one._replace(within="relu", low=math.nan, high=math.nan), analysis, "")


def _claim() -> Comparison:
    (claim,) = compare(pandas.DataFrame({"x": [0.0] * 8, "y": [1.0] * 8}))
    return claim


def _together(rows: dict[str, tuple[str, ...]]) -> Together:
    own = tuple(
        Row(level, unbeaten[0], unbeaten, tuple(x for x in "rst" if x not in unbeaten), tested=True)
        for level, unbeaten in rows.items()
    )
    return Together("f", "s", "depends", Interaction(9, 9.0, 1, 8, 0.01, 0.01), 0.01, None, own, (), {}, ())


def test_hostile_names_do_no_harm_in_a_factorial() -> None:
    arms = tuple(f"{first} + {second}" for first in ("a|b", "<i>") for second in ("`x`", "$y_1$", "100%"))
    content = plain(build_report(made({"a|b": 0.3}, arms=arms), {}))
    text = render_markdown(content)
    part = text[text.index("## Optimizer and schedule together") :]
    assert "| a\\|b |" in part
    assert "<i>" not in part.split("## ", 2)[1]


@pytest.mark.parametrize("vary", [("optimizer",), ("arm",)])
def test_a_single_kind_makes_no_factorial(vary: tuple[str, ...]) -> None:
    content = build_report(made(CROSSED, vary=vary), {})
    assert content["factorial"] is None
    assert factorial_findings(None) == []
    assert not any(section.id == "factorial" for section in sections(plain(content)))
