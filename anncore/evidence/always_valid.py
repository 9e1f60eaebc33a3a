"""Looking again after every few more seeds: intervals that stay valid, and how many seeds it takes.

`always_valid_p` is the test; the rest inverts it, plans for it, and shares out an error rate over
looks for what has no such test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import numpy as np

from anncore.contract.kinds import Array
from anncore.evidence import stats
from anncore.evidence.stats import ALPHA, LEVEL, Estimate

MOST_PAIRS = 100_000
EXACT_PAIRS = 300  # up to which the capital is integrated exactly
MOST_LISTED = 1000  # pairs up to which an interval's ends are sought among the averages of two gaps
MOST_INTEGRATED = 10_000  # pairs after which an interval takes the capital by Laplace's method
BLOCK = 1000
HALVINGS = 20
PIECE = 2**17  # numbers that are held at once


def always_valid_interval(gaps: Array | Sequence[float], level: float = LEVEL) -> Estimate:
    """Return the Hodges-Lehmann estimate with an interval that holds the centre at all looks at once.

        {c: always_valid_p(d - c) > 1 - level}

    for gaps d that are symmetric about their centre, however they spread: a confidence sequence, the test
    inverted (Darling & Robbins, "Confidence Sequences for Mean, Variance, and Median", PNAS 58(1), 1967;
    Ramdas et al., "Game-Theoretic Statistics and Safe Anytime-Valid Inference", Statistical Science 38(4),
    2023). So it leaves 0 out just where p is at most 1 - level. It never grows from look to look. An end that
    the gaps so far do not bound is infinite, both are NaN where neither is bound. An estimate outside, where
    early gaps have narrowed it, is moved to its end; all is NaN where no centre is left, a sign that the gaps
    have none in common.

    It is an interval since every bet b_j(c) falls as c rises, and where one side's capital is 39 or more the
    other's is below 1 and changes less; its ends are averages of two gaps, found by bisection: among these up
    to 1,000 pairs, beyond them by halving, to 1e-6 of the gaps' range. After 10,000 pairs the capital is
    taken by Laplace's method, S²/2V - ½ log(2V/π) with S and V the sums of the bets and of their squares. It
    is within 2 % of the capital near 1/(1 - level), where it matters.
    """
    d = np.asarray(gaps, dtype=float)
    d = d[~np.isnan(d)]
    value = stats.pseudomedian(d).value
    low, high = _ends(d, 1 / (1 - level)) if len(d) <= MOST_LISTED else _searched_ends(d, 1 / (1 - level))
    if low > high or (math.isinf(low) and low == -high):
        return Estimate(math.nan if low > high else value, math.nan, math.nan, len(d))
    return Estimate(min(max(value, low), high), low, high, len(d))


def _ends(d: Array, limit: float) -> tuple[float, float]:
    """Return the ends of the interval: averages of two gaps, or infinite."""
    i, j = np.triu_indices(len(d))
    with np.errstate(invalid="ignore"):
        averages = (d[i] + d[j]) / 2
    ends = np.unique(averages[np.isfinite(averages)])
    # Between two neighbours among `ends` no sign and no rank changes; one point stands for each such stretch.
    inner = (ends[1:] + ends[:-1]) / 2
    points = np.concatenate([ends[:1] - 1, inner, ends[-1:] + 1]) if len(ends) else np.zeros(1)
    first = _bisect(len(points), lambda at: not _rejects(d - points[at], limit))
    last = len(points) - _bisect(
        len(points), lambda at: not _rejects(points[len(points) - 1 - at] - d, limit)
    )
    low = -math.inf if first == 0 else math.inf if first > len(ends) else float(ends[first - 1])
    high = math.inf if last == len(points) else -math.inf if last == 0 else float(ends[last - 1])
    return low, high


def _searched_ends(d: Array, limit: float) -> tuple[float, float]:
    """Return what `_ends` does, each found by halving an interval 20 times: to 1e-6 of the gaps' range."""
    finite = d[np.isfinite(d)]
    if not len(finite):
        return _ends(d[:MOST_LISTED], limit)
    lowest, highest = float(finite.min()) - 1, float(finite.max()) + 1

    def end(start: float, stop: float, rejected: Callable[[float], bool]) -> float:
        if not rejected(start):
            return math.copysign(math.inf, start - stop)
        if rejected(stop):
            return math.copysign(math.inf, stop - start)
        for _ in range(HALVINGS):
            middle = start / 2 + stop / 2
            start, stop = (middle, stop) if rejected(middle) else (start, middle)
        return stop

    low = end(lowest, highest, lambda c: _rejects(d - c, limit))
    return low, end(highest, lowest, lambda c: _rejects(c - d, limit))


