"""Data set: copy_task."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, hookimpl, hyper


@dataclass(frozen=True)
class CopyTask(Dataset):
    """The copy task: bits are shown, then nothing for a while, then a sign, and all bits must be given back.

        steps   1 ... length               bits b = ±1, coins          target 0
                then delay                 nothing                     target 0
                then length                the sign: 1 in column 2     target b₁, b₂, ...

    Each step has two columns, the bit and the sign, 0 where there is none. A network that remembers nothing
    gives 0 everywhere; its mean squared error is length / (2 · length + delay), the share of the steps that
    ask. It must have room for `length` bits and hold them for length + delay steps each. `adding` needs two
    numbers at two places only.

    A network needs two `features`, and to be read at every step. With [split] standardize = false losses are
    in these units.

    Domain: length at least 1, delay at least 0. There are 2^length sequences; of short ones, training and
    test share many.
    Shapes: x (n, 2 · steps), y (n, steps), steps = 2 · length + delay.

    Hochreiter & Schmidhuber, "Long Short-Term Memory", Neural Computation 9 (1997), 1735-1780,
    https://doi.org/10.1162/neco.1997.9.8.1735, for the kind of task; Arjovsky, Shah & Bengio, "Unitary
    Evolution Recurrent Neural Networks", ICML 2016, section 5.1, with ten symbols of eight kinds and one sign
    alone. https://arxiv.org/abs/1511.06464
    """

    name: ClassVar[str] = "copy_task"

    n: int = hyper(500, "int [10, inf)")
    length: int = hyper(4, "int [1, inf)")
    delay: int = hyper(8, "int [0, inf)")

    def make(self, rng: np.random.Generator) -> Data:
        steps = 2 * self.length + self.delay
        bits = 2.0 * rng.integers(0, 2, (self.n, self.length)) - 1
        x, y = np.zeros((self.n, steps, 2)), np.zeros((self.n, steps))
        x[:, : self.length, 0] = bits
        x[:, steps - self.length :, 1] = 1
        y[:, steps - self.length :] = bits
        names = tuple(f"{what}{step}" for step in range(1, steps + 1) for what in ("bit", "sign"))
        return Data(x.reshape(self.n, -1), y, "regression", features=names)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [CopyTask]
