"""Every sentence of a report: its grammar, over all branches of the code that writes it."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from grammar import faults
from reached import Reached
from results_factory import asked, make_results
from right.doors import Middle, Narrow
from shipped import REGISTRY

import anncore
from anncore.contract.handed_over import with_components
from anncore.contract.hyperparameters import resolve
from anncore.contract.trial import Split, Stop
from anncore.engine.datasets import Shapes
from anncore.evidence import cautions, claim, headline, sentences, success_sentences, units, verdicts
from anncore.evidence.headline import Asked
from anncore.evidence.results import Results
from anncore.evidence.sentences import interval, number, p_value, size
from anncore.evidence.study import Study
from anncore.evidence.verdicts import Comparison, compare
from anncore.experiment.model import Chosen, Rounds, SearchSettings, Select, Widening
from anncore.report import methods, methods_claims, methods_training, reach, success, words
from anncore.report.build import build_report, plain, problem_sentence
from anncore.report.export import trials_table
from anncore.report.terminal import summary
from anncore.report.view import Section, first_screen, sections, shown
from anncore.testing.made_up import WATCHED, MadeUp

WRITERS = [
    sentences,
    headline,
    cautions,
    verdicts,
    units,
    words,
    methods,
    methods_claims,
    methods_training,
    reach,
    success_sentences,
    success,
    claim,
]
SCALES = ("log", "unit", "linear", "range")
FEW: dict[str, Any] = {
    "arms": ("sgd", "adam"),
    "problems": ("xor", "iris"),
    "seeds": (100, 101),
    "tune_seeds": (0, 1),
    "rates": (0.1, 1.0),
    "regression": (),
    "steps": 30,
}
TWO = {**FEW, "seeds": range(100, 108), "rates": (0.01, 0.1, 1.0)}
ONE_RATE = {**FEW, "tune_seeds": (), "rates": (0.1,)}
ACCURACY = {"metric": "valid_accuracy", "goal": "max"}


def ended(**by_place: str) -> Any:
    """Return a status function: by "problem_arm_seed", with "any" for all."""

    def status(problem: str, arm: str, seed: int) -> str:
        for place, word in by_place.items():
            names = place.split("_")
            if all(name in ("any", str(own)) for name, own in zip(names, (problem, arm, seed), strict=True)):
                return word
        return "ok"

    return status


def chosen_badly(results: Results, status: str) -> Results:
    """Return the results as if each of sgd's tuning trials had ended so, and none of its report had run."""
    sgd = results.trials["arm"] == "sgd"
    trials = results.trials.assign(
        status=results.trials["status"].mask(sgd & (results.trials["phase"] == "tune"), status)
    )
    trials = trials[~(sgd & (trials["phase"] == "report"))]
    selection = results.selection.assign(
        n_ok=results.selection["n_ok"].mask(results.selection["arm"] == "sgd", 0)
    )
    planned = [row for row in results.planned or () if not (row.arm == "sgd" and row.phase == "report")]
    return replace(results, trials=trials, selection=selection, planned=tuple(planned))


def without(results: Results, problem: str, arm: str) -> Results:
    """Return the results as if the file's rules left an arm out on a problem."""
    here = (results.trials["problem"] == problem) & (results.trials["arm"] == arm)
    planned = [row for row in results.planned or () if (row.problem, row.arm) != (problem, arm)]
    kept = results.selection[(results.selection["problem"] != problem) | (results.selection["arm"] != arm)]
    return replace(results, trials=results.trials[~here], planned=tuple(planned), selection=kept)


def tuned_score(results: Results, factor: float, difference: float = 0.0) -> Results:
    score = results.selection["fresh_score"] * factor + difference
    return replace(results, selection=results.selection.assign(tune_score=score))


def scored(problem: str, arm: str, seed: int) -> float:
    return {"sgd": 0.3, "adam": 0.2}.get(arm, 0.25) * (1 + 0.01 * math.sin(7 * seed))


def nearly(problem: str, arm: str, seed: int) -> float:
    return 0.25 * (1 + 0.01 * math.sin(seed + 3 * len(arm)))


def worlds() -> Iterator[tuple[str, Results]]:
    """Yield results that have something of each kind to say."""
    yield from _sizes()
    yield from _ends()
    yield from _parts()
    yield from _scores()
    yield from _choices()
    yield from _settings()
    yield from _rules()
    yield from _successes()
    yield from _claims()
    yield from _surely()


def _sizes() -> Iterator[tuple[str, Results]]:
    """Yield sweeps of one and of many arms, problems, seeds."""
    yield "two arms", make_results(**TWO)
    pairs = [f"{first} + {second}" for first in ("sgd", "adam") for second in ("cosine", "step")]
    factors = {"vary": ("optimizer", "schedule"), "arms": pairs}
    yield "two factors", make_results(**{**ONE_RATE, **factors}, score=scored)
    yield "two factors on one", make_results(**{**ONE_RATE, **factors, "problems": ("xor",)}, score=nearly)
    yield "functions", make_results(**{**FEW, "seeds": range(6)}, functions=True, score=lambda p, a, s: 1e-20)
    yield "functions of two values", make_results(**FEW, functions=True, score=scored)
    yield "one trial", make_results(("sgd",), ("xor",), (100,), (), (0.1,), steps=1)
    yield "one seed", make_results(**{**FEW, "seeds": (100,), "tune_seeds": (0,)})
    yield "untuned", make_results(**{**FEW, "tune_seeds": (), "rates": (0.1, 1.0)})
    yield "untuned, one seed", make_results(**{**FEW, "tune_seeds": (), "rates": (0.1,), "seeds": (100,)})
    for count in (6, 10):
        names = tuple(f"set{i}" for i in range(count))
        options = {**ONE_RATE, "problems": names, "seeds": range(6), "regression": names[:1]}
        yield f"{count} data sets", make_results(**{**options, "arms": ("sgd", "adam", "lion")})
        yield f"{count} clear data sets", make_results(**options, score=scored)
    variants = {"xor one": "xor", "xor two": "xor"}
    yield "variants", make_results(**{**TWO, "problems": tuple(variants)}, datasets=variants)
    three = {**FEW, "problems": (*variants, "iris")}
    yield "variants of two", make_results(**three, datasets={**variants, "iris": "iris"})
    for count in (10, 17):
        arms = tuple(f"a{i}" for i in range(count))
        options = {**ONE_RATE, "arms": arms, "problems": ("xor",)}
        yield f"{count} arms", make_results(**options)
    close = {**options, "arms": arms[:9], "seeds": range(5)}
    yield (
        "nine close arms",
        make_results(**close, score=lambda p, a, s: 0.25 + 0.01 * math.sin(s + ord(a[1]))),
    )
    yield "one rate, tuned", make_results(**{**FEW, "rates": (0.1,)})


