"""Hyperparameters: domains, declarations, and the values an experiment may give them."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, strategies as st

from anncore import ComponentError, Hyper, build, choice, hyper, linear, log, ref
from anncore.contract.hyperparameters import Interval, declared, parse_domain, references, resolve


@dataclass(frozen=True)
class Sample:
    """A component with one hyperparameter of each sort."""

    name: ClassVar[str] = "sample"
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {"lr": 0.5, "mode": "inside"}}

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 1e-1), help="step size")
    steps: int = hyper(3, "int [1, 10]")
    mode: str = hyper("outside", ("outside", "inside"))
    hidden: tuple[int, ...] = hyper((8,), "list int [1, inf)")
    nesterov: bool = hyper(False, "bool")
    activation: Any = ref("activation", "relu")

    def validate(self) -> None:
        if self.nesterov and self.steps == 1:
            raise ValueError("nesterov needs more than one step")


# Intervals

numbers = st.floats(-1e6, 1e6)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    low = draw(numbers | st.just(-math.inf))
    high = draw(numbers.filter(lambda x: x > low) | st.just(math.inf))
    closed_low = draw(st.booleans()) and math.isfinite(low)
    closed_high = draw(st.booleans()) and math.isfinite(high)
    return Interval(low, high, closed_low, closed_high)


@given(intervals())
def test_an_interval_reads_what_it_writes(interval: Interval) -> None:
    assert Interval.parse(str(interval)) == interval


@given(intervals(), intervals(), numbers)
def test_what_lies_in_an_interval_lies_in_one_that_covers_it(a: Interval, b: Interval, x: float) -> None:
    if a.covers(b) and b.holds(x):
        assert a.holds(x)


@given(intervals(), intervals())
def test_covering_both_ways_is_being_equal(a: Interval, b: Interval) -> None:
    assert a.covers(a)
    assert (a.covers(b) and b.covers(a)) == (a == b)


@given(intervals(), numbers)
def test_a_checked_value_is_the_value_as_a_float(interval: Interval, x: float) -> None:
    if interval.holds(x):
        assert interval.check(x) == x
        assert type(interval.check(x)) is float
    else:
        with pytest.raises(ValueError, match="must be in"):
            interval.check(x)


@given(st.integers(-(10**400), 10**400))
def test_whole_numbers_of_any_length_are_checked_without_overflow(x: int) -> None:
    domain = Interval.parse("int [0, 100]")
    if 0 <= x <= 100:
        assert domain.check(x) == x
    else:
        with pytest.raises(ValueError, match=r"must be a whole number in \[0, 100\]"):
            domain.check(x)


def test_bounds_are_open_or_closed_as_written() -> None:
    half = Interval.parse("[0, 1)")
    assert half.holds(0)
    assert not half.holds(1)
    assert Interval.parse("(0, 1]").holds(1)
    assert not Interval.parse("(0, 1]").holds(0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, "1", None, [1], 1j])
def test_what_is_no_finite_real_number_lies_in_no_interval(value: Any) -> None:
    with pytest.raises(ValueError, match="must be in"):
        Interval.parse("(-inf, inf)").check(value)


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5), Fraction(1, 2)])
def test_real_numbers_of_other_types_become_floats(value: Any) -> None:
    assert Interval.parse("[0, 1]").check(value) == 0.5
    assert type(Interval.parse("[0, 1]").check(value)) is float


@pytest.mark.parametrize("value", [3, 3.0, np.int64(3)])
def test_a_whole_number_is_an_int_however_written(value: Any) -> None:
    checked = Interval.parse("int [1, inf)").check(value)
    assert checked == 3
    assert type(checked) is int


def test_a_long_whole_number_keeps_its_last_digit() -> None:
    assert Interval.parse("int [0, inf)").check(2**53 + 1) == 9007199254740993


def test_a_fraction_is_no_whole_number() -> None:
    with pytest.raises(ValueError, match=r"must be a whole number in \[1, inf\)"):
        Interval.parse("int [1, inf)").check(2.5)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0, 1", "write for example"),
        ("[0 1]", "write for example"),
        ("[a, b]", "bounds must be numbers"),
        ("[0, inf]", "a bound at infinity is open"),
        ("[-inf, 0)", "a bound at infinity is open"),
        ("[1, 0]", "no number lies in it"),
        ("(0, 0]", "no number lies in it"),
        ("[nan, 1]", "no number lies in it"),
    ],
)
def test_what_is_no_interval_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Interval.parse(text)


def test_long_bounds_are_described_in_full() -> None:
    assert Interval.parse("int [1, 12345678]").describe() == "a whole number in [1, 12345678]"


# The other domains


def test_one_of_tells_true_from_one() -> None:
    # parse_domain must not take (1, 0) for (True, False), though Python holds them equal.
    assert parse_domain((True, False)).check(True) is True
    assert type(parse_domain((1, 0)).check(1)) is int
    with pytest.raises(ValueError, match="one of True, False"):
        parse_domain((True, False)).check(1)


def test_one_of_may_mix_texts_and_booleans() -> None:
    assert parse_domain((True, "auto")).check("auto") == "auto"
    assert parse_domain((True, "auto")).check(True) is True


def test_one_of_returns_the_value_as_declared() -> None:
    assert type(parse_domain((1, 2)).check(2.0)) is int


@pytest.mark.parametrize(
    ("domain", "value"), [("bool", 1), ("str", 1), ("path", 1.5), ("list int [1, 3]", 2)]
)
def test_a_value_of_another_type_is_refused(domain: str, value: Any) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_domain(domain).check(value)


def test_lists_become_tuples_and_each_item_is_checked() -> None:
    domain = parse_domain("list int [1, inf)")
    assert domain.check([4, 2.0]) == (4, 2)
    assert domain.check([]) == ()
    with pytest.raises(ValueError, match=r"a list, each item a whole number in \[1, inf\)"):
        domain.check([4, 0])


# Declarations


def test_a_declaration_is_read_in_the_order_of_the_fields() -> None:
    assert list(declared(Sample)) == ["lr", "steps", "mode", "hidden", "nesterov"]
    assert declared(Sample)["lr"].search == log(1e-4, 1e-1)
    assert declared(Sample)["lr"].help == "step size"
    assert references(Sample)["activation"].kind == "activation"
    assert references(Sample)["activation"].default == "relu"


def test_only_real_hyperparameters_stack() -> None:
    assert [key for key, declaration in declared(Sample).items() if declaration.stackable] == ["lr"]
    assert [key for key, declaration in declared(Sample).items() if declaration.is_list] == ["hidden"]


def test_searches_say_how() -> None:
    assert log(1, 2).how == "log"
    assert linear(1, 2).how == "linear"
    assert choice("a", "b").values == ("a", "b")


# Resolving


def test_what_is_not_given_comes_from_the_default() -> None:
    assert resolve(Sample, {"lr": 1}) == {
        "lr": 1.0,
        "steps": 3,
        "mode": "outside",
        "hidden": (8,),
        "nesterov": False,
    }


def test_what_is_given_wins_over_the_preset_and_the_preset_over_the_default() -> None:
    resolved = resolve(Sample, {"preset": "paper", "lr": 0.25})
    assert (resolved["lr"], resolved["mode"], resolved["steps"]) == (0.25, "inside", 3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lr": 0}, r"sample: lr must be in \(0, inf\), got 0$"),
        ({"lr": "big"}, r"sample: lr must be in \(0, inf\), got 'big'$"),
        (
            {"mode": "insid"},
            r"sample: mode must be one of 'outside', 'inside', got 'insid'. Did you mean 'inside'",
        ),
        ({"mode": ["inside"]}, r"sample: mode must be one of 'outside', 'inside', got \['inside'\]$"),
        (
            {"stesp": 2},
            r"sample: unknown hyperparameter 'stesp'; known are lr, .*activation.* Did you mean 'steps'",
        ),
        ({"preset": "papr"}, r"sample: no preset is called 'papr'; it has paper. Did you mean 'paper'"),
        ({"preset": ["paper"]}, r"sample: no preset is called \['paper'\]; it has paper"),
        ({"steps": 10**400}, r"sample: steps must be a whole number in \[1, 10\], got 1000"),
    ],
)
def test_a_wrong_value_is_named_with_component_key_rule_and_spelling(values: Any, message: str) -> None:
    with pytest.raises(ComponentError, match=message) as caught:
        resolve(Sample, values)
    assert "\n" not in str(caught.value)


def test_build_checks_and_passes_references_through() -> None:
    built = build(Sample, steps=2.0, activation="tanh")
    assert (built.steps, built.activation, built.lr) == (2, "tanh", 1e-3)


def test_build_lets_the_component_refuse_a_combination() -> None:
    with pytest.raises(ComponentError, match="sample: nesterov needs more than one step"):
        build(Sample, nesterov=True, steps=1)
