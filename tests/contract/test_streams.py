"""Streams: equal where everything is equal, independent where anything differs."""

import numpy as np
from hypothesis import given, strategies as st

from anncore.contract.streams import CUT_STD, stream, truncated_normal

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