def _ends() -> Iterator[tuple[str, Results]]:
    """Yield sweeps whose trials end in other ways than well."""
    for status in ("failed", "crashed", "timeout"):
        lost = ended(**{"xor_sgd_100": status})
        yield f"one {status}", make_results(**FEW, status=lost)
    yield "waived", make_results(**FEW, status=ended(xor_any_100="failed"), report={"waive": ["failed"]})
    yield "all failed", make_results(**FEW, status=ended(any_any_any="failed"))
    yield "failed everywhere", make_results(**FEW, status=ended(any_any_100="failed"))
    yield "all diverged", make_results(**FEW, status=ended(any_any_any="diverged"))
    yield "half diverged", make_results(**TWO, status=ended(xor_sgd_any="diverged"))
    one = ended(xor_sgd_100="diverged")
    yield "one diverged, untuned", make_results(**{**ONE_RATE, "seeds": range(98, 104)}, status=one)
    both = ended(xor_sgd_100="failed", xor_sgd_101="diverged", iris_sgd_100="diverged")
    yield "failed and diverged", make_results(**{**FEW, "seeds": range(100, 105)}, status=both)


def _parts() -> Iterator[tuple[str, Results]]:
    """Yield sweeps of which a part has run, was chosen, or was wanted."""
    made = MadeUp(**{**FEW, "seeds": range(100, 104), "registry": REGISTRY})
    rows = made.results().planned or ()
    for length in (0, 5, 15, 16, 17, 19, len(rows) - 1):
        keys = {row.key for row in rows[:length]}
        yield f"{length} trials have run", made.results(lambda row, kept=keys: row.key in kept)  # type: ignore[misc]
    yield "nothing chosen, diverged", chosen_badly(make_results(**FEW), "diverged")
    yield "nothing chosen, failed", chosen_badly(make_results(**FEW), "failed")
    yield "left out", without(make_results(**FEW), "xor", "adam")
    failed = make_results(**FEW, status=ended(iris_sgd_100="failed"))
    yield "left out and failed", without(failed, "xor", "adam")


def _scores() -> Iterator[tuple[str, Results]]:
    """Yield sweeps with equal, clear, unclear and far-off scores, and targets."""
    yield "equal", make_results(**TWO, score=lambda p, a, s: 0.25 + 0.01 * s)
    yield "equal seeds", make_results(**TWO, score=lambda p, a, s: {"sgd": 0.3, "adam": 0.2}[a])
    yield "one far off", make_results(**TWO, score=lambda p, a, s: 900.0 if s == 100 else 0.1 + 0.001 * s)
    yield "a rope", make_results(**TWO, score=nearly, report={"rope": 0.5})
    yield "a control", make_results(**{**TWO, "arms": ("x", "y", "z")}, report={"control": "y"})
    yield "a target for one", make_results(**ONE_RATE, report={"target": {"xor": 0.1}})
    yield "an unreachable target", make_results(**FEW, report={"target": 1e-9})
    yield (
        "a target for one that is reached",
        make_results(**{**FEW, "steps": 600}, report={"target": {"xor": 5.0, "iris": 1e-9}}),
    )
    yield "accuracy", make_results(**{**TWO, **ACCURACY})
    yield "mixed tasks", make_results(**{**TWO, **ACCURACY, "regression": ("xor",)})


def _choices() -> Iterator[tuple[str, Results]]:
    """Yield sweeps that chose with luck, without, at an edge, and of unequal or unlike tries."""
    by_accuracy, by_loss = make_results(**{**FEW, **ACCURACY}), make_results(**FEW)
    for name, results in {"points": by_accuracy, "loss": by_loss}.items():
        for factor, difference in ((1.0, 0.2), (0.8, 0.0), (0.01, 0.0), (2.0, 0.0), (1.0, 0.0)):
            yield f"luck {factor} {difference} in {name}", tuned_score(results, factor, difference)
    grown = (Widening("optimizer.lr", 1, 2), Widening("optimizer.beta1", 3, 0))
    edge = _rising(make_results(**TWO))
    edge = replace(edge, selection=edge.selection.assign(edge="optimizer.lr"))
    yield "an edge", edge
    yield (
        "an edge, as other programs write it",
        replace(edge, selection=edge.selection.assign(edge=edge.selection["arm"] == "sgd")),
    )
    yield "an edge, widened", asked(edge, widened=grown, widen=True)
    yield "one is not tuned", _fixed(make_results(("sgd", "momentum", "adam"), ("xor", "iris"), steps=30))
    yield "unlike values", _unlike(by_loss, "xor")
    yield "unlike values everywhere", asked(_unlike(by_loss, ""), vary=("network",))
    yield "unlike draws", asked(_unlike(by_loss, ""), search=SearchSettings("random", 8))


