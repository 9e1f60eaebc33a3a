"""Which of an arm's tuned hyperparameters mattered: the variance of its scores over the configurations tried.

The functional analysis of variance splits the variance of the mean score, over the values that were tried,
into what each hyperparameter does by itself, what each pair does beyond that, and the rest:

    V = Σ V_u + Σ V_uv + ...        V_u = Var(E(score | u)),  V_uv = Var(E(score | u, v)) - V_u - V_v

and the importance of u is V_u / V. Where all combinations of the values were tried (a grid), the averages are
taken of the scores themselves. Tuning seeds then say how much of it is noise: its expectation is subtracted
from every part, and intervals come from scores drawn anew with that noise. Else (a search) a random forest
fills in what was not tried, and its trees, each grown on another sample of the configurations, say how sure
the parts are: Hutter, Hoos & Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance",
ICML 2014, PMLR 32(1), 754-762. Values weigh as often as they were tried, so a logarithmic search is judged on
its own scale. PED-ANOVA (Watanabe, Bansal & Hutter, IJCAI 2023) is faster where there are thousands of
configurations, but says nothing of pairs.

Nothing is claimed where the scores differ no more than seeds do (an F test on a grid), or where a grid has a
single seed, whose noise nobody knows. Trees that are grown alike err alike: with 100 configurations of
Ishigami's function all of them take the second argument for the third. So of a forest a claim stands only
where the lead is larger than the share of the variance that it cannot foretell of configurations which its
trees have not seen: that share may be any hyperparameter's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from anncore.contract.columns import is_hyperparameter
from anncore.contract.kinds import Array
from anncore.evidence import stats

if TYPE_CHECKING:
    import pandas as pd

    from anncore.evidence.study import Study

TREES = 48
FEWEST_CONFIGS = 12  # that a forest is grown on
MOST_CONFIGS = 2000
MOST_KNOBS = 12
DRAWS = 400  # of scores with their noise
MOST_VALUES = 48  # of one hyperparameter; more are put into bins of equally many
MAP_SIDE = 12  # of a map of two hyperparameters, where values were drawn

Method = Literal["grid", "forest"]


class Part(NamedTuple):
    """A share of the variance with its interval, NaN where unknown. names: one or two hyperparameters."""

    names: tuple[str, ...]
    share: float
    low: float
    high: float


class Importance(NamedTuple):
    """What mattered for one arm on one problem.

    method: "grid" or "forest". n: configurations; seeds: of each. knobs: by their share; pairs: what two do
    together beyond what each does. leads: whether the first knob's share is surely above every other one's.
    reason: why nothing is claimed; "" where something may be. replaced: configurations that did not finish
    and count as the worst one that did. explained: the share of the variance that is split up: all of a
    grid's, of a forest's what it foretells of configurations that its trees have not seen. map: mean costs by
    the values of the two knobs that explain most.
    """

    problem: str
    arm: str
    method: Method
    n: int
    seeds: int
    knobs: tuple[Part, ...]
    pairs: tuple[Part, ...]
    leads: bool
    reason: str
    replaced: int
    explained: float
    map: KnobMap


class KnobMap(NamedTuple):
    """Mean costs by the values of two hyperparameters, (len(a), len(b)); NaN where nothing was tried."""

    names: tuple[str, str]
    a: tuple[Any, ...]
    b: tuple[Any, ...]
    costs: Array


class Codes(NamedTuple):
    """Configurations by the places of their values (N, K), the values, and how often each was tried."""

    names: tuple[str, ...]
    places: Array
    values: tuple[tuple[Any, ...], ...]
    weights: tuple[Array, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """How many values each hyperparameter has."""
        return tuple(len(values) for values in self.values)

    @property
    def whole(self) -> bool:
        """Whether every combination was tried just once."""
        cells = math.prod(self.shape)
        return cells == len(self.places) == len(np.unique(self.places, axis=0))


def coded(frame: pd.DataFrame) -> Codes:
    """Return the configurations of a frame, a column per hyperparameter, those that vary."""
    names, places, values, weights = [], [], [], []
    for name in frame.columns:
        # The missing value of a column of booleans or integers is neither true nor false.
        column = [
            "–" if gone else value
            for value, gone in zip(frame[name].tolist(), frame[name].isna(), strict=True)
        ]
        known = list(dict.fromkeys(column))
        if len(known) < 2:
            continue
        numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in known)
        known = sorted(known) if numbers else known
        place = {value: at for at, value in enumerate(known)}
        codes = np.array([place[value] for value in column])
        if numbers and len(known) > MOST_VALUES:
            bins = (np.arange(len(known)) * MOST_VALUES) // len(known)
            middles = [int(np.flatnonzero(bins == at).mean()) for at in range(MOST_VALUES)]
            known, codes = [known[middle] for middle in middles], bins[codes]
        names.append(str(name))
        places.append(codes)
        values.append(tuple(known))
        weights.append(np.bincount(codes, minlength=len(known)) / len(codes))
    table = np.stack(places, axis=1) if places else np.zeros((len(frame), 0), int)
    return Codes(tuple(names), table, tuple(values), tuple(weights))


# ---------------------------------------------------------------- grids


def variance_parts(table: Array) -> dict[tuple[int, ...], float]:
    """Return the variance that each axis and each pair of axes of a table explains; () has the total.

    Every value of an axis weighs alike. Sobol', "Sensitivity Estimates for Nonlinear Mathematical Models",
    Mathematical Modelling and Computational Experiments 1(4), 1993.
    """
    return {axes: float(values[0]) for axes, values in _parts_of_all(table[None]).items()}


def _parts_of_all(tables: Array) -> dict[tuple[int, ...], Array]:
    """Return `variance_parts` of many tables of one shape, (D, ...), as arrays (D,)."""
    axes = range(tables.ndim - 1)
    every = tuple(axis + 1 for axis in axes)
    tables = tables - tables.mean(axis=every, keepdims=True)
    parts: dict[tuple[int, ...], Array] = {}
    for size in (1, 2):
        for kept in combinations(axes, size):
            marginal = tables.mean(axis=tuple(axis + 1 for axis in axes if axis not in kept))
            explained = (marginal**2).mean(axis=tuple(range(1, marginal.ndim)))
            parts[kept] = explained - sum(parts[(axis,)] for axis in kept if size == 2)
    parts[()] = (tables**2).mean(axis=every)
    return parts


class _Noise(NamedTuple):
    """The variance of a cell's mean by its seeds, and the p-value of the cells being all the same."""

    variance: float
    p: float


