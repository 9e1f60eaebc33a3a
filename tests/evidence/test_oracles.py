"""The same questions put to other libraries, where they are installed (`pip install annx[oracles]`).

The normal suite does without: it holds recorded answers of these with their versions.
"""

from __future__ import annotations

import math
import warnings
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy import special

from anncore import compare_arms
from anncore.evidence import best_of_k
from anncore.evidence.stats import mean_interval


def other(name: str) -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they warn of when imported is not ours to mend
        return pytest.importorskip(name)


@pytest.mark.parametrize("seed", range(6))
def test_wilcoxon_with_holm_is_scikit_posthocs(seed: int) -> None:
    posthocs = other("scikit_posthocs")
    x = np.random.default_rng(seed).normal(np.arange(4) / 2, 1, (11, 4))
    frame = pd.DataFrame(
        {
            "problem": "p",
            "arm": np.tile(list("abcd"), len(x)),
            "seed": np.repeat(np.arange(len(x)), 4),
            "score": x.reshape(-1),
        }
    )
    expected = posthocs.posthoc_wilcoxon(list(x.T), p_adjust="holm").to_numpy()
    for row in compare_arms(frame).itertuples():
        assert row.p == pytest.approx(expected["abcd".index(row.a), "abcd".index(row.b)])


@pytest.mark.parametrize("seed", range(6))
def test_the_t_interval_is_baycomps_posterior_but_for_its_correction(seed: int) -> None:
    # With a flat prior the posterior of a mean difference is Student's; baycomp widens it for the overlap of
    # training sets in cross-validation (Nadeau & Bengio 2003), which seeds do not have.
    baycomp = other("baycomp")
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=9), rng.normal(0.4, 1, 9)
    mean, var, df = baycomp.CorrelatedTTest.compute_statistics(x, y)
    scale = math.sqrt(var / (1 / 9 + 1 / 8) / 9)
    half = special.stdtrit(df, 0.975) * scale
    assert mean_interval(y - x)[:3] == pytest.approx((mean, mean - half, mean + half))


@pytest.mark.parametrize("seed", range(6))
def test_budget_bands_are_opdas(seed: int) -> None:
    opda = other("opda.nonparametric")
    ys = np.random.default_rng(seed).beta(0.5, 2, size=20 + seed)
    k = np.arange(1, len(ys) + 1)
    curve = best_of_k(ys, bounds=(0, 1))
    worst, _, best = opda.EmpiricalDistribution.confidence_bands(ys, 0.95, a=0.0, b=1.0, method="dkw")
    for end, band in ((worst, "high"), (best, "low")):
        mean = end.average_tuning_curve(k, minimize=True)
        median = end.quantile_tuning_curve(k, q=0.5, minimize=True)
        np.testing.assert_allclose(getattr(curve, f"expected_{band}"), mean, rtol=1e-9)
        np.testing.assert_allclose(getattr(curve, f"median_{band}"), median, rtol=1e-9)
