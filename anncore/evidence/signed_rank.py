"""The distribution of the signed-rank sum and the averages of all pairs, for any number of differences.

Up to `EXACT_PAIRS` differences everything is counted exactly. Counting takes time with the third power of
their number (0.1 s for 300, minutes for 4,000), so beyond it Lugannani and Rice's saddlepoint approximation
takes its place. Its tails above 1e-10 differ from the exact ones by less than 0.01 % without ties and by less
than `TAIL_ERROR` with them, relatively, as measured at 301 differences; the error falls with their
number. Where nearly all differences have one size, or there are few sizes, all is still counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache

import numpy as np

from anncore.contract.kinds import Array

EXACT_PAIRS = 300
TAIL_ERROR = 3e-3
MOST_SUMS = 1e6  # of differences with few sizes, that are counted one by one
MOST_STEPS = 3e8  # of counting the differences beside a majority of one size
HALVED = 512  # ranks whose patterns are counted before they become shares: 2^1024 is no number
MOST_LISTED = 1000  # differences whose averages are listed; beyond it they are searched


def two_sided_ps(sizes: Array, positive: Array) -> list[float]:
    """Return min(1, 2 min(P(W ≤ w), P(W ≥ w))) for each row of differences other than 0, by sizes and signs.

    Many at once, since a report has thousands of pairs of arms: nearly all have no ties, and so the ranks
    1 to n.
    """
    n = sizes.shape[1]
    order = np.argsort(sizes, axis=1)
    untied: Array = np.all(_apart(np.take_along_axis(sizes, order, axis=1)), axis=1)
    whole = 2 * np.arange(1, n + 1)
    sums = (np.take_along_axis(positive, order, axis=1) * whole).sum(axis=1)
    ranks = tuple(whole.tolist())
    p = []
    for row, alone in enumerate(untied.tolist()):
        own = whole if alone else midranks(sizes[row])
        at = int(sums[row] if alone else own[positive[row]].sum())
        if n > EXACT_PAIRS:
            p.append(min(1.0, 2 * lower_tail(own, min(at, int(own.sum()) - at))))  # W is symmetric
        else:
            p.append(_counted_p(ranks if alone else tuple(np.sort(own).tolist()), at))
    return p


@lru_cache(maxsize=4096)
def _counted_p(ranks: tuple[int, ...], at: int) -> float:
    """Return the p-value of a sum of sorted ranks; hundreds of pairs of arms have the same ones."""
    counts = _patterns_of(ranks)
    tail = min(counts[: at + 1].sum(), counts[at:].sum()) / counts.sum()
    return float(min(1.0, 2 * tail))


def midranks(sizes: Array) -> Array:
    """Return twice the mid-ranks, whole numbers. Sizes equal up to rounding share a rank."""
    order = np.argsort(sizes)
    counts = np.bincount(np.cumsum(_apart(sizes[order])) - 1)
    ranks = np.empty(len(sizes), int)
    ranks[order] = np.repeat(2 * np.cumsum(counts) - counts + 1, counts)
    return ranks


def _apart(ordered: Array) -> Array:
    """Tell of each size, in order, whether it is another one than the size before it."""
    with np.errstate(invalid="ignore"):  # two infinite ones: equal
        apart: Array = np.diff(ordered, prepend=-np.inf) > 1e-12 * np.where(np.isinf(ordered), 0, ordered)
    return apart


def sign_patterns(ranks: Array) -> Array:
    """Return, for every possible sum, the share of the sign patterns that reach it."""
    counts = np.zeros(int(ranks.sum()) + 1)
    counts[0] = 1.0
    reach = 0  # the highest sum so far
    for start in range(0, len(ranks), HALVED):
        for rank in ranks[start : start + HALVED].tolist():
            counts[rank : rank + reach + 1] += counts[: reach + 1]
            reach += rank
        # To halve all of it after each rank gives the same bits, and takes twice as long.
        counts = np.ldexp(counts, -len(ranks[start : start + HALVED]))
    return counts


@lru_cache(maxsize=64)
def _patterns_of(ranks: tuple[int, ...]) -> Array:
    """Return `sign_patterns` of sorted ranks; hundreds of pairs of arms have the same ones."""
    counts = sign_patterns(np.array(ranks))
    counts.flags.writeable = False
    return counts


def lower_tail(ranks: Array, at: int) -> float:
    """Return about P(Σ r B ≤ at), B fair coins, for `at` up to the middle of the sum's range.

        Φ(w) + φ(w) (1/w - 1/u)     w = -√(2 (s x - K(s))),  u = (2/δ) sinh(δ s / 2) √K''(s),  K'(s) = x

    K(s) = Σ log cosh(r s / 2) is the cumulant function of the sum about its mean, δ the step between its
    values, x = at + δ/2 - mean. Lugannani & Rice, "Saddle Point Approximation for the Distribution of the
    Sum of Independent Random Variables", Advances in Applied Probability 12(2), 1980; the correction for
    steps: Daniels, "Tail Probability Approximations", International Statistical Review 55(1), 1987.
    """
    from scipy import special

    values, counts = np.unique(ranks, return_counts=True)
    if math.prod((np.sort(counts)[:-1] + 1.0).tolist()) <= MOST_SUMS:
        return _counted_tail(values, counts, at)
    usual, most = values[counts.argmax()], int(counts.max())
    rest = ranks[ranks != usual]
    if len(rest) < most and len(rest) * int(rest.sum()) <= MOST_STEPS:
        patterns = sign_patterns(rest)
        return _mixed_tail(np.arange(len(patterns)), patterns, usual, most, at)
    step = int(np.gcd.reduce(values))
    half = values / 2
    x = at + step / 2 - float((counts * half).sum())
    if x >= 0:
        return 0.5
    if at == 0:
        return 2.0 ** -len(ranks)

    def slope(s: float) -> float:
        return float((counts * half * np.tanh(half * s)).sum())

    low, high = -1.0, 0.0
    while slope(low) > x:
        low *= 2
    s = _root(lambda s: slope(s) > x, low, high)
    bent = float((counts * (half / np.cosh(np.minimum(np.abs(half * s), 300.0))) ** 2).sum())
    # log cosh z = |z| + log1p(exp(-2|z|)) - log 2 does not overflow.
    z = np.abs(half * s)
    cumulant = float((counts * (z + np.log1p(np.exp(-2 * z)) - math.log(2))).sum())
    w = -math.sqrt(max(0.0, 2 * (s * x - cumulant)))
    u = 2 / step * math.sinh(step * s / 2) * math.sqrt(bent)
    if w > -1e-4 or u == 0:  # next to the mean, where 1/w - 1/u is 0 up to rounding
        return float(special.ndtr(w))
    density = math.exp(-w * w / 2) / math.sqrt(2 * math.pi)
    return min(0.5, max(0.0, float(special.ndtr(w)) + density * (1 / w - 1 / u)))


def _counted_tail(values: Array, counts: Array, at: int) -> float:
    """Return P(Σ r B ≤ at) exactly, where there are few different ranks: by all sums of all but one of them.

    The sum then lies on few points, which no smooth approximation follows.
    """
    from scipy import special

    order = np.argsort(counts)
    sums, shares = np.zeros(1), np.ones(1)
    for value, count in zip(values[order[:-1]], counts[order[:-1]], strict=True):
        wins = np.arange(count + 1)
        weights = np.exp(
            special.gammaln(count + 1)
            - special.gammaln(wins + 1)
            - special.gammaln(count - wins + 1)
            - count * math.log(2)
        )
        sums, shares = np.add.outer(sums, value * wins).ravel(), np.outer(shares, weights).ravel()
    return _mixed_tail(sums, shares, values[order[-1]], counts[order[-1]], at)


def _mixed_tail(sums: Array, shares: Array, rank: float, count: int, at: int) -> float:
    """Return P(S + rank B ≤ at) for S with these shares at these sums, B binomial (count, 1/2)."""
    from scipy import special

    most = np.floor((at - sums) / rank)
    inside = np.where(most < 0, 0.0, special.bdtr(np.clip(most, 0, count), count, 0.5))
    return float((shares * inside).sum())


def _root(above: Callable[[float], bool], low: float, high: float) -> float:
    """Return where `above` turns from false to true between low and high, to the last digit."""
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        low, high = (low, middle) if above(middle) else (middle, high)


@cache
def outermost(n: int, level: float) -> int:
    """Return the largest k with P(W⁺ < k) ≤ (1 - level)/2 for n differences without ties."""
    if n <= EXACT_PAIRS:
        below = np.cumsum(sign_patterns(np.arange(1, n + 1)))  # P(W⁺ ≤ w)
        return int(np.searchsorted(below, (1 - level) / 2, side="right"))
    ranks, low, high = np.arange(1, n + 1), 0, n * (n + 1) // 4
    while low < high:  # P(W⁺ ≤ w) ≤ (1 - level)/2 for all w below `low`
        middle = (low + high) // 2
        low, high = (middle + 1, high) if lower_tail(ranks, middle) <= (1 - level) / 2 else (low, middle)
    return low


class WalshAverages:
    """The averages of all pairs i ≤ j of some numbers, in order; one -∞ and one ∞ count as 0.

    Of more than `MOST_LISTED` numbers the averages are not listed, since they take memory with the square of
    their number; each is found by bisection, exact up to rounding in the last digit.
    """

    def __init__(self, numbers: Array) -> None:
        self._n = len(numbers)
        self._finite = np.sort(numbers[np.isfinite(numbers)])
        self._lowest, self._highest = int((numbers == -np.inf).sum()), int((numbers == np.inf).sum())
        self._all = listed_averages(numbers) if self._n <= MOST_LISTED else None

    def __len__(self) -> int:
        return self._n * (self._n + 1) // 2

    def __getitem__(self, place: int) -> float:
        """Return the average at a place in the order, from 0."""
        if self._all is not None:
            return float(self._all[place])
        # Bisection over the floats themselves, by their order as whole numbers.
        low, high = _ordinal(-np.inf), _ordinal(np.inf)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._count(_float(middle)) > place else (middle + 1, high)
        return _float(low)

    @property
    def median(self) -> float:
        """The middle one, or the mean of the two in the middle."""
        low, high = self[(len(self) - 1) // 2], self[len(self) // 2]
        return low if low == high else (low + high) / 2

    def _count(self, limit: float) -> int:
        """Return how many averages are at most `limit`."""
        m, low, high = len(self._finite), self._lowest, self._highest
        if limit == np.inf:
            return len(self)
        count = low * (low + 1) // 2 + low * m + (low * high if limit >= 0 else 0)
        if limit == -np.inf or not m:
            return count
        # j such that d_j ≤ 2 limit - d_i, of which the pairs with j ≥ i are counted once
        partners = np.searchsorted(self._finite, 2 * limit - self._finite[::-1], side="right")
        doubles = int((self._finite <= limit).sum())
        return count + (int(partners.sum()) + doubles) // 2


def listed_averages(numbers: Array) -> Array:
    """Return the averages of all pairs i ≤ j of the numbers in each row, in order."""
    i, j = _pairs(numbers.shape[-1])
    with np.errstate(invalid="ignore"):
        averages = (numbers[..., i] + numbers[..., j]) / 2
    return np.sort(np.where(np.isnan(averages), 0.0, averages))


@lru_cache(maxsize=4)
def _pairs(n: int) -> tuple[Array, Array]:
    i, j = np.triu_indices(n)
    return i, j


def _ordinal(value: float) -> int:
    """Return a whole number by which floats are ordered."""
    bits = int(np.float64(value).view(np.int64))
    return bits if bits >= 0 else -(bits & 0x7FFFFFFFFFFFFFFF)


def _float(ordinal: int) -> float:
    """Return the float of an ordinal."""
    value = float(np.int64(abs(ordinal)).view(np.float64))
    return value if ordinal >= 0 else -value