def _noise_of(costs: Array) -> _Noise:
    """Return the noise of (configurations, seeds), of which every configuration saw the same seeds."""
    from scipy import special

    n, seeds = costs.shape
    rest = costs - costs.mean(axis=1, keepdims=True) - costs.mean(axis=0, keepdims=True) + costs.mean()
    freedom = (n - 1) * (seeds - 1)
    residual = float((rest**2).sum()) / freedom
    between = seeds * float(((costs.mean(axis=1) - costs.mean()) ** 2).sum()) / (n - 1)
    f = math.inf if residual <= 1e-12 * between else between / residual
    p = 1.0 if between == 0 else float(special.fdtrc(n - 1, freedom, f))
    return _Noise(residual / seeds, p)


def _grid_parts(codes: Codes, costs: Array) -> tuple[dict[tuple[int, ...], Array], str]:
    """Return draws of each part's share, the estimate itself first; and why nothing is claimed, if so."""
    table = np.empty(codes.shape)
    table[tuple(codes.places.T)] = costs.mean(axis=1)
    if costs.shape[1] < 2:
        reason = "with one tuning seed nobody knows how much of it is noise"
        return _shares(_parts_of_all(table[None])), reason
    noise = _noise_of(costs)
    rng = np.random.default_rng(0)
    again = table + rng.normal(0, math.sqrt(noise.variance), (DRAWS, *table.shape))
    parts = _parts_of_all(np.concatenate([table[None], again]))
    # What noise adds, on average, to a part; drawn anew it is there twice.
    added = noise.variance / table.size * np.array([1.0] + [2.0] * DRAWS)
    for part, values in parts.items():
        freedom = math.prod(codes.shape[axis] - 1 for axis in part) if part else table.size - 1
        parts[part] = np.maximum(values - freedom * added, 0.0)
    reason = "" if noise.p <= stats.ALPHA else "the scores differ no more than seeds do"
    return _shares(parts), reason


def _shares(parts: Mapping[tuple[int, ...], Array]) -> dict[tuple[int, ...], Array]:
    """Return the parts over the total, which is at least their sum; 0 where there is no variance."""
    own = {part: values for part, values in parts.items() if part}
    total = np.maximum(parts[()], np.sum(list(own.values()), axis=0))
    total = np.where(total > 0, total, 1.0)
    return {part: values / total for part, values in own.items()}


# ---------------------------------------------------------------- forests


class _Boxes(NamedTuple):
    """The leaves of a tree: their values (L,), and the values of each hyperparameter they hold (L, size)."""

    values: Array
    inside: tuple[Array, ...]


