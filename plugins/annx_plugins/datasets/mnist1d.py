"""Data set: mnist1d."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Data, Dataset, Hyper, flip_labels, hookimpl, hyper, linear

# The ten templates that define the data set, a digit a row: the height of a pen at twelve moments.
TEMPLATES = np.array(
    [
        [5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5],
        [5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5],
        [5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5],
        [5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5],
        [5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5],
        [5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5],
        [5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5],
        [5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5],
        [5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5],
        [5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5],
    ]
)
LEAST_PADDING, MOST_PADDING, MOST_SHIFT = 36, 60, 48  # places
LONG, SHORT = TEMPLATES.shape[1] + MOST_PADDING, 40  # places while it is made, and in the end
BLUR = 2.0  # the correlated noise's width, in places


@dataclass(frozen=True)
class MNIST1D(Dataset):
    """MNIST-1D: ten digits drawn as curves in one dimension, small and yet hard.

    An example is one of ten templates of 12 places, less its mean, divided by its standard deviation, moved
    so that it begins at 0, and divided by 6. Then

        36 to 60 zeros follow it, and the whole is stretched to 72 places
        it is scaled by 0.8 to 1.2 and moved by 0 to 47 places, round the edge
        0.25 · N(0, 1), blurred over 2 places, fills the zeros; noise · N(0, 1) is added everywhere
        a slope of up to ± 0.375 is taken off it, and it is read at 40 places

    all at random. At last all numbers together get mean 0 and standard deviation 1. Choose it where an image
    set is too slow: it tells linear models (32 % right), mlp (68 %) and deep convolutions (94 %) apart, which
    large ones hardly do; `digits` is easy for all three. The published set has 4000 and 1000 examples: n =
    5000. With shuffled true the places of all examples are in one other order, where convolutions lose their
    lead. A `cnn` takes these curves with layout = "line".

    Label noise: each label is replaced by another class with probability `label_noise`. The test split is
    scored on the original labels.

    Domain: n at least 20, noise ≥ 0; label_noise in [0, 1).
    Shapes: x (n, 40), y (n,) in {0, ..., 9}; the classes' sizes differ by at most 1.

    Greydanus & Kobak, "Scaling Down Deep Learning with MNIST-1D", ICML 2024 (first 2020).
    https://arxiv.org/abs/2011.14439. The templates are those of the published set; its random numbers are
    others.
    """

    name: ClassVar[str] = "mnist1d"

    n: int = hyper(2000, "int [20, inf)")
    noise: Hyper = hyper(0.02, "[0, inf)", search=linear(0.0, 0.2))
    shuffled: bool = hyper(False, "bool")
    label_noise: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.4))

    def make(self, rng: np.random.Generator) -> Data:
        y = rng.permutation(self.n) % len(TEMPLATES)
        drawn, is_drawn = self._drawn(rng, y)
        filling = _blurred(0.25 * rng.standard_normal(drawn.shape))
        curves = np.where(is_drawn, drawn, filling) + self.noise * rng.standard_normal(drawn.shape)
        slopes = 0.75 * (rng.random((self.n, 1)) - 0.5)
        curves -= slopes * np.linspace(-0.5, 0.5, LONG)
        x = _read(curves, np.broadcast_to(np.linspace(0, LONG - 1, SHORT), (self.n, SHORT)))
        x = (x - x.mean()) / x.std()
        if self.shuffled:
            x = x[:, np.random.default_rng(SHORT).permutation(SHORT)]
        return Data(x, flip_labels(rng, y, self.label_noise, 10), "multiclass", clean_y=y)

    def _drawn(self, rng: np.random.Generator, y: Array) -> tuple[Array, Array]:
        """Return the curves, (n, 72), without noise, and where the pen has drawn rather than nothing is."""
        pens = (TEMPLATES - TEMPLATES.mean(axis=1, keepdims=True)) / TEMPLATES.std(axis=1, keepdims=True)
        pens = (pens - pens[:, :1]) / 6
        places = pens.shape[1]
        lengths = places + rng.integers(LEAST_PADDING, MOST_PADDING + 1, self.n)
        padded = np.zeros((self.n, LONG))
        padded[:, :places] = pens[y]
        at = np.linspace(0, 1, LONG) * (lengths - 1)[:, None]
        curves = _read(padded, at) * (1 + 0.4 * (rng.random((self.n, 1)) - 0.5))
        sources = (np.arange(LONG) - rng.integers(0, MOST_SHIFT, (self.n, 1))) % LONG
        return np.take_along_axis(curves, sources, 1), np.take_along_axis(at < places, sources, 1)


def _read(curves: Array, at: Array) -> Array:
    """Return curves (n, places) at places between their own, (n, k), on straight lines."""
    low = np.minimum(at.astype(int), curves.shape[1] - 2)
    left, right = (np.take_along_axis(curves, place, 1) for place in (low, low + 1))
    return left + (at - low) * (right - left)


def _blurred(noise: Array) -> Array:
    """Return rows blurred by a Gaussian of four widths to both sides, mirrored at their ends."""
    reach = round(4 * BLUR)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / BLUR) ** 2)
    mirrored = np.pad(noise, ((0, 0), (reach, reach)), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(mirrored, 2 * reach + 1, axis=1)
    return windows @ (weights / weights.sum())


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [MNIST1D]