def _bisect(length: int, holds: Callable[[int], bool]) -> int:
    """Return the first place in range(length) from which on `holds`, `length` if it never does."""
    low, high = 0, length
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _rejects(gaps: Array, limit: float) -> bool:
    """Say whether the capital ever reached the limit, by bets on the positive side."""
    if not len(gaps):
        return False
    placed = bets(gaps)
    first = placed[:MOST_INTEGRATED]
    nodes, weights = _nodes(len(first))
    both = (_log_capital(first, sign * nodes, weights) for sign in (1, -1))
    for up, down in zip(*both, strict=True):  # most rejections come early
        if bool(((np.logaddexp(up, down) >= math.log(2 * limit)) & (up > down)).any()):
            return True
    if len(placed) == len(first):
        return False
    total, square = (np.cumsum(values)[MOST_INTEGRATED:] for values in (placed, placed**2))
    log_m = total**2 / (2 * square) - np.log(2 * square / math.pi) / 2
    return bool(((log_m >= math.log(limit)) & (total > 0)).any())


def _log_capital(placed: Array, stakes: Array, weights: Array) -> Iterator[Array]:
    """Yield log Σ weight Π_(j ≤ t) (1 + stake b_j) for every t, in pieces, which saves memory."""
    width = max(1, PIECE // len(stakes))
    before = np.zeros(len(stakes))
    for start in range(0, len(placed), width):
        with np.errstate(divide="ignore"):
            steps = np.log1p(np.multiply.outer(stakes, placed[start : start + width]))
        steps[:, 0] += before
        logs = np.cumsum(steps, axis=1)
        top = logs.max(axis=0)
        # Below -700 an exponential adds nothing, and takes long where it is nearly 0.
        yield top + np.log(weights @ np.exp(np.maximum(logs - top, -700.0)))
        before = logs[:, -1]


@cache
def _nodes(pairs: int) -> tuple[Array, Array]:
    """Return Gauss and Legendre's nodes and weights on (0, 1), for the capital after so many pairs.

    The capital is the integral of a polynomial of degree t, so t // 2 + 1 nodes are exact. Over 300 pairs
    there are 6 √t nodes, since the integrand is then as smooth as a bell of width 1/√t: the relative error of
    the capital stays below 1e-10 (measured at 1,500 and 4,000 pairs).
    """
    from scipy import special

    if pairs <= EXACT_PAIRS:
        nodes, weights = np.polynomial.legendre.leggauss(pairs // 2 + 1)
    else:
        nodes, weights = special.roots_legendre(math.ceil(6 * math.sqrt(pairs)))
    return (nodes + 1) / 2, weights / 2


def pairs_until_decided(
    gaps: Array | Sequence[float], comparisons: int = 1, alpha: float = ALPHA, power: float = 0.8
) -> float:
    """Return about how many pairs `always_valid_p` takes to show a difference as the one seen, inf for none.

        the least t with  S² / 2V - ½ log(2V / π) ≥ log(m / α)      S = t b̄ - z_power √(t (v - b̄²)),  V = t v

    b̄ and v are the mean and the mean square of the bets, with the ranks of all gaps; the left side is the
    capital's logarithm by Laplace's method. Never below what the smallest p allows. As `pairs_for_power`
    for one look, this is a plan, no test.
    """
    from scipy import special

    d = np.asarray(gaps, dtype=float)
    d = d[~np.isnan(d)]
    if len(d) < 2:
        return math.inf
    bets = np.sign(d) * np.sqrt(stats.ranks(np.abs(d)) / len(d))
    mean, square = abs(float(np.mean(bets))), float(np.mean(bets**2))
    if mean == 0:
        return math.inf
    z = float(special.ndtri(power))

    def enough(t: float) -> bool:
        s = t * mean - z * math.sqrt(t * max(0.0, square - mean**2))
        v = t * square
        return s > 0 and s * s / (2 * v) - math.log(2 * v / math.pi) / 2 >= math.log(comparisons / alpha)

    fewest = stats.pairs_needed(comparisons, alpha, sequential=True)
    if not enough(MOST_PAIRS):
        return math.inf
    return float(fewest + _bisect(MOST_PAIRS - fewest, lambda at: enough(fewest + at)))


def level_at(look: int, level: float = LEVEL) -> float:
    """Return the level of an interval at a look, so that all looks' together miss with 1 - level at most.

        1 - (1 - level) / (k (k + 1))      at the k-th look; the shares sum to 1 however many looks there are

    For what has no always-valid interval of its own; by Bonferroni's inequality, as in Lan & DeMets,
    "Discrete Sequential Boundaries for Clinical Trials", Biometrika 70(3), 1983, who spend exactly.
    """
    return 1 - (1 - level) / (look * (look + 1))


def always_valid_p(gaps: Array | Sequence[float], one_sided: bool = False) -> Array:
    """Return, after each pair, a p-value that stays valid however often one looks at it.

        p_t = min over i ≤ t of 1 / M_i        M_i = ½ ∫ Π_(j ≤ i) (1 + λ b_j) dλ over (-1, 1)
        b_j = sign(d_j) √(rank of |d_j| among |d_1|, ..., |d_j|  /  j)

    one_sided: against gaps that are not positive, with λ over (0, 1) and without the ½; for gaps that are
    symmetric about their only mode M can then but shrink where that lies below 0.

    Where neither arm is better, signs are coins whatever the sizes, so M is a martingale that begins at 1,
    and P(M ever exceeds 1/α) ≤ α (Ville 1939): one may stop at any pair, for any reason, and go on later.
    Gaps come in the order of their seeds, a batch as well as one by one; ties (0) bet nothing, an infinite
    one has the largest rank, a NaN is left out and repeats the p before it. Betting on signs: Shafer,
    "Testing by Betting", J. Royal Statistical Society A 184(2), 2021; the ranks so far: Reynolds, "A
    Sequential Signed-Rank Test for Symmetry", Annals of Statistics 3(2), 1975. A test planned for a fixed
    number of pairs needs fewer of them.
    """
    d = np.asarray(gaps, dtype=float)
    there = np.flatnonzero(~np.isnan(d))
    placed = bets(d[there])
    nodes, weights = _nodes(len(placed))
    pieces = _log_capital(placed, nodes if one_sided else 2 * nodes - 1, weights)
    log_m = np.concatenate([np.empty(0), *pieces])
    p = np.ones(len(d))
    p[there] = np.minimum(1.0, np.exp(-log_m))
    return np.minimum.accumulate(p)


def bets(gaps: Array) -> Array:
    """Return what `always_valid_p` bets on each of the gaps, none of them NaN."""
    sizes = np.abs(gaps)
    # Sizes that differ by rounding alone must not be told apart by rank.
    near = sizes * (1 + 1e-12)
    earlier, counts = np.empty(0), np.empty(len(sizes))
    for start in range(0, len(sizes), BLOCK):  # so that memory grows with the block's square alone
        own, limits = sizes[start : start + BLOCK], near[start : start + BLOCK]
        within = np.tril(own <= limits[:, None]).sum(axis=1)
        counts[start : start + BLOCK] = within + np.searchsorted(earlier, limits, side="right")
        earlier = np.sort(np.concatenate([earlier, own]))
    return np.sign(gaps) * np.sqrt(counts / np.arange(1, len(sizes) + 1))
