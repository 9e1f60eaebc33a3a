"""Seeds that were added by hand after looking. Sources: hand calculation, simulation of chains of looks."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from results_factory import make_results

from anncore import always_valid_interval
from anncore.evidence import pair_tests
from anncore.evidence.looks import History, PastLook, Seen, before, in_order, left_after
from anncore.evidence.pair_tests import Pair, Rule, draft
from anncore.evidence.stats import mcnemar, pseudomedian, wilcoxon
from anncore.evidence.study import Study
from anncore.evidence.verdicts import judge_problems
from anncore.report.build import build_report
from anncore.running.looks import remember, remembered

LARGE = [pytest.mark.slow, pytest.mark.large]
PLAIN = Rule("seeds", None, 0.05, sequential=False, comparisons=1)


@pytest.mark.parametrize(
    ("n", "comparisons", "problems", "used"),
    [
        (5, 1, 1, 0.0),  # the smallest p is 2/32 = .0625
        (6, 1, 1, 2 / 64 / 0.05),  # 2/64 = .03125; the next is 4/64
        (8, 1, 1, 10 / 256 / 0.05),  # 2 x 5/256 = .0390625; the next is 14/256 = .0547
        (10, 1, 1, 50 / 1024 / 0.05),  # tables of Wilcoxon's test: P(W ≤ 8) = 25/1024
        (6, 3, 1, 2 / 64 / 0.05),  # Holm's steps are at .0167, .025 and .05: at the last alone 6 seeds may
        (6, 1, 2, 2 / 64 / 0.05),  # so with two problems, of which one is selected at .025 and both at .05
        (7, 1, 2, 2 * 2 / 128 / 0.05),  # of one: 2/128 = .015625 of .025; of both: 6/128 = .047 of .05
    ],
)
def test_what_a_first_report_leaves_of_alpha(n: int, comparisons: int, problems: int, used: float) -> None:
    rest = left_after(np.arange(1.0, n + 1), comparisons, problems)
    if n == 7:
        used = max(used, 6 / 128 / 0.05)
    assert rest == pytest.approx(1 - used)


def test_of_successes_it_is_what_mcnemars_test_leaves() -> None:
    # Ten seeds on which one arm alone succeeds: 2 P(B ≤ 1) = 22/1024; P(B ≤ 2) would be 112/1024.
    gaps = np.array([1.0] * 6 + [-1.0] * 4 + [0.0] * 7)
    assert mcnemar(1, 9) == pytest.approx(22 / 1024)
    assert left_after(gaps, 1, 1) == pytest.approx(1 - 22 / 1024 / 0.05)
    assert left_after(np.zeros(7), 1, 1) == 1.0
    assert left_after(np.arange(1.0, 500), 1, 1) == 0.0


def looked_twice(gaps: Any, first: int) -> Any:
    """Return a pair of arms whose first differences a report has shown."""
    seen = Seen(gaps[:first], 2, left_after(gaps[:first], 1, 1))
    return Pair("p", "a", "b", np.zeros(len(gaps)), gaps, "linear", seen=seen)


def verdict(pair: Pair, rule: Rule = PLAIN) -> str:
    return judge_problems({"p": [pair]}, {"p": rule})["p"][0].verdict


def test_a_claim_of_the_first_report_stands_while_all_seeds_make_it() -> None:
    clear = np.linspace(0.5, 1.5, 12)
    assert verdict(looked_twice(clear, 10)) == "better"
    gone = np.concatenate([clear[:10], np.linspace(-9, -5, 10)])
    assert verdict(looked_twice(gone, 10)) == "undecided"


def test_a_new_claim_needs_what_the_first_report_has_left() -> None:
    # Ten seeds that cannot decide, then thirty that would in a single look (p = .01).
    rng = np.random.default_rng(3)
    gaps = np.concatenate([rng.permutation(np.linspace(-1, 1, 10)), rng.normal(0.75, 1, 30)])
    assert wilcoxon(gaps) < 0.05 < wilcoxon(gaps[:10])
    assert verdict(Pair("p", "a", "b", np.zeros(40), gaps, "linear")) in ("better", "typical")
    assert verdict(looked_twice(gaps, 10)) == "undecided"
    clear = np.concatenate([gaps[:10], rng.normal(3, 1, 40)])
    assert verdict(looked_twice(clear, 10)) == "better"


def test_after_five_seeds_the_test_is_that_of_rounds() -> None:
    rng = np.random.default_rng(4)
    gaps = rng.normal(0.6, 1, 25)
    pair = looked_twice(gaps, 5)
    made = draft(pair, PLAIN.after(pair.seen))
    rounds = draft(pair._replace(seen=None), PLAIN._replace(sequential=True))
    assert made.tests == rounds.tests
    assert made.typical[1:3] == always_valid_interval(gaps)[1:3]


@pytest.mark.parametrize("first", [5, 8, 12])
def test_the_interval_leaves_0_out_just_where_the_claim_stands(first: int) -> None:
    rng = np.random.default_rng(first)
    for effect in (0.0, 0.4, 0.8, 1.5):
        for _ in range(12):
            gaps = rng.normal(effect, 1, first + int(rng.integers(1, 25)))
            pair = looked_twice(gaps, first)
            made = draft(pair, PLAIN.after(pair.seen))
            low, high = made.typical[1:3]
            outside = low > 0 or high < 0
            assert outside == (made.tests.typical <= 0.05), (first, gaps)
            assert not low > made.typical.value
            wide = pseudomedian(gaps)
            assert math.isnan(low) or low <= wide.value <= high or first == len(gaps)


def test_claims_about_new_rows_are_the_first_reports_alone() -> None:
    # Its p-value may be any number, so that a single look uses up all of alpha.
    pair = looked_twice(np.concatenate([np.linspace(-1, 1, 10), np.linspace(5, 6, 30)]), 10)
    rule = PLAIN._replace(correction=0.1)
    assert verdict(pair._replace(seen=None), rule) == "better"
    assert verdict(pair, rule) == "undecided"


# Which reports are looks


def look(seeds: Any, **changes: Any) -> PastLook:
    keys = {("p", arm): "".join(f"{arm}{seed:07d}" for seed in seeds) for arm in ("a", "b")}
    return PastLook(tuple(seeds), sequential=False, settings="x", keys=keys)._replace(**changes)


def test_the_same_seeds_again_are_no_look() -> None:
    five, ten = look(range(5)), look(range(10))
    assert before((five,), five) == ()
    assert before((five, ten), ten) == (five,)
    assert before((five, ten), five) == ()  # as it was when that report was made
    assert before((five,), look([4, 3, 2, 1, 0])) == ()
    assert before((five,), look(range(5), keys={**five.keys, ("p", "c"): "c" * 40})) == ()
    assert before((five,), ten) == (five,)


def test_other_trials_with_these_names_are_none_either() -> None:
    # Another number of steps gives every trial another key, and the report another digest of its settings.
    other = look(range(5), keys={("p", arm): "z" * 40 for arm in ("a", "b")}, settings="y")
    now = History(look(range(10)), (other,))
    assert now.looks_at("p", ("a", "b")) == []
    assert now.by_hand() == ()
    elsewhere = History(look(range(10)), (look(range(20, 25), settings="y"),))
    assert elsewhere.dropped("p", "a") == []


def test_seeds_that_were_shown_must_stay() -> None:
    assert History(look(range(3, 10)), (look(range(5)),)).dropped("p", "a") == [0, 1, 2]
    assert History(look(range(20, 25)), (look(range(5)),)).dropped("p", "a") == [0, 1, 2, 3, 4]
    assert History(look(range(10)), (look(range(5)),)).dropped("p", "a") == []


def test_an_arm_that_came_later_has_looks_of_its_own() -> None:
    past = (look(range(5)), look(range(10)))
    late = {**look(range(20)).keys, ("p", "c"): "c" * 160}
    now = History(look(range(20), keys=late), past)
    assert len(now.looks_at("p", ("a", "b"))) == 2
    assert now.looks_at("p", ("a", "c")) == []


def test_seeds_come_in_the_order_in_which_they_were_seen() -> None:
    assert in_order(range(5), (look([3, 4]), look([3, 4, 0]))) == (3, 4, 0, 1, 2)
    assert in_order(range(3), ()) == (0, 1, 2)
    assert in_order(range(3), (look([7, 2]),)) == (2, 0, 1)


def test_rounds_that_go_on_are_no_looks_by_hand() -> None:
    rounds = look(range(8), sequential=True)
    assert History(look(range(12), sequential=True), (rounds,)).by_hand() == ()
    assert History(look(range(12)), (rounds,)).by_hand() == (8, 12)
    assert History(look(range(12), sequential=True), (look(range(8)),)).by_hand() == (8, 12)


# A folder and its reports

FEW: dict[str, Any] = {
    "arms": ("sgd", "adam"),
    "problems": ("xor",),
    "tune_seeds": (),
    "rates": (0.1,),
    "regression": (),
    "steps": 30,
}


def results_of(seeds: Any, folder: Any, **options: Any) -> Any:
    results = make_results(**{**FEW, **options}, seeds=tuple(seeds))
    return replace(results, past=remembered(folder))


def test_a_folder_remembers_its_reports_once_each(tmp_path: Any) -> None:
    for seeds in (range(100, 105), range(100, 105), range(100, 112), range(100, 105)):
        remember(results_of(seeds, tmp_path), tmp_path)
    assert [len(past.seeds) for past in remembered(tmp_path)] == [5, 12]
    half = replace(results_of(range(100, 120), tmp_path))
    half = replace(half, trials=half.trials.iloc[:5])  # a sweep that was stopped
    remember(half, tmp_path)
    assert [len(past.seeds) for past in remembered(tmp_path)] == [5, 12]


def test_a_damaged_memory_is_read_as_far_as_it_can(tmp_path: Any) -> None:
    remember(results_of(range(100, 105), tmp_path), tmp_path)
    file = tmp_path / "looks.json"
    whole = file.read_text()
    for text in ("", "[]", "{", '{"looks": 3}', '{"looks": [3, {}]}', whole.replace("100,", '"x",')):
        file.write_text(text)
        assert remembered(tmp_path) == ()
    file.unlink()
    file.mkdir()
    assert remembered(tmp_path) == ()
    remember(results_of(range(100, 105), tmp_path), tmp_path)  # cannot be written, and stops nobody


def test_the_report_says_that_seeds_were_added_and_how_that_counts(tmp_path: Any) -> None:
    remember(results_of(range(100, 110), tmp_path), tmp_path)
    first = build_report(results_of(range(100, 110), tmp_path), {})
    assert first["looks"] == []
    more = build_report(results_of(range(100, 130), tmp_path), {})
    assert more["looks"] == [10, 30]
    assert more["answer"]["headline"].endswith(
        " Seeds were added by hand after a look at 10 of them; claims allow for that."
    )
    (warning,) = [one["text"] for one in more["answer"]["warnings"] if one["kind"] == "looks"]
    assert warning.startswith("Reports of this folder were made with 10 seeds, before seeds were added")
    titles = {paragraph["title"] for paragraph in more["methods"]["paragraphs"]}
    assert "Looks" in titles
    fewer = build_report(results_of(range(100, 107), tmp_path), {})
    assert fewer["answer"]["headline"] == (
        "No claim can be made where seeds that an earlier report has shown are left out."
    )
    (warning,) = [one["text"] for one in fewer["answer"]["warnings"] if one["kind"] == "seeds_left_out"]
    assert "seeds 107 to 109" in warning


def test_over_data_sets_a_later_look_has_a_share_of_what_is_left(tmp_path: Any) -> None:
    sets = tuple(f"set{i}" for i in range(8))
    options: dict[str, Any] = {"problems": sets, "score": lambda p, a, s: 0.2 + 0.1 * (a == "sgd")}
    remember(results_of(range(100, 103), tmp_path, **options), tmp_path)
    study = Study(results_of(range(100, 106), tmp_path, **options))
    seen = study.history.seen_over_all(
        study.dataset_of, ("sgd", "adam"), 1, lambda problems, seeds: table(study, problems, seeds), 6
    )
    assert seen is not None
    assert seen.looks == 2
    # Eight data sets that all agree: equal sizes, so that the test is that of signs, 2/256 of .05.
    assert seen.rest == pytest.approx(1 - 18 / 256 / 0.05 if 18 / 256 <= 0.05 else 1 - 2 / 256 / 0.05)


def table(study: Study, problems: Any, seeds: Any) -> Any:
    from anncore.evidence.study import by_data_set

    return by_data_set(study, problems, seeds)[0]


# Chains of looks

STARTS = {
    "normal": lambda rng, n: rng.normal(0, 1, n),
    "skewed about its centre": lambda rng, n: rng.exponential(1, n) - rng.exponential(1, n),
    "heavy": lambda rng, n: rng.standard_t(2, n),
    "tied": lambda rng, n: np.round(rng.normal(0, 2, n)),
}


def chain(gaps: Any, looks: Any, *, allowed_for: bool) -> bool:
    """Tell whether someone finds a false claim who adds seeds and looks again until there is one."""
    for place, count in enumerate(looks):
        pair = Pair("p", "a", "b", np.zeros(count), gaps[:count], "linear")
        if allowed_for and place:
            seen = Seen(gaps[: looks[0]], place + 1, left_after(gaps[: looks[0]], 1, 1))
            pair = pair._replace(seen=seen)
        if verdict(pair) in ("better", "typical"):
            return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("repetitions", [40, pytest.param(4000, marks=LARGE)])
@pytest.mark.parametrize("looks", [(5, 8, 12, 20, 30), (10, 15, 20, 30, 40)])
@pytest.mark.parametrize("name", ["normal", *(pytest.param(name, marks=LARGE) for name in list(STARTS)[1:])])
def test_a_chain_of_looks_by_hand_errs_in_5_percent(
    name: str, looks: Any, repetitions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Intervals take most of the time, and decide nothing here.
    monkeypatch.setattr(pair_tests, "always_valid_interval", pseudomedian)
    rng = np.random.default_rng([len(name), looks[0]])
    plain = kept = 0
    for _ in range(repetitions):
        gaps = STARTS[name](rng, looks[-1])
        plain += chain(gaps, looks, allowed_for=False)
        kept += chain(gaps, looks, allowed_for=True)
    assert kept / repetitions <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / repetitions)
    if repetitions > 1000:
        assert plain / repetitions > 0.08