def _settings() -> Iterator[tuple[str, Results]]:
    """Yield sweeps in rounds, in other forms of training, unchecked, on two machines, with costs."""
    results = make_results(**FEW)
    for looks, still in (((2,), None), ((2, 3), 0), ((2, 3, 5), 1), ((2, 3), 4)):
        yield f"rounds {looks} {still}", asked(results, rounds=Rounds(looks, 30, still))
    yield "rounds, clear", asked(make_results(**TWO, score=scored), rounds=Rounds((8,), 30, 0))
    alone = make_results(**{**TWO, "problems": ("xor",)})
    yield "rounds on one data set", asked(alone, rounds=Rounds((8,), 30, 1), vary=("optimizer", "schedule"))
    yield from _reaches()
    machines = {'{"numpy": "2.1", "cpu": "a"}': 1, '{"numpy": "2.2", "cpu": "a"}': 5}
    strange = replace(results, unchecked=("strangers:mish", "strangers:lion"), environments=machines)
    early = dataclasses.replace(results.experiment.train, stop=Stop(loss=1e-5, patience=1, min_delta=1e-4))
    yield "early stops", asked(strange, train=early, split=Split(stratify=False, standardize=False))
    epochs = dataclasses.replace(results.experiment.train, steps=None, epochs=1, batch_size="full")
    yield "an epoch", asked(results, train=epochs)
    counted = dataclasses.replace(results.experiment.train, metrics={"top_k": {"k": 3}})
    yield "a metric's settings", asked(results, train=counted)
    scores = {"arm": ["x", "y"] * 8, "problem": "p", "seed": [i // 2 for i in range(16)]}
    for end in (0.9, math.nan):
        table = pd.DataFrame({**scores, "score": [*(0.5 + 0.01 * (i % 2) for i in range(15)), end]})
        yield f"from elsewhere, {end}", anncore.judge(table, metric="accuracy")
    yield "no targets", asked(results, selection=Select("valid_quantization_error", "min"))
    registry = type(REGISTRY)((*REGISTRY.components, *WATCHED), REGISTRY.plugins)
    whole = make_results(**{**FEW, "whole": True, "steps": 600}, registry=registry, report={"target": 5.0})
    yield "costs", whole
    yield "costs of some", replace(whole, costs=whole.costs[:2])


def _reaches() -> Iterator[tuple[str, Results]]:
    """Yield sweeps on rows that seeds share, about these and about new ones, and ones looked at before."""
    alone = {**ONE_RATE, "problems": ("xor",), "seeds": range(100, 112)}
    for same, scope in itertools.product(("", "rows", "test"), ("these rows", "new rows")):
        rows = {name: Shapes("binary", 2, 1, 60, 20, 20, same=same) for name in ("xor", "iris")}
        arms = ("sgd", "adam", "lion", "nadam")
        for options in (alone, {**alone, "arms": arms}, {**ONE_RATE, "seeds": range(100, 112)}):
            results = make_results(**options, score=by_luck, report={"scope": scope})
            yield f"{scope}, {same}", replace(results, plan=results.plan._replace(rows=rows))
    rates = tuple(10.0**-i for i in range(12))
    tuned = make_results(**{**FEW, "rates": rates, "seeds": range(100, 104)})
    places = tuned.trials["optimizer.lr"].map({rate: i for i, rate in enumerate(rates)})
    grid = {"optimizer.lr": places // 3, "loss.eps": places % 3}
    for knobs in (grid, {"optimizer.lr": places, "loss.eps": places % 5}):
        trials = tuned.trials.assign(**knobs)
        yield "two knobs", replace(tuned, trials=trials)
        lost = (trials["phase"] == "tune") & (places == 4) & (trials["problem"] == "xor")
        for arms in (("sgd",), ("sgd", "adam")):
            gone = trials["status"].mask(lost & trials["arm"].isin(arms), "diverged")
            yield "two knobs, some lost", replace(tuned, trials=trials.assign(status=gone))
    for problems in (("xor",), ("xor", "iris")):
        whole = make_results(**{**alone, "problems": problems}, score=by_luck)
        look = Study(whole).look
        past = [
            look._replace(
                seeds=look.seeds[:count], keys={key: own[: 8 * count] for key, own in look.keys.items()}
            )
            for count in (3, 11)
        ]
        yield "looks before", replace(whole, past=tuple(past))
        yield "a look in rounds before", replace(whole, past=(past[0]._replace(sequential=True),))
        one = make_results(**{**alone, "problems": problems, "seeds": range(100, 111)}, score=by_luck)
        yield "a seed left out", replace(one, past=(look,))
        few = make_results(**{**alone, "problems": problems, "seeds": range(103, 111)}, score=by_luck)
        yield "seeds left out", replace(few, past=(look, *past))


def _rules() -> Iterator[tuple[str, Results]]:
    """Yield sweeps whose configurations were drawn and chosen, and whose seeds were asked for, by plugins."""
    registry = with_components(REGISTRY, [Middle, Narrow])
    names = {"sampler": "halton", "selector": "middle", "stopper": "narrow"}
    components = {kind: registry.get(kind, name) for kind, name in names.items()}
    chosen = {kind: Chosen(one, resolve(one.cls, {})) for kind, one in components.items()}
    chosen["sampler"] = replace(chosen["sampler"], values={"start": 1})
    results = asked(make_results(**TWO), search=SearchSettings("halton", 8), chosen=chosen)
    yield "rules of plugins", results
    for still in (None, 0, 1):
        yield f"rounds of a plugin {still}", asked(results, rounds=Rounds((8,), 30, still))


def _successes() -> Iterator[tuple[str, Results]]:
    """Yield sweeps that say what a success is: of one and several data sets, arms and seeds, and in parts."""
    alone = {**ONE_RATE, "problems": ("xor",)}
    three = ("sgd", "adam", "lion")
    rule = {"metric": "valid_loss", "at_most": 0.25}
    for count, arms in ((1, ("sgd",)), (1, three), (5, three), (6, ("sgd", "adam")), (12, three)):
        options = {**alone, "arms": arms, "seeds": range(100, 100 + count), "report": {"success": rule}}
        yield f"success, {count} seeds, {len(arms)} arms", make_results(**options, score=scored)
        yield f"success by luck, {count} seeds, {len(arms)} arms", make_results(**options, score=by_luck)
        easy = {**options, "report": {"success": {**rule, "at_most": 9.0}}}
        yield f"success of all, {count} seeds, {len(arms)} arms", make_results(**easy, score=scored)
    hard = {**alone, "seeds": range(100, 112), "report": {"success": {**rule, "at_most": 1e-9}}}
    yield "success of none", make_results(**hard, score=scored)
    sets = tuple(f"set{i}" for i in range(8))
    for problems, arms in ((sets[:2], three), (sets[:7], three), (sets[:7], ("sgd", "adam"))):
        options = {**ONE_RATE, "arms": arms, "problems": problems, "seeds": range(100, 108)}
        for limit, score in ((0.25, scored), (0.25, by_luck), (9.0, scored), (1e-9, scored)):
            asked_for = {"success": {**rule, "at_most": limit}}
            yield (
                f"success {limit} on {len(problems)}",
                make_results(**options, score=score, report=asked_for),
            )
    for place, status in (("any_sgd_100", "failed"), ("any_any_any", "failed"), ("any_sgd_any", "diverged")):
        options = {**ONE_RATE, "seeds": range(100, 112), "report": {"success": rule}}
        yield (
            f"success, {place} {status}",
            make_results(**options, score=scored, status=ended(**{place: status})),
        )
    options = {**alone, "seeds": range(100, 112), "report": {"success": rule}}
    yield "success, one failed", make_results(**options, score=scored, status=ended(xor_sgd_100="failed"))
    yield "success, all failed", make_results(**options, score=scored, status=ended(any_any_any="failed"))
    evenly = {100: 0.2, 101: 0.4}
    yield (
        "success by turns",
        make_results(**options, score=lambda p, a, s: evenly.get(s if a == "sgd" else 201 - s, 0.2)),
    )
    yield "success of one on two", make_results(**{**ONE_RATE, "arms": ("sgd",), "report": {"success": rule}})
    options = {**alone, "arms": three, "seeds": range(100, 112), "report": {"success": rule}}
    lost = ended(any_lion_100="failed")
    yield "success, one blocked", make_results(**options, score=scored, status=lost)
    few = {**options, "seeds": range(100, 104)}
    yield "success, one blocked of few", make_results(**few, score=scored, status=lost)
    controlled = {**options, "report": {"success": {**rule, "at_most": 9.0}, "control": "adam"}}
    yield "success of all, a control", make_results(**controlled, score=scored)
    for one in (
        {"at_least": 0.1, "metric": "valid_loss"},
        {"at_most": {"xor": 0.1, "iris": 0.2}},
        {"at_most": {"xor": 0.1}},
        {"at_most": {}},
    ):
        yield f"success {one}", make_results(**ONE_RATE, report={"success": one})
    mixed = {**ONE_RATE, **ACCURACY, "regression": ("xor",)}
    yield "success by unlike scores", make_results(**mixed, report={"success": {"at_least": 0.5}})
    yield (
        "success in rounds",
        asked(make_results(**ONE_RATE, report={"success": rule}), rounds=Rounds((2,), 30, 0)),
    )
    yield "success on functions", make_results(**FEW, functions=True, report={"success": {"at_most": 0.5}})
    made = MadeUp(**{**FEW, "seeds": range(100, 104), "registry": REGISTRY, "report": {"success": rule}})
    keys = [row.key for row in made.results().planned or ()]
    for length in (16, len(keys) - 1):
        kept = set(keys[:length])
        yield f"success, {length} trials", made.results(lambda row, kept=kept: row.key in kept)  # type: ignore[misc]


def _claims() -> Iterator[tuple[str, Results]]:
    """Yield sweeps that put a claim to the test, by all that it can be tested by."""
    three = ("sgd", "adam", "lion")
    names: dict[str, Any] = {"says": "Adam wins.", "better": "adam", "worse": "sgd"}
    several = {"says": "They win", "better": ["adam", "lion"], "worse": ["sgd"]}
    more = {"says": "Sgd has more loss.", "more": "sgd", "less": ["adam", "lion"], "of": "train_loss.1"}
    steps = {**names, "by": "steps"}
    options = {**ONE_RATE, "arms": three, "seeds": range(100, 110)}

    def stating(results: Results, claim: Any) -> Results:
        return asked(results, document={**results.experiment.document, "claim": claim})

    def turned(problem: str, arm: str, seed: int) -> float:
        return scored(problem, arm, seed) if problem == "xor" else 0.5 - scored(problem, arm, seed)

    for score in (scored, by_luck, turned, lambda p, a, s: 0.25, lambda p, a, s: 0.5 - scored(p, a, s)):
        results = make_results(**options, score=score)
        for stated in (names, several, more):
            yield f"claim {stated}", stating(results, stated)
    alone = make_results(**{**options, "problems": ("xor",)}, score=scored)
    for stated in (names, several, steps, {**more, "more": ["sgd", "adam"], "less": "lion"}, "Adam wins."):
        yield f"claim {stated} on one", stating(alone, stated)
    contrary = {"says": "Sgd wins.", "better": "sgd", "worse": "adam", "changed": "the rates"}
    yield "claim, contrary on one", stating(alone, contrary)

    def mixed(problem: str, arm: str, seed: int) -> float:
        return (turned if problem == "xor" else by_luck)(problem, arm, seed)

    def against(problem: str, arm: str, seed: int) -> float:
        return 0.5 - mixed(problem, arm, seed) if problem == "xor" else by_luck(problem, arm, seed)

    for score in (mixed, against):
        yield "claim, decided on one of all", stating(make_results(**options, score=score), names)
    yield "claim, contrary on most", stating(make_results(**options, score=turned), {**names, "says": "x"})
    ratios: dict[str, Any] = {"says": "More.", "more": "sgd", "less": "adam", "of": "train_loss"}
    ratios |= {"scale": "log", "beside": [["sgd", "lion"], ["adam", "sgd"]]}
    for score in (scored, scored_apart, scored_to_nothing):
        yield "claim of ratios", stating(make_results(**options, score=score), ratios)
    lost = make_results(**options, score=scored, status=ended(xor_sgd_100="failed"))
    yield "claim, a failure", stating(lost, steps)
    controlled = make_results(**options, score=scored, report={"control": "lion"})
    yield "claim, a control", stating(controlled, names)
    rule = {"success": {"metric": "valid_loss", "at_most": 0.25}}
    yield "claim of success", stating(make_results(**options, score=scored, report=rule), names)
    yield "claims of success", stating(make_results(**options, score=scored, report=rule), several)


def _surely() -> Iterator[tuple[str, Results]]:
    """Yield sweeps whose runs end at two levels, or whose worst tenth tells another story than the mean."""

    def risky(problem: str, arm: str, seed: int) -> float:
        return (0.25 if arm == "sgd" else (0.5, 0.1, 0.1)[seed % 3]) * (1 + 0.02 * math.sin(37 * seed))

    yield "levels and deciles", make_results(**{**ONE_RATE, "seeds": range(100, 160)}, score=risky)


def scored_apart(problem: str, arm: str, seed: int) -> float:
    factor = {"xor": 1000, "iris": 10}[problem] if arm == "sgd" else 1
    return factor * scored(problem, arm, seed)


def scored_to_nothing(problem: str, arm: str, seed: int) -> float:
    return 0.0 if arm == "adam" else scored(problem, arm, seed)


def by_luck(problem: str, arm: str, seed: int) -> float:
    return 0.22 + 0.08 * math.sin(31 * seed + 7 * len(arm) + sum(map(ord, problem)))


def _rising(results: Results) -> Results:
    """Return the results as if the smallest rate were the best, and adam had not tried the largest."""
    trials = results.trials
    rising = trials.assign(
        valid_loss=trials["valid_loss"].mask(trials["phase"] == "tune", trials["optimizer.lr"])
    )
    rising["status"] = rising["status"].mask(rising["phase"] == "tune", "ok")
    tried = (rising["phase"] == "report") | (rising["arm"] != "adam") | (rising["optimizer.lr"] < 1)
    return replace(results, trials=rising[tried], planned=None)


def _fixed(results: Results) -> Results:
    fixed = (results.trials["arm"] == "adam") & (results.trials["phase"] == "tune")
    fixed &= results.trials["config"] != "lr=0.01"
    return replace(results, trials=results.trials[~fixed], planned=None)


def _unlike(results: Results, problem: str) -> Results:
    """Return the results as if another kind's hyperparameter differed between arms, on one problem or all."""
    here = results.trials["problem"].str.startswith(problem) & (results.trials["arm"] == "sgd")
    eps = np.where(here, 1e-05, 0.001)
    return replace(
        results,
        trials=results.trials.assign(**{"loss.eps": eps, "loss.kind": np.where(here, "one", "other")}),
    )


def sentences_of(content: dict[str, Any]) -> Iterator[str]:
    """Yield every sentence of a report."""
    yield content["answer"]["headline"]
    yield from (finding["text"] for finding in content["answer"]["findings"])
    yield from (warning["text"] for warning in content["answer"]["warnings"])
    for pairs in (content["comparisons"]["overall"], *content["comparisons"]["problems"].values()):
        yield from (pair["sentence"] for pair in pairs)
    yield from filter(None, content["comparisons"]["sentences"].values())
    times, levels = content["run_times"], content["levels"]
    if times is not None:
        yield from filter(None, [times["headline"]])
    yield from (row["sentence"] for row in (*levels["arms"], *levels["thresholds"].values()))
    yield from (row["sentence"] for row in content["risk"]["reversals"])
    if content["success"] is not None:
        compared = content["success"]["comparisons"]
        yield content["success"]["headline"]
        for rates in (compared["overall"], *compared["problems"].values()):
            yield from (rate["sentence"] for rate in rates)
    yield from (paragraph["text"] for paragraph in content["methods"]["paragraphs"])
    if content["tiers"]["sentence"]:
        yield f"{content['tiers']['sentence']}."
    yield from _of([first_screen(content), *sections(content)])


def _of(parts: Any) -> Iterator[str]:
    part: Section
    for part in parts:
        yield from part.paragraphs
        yield from (table.caption for table in part.tables)
        yield from _of(part.parts)


def cells(parts: Any) -> Iterator[str]:
    for part in parts:
        for table in part.tables:
            yield from (cell.text for row in table.rows for cell in row)
        yield from cells(part.parts)


def pair(**fields: Any) -> Comparison:
    return replace(_pair(), **fields)


@functools.cache
def _pair() -> Comparison:
    (claim,) = compare(pd.DataFrame({"x": [0.0] * 8, "y": [1.0] * 8}), where="p")
    return claim


def all_pairs() -> Iterator[Comparison]:
    """Yield comparisons of every verdict, on every scale, with effects of every size."""
    sizes = (0.0, 1e-7, 1e-4, 0.003, 0.2, 3.0, 40.0, -0.1, -4.0, math.inf, -math.inf, math.nan)
    kinds = ("better", "typical", "undecided", "equivalent", "tie", "too_few", "blocked")
    for scale, effect in itertools.product(SCALES, sizes):
        for low, high in (
            (effect, effect),
            (-0.2, 0.1),
            (0.1, math.inf),
            (-math.inf, 0.2),
            (0.1, 3.0),
            (-0.2, math.inf),
        ):
            yield pair(scale=scale, effect=effect, low=low, high=high)
        yield pair(scale=scale, effect=effect, low=-math.inf, high=math.inf, centre="median")
        yield pair(scale=scale, effect=effect, low=-math.inf, high=-0.1)
    for verdict, n, needed in itertools.product(kinds, (1, 2, 10), (6.0, 43.0, 999.5, 1e6, math.inf)):
        reason = "y: 1 failed of 8 trials" if verdict == "blocked" else ""
        unit = "data sets" if n == 2 else "seeds"
        yield pair(verdict=verdict, n=n, needed=needed, reason=reason, unit=unit, where="", wins=n, p=0.04)
    for scale, (low, high) in itertools.product(SCALES, ((-0.2, 0.1), (0.01, 0.02), (math.nan, math.nan))):
        own = {"scale": scale, "low": low, "high": high, "effect": 0.015}
        yield pair(verdict="equivalent", rope=0.03, **own)
        for verdict, mean in itertools.product(("typical", "undecided"), (-0.3, math.inf)):
            yield pair(verdict=verdict, mean=mean, mean_low=low, mean_high=high, needed=9.0, **own)
    few = {"x": [0.0, 0.1, math.nan], "y": [1.0, 2.0, 3.0]}
    yield from compare(pd.DataFrame(few), where="p")
    yield from compare(pd.DataFrame({"x": [0.0] * 3, "y": [math.nan] * 3}), where="p", sequential=True)
    yield from compare(pd.DataFrame({"x": [0.0] * 12, "y": [0.1, -0.1] * 6}), where="p", sequential=True)
    for n, unit in itertools.product((1, 3), ("seeds", "data sets")):  # neither ends with a number
        yield from compare(pd.DataFrame({"x": [math.inf] * n, "y": [math.inf] * n}), where="p", unit=unit)
    # Most seeds say x, and two that are far off turn the mean to y.
    gaps = [-1e6, -1e6, *np.linspace(1, 2, 28)]
    yield from compare(pd.DataFrame({"x": np.zeros(30), "y": gaps}), where="p")
    for ties, diverged, floor in ((1, 0, 0), (0, 2, 1), (2, 1, 3), (0, 0, 8)):
        yield pair(ties=ties, diverged=diverged, at_floor=floor)


@pytest.fixture(scope="module")
def reached() -> Reached:
    return Reached(WRITERS)


def test_every_sentence_of_every_report_is_sound_and_every_branch_is_looked_at(reached: Reached) -> None:
    wrong: dict[str, str] = {}
    with reached.watching():
        for name, results in worlds():
            content = plain(build_report(results, getattr(results, "meta", {})))
            for text in sentences_of(shown(content)):  # type: ignore[arg-type]
                wrong |= dict.fromkeys(faults(text), f"{name}: {text}")
            for text in cells(sections(content)):
                wrong |= {text: name} if text.strip() in ("nan", "None", "inf", "") else {}
            summary(content, 80)
            if len(results.trials):
                wrong |= dict.fromkeys(faults(trials_table(results.trials, content).caption), name)
        for claim in all_pairs():
            text = sentences.sentence(claim)
            wrong |= dict.fromkeys(faults(text), text)
            beyond = sentences.beyond_headline(claim)
            wrong |= dict.fromkeys(faults(beyond) if beyond else [], beyond)
            shown_cells = (
                words.effect(vars(claim)),
                words.effect_interval(vars(claim)),
                words.verdict(vars(claim)),
            )
            wrong |= {fault: text for text in shown_cells for fault in faults(f"{text}.")}
        wrong |= {fault: text for text in set(headlines()) for fault in faults(text)}
        values()
    assert wrong == {}
    assert reached.unreached() == []


def headlines() -> Iterator[str]:
    """Yield first sentences: of all verdicts between two and three arms, on one, a few and many data sets."""
    yield from _of_two_arms()
    directions = ((*"xy", *"xz", *"yz"), (*"xy", *"zx", *"yz"), (*"yx", *"zx", *"yz"))
    kinds = itertools.chain(
        itertools.product(("better", "typical", "undecided", "equivalent"), repeat=3),
        itertools.product(("tie", "too_few"), repeat=3),
    )
    scales = itertools.cycle((*SCALES, "log"))
    for (verdicts_, scale), names in itertools.product(zip(kinds, scales, strict=False), directions):
        own = {"scale": scale, "rope": None if scale == "range" else 0.01}
        claims = [
            replace(
                pair(a=a, b=b, verdict=verdict, needed=None if verdict == "typical" else 9.0, **own),
                **{"effect": effect, "low": effect - 0.1, "high": effect + 0.1},
            )
            for a, b, verdict, effect in zip(names[::2], names[1::2], verdicts_, (0.2, 0.4, 0.2), strict=True)
        ]
        yield from _answers(claims)
        yield problem_sentence(claims) or "."
    open_ = [pair(a=a, b=b, verdict="undecided", needed=9.0) for a, b in ("wx", "wy", "xy", "xz", "yz")]
    yield from _answers([pair(a="w", b="z"), *open_])
    yield from _answers([pair(a=a, b=b, effect=math.inf) for a, b in ("xy", "xz", "yz")])
    yield from _answers([pair(a=a, b=b, n=1, verdict="too_few", needed=7.0) for a, b in ("xy", "xz", "yz")])
    yield problem_sentence([pair(verdict="blocked", reason="y: 1 failed of 8 trials")])


def _of_two_arms() -> Iterator[str]:
    nothing = Asked((), (), {}, {}, "test loss", "data sets", "data sets")
    for arms in ((), ("x",), ("x", "y")):
        yield headline.headline(nothing._replace(arms=arms))
    finite: dict[str, Any] = {"effect": 0.2, "low": 0.1, "high": 0.3, "needed": 9.0}
    for verdict, scale in itertools.product(("better", "typical", "undecided"), SCALES):
        for more in (finite, {"effect": math.inf, "needed": 9.0}):
            yield from _answers([pair(verdict=verdict, scale=scale, **more)])
    for rope, scale in itertools.product((None, 0.01), SCALES[:3]):
        yield from _answers([pair(verdict="equivalent", scale=scale, rope=rope, **finite)])
    for verdict, n in itertools.product(("tie", "too_few", "blocked"), (1, 5)):
        yield from _answers([pair(verdict=verdict, n=n, wins=n, needed=6.0)])
    yield from _answers([pair(scale="log", at_floor=8)])


def _answers(claims: list[Comparison]) -> Iterator[str]:
    """Yield what the claims come to on one, on a few and over many data sets, with arms that failed."""
    arms = sorted({arm for c in claims for arm in (c.a, c.b)})
    ranks = {"x": 1.5, "y": 1.5}
    on_one = Asked(arms, [], {"p": claims}, ranks, "test loss", "data sets", "data sets")
    turned = [replace(c, a=c.b, b=c.a) for c in claims]
    for by_problem in ({"p": claims}, dict.fromkeys("pqr", claims), {"p": claims, "q": turned}):
        yield headline.headline(on_one._replace(by_problem=by_problem))
    over_all = [replace(c, unit="data sets", where="") for c in claims]
    yield headline.headline(on_one._replace(over_all=over_all, by_problem={"p": [], "q": []}, label=""))
    lost = [pair(a=arm, b="v", verdict="blocked", reason="v: 1 failed of 8 trials") for arm in arms]
    with_lost = on_one._replace(arms=[*arms, "v"], by_problem={"p": [*claims, *lost]})
    yield headline.headline(with_lost)
    with_x = [c for c in (*claims, *lost) if "x" in (c.a, c.b)]
    yield headline.headline(with_lost._replace(by_problem={"p": with_x}, control="x"))


def _methods_of_tables_suites_and_judged_scores() -> None:
    tables = {"a": {"split_column": "part"}, "b": {"group": "home"}, "use": "csv"}
    own = methods_training.own_splits(SimpleNamespace(document={"dataset": tables}))
    held = [
        methods_training.held_out(Split(valid=valid, test=test)) for valid, test in ((0.0, 0.2), (0.2, 0.0))
    ]
    raw = Split(standardize=False)
    apart = methods_training.divided_otherwise([(raw, ["xor"]), (Split(valid=0.1), ["iris", "wine"])], False)
    results = make_results()
    content = build_report(results, {})
    used = {"name": "core", "version": 2, "package": "annx", "release": "0.1.0", "digest": "0" * 16}
    used |= {"problems": 2, "of": 2, "groups": {"xor": "rules", "iris": "tables"}}
    titles = [
        paragraph["title"]
        for paragraph in methods.describe({**content, "suite": used}, results.experiment)["paragraphs"]
    ]
    assert titles[1] == "Suite"
    boards = {"problems": {"xor": [{"n": 3}, {"n": 4}]}}
    judged = {**content, "leaderboard": boards, "provenance": {"judged": {"notes": []}}}
    origin = [text for _, text in methods._origin(judged)]
    assert "3 to 4 seeds" in origin[0]
    assert [faults(f"{text.strip().rstrip('.')}.") for text in (own, *held, apart, *origin)] == [[]] * 5


def values() -> None:
    """Look at what only other callers ask for."""
    assert repr(pair()).startswith("<Comparison of x and y")
    assert "all seeds" in repr(pair(where="", p=None))
    many = methods_claims.signed_rank_test(10**6)
    assert faults(f"{many}.") == []
    assert (sentences.percent(math.nan), sentences.pair_percent(math.nan)) == ("–", "–")
    # exp(800) = 10^(800 / ln 10) = 10^347.4356 = 2.7e347, beyond the largest float
    assert size(800.0, "log") == "2.7e347 times lower"
    assert units.said_of("On which data set?", "functions") == "On which function?"
    assert words.profile_cells({"score": 0.5, "low": None, "high": None}) == ["0.50", "–"]
    assert words.metric({"metrics": {"test_f1": 0.5}, "medians": ["test_f1"]}, "test_f1") == "0.500 (median)"
    assert headline._beaten([], ["x"], ["y"]) == "is beaten by at least one arm"
    _methods_of_tables_suites_and_judged_scores()
    experiment = make_results(("x", "y"), ("one",), (1, 2)).experiment
    for engine in ("auto", "lanes"):
        own = replace(experiment, train=replace(experiment.train, engine=engine))
        text = methods_training.training_text(own)
        assert "by the engine 'lanes'" in text
        assert faults(text) == []
    lonely = {"over": "seeds", "pairs": []}
    assert words.improvement_table(lonely, [*"abcdefghi"], "data sets")[2][0] == ["b", "–", "–"]
    choice = {"tune_score": -2.0, "fresh_score": -1.0, "n_ok": 1, "n": 1}
    assert words.gap_of(choice, "linear", "min") == 1.0
    assert [number(x) for x in (math.inf, -math.inf, math.nan, 1.9e-7, 0.0)] == [
        "∞",
        "−∞",
        "–",
        "1.9e−7",
        "0",
    ]
    assert [sentences.short(x) for x in (0.25, 1e-7, math.inf, 100.0)] == ["0.25", "1e−7", "∞", "100"]
    assert [p_value(p) for p in (None, 1e-9, 0.04, 1.0)] == ["–", "p < .001", "p = .040", "p = 1"]
    assert sentences.joined(list("abcdefgh")) == "a, b, c, d, e and 3 others"
    assert [sentences.about(n) for n in (None, 7.2, 123.0, 5000.0)] == [
        *("more than 1000", "8", "130", "more than 1000")
    ]
    guesses = ((7.0, None, None), (None, None, None), (5.0, 2000.0, math.inf), (30.0, 20.0, 90.0))
    assert [
        sentences.needed_pairs(*guess) for guess in (*guesses, (30.0, 20.0, 2e3), (31.0, 30.2, 30.9))
    ] == [*("about 7", "more than 1000", "more than 1000", "20 to 90", "20 or more", "about 31")]
    # e^0.00995 - 1 = 1.0 %
    worth = [sentences.worth_words(*least) for least in ((0.00995, "log"), (0.01, "unit"), (0.02, "linear"))]
    assert worth == ["1 %", "1 point", "0.02"]
    assert sentences.worth_words(0.005, "unit") == "0.5 points"
    ends = ((-0.004, 0.011, "unit"), (0.1, math.inf, "unit"), (math.nan, 1.0, "unit"), (1.0, 2.0, "linear"))
    assert [sentences.span(*end) for end in ends] == [
        *("−0.40 to 1.1 points", "at least 10 points", "", "1.00 to 2.00")
    ]


@pytest.mark.parametrize(
    ("scale", "value", "text"),
    [
        ("log", 1.9e-7, "less than 0.1 % lower"),
        ("log", 0.0, "0 %"),
        ("log", -1.9e-7, "less than 0.1 % higher"),
        ("unit", 1.9e-7, "less than 0.01 points"),
        ("unit", 0.0123, "1.2 points"),
        ("range", 1.9e-7, "less than 0.01 % of the arms' range"),
        ("linear", 0.0109, "0.0109"),
    ],
)
def test_an_effect_next_to_nothing_is_said_so(scale: str, value: float, text: str) -> None:
    assert size(value, scale) == text


def test_the_selection_gap_has_a_word_of_comparison_on_every_scale() -> None:
    accuracy = {"metric": "valid_accuracy", "goal": "max", "regression": ()}
    by_scale = {
        "linear": tuned_score(make_results(**{**TWO, **accuracy}), 1.0, 0.0109),
        "log": tuned_score(make_results(**TWO), 1 / 1.25),
        "log, times": tuned_score(make_results(**TWO), 0.01),
    }
    said = {}
    for name, results in by_scale.items():
        warnings = build_report(results, {})["answer"]["warnings"]
        (said[name],) = [warning["text"] for warning in warnings if warning["kind"] == "selection_gap"]
    start = "On fresh seeds the validation score of the chosen configurations is "
    end = (
        " than when they were chosen (mean of 4 choices): part of it was luck. Every number here comes from "
    )
    end += "fresh seeds."
    assert said == {
        "linear": f"{start}1.1 points worse{end}",
        "log": f"{start}25 % higher{end}",
        "log, times": f"{start}100 times higher{end}",
    }


def test_an_interval_keeps_its_unit() -> None:
    assert interval(1e-7, 0.05, "unit") == "less than 0.01 to 5.0"
    assert interval(1e-7, 0.05, "log") == "less than 0.1 to 4.9 % lower"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("The score is 0.0109 than when they were chosen.", "than without a comparison"),
        ("There is  a hole.", "two spaces"),
        ("It has 1 trials.", "one of several"),
        ("1 of 3 trials have not run.", "one with a verb of several"),
        ("12 seeds is too few.", "several with a verb of one"),
        ("It is an better arm.", "an before a consonant"),
        ("It is a optimizer.", "a before a vowel"),
        ("The gain is nan points.", "a value that is none"),
        ("The gain is {gain}.", "a value that is none"),
        ("The gain is 1.9e-5 %.", "a number nobody formatted"),
        ("It beats adam on .", "a stray sign"),
        ("It beats the the others.", "a word twice"),
        ("It has no end", "does not end with .?"),
        ("It (adam is best.", "parentheses do not match"),
    ],
)
def test_the_grammar_finds_what_is_wrong(text: str, fault: str) -> None:
    assert [said.partition(":")[0] for said in faults(text)][:1] == [fault]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-300, "less than 0.1 % lower"),
        (-1e-300, "less than 0.1 % higher"),
        (-0.0, "0 %"),
        (1000.0, "2.0e434 times lower"),  # e^1000 = 1.970e434
        (-1454.0, "2.9e631 times higher"),  # e^1454, the widest ratio of two floats, is 2.911e631
        (math.log(10) * 800 - 1e-9, "1.0e800 times lower"),
    ],
)
def test_a_ratio_is_said_however_small_or_large(value: float, text: str) -> None:
    assert size(value, "log") == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.575, "58 %"),
        (0.425, "42 %"),
        (0.625, "63 %"),
        (0.375, "37 %"),
        (0.5, "50 %"),
        (0.999, "99 %"),
        (0.001, "1 %"),
        (1.0, "100 %"),
        (0.0, "0 %"),
        (math.nan, "–"),
    ],
)
def test_the_shares_of_a_pair_add_up_and_always_is_always(share: float, text: str) -> None:
    assert sentences.pair_percent(share) == text


def test_an_interval_is_in_the_unit_of_its_size() -> None:
    assert interval(0.2, 0.345, "range") == "20 to 34 %"
    assert interval(1.0, 1.0, "range") == "100 to 100 %"
    assert interval(0.01, 0.02, "unit") == "1.0 to 2.0"