def _boxes_of(tree: Any, shape: Sequence[int]) -> _Boxes:
    """Return the leaves of one of scikit-learn's trees, grown on places."""
    low = np.zeros(len(shape), int)
    stack = [(0, low, np.array(shape))]
    values, ranges = [], []
    while stack:
        node, first, last = stack.pop()
        if tree.children_left[node] < 0:
            values.append(float(tree.value[node].reshape(-1)[0]))
            ranges.append((first, last))
            continue
        axis, cut = int(tree.feature[node]), math.floor(tree.threshold[node]) + 1
        left, right = last.copy(), first.copy()
        left[axis], right[axis] = min(last[axis], cut), max(first[axis], cut)
        stack += [(tree.children_left[node], first, left), (tree.children_right[node], right, last)]
    starts, ends = np.array([r[0] for r in ranges]), np.array([r[1] for r in ranges])
    inside = tuple(
        (np.arange(size) >= starts[:, [axis]]) & (np.arange(size) < ends[:, [axis]])
        for axis, size in enumerate(shape)
    )
    return _Boxes(np.array(values), inside)


def _tree_parts(boxes: _Boxes, weights: Sequence[Array]) -> dict[tuple[int, ...], float]:
    """Return a tree's parts of variance, exactly."""
    chances = [inside @ weight for inside, weight in zip(boxes.inside, weights, strict=True)]
    every = np.prod(chances, axis=0)
    centre = float(boxes.values @ every)
    parts: dict[tuple[int, ...], float] = {(): float((boxes.values - centre) ** 2 @ every)}
    axes = range(len(weights))
    for axis in axes:
        others = _without(chances, (axis,))
        marginal = (boxes.values * others) @ boxes.inside[axis] - centre
        parts[(axis,)] = float(marginal**2 @ weights[axis])
    for one, two in combinations(axes, 2):
        marginal = _marginal(boxes, chances, one, two) - centre
        explained = float(weights[one] @ marginal**2 @ weights[two])
        parts[one, two] = max(explained - parts[(one,)] - parts[(two,)], 0.0)
    return parts


def _without(chances: Sequence[Array], gone: Sequence[int]) -> Array:
    kept = [chance for axis, chance in enumerate(chances) if axis not in gone]
    return np.prod(kept, axis=0) if kept else np.ones_like(chances[0])


def _marginal(boxes: _Boxes, chances: Sequence[Array], one: int, two: int) -> Array:
    """Return the mean of a tree by the values of two hyperparameters."""
    weight = boxes.values * _without(chances, (one, two))
    result: Array = (boxes.inside[one] * weight[:, None]).T @ boxes.inside[two]
    return result


class _Forest(NamedTuple):
    """The boxes of every tree, the draws of each part's share, and the share of unseen variance foretold."""

    trees: list[_Boxes]
    shares: dict[tuple[int, ...], Array]
    explained: float


def _forest(codes: Codes, costs: Array) -> _Forest:
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=0)
    forest.fit(codes.places, costs)
    trees = [_boxes_of(tree.tree_, codes.shape) for tree in forest.estimators_]
    draws = [_tree_parts(boxes, codes.weights) for boxes in trees]
    mean = {part: float(np.mean([draw[part] for draw in draws])) for part in draws[0]}
    unseen = _unseen_prediction(forest, codes.places, costs)
    known = np.isfinite(unseen)
    spread = float(((costs[known] - costs[known].mean()) ** 2).sum()) if known.any() else 0.0
    missed = float(((costs[known] - unseen[known]) ** 2).sum())
    every = {part: np.array([mean[part], *(draw[part] for draw in draws)]) for part in mean}
    return _Forest(trees, _shares(every), max(0.0, 1 - missed / spread) if spread else 0.0)


def _unseen_prediction(forest: Any, places: Array, costs: Array) -> Array:
    """Return for each configuration the mean of the trees that were grown without it; NaN where none was."""
    total, count = np.zeros(len(costs)), np.zeros(len(costs))
    for tree, sample in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        out = np.ones(len(costs), bool)
        out[sample] = False
        total[out] += tree.predict(places[out])
        count[out] += 1
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


# ---------------------------------------------------------------- both


