"""What is said of run times, levels, deciles and costs: its grammar, over all branches of what writes it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from grammar import faults
from reached import Reached
from results_factory import asked, make_results

from anncore.evidence import run_time_claims, surely_sentences
from anncore.evidence.levels import Level, Levels
from anncore.evidence.measures import Measure
from anncore.evidence.results import Cost, Results
from anncore.experiment.model import Rounds
from anncore.report import costs, run_times, surely
from anncore.report.build import build_report, plain
from anncore.report.view import Section, sections, shown

WRITERS = [surely_sentences, run_time_claims, run_times, costs]
ALONE: dict[str, Any] = {
    "arms": ("sgd", "adam"),
    "problems": ("xor",),
    "seeds": range(100, 130),
    "tune_seeds": (),
    "rates": (0.1,),
    "regression": (),
    "steps": 30,
}
FEW = {**ALONE, "seeds": (100, 101)}
ACCURACY = {"metric": "valid_accuracy", "goal": "max"}


def leveled(problem: str, arm: str, seed: int) -> float:
    """Return adam's scores at two levels, lion's at three, sgd's at one."""
    noise = 0.01 * math.sin(37 * seed)
    if arm == "sgd":
        return 0.3 + noise
    levels = (0.05, 0.35, 0.7) if arm == "lion" else (0.05, 0.7, 0.7)
    return levels[seed % 3] * (1 + noise)


def risky(problem: str, arm: str, seed: int) -> float:
    return (0.25 if arm == "sgd" else (0.5, 0.1, 0.1)[seed % 3]) * (1 + 0.02 * math.sin(37 * seed))


def worlds() -> Iterator[tuple[str, Results]]:
    """Yield results that have something of each kind to say."""
    for arms in (("sgd", "adam"), ("sgd", "lion"), ("sgd", "adam", "adam2", "adam3")):
        yield f"levels of {len(arms)}", make_results(**{**ALONE, "arms": arms}, score=leveled)
    accurate = make_results(**{**ALONE, **ACCURACY})
    pairs = zip(accurate.trials["arm"], accurate.trials["seed"], strict=True)
    accurate.trials["test_accuracy"] = [leveled("xor", arm, seed) for arm, seed in pairs]
    yield "levels of shares", accurate
    rule = {"success": {"metric": "valid_loss", "at_most": 0.2}}
    yield "levels, success named", make_results(**ALONE, score=leveled, report=rule)
    floor = lambda p, a, s: 1e-20 if s % 2 else leveled(p, a, s)  # noqa: E731
    yield "levels at the floor", make_results(**ALONE, functions=True, score=floor)
    yield "deciles", make_results(**{**ALONE, "seeds": range(100, 160)}, score=risky)
    yield "rounds", asked(make_results(**ALONE, score=risky), rounds=Rounds((30,), 40, 0))
    yield from _speeds()
    yield from _priced()


def _speeds() -> Iterator[tuple[str, Results]]:
    two = {**FEW, "problems": ("xor", "iris")}
    yield "tuned", make_results(**{**two, "tune_seeds": (0,), "rates": (0.1, 1.0)})
    yield "one is faster", make_results(problems=("xor",), seeds=range(100, 110), steps=100)
    control: dict[str, Any] = {"problems": ("xor",), "seeds": range(100, 110), "steps": 100}
    yield "against a control", make_results(("x", "y", "z"), **control, report={"control": "y"})
    yield "one arm", make_results(**{**FEW, "arms": ("sgd",)})
    yield "one step", make_results(**{**FEW, "steps": 1})
    yield "no report trial", make_results(**{**FEW, "seeds": (), "tune_seeds": (0,)})
    for word in ("failed", "diverged"):
        lost = lambda p, a, s, word=word: word if (p, a) == ("iris", "sgd") else "ok"  # noqa: E731
        yield f"one {word}", make_results(**two, status=lost)
        every = lambda p, a, s, word=word: word  # noqa: E731
        yield f"every trial {word}", make_results(**two, status=every)
    flat = make_results(**two)
    flat.curves["value"] = 0.5
    flat.trials["valid_loss"] = 0.5
    yield "nobody gets better", flat
    gone = make_results(**two)
    keys = gone.trials.loc[gone.trials["problem"] == "iris", "key"]
    yield "no curve of one", replace(gone, curves=gone.curves[~gone.curves["key"].isin(keys)])
    below = make_results(**two)
    keys = below.trials.loc[below.trials["problem"] == "iris", "key"]
    below.curves.loc[below.curves["key"].isin(keys), "value"] -= 5.0
    below.trials.loc[below.trials["problem"] == "iris", ["valid_loss", "test_loss"]] -= 5.0
    yield "ratios and differences", below
    yield "functions", make_results(**{**two, "functions": True})
    tuned = {**two, "tune_seeds": (0,), "rates": (0.01, 0.1)}  # whose targets do not need the report's runs
    yield "nobody arrives", make_results(**tuned, status=lambda *_: "diverged")
    sets = tuple(f"set{i}" for i in range(7))
    yield "over all", make_results(**{**FEW, "problems": sets}, score=risky)


