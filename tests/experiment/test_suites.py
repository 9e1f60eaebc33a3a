"""Suites: what a file with one means, what contradicts it, and that its trials are those written by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

import anncore
from anncore import Problem, Suite
from anncore.contract.errors import AnnxError, ExperimentErrors
from anncore.contract.handed_over import with_components
from anncore.contract.loading import load_registry
from anncore.contract.trial import Split
from anncore.experiment.model import Experiment
from anncore.experiment.plan import make_plan
from anncore.experiment.problem_lists import ProblemList, problem_list, wrong_with
from anncore.report.methods_training import training_text
from anncore.report.suites import split_settings

GOLDEN = Path(__file__).parents[1] / "golden" / "suites.json"
SHIPPED = load_registry().of_kind("suite")


@dataclass(frozen=True)
class Tiny(Suite):
    """Three data sets, one of them with two networks.

    For tests.
    """

    name: ClassVar[str] = "tiny"
    version: ClassVar[int] = 3

    def sections(self) -> dict[str, dict[str, dict[str, object]]]:
        return {
            "dataset": {"moons": {"use": "two_moons", "n": 40}, "xor": {"n": 40}, "sine": {"n": 40}},
            "network": {"small": {"use": "mlp", "hidden": [3]}, "wide": {"use": "mlp", "hidden": [6]}},
        }

    def problems(self) -> Sequence[Problem]:
        return [
            Problem("moons", "classes", {"network": "small", "dataset": "moons"}, {"steps": 6}),
            Problem(
                "moons wide",
                "classes",
                {"dataset": "moons", "network": "wide"},
                {"steps": 4, "batch_size": 8},
            ),
            Problem("xor", "rules", {"dataset": "xor", "network": "small"}, {"epochs": 2}),
            Problem("sine", "curves", {"dataset": "sine", "network": "wide"}),
        ]


@dataclass(frozen=True)
class Slopes(Suite):
    """Two functions.

    For tests.
    """

    name: ClassVar[str] = "slopes"
    version: ClassVar[int] = 1

    def sections(self) -> dict[str, dict[str, dict[str, object]]]:
        return {"objective": {"sphere": {"spread": 0.2}, "ravine": {"use": "quadratic", "spread": 0.2}}}

    def problems(self) -> Sequence[Problem]:
        return [Problem(label, "bowls", {"objective": label}, {"steps": 5}) for label in ("sphere", "ravine")]


@dataclass(frozen=True)
class Raw(Suite):
    """Data of which one set is not standardised, with an initializer and a loss of the suite's own.

    For tests.
    """

    name: ClassVar[str] = "raw"
    version: ClassVar[int] = 1

    def sections(self) -> dict[str, dict[str, dict[str, object]]]:
        return {
            "dataset": {"moons": {"use": "two_moons", "n": 40}, "sine": {"n": 40}},
            "network": {"small": {"use": "mlp", "hidden": [3]}},
            "loss": {"auto": {}},
            "initializer": {"zeros": {}},
        }

    def problems(self) -> Sequence[Problem]:
        parts = {"network": "small", "loss": "auto", "initializer": "zeros"}
        own = {"standardize": False, "valid": 0.3}
        return [
            Problem("moons", "classes", {"dataset": "moons", **parts}, {"epochs": 2}, own),
            Problem("sine", "curves", {"dataset": "sine", **parts}, {"steps": 3}),
        ]


REGISTRY = with_components(load_registry(), [Tiny, Slopes, Raw])
ARMS: dict[str, Any] = {
    "optimizer": {"sgd": {"lr": [0.1, 0.2]}, "adam": {}},
    "seeds": {"tune": [0], "report": [1, 2]},
}


def read(document: dict[str, Any], **options: Any) -> Experiment:
    return anncore.load_experiment({**ARMS, **document}, registry=REGISTRY, **options)


def keys(experiment: Experiment) -> set[str]:
    plan = make_plan(experiment)
    return {trial.key for trial in (*plan.tune(), *plan.report(None))}


def lacking(document: dict[str, Any], **options: Any) -> str:
    with pytest.raises(AnnxError) as raised:
        make_plan(read(document, **options))
    (line,) = str(raised.value).splitlines()
    return line


HAND = {  # by problem what a user would write for it
    "moons": {
        "train": {"steps": 6},
        "network": {"mlp": {"hidden": [3]}},
        "dataset": {"two_moons": {"n": 40}},
    },
    "moons wide": {
        "train": {"steps": 4, "batch_size": 8},
        "network": {"mlp": {"hidden": [6]}},
        "dataset": {"mine": {"use": "two_moons", "n": 40}},
    },
    "xor": {"train": {"epochs": 2}, "network": {"mlp": {"hidden": [3]}}, "dataset": {"xor": {"n": 40}}},
    "sine": {"network": {"mlp": {"hidden": [6]}}, "dataset": {"sine": {"n": 40}}},
}


def test_trials_of_a_suite_have_the_keys_of_those_written_by_hand() -> None:
    by_hand = {name: keys(anncore.load_experiment({**ARMS, **document})) for name, document in HAND.items()}
    assert keys(read({"suite": "tiny"})) == set().union(*by_hand.values())
    one = {"suite": {"name": "tiny", "only": ["moons wide"]}}
    assert keys(read(one)) == by_hand["moons wide"]


def test_a_suite_says_how_its_data_are_divided_and_names_parts_of_any_kind() -> None:
    common = {**ARMS, "network": {"mlp": {"hidden": [3]}}, "initializer": {"zeros": {}}}
    moons: dict[str, Any] = {"dataset": {"two_moons": {"n": 40}}, "train": {"epochs": 2}}
    moons["split"] = {"standardize": False, "valid": 0.3}
    sine = {"dataset": {"sine": {"n": 40}}, "train": {"steps": 3}}
    by_hand = [keys(anncore.load_experiment({**common, **document})) for document in (moons, sine)]
    assert keys(read({"suite": "raw"})) == set().union(*by_hand)
    experiment = read({"suite": "raw", "split": {"test": 0.1, "valid": 0.2}})
    assert experiment.split_of("moons") == Split(valid=0.2, test=0.1, standardize=False)
    assert experiment.split_of("sine") == experiment.split_of(None) == Split(valid=0.2, test=0.1)
    shares = {"valid": 0.2, "test": 0.1, "stratify": True}
    assert split_settings(experiment) == {**shares, "standardize": [True, False]}
    sizes = {label: shapes.n_valid for label, shapes in make_plan(read({"suite": "raw"})).rows.items()}
    assert sizes == {"moons": 12, "sine": 8}


def test_the_methods_say_which_data_are_divided_otherwise() -> None:
    told = training_text(make_plan(read({"suite": "raw"})).experiment)
    assert "20 % of the examples are held out for validation and 20 % for the test, at random by seed" in told
    assert (
        " Inputs (and regression targets) are standardised on the training split. The examples of moons are "
        "divided otherwise: 30 % of the examples are held out for validation and 20 % for the test, "
        "stratified by class where there are classes. Inputs (and regression targets) are taken as they are. "
        "All arms"
    ) in told
    one = training_text(make_plan(read({"suite": {"name": "raw", "only": ["moons"]}})).experiment)
    assert ("otherwise" in one, "30 % of the examples" in one, "standardised" in one) == (False, True, False)


@pytest.mark.parametrize(
    ("name", "split", "words"),
    [
        ("xor", {"share": 0.1}, "problem 'xor' sets 'share' of [split]; it may set valid, test, stratify"),
        ("moons", {"valid": 0.1}, "problems 'moons' and 'moons wide' divide [dataset.moons] in two ways"),
        ("xor", {"valid": 2}, "problem 'xor': [split] valid must be"),
    ],
)
def test_a_split_that_is_none_is_one_line(name: str, split: dict[str, Any], words: str) -> None:
    @dataclass(frozen=True)
    class Divided(Tiny):
        """Divided."""

        name: ClassVar[str] = "divided"

        def problems(self) -> Sequence[Problem]:
            every = Tiny.problems(self)
            return [one._replace(split=split) if one.name == name_of_it else one for one in every]

    name_of_it = name
    with pytest.raises(AnnxError) as raised:
        anncore.load_experiment({**ARMS, "suite": "divided"}, components=[Divided])
    assert words in str(raised.value)


def test_a_function_has_no_data_to_divide() -> None:
    problems = [Problem("sphere", "bowls", {"objective": "sphere"}, {}, {"valid": 0.1})]
    assert wrong_with({"objective": {"sphere": {}}}, problems) == (
        "problem 'sphere' sets a split, and a function has no data to divide"
    )


def test_problems_have_the_suites_names_and_variants_of_one_data_set_are_no_two() -> None:
    plan = make_plan(read({"suite": "tiny"}))
    assert plan.problems == ("moons", "moons wide", "xor", "sine")
    labels = {trial.problem: trial.labels["dataset"] for trial in plan.tune()}
    assert labels == {"moons": "moons", "moons wide": "moons", "xor": "xor", "sine": "sine"}
    assert plan.experiment.vary == ("optimizer",)
    assert plan.counts["total"] == 4 * 3 + 4 * 2 * 2


def test_what_train_sets_counts_for_all_problems_and_the_rest_stays() -> None:
    experiment = read({"suite": "tiny", "train": {"steps": 9, "dtype": "float64"}})
    lengths = {name: (train.steps, train.epochs) for name, train in experiment.trains.items()}
    assert set(lengths.values()) == {(9, None)}
    assert experiment.train_of("moons wide").batch_size == 8
    assert {train.dtype for train in experiment.trains.values()} == {"float64"}
    quick = read({"suite": "tiny"}, quick=True)
    assert [quick.train_of(name).steps for name in ("moons", "sine")] == [6, 50]
    assert quick.train_of("xor").epochs == 2
    assert read({"suite": "tiny"}, overrides=["train.batch_size=5"]).train_of("moons wide").batch_size == 5


@pytest.mark.parametrize(
    ("suite", "options", "kept"),
    [
        ({"name": "tiny", "only": ["classes"]}, {}, ("moons", "moons wide")),
        ({"name": "tiny", "only": ["moons*", "s?ne"], "skip": ["moons wide"]}, {}, ("moons", "sine")),
        ("tiny", {"only": ["problem=rules", "problem=sine"]}, ("xor", "sine")),
        ("tiny", {"skip": ["problem=classes"]}, ("xor", "sine")),
        ("tiny", {"only": ["network=wide"]}, ("moons wide", "sine")),
        ("tiny", {"skip": ["dataset=moons"], "only": ["problem=curves", "problem=moons"]}, ("sine",)),
        ("tiny", {"overrides": ["suite=slopes"]}, ("sphere", "ravine")),
    ],
)
def test_some_of_a_suites_problems(suite: Any, options: dict[str, Any], kept: tuple[str, ...]) -> None:
    experiment = read({"suite": suite}, **options)
    plan = make_plan(experiment)
    assert plan.problems == kept
    assert experiment.suite is not None
    assert len(experiment.suite.every) in (2, 4)
    used = {
        kind: {label for p in experiment.suite.problems for label in [p.parts[kind]]}
        for kind in experiment.suite.kinds
    }
    assert {kind: {entry.label for entry in experiment.entries[kind]} for kind in used} == used


def test_networks_that_are_compared_take_the_place_of_the_suites() -> None:
    networks = {"mlp": {"hidden": [2]}, "deep": {"use": "mlp", "hidden": [2, 2]}}
    plan = make_plan(
        read({"suite": "tiny", "vary": "network", "network": networks, "optimizer": {"adam": {}}})
    )
    assert plan.problems == ("moons", "xor", "sine")
    assert plan.arms == ("mlp", "deep")
    widths = {"vary": ["network.hidden"], "network": {"mlp": {"hidden": [[2], [4]]}}}
    plan = make_plan(read({"suite": "tiny", "optimizer": {"adam": {}}, **widths}))
    assert (plan.problems, len(plan.arms)) == (("moons", "xor", "sine"), 2)


CONTRADICTIONS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"suite": "tinny"}, {}, "suite: No suite is called 'tinny'. Did you mean 'tiny'?"),
    ({"suite": "adam"}, {}, "No suite is called 'adam'. 'adam' is an optimizer."),
    ({"suite": 3}, {}, "suite must be the name of a suite, or a table with name"),
    ({"suite": ["tiny"]}, {}, "suite must be the name of a suite"),
    ({"suite": "  "}, {}, "suite must be the name of a suite"),
    ({"suite": {"only": ["moons"]}}, {}, "suite must be the name of a suite"),
    (
        {"suite": {"name": "tiny", "onlie": ["moons"]}},
        {},
        "unknown key 'onlie' in [suite]; known keys are name, only",
    ),
    (
        {"suite": {"name": "tiny", "only": ["mons"]}},
        {},
        "suite only 'mons' matches no problem of the suite 'tiny'",
    ),
    ({"suite": {"name": "tiny", "skip": ["*"]}}, {}, "suite skip leaves no problem of 'tiny'."),
    ({"suite": "tiny"}, {"only": ["problem=clases"]}, "Did you mean 'classes'?"),
    ({"suite": "tiny"}, {"only": ["problem=xor", "network=wide"]}, "only and skip leave no problem"),
    ({"suite": "tiny", "dataset": {"iris": {}}}, {}, '[dataset] and suite = "tiny" cannot both be given'),
    ({"suite": "tiny", "network": {"mlp": {}}}, {}, 'or compare them by vary = ["network"]'),
    (
        {"suite": "tiny", "objective": {"sphere": {}}},
        {},
        '[objective] and suite = "tiny" cannot both be given',
    ),
    ({"suite": "slopes", "loss": {"mae": {}}}, {}, "[loss] has no meaning beside suite"),
    ({"suite": "slopes", "split": {"valid": 0.1}}, {}, "[split] has no meaning for an objective"),
    (
        {"suite": "tiny"},
        {"overrides": ["dataset.moons.n=60"]},
        "with 'dataset.moons.n=60': [dataset] and suite",
    ),
    (
        {"suite": "tiny", "vary": ["network"]},
        {},
        "vary names 'network', but there is no [network.NAME] section",
    ),
    ({"suite": "tiny", "train": {"stepz": 3}}, {}, "unknown key 'stepz' in [train]"),
    ({"suite": "tiny", "optimizer": {"lbfgs": {}}}, {}, '[train] batch_size = "full", got 32'),
]


@pytest.mark.parametrize(
    ("document", "options", "words"), CONTRADICTIONS, ids=[c[2][:40] for c in CONTRADICTIONS]
)
def test_contradictions_are_one_line(document: dict[str, Any], options: dict[str, Any], words: str) -> None:
    assert words in lacking(document, **options)


def test_a_network_that_takes_the_suites_place_is_no_part_of_the_arms_names() -> None:
    own = {**ARMS, "suite": "tiny", "vary": ["network", "optimizer"], "network": {"mine": {"use": "mlp"}}}
    plan = make_plan(anncore.load_experiment(own, components=[Tiny]))
    assert plan.experiment.named == ("optimizer",)
    assert [arm for arm in plan.arms if "+" in arm or "mine" in arm] == []
    both = {**own, "network": {"mine": {"use": "mlp"}, "yours": {"use": "mlp", "hidden": [4]}}}
    arms = make_plan(anncore.load_experiment(both, components=[Tiny])).arms
    assert all(arm.startswith(("mine + ", "yours + ")) for arm in arms)


def test_each_section_that_contradicts_a_suite_is_told() -> None:
    document = {
        **ARMS,
        "suite": "tiny",
        "dataset": {"iris": {}},
        "objective": {"sphere": {}},
        "network": {"mlp": {}},
    }
    with pytest.raises(ExperimentErrors) as caught:
        anncore.load_experiment(document, components=[Tiny])
    assert sorted(re.findall(r"\[(\w+)\] and suite", str(caught.value))) == [
        "dataset",
        "network",
        "objective",
    ]
    assert len(caught.value.lines) == 3


def test_a_suite_that_raises_is_one_line() -> None:
    @dataclass(frozen=True)
    class Broken(Tiny):
        """Broken."""

        name: ClassVar[str] = "broken"

        def problems(self) -> Sequence[Problem]:
            raise KeyError("moons")

    with pytest.raises(AnnxError, match="suite 'broken' cannot be read: KeyError: 'moons'"):
        anncore.load_experiment({**ARMS, "suite": "broken"}, components=[Broken])


@pytest.mark.parametrize("component", SHIPPED, ids=lambda component: component.name)
def test_a_shipped_list_changes_only_with_its_version(component: Any) -> None:
    """Results on a list are compared by its name and version: raise `version`, then write the digest here."""
    recorded = json.loads(GOLDEN.read_text(encoding="utf-8"))
    suite = problem_list(component)
    assert recorded.get(component.name) == {"version": suite.version, "digest": suite.digest}


@pytest.mark.parametrize("component", SHIPPED, ids=lambda component: component.name)
def test_a_list_survives_json(component: Any) -> None:
    suite = problem_list(component)
    again = ProblemList.from_json(json.loads(json.dumps(suite.to_json())))
    assert again.to_json() == suite.to_json()
    assert again.at(suite.problems[-1].parts).name == suite.problems[-1].name


def test_core_is_broad() -> None:
    suites = {component.name: problem_list(component) for component in SHIPPED}
    core = suites["core"]
    assert len(core.problems) >= 30
    assert len(set(core.sections["network"])) == 2
    assert {problem.parts["dataset"] for problem in core.problems} >= {
        "iris",
        "wine",
        "breast_cancer",
        "digits",
        "diabetes",
    }
    assert len({problem.group for problem in core.problems}) >= 5
    assert {"core", "tabular", "landscapes", "deep", "noisy", "quick"} <= set(suites)
