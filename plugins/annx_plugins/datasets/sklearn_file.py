"""Data set: sklearn."""

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Data, DataError, Dataset, Task, hookimpl, hyper, nearest

BUNDLED = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")
MADE = (
    *("blobs", "circles", "classification", "friedman1", "friedman2", "friedman3", "gaussian_quantiles"),
    *("hastie_10_2", "moons", "regression", "s_curve", "sparse_uncorrelated", "swiss_roll"),
)
LOADERS = (*(f"load_{name}" for name in BUNDLED), *(f"make_{name}" for name in MADE))
OURS = (
    "n_samples",
    "random_state",
    "return_X_y",
    "as_frame",
    "return_centers",
    "coef",
    "return_distributions",
)
MOST_CLASSES = 20


@dataclass(frozen=True)
class Sklearn(Dataset):
    """A data set of scikit-learn, by the name of the function that loads or makes it.

        loader = "load_wine"        one that scikit-learn brings along
        loader = "make_moons"       one that it makes; `n` examples, drawn anew for each seed

    `options` sets other arguments of the function as name=value, for example options = ["noise=0.2"] for
    make_moons; see scikit-learn's own page for what they mean. The seed of what is drawn comes from the
    trial's stream, so random_state is not among them. Functions that download (fetch_...) are not here. Where
    the target holds whole numbers, each at least twice on average and at most 20 different ones, they are
    classes; else it is a regression.

    Domain: n ≥ 10, and only for make_...; without it the function's own default.
    Shapes: x (n, D), y (n,) or (n, K).

    Pedregosa et al., "Scikit-learn: Machine Learning in Python", JMLR 12 (2011), 2825-2830.
    https://jmlr.org/papers/v12/pedregosa11a.html, https://scikit-learn.org/stable/api/sklearn.datasets.html
    """

    name: ClassVar[str] = "sklearn"

    loader: str = hyper("load_wine", LOADERS)
    n: int | None = hyper(None, "optional int [10, inf)", help="examples of make_...")
    options: tuple[str, ...] = hyper((), "list str", help='other arguments, "noise=0.2"')

    def validate(self) -> None:
        if self.n is not None and self.loader.startswith("load_"):
            raise ValueError(
                f"n has no meaning for {self.loader}, which always has the same examples; leave it out"
            )
        self._arguments()

    def make(self, rng: np.random.Generator) -> Data:
        function = self._function()
        takes = inspect.signature(function).parameters
        given = self._arguments()
        if self.n is not None:
            given["n_samples"] = self.n
        if "random_state" in takes:
            given["random_state"] = int(rng.integers(2**31))
        try:
            made = function(**given)
        except (ValueError, TypeError) as error:
            reason = " ".join(str(error).split())[:300].rstrip(".")
            raise DataError(f"sklearn: {self.loader} refuses its options: {reason}") from None
        if isinstance(made, Mapping):
            return _bundled(made)
        x, y = np.asarray(made[0], float), np.asarray(made[1])
        classes = _whole(y)
        if classes is None:
            return Data(x, y.astype(float), "regression")
        task: Task = "binary" if len(classes) == 2 else "multiclass"
        return Data(x, np.searchsorted(classes, y), task, classes=tuple(f"{label:g}" for label in classes))

    def _function(self) -> Any:
        import sklearn.datasets

        return getattr(sklearn.datasets, self.loader)

    def _arguments(self) -> dict[str, Any]:
        """Return the options as arguments; raises ValueError for what the function does not take."""
        known = [name for name in inspect.signature(self._function()).parameters if name not in OURS]
        arguments: dict[str, Any] = {}
        for option in self.options:
            name, sign, value = (part.strip() for part in option.partition("="))
            if not sign or name not in known:
                offer = f"it takes {', '.join(known)}" if known else "it takes none"
                raise ValueError(
                    f"options must be name=value of {self.loader}, got {option!r}; "
                    f"{offer}.{nearest(name, known)}"
                )
            try:
                arguments[name] = json.loads(value)
            except ValueError:
                arguments[name] = {"True": True, "False": False, "None": None}.get(value, value)
        return arguments


def _bundled(bunch: Mapping[str, Any]) -> Data:
    """Return what a load_ function gives."""
    x, y = np.array(bunch["data"], float), np.array(bunch["target"])
    features = tuple(map(str, bunch.get("feature_names", ())))
    if y.ndim == 2 or _whole(y) is None or y.dtype.kind == "f":
        return Data(x, y.astype(float), "regression", features=features)
    names = tuple(map(str, bunch["target_names"]))[: int(y.max()) + 1]
    return Data(x, y, "binary" if len(names) == 2 else "multiclass", classes=names, features=features)


def _whole(y: Array) -> Array | None:
    """Return the different values of a target where they are classes."""
    if y.ndim != 1:
        return None
    values = np.unique(y)
    few = 2 <= len(values) <= min(MOST_CLASSES, len(y) / 2)
    return values if few and (values == np.floor(values)).all() else None


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Sklearn]
