"""Results that have something of each kind to say."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from results_factory import asked, make_results
from right.doors import Middle, Narrow
from shipped import REGISTRY

import anncore
from anncore.contract.handed_over import with_components
from anncore.contract.hyperparameters import resolve
from anncore.contract.trial import Split, Stop
from anncore.engine.datasets import Shapes
from anncore.evidence.results import Results
from anncore.evidence.study import Study
from anncore.experiment.model import Chosen, Rounds, SearchSettings, Select, Widening
from anncore.testing.made_up import WATCHED, MadeUp

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