def importance(configs: pd.DataFrame, costs: Array, problem: str = "", arm: str = "") -> Importance | None:
    """Return which hyperparameters mattered; None where fewer than two vary, or there is nothing to go by.

    configs: a row per configuration, a column per hyperparameter. costs: (configurations, seeds), lower is
    better; a configuration with an infinite or missing one counts as the worst that has none.
    """
    codes = coded(configs)
    finite = np.asarray(np.isfinite(costs).all(axis=1))
    if not 2 <= len(codes.names) <= MOST_KNOBS or finite.sum() < 3 or len(costs) > MOST_CONFIGS:
        return None
    worst = costs[finite].mean(axis=1).argmax()
    costs = np.where(finite[:, None], costs, costs[finite][worst])
    trees: list[_Boxes] = []
    reason, explained = "", 1.0
    method: Method = "grid" if codes.whole else "forest"
    if method == "grid":
        draws, reason = _grid_parts(codes, costs)
    elif len(costs) < FEWEST_CONFIGS:
        return None
    else:
        trees, draws, explained = _forest(codes, costs.mean(axis=1))
        reason = "" if explained else "no model foretells the scores that it has not seen"
    known = method == "forest" or costs.shape[1] > 1
    parts = [_part(tuple(codes.names[axis] for axis in axes), own, known) for axes, own in draws.items()]
    knobs = sorted((part for part in parts if len(part.names) == 1), key=lambda part: -part.share)
    pairs = sorted((part for part in parts if len(part.names) == 2), key=lambda part: -part.share)
    return Importance(
        problem,
        arm,
        method,
        len(costs),
        costs.shape[1],
        tuple(knobs),
        tuple(pairs),
        leads=known and not reason and _leads(codes, draws, knobs[0].names[0], explained),
        reason=reason,
        replaced=int((~finite).sum()),
        explained=explained,
        map=_map_of(codes, costs.mean(axis=1), trees, _two_that_matter(codes, draws)),
    )


def _leads(codes: Codes, draws: dict[tuple[int, ...], Array], name: str, explained: float) -> bool:
    """Tell whether a hyperparameter's share is above every other one's in nearly all draws."""
    at = codes.names.index(name)
    others = [axis for axis in range(len(codes.names)) if axis != at]
    leads = [explained * (draws[(at,)][1:] - draws[(axis,)][1:]) > 1 - explained for axis in others]
    return min(float(np.mean(lead)) for lead in leads) >= (1 + stats.LEVEL) / 2


def _part(names: tuple[str, ...], shares: Array, known: bool) -> Part:
    value = float(shares[0])
    if not known:
        return Part(names, value, math.nan, math.nan)
    low, high = np.quantile(shares[1:], [0.025, 0.975])
    return Part(names, value, min(float(low), value), max(float(high), value))


def _two_that_matter(codes: Codes, draws: dict[tuple[int, ...], Array]) -> tuple[int, int]:
    """Return the two hyperparameters that explain most together, in the file's order."""
    pairs = combinations(range(len(codes.names)), 2)
    return max(pairs, key=lambda p: float(draws[p][0] + draws[(p[0],)][0] + draws[(p[1],)][0]))


def _map_of(codes: Codes, costs: Array, trees: Sequence[_Boxes], axes: tuple[int, int]) -> KnobMap:
    """Return mean costs by two hyperparameters: of what was tried on a grid, else as the forest has them."""
    one, two = axes
    sizes = [codes.shape[axis] for axis in axes]
    if trees:
        tables = [
            _marginal(boxes, [i @ w for i, w in zip(boxes.inside, codes.weights, strict=True)], one, two)
            for boxes in trees
        ]
        table = np.mean(tables, axis=0)
    else:
        total, count = np.zeros(sizes), np.zeros(sizes)
        np.add.at(total, tuple(codes.places[:, list(axes)].T), costs)
        np.add.at(count, tuple(codes.places[:, list(axes)].T), 1)
        table = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    kept = [np.unique(np.linspace(0, size - 1, min(size, MAP_SIDE)).round().astype(int)) for size in sizes]
    values = [tuple(codes.values[axis][at] for at in places) for axis, places in zip(axes, kept, strict=True)]
    return KnobMap((codes.names[one], codes.names[two]), values[0], values[1], table[np.ix_(*kept)])


def importances(study: Study) -> list[Importance]:
    """Return what mattered for each arm on each problem, where it tuned two hyperparameters or more."""
    from anncore.evidence.sources import tuning_scores

    if not study.tuned:
        return []
    frame = tuning_scores(study)
    hyper = [name for name in frame.columns if is_hyperparameter(name)]
    seeds = list(study.experiment.tune_seeds)
    rows = []
    for (problem, arm), mine in frame.groupby(["problem", "arm"], sort=False):
        configs = mine.drop_duplicates("config").set_index("config")[hyper]
        if len(coded(configs).names) < 2:
            continue
        wide = mine.drop_duplicates(["config", "seed"]).pivot_table(
            "score", "config", "seed", dropna=False, sort=False, aggfunc="first"
        )
        scores = wide.reindex(index=configs.index, columns=seeds).to_numpy(float)
        costs = _costs(scores, str(mine["goal"].iloc[0]))
        made = importance(configs, costs, str(problem), str(arm))
        if made is not None:
            rows.append(made)
    return rows


def _costs(scores: Array, goal: str) -> Array:
    """Return scores as costs, as logarithms where all are positive and low ones are good."""
    finite = scores[np.isfinite(scores)]
    log = goal == "min" and bool(len(finite)) and bool((finite > 0).all())
    return np.asarray(stats.to_cost(scores, goal, "log" if log else "linear"))
