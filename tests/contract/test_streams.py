"""Streams: equal where everything is equal, independent where anything differs."""

import numpy as np
from hypothesis import given, strategies as st

from anncore.contract.streams import (
    CUT_STD,
    counted_normal,
    counted_signs,
    counted_words,
    stream,
    truncated_normal,
)

seeds = st.integers(0, 2**70)


def draws(sweep_seed: int, trial_seed: int, name: str) -> list[int]:
    return stream(sweep_seed, trial_seed, name).integers(0, 2**63, 4).tolist()


@given(seeds, seeds, st.text())
def test_a_stream_is_the_same_every_time(sweep_seed: int, trial_seed: int, name: str) -> None:
    assert draws(sweep_seed, trial_seed, name) == draws(sweep_seed, trial_seed, name)


@given(st.tuples(seeds, seeds, st.text()), st.tuples(seeds, seeds, st.text()))
def test_no_two_descriptions_share_a_stream(a: tuple[int, int, str], b: tuple[int, int, str]) -> None:
    assert (draws(*a) == draws(*b)) == (a == b)


def test_seeds_beyond_32_bits_do_not_spill_over() -> None:
    # As words of 32 bits both pairs read (5, 7, 3).
    assert draws(5 + 7 * 2**32, 3, "data") != draws(5, 7 + 3 * 2**32, "data")


def test_a_numpy_integer_is_the_integer() -> None:
    assert draws(np.int64(1), np.int64(2), "init") == draws(1, 2, "init")  # type: ignore[arg-type]


def test_a_stream_leaves_the_global_state_alone() -> None:
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002
    stream(0, 0, "data").normal(size=10)
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002


def test_streams_are_uncorrelated() -> None:
    columns = np.stack([stream(0, seed, "init").normal(size=20_000) for seed in range(5)])
    off_diagonal = np.corrcoef(columns)[~np.eye(5, dtype=bool)]
    assert abs(off_diagonal).max() < 5 / np.sqrt(20_000)  # five standard errors of a zero correlation


def test_truncated_draws_keep_unit_variance_and_stop_at_two_widened_deviations() -> None:
    draws = truncated_normal(np.random.default_rng(0), (400, 500))
    assert np.abs(draws).max() <= 2 / 0.8796256610342398
    # The deviation of a standard normal cut at ±2 after scipy.stats.truncnorm(-2, 2).std(), SciPy 1.17.
    np.testing.assert_allclose(CUT_STD, 0.879625661034, rtol=1e-11)
    np.testing.assert_allclose(draws.std(), 1, atol=0.01)


def test_counted_words_are_splitmix64s() -> None:
    # The first words of SplitMix64 from the seed 1234567, as in Rosetta Code's "Pseudo-random
    # numbers/Splitmix64": 6457827717110365317, 3203168211198807973. Its state grows by the same constant.
    assert int(_mixed_by_hand(1234567 + 0x9E3779B97F4A7C15)) == 6457827717110365317
    seeds, words = np.array([[[5]]], np.uint64), []
    now = _mixed_by_hand(_mixed_by_hand(5 + 3 * 0x9E3779B97F4A7C15) + 0x9E3779B97F4A7C15)
    for place in (1, 2):
        words.append(_mixed_by_hand(now + place * 0x9E3779B97F4A7C15))
    assert counted_words(seeds, 3, (1, 2))[0, 0].tolist() == words


def _mixed_by_hand(word: int) -> int:
    word %= 2**64
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB % 2**64
    return word ^ (word >> 31)


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4), st.integers(1, 10**6))
def test_counted_numbers_of_a_seed_are_the_same_alone_and_among_others(values: list[int], t: int) -> None:
    seeds = np.array(values, np.uint64).reshape(-1, 1, 1)
    for dtype in ("float32", "float64"):
        like = np.empty((len(values), 2, 5), dtype)
        for draw in (counted_normal, counted_signs):
            together = draw(seeds, t, like)
            assert together.dtype == like.dtype
            assert together.shape == like.shape
            assert np.isfinite(together).all()
            alone = [draw(seeds[i : i + 1], t, like[i : i + 1]) for i in range(len(values))]
            assert together.tobytes() == np.concatenate(alone).tobytes()


def test_counted_numbers_are_normal_and_signs_are_even() -> None:
    seeds, like = np.arange(50, dtype=np.uint64).reshape(-1, 1, 1), np.empty((50, 1, 1000))
    draws = np.concatenate([counted_normal(seeds, t, like).ravel() for t in (1, 2)])
    assert abs(draws.mean()) < 4 / np.sqrt(1e5)
    assert abs(draws.var() - 1) < 4 * np.sqrt(2 / 1e5)
    assert abs((np.abs(draws) < 1).mean() - 0.682689) < 4 * np.sqrt(0.2166 / 1e5)
    assert abs(np.corrcoef(draws[:50_000], draws[50_000:])[0, 1]) < 4 / np.sqrt(5e4)
    signs = counted_signs(seeds, 1, like)
    assert set(np.unique(signs)) == {-1, 1}
    assert abs(signs.mean()) < 4 / np.sqrt(5e4)