def _priced() -> Iterator[tuple[str, Results]]:
    def costing(arms: dict[str, tuple[float, float]], problems: tuple[str, ...] = ("xor",)) -> Results:
        results = make_results(**{**FEW, "arms": tuple(arms), "problems": problems})
        config = results.trials["config"].iloc[0]
        spent = [
            Cost(problem, arm, config, (1 + place) * low, low, high * (1 + place), 2)
            for place, problem in enumerate(problems)
            for arm, (low, high) in arms.items()
        ]
        return replace(results, costs=tuple(spent))

    yield "dearer", costing({"sgd": (1e-5, 1.2e-5), "adam": (3e-5, 4e-5), "lion": (1.1e-5, 2e-5)})
    yield "one dearer", costing({"sgd": (1e-5, 1.2e-5), "adam": (3e-5, 4e-5)})
    yield "alike", costing({"sgd": (1e-5, 2e-5), "adam": (1.1e-5, 2e-5)})
    yield "alone", costing({"sgd": (1e-5, 2e-5)})
    yield "no time", costing({"sgd": (0.0, 0.0), "adam": (0.0, 0.0)})
    yield "two dearer", costing({"sgd": (1e-5, 1.2e-5), "adam": (3e-5, 4e-5)}, ("xor", "iris"))
    yield "two alike", costing({"sgd": (1e-5, 2e-5), "adam": (1.1e-5, 2e-5)}, ("xor", "iris"))
    uneven = costing({"sgd": (1e-5, 1.2e-5), "adam": (3e-5, 4e-5)}, ("xor", "iris"))
    first, *others = uneven.costs
    yield "two unlike", replace(uneven, costs=(first._replace(seconds=1.1e-5), *others))


def texts_of(parts: Any) -> Iterator[str]:
    part: Section
    for part in parts:
        yield from part.paragraphs
        yield from (table.caption for table in part.tables)
        yield from texts_of(part.parts)


@pytest.mark.slow
def test_every_sentence_is_sound_and_every_branch_is_looked_at() -> None:
    reached, wrong = Reached(WRITERS), {}
    with reached.watching():
        for name, results in worlds():
            content = plain(build_report(results, {}))
            said = [*texts_of(sections(shown(content)))]  # type: ignore[arg-type]
            said += [paragraph["text"] for paragraph in content["methods"]["paragraphs"]]
            said += [warning["text"] for warning in content["answer"]["warnings"]]
            for text in said:
                wrong |= dict.fromkeys(faults(text), f"{name}: {text}")
        assert run_times.single_target_steps({"n": 0}) == "not run"
        assert run_times.single_target_steps({"n": 1}) == "never"  # of a report of an older annx
        for count, between in itertools.product((2, 3), (True, False)):
            levels = tuple(Level(5, 0.1 * place, 0.1 * place, 0.1 * place) for place in range(count))
            noticed = Levels("xor", "adam", 5 * count, levels, 0.01, between, (0.1, 0.2))
            text = surely_sentences.levels_sentence(noticed, Measure("test_loss", "min", "log"))
            wrong |= dict.fromkeys(faults(text), text)
    assert wrong == {}
    assert reached.unreached() == []


def test_a_report_of_an_older_annx_says_nothing_of_these() -> None:
    content = plain(build_report(make_results(**FEW), {}))
    for key in ("run_times", "levels", "risk"):
        del content[key]
    content["costs"] = [
        {"problem": "xor", "arm": "sgd", "seconds": 1e-5, "median": 1e-5, "high": 1e-5, "trials": 2}
    ]
    assert surely.paragraphs(content, "xor") == []
    assert surely.rate_table(content, "xor") is None
    assert costs.cost_table(content) is None
    cells = [
        cell.text
        for section in sections(shown(content))
        for part in section.parts
        for table in part.tables
        if "worst decile" in table.header
        for cell in [row[list(table.header).index("worst decile")] for row in table.rows]
    ]
    assert cells == ["–", "–"]


def test_hostile_names_stay_what_they_are() -> None:
    arms = ("a|b`<b>&", "50 %_{x}")
    results = make_results(**{**FEW, "arms": arms, "problems": ("p|q <script>",)})
    content = plain(build_report(results, {}))
    assert {row["arm"] for row in content["run_times"]["arms"]} == set(arms)
    assert isinstance(pd.DataFrame(content["risk"]["arms"]), pd.DataFrame)
