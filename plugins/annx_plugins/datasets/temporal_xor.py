"""Data set: temporal_xor."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, hookimpl, hyper


@dataclass(frozen=True)
class TemporalXOR(Dataset):
    """Exclusive or in time: a stream of bits; every third bit follows from the two before it.

        bits b₁ b₂ c  b₁ b₂ c ...    b₁ and b₂ coins, c = b₁ xor b₂

    The stream is cut into n consecutive pieces of window + 1 bits, so that no bit is in two of them. With
    predict
    "next" an example is a window, and its class the bit after it. With "every" the targets of a window are as
    many real numbers 0 and 1: for each bit the one after it. If window + 1 is a multiple of 3, all windows
    begin with a b₁; otherwise they begin anywhere.

    The best guess of a coin is 1/2, with squared error 1/4. So the error of a network that has found the rule
    is lower only on every third bit.

    Domain: window at least 2.
    Shapes: x (n, window) of 0 and 1; y (n,) in {0, 1}, or with predict "every" (n, window).

    Elman, "Finding Structure in Time", Cognitive Science 14 (1990), 179-211, with an uncut stream of
    3000 bits. https://doi.org/10.1207/s15516709cog1402_1
    """

    name: ClassVar[str] = "temporal_xor"

    n: int = hyper(500, "int [10, inf)")
    window: int = hyper(11, "int [2, inf)")
    predict: str = hyper("next", ("next", "every"))

    def make(self, rng: np.random.Generator) -> Data:
        bits = self.n * (self.window + 1)
        coins = rng.integers(0, 2, (-(-bits // 3), 2))
        stream = np.column_stack([coins, coins[:, 0] ^ coins[:, 1]]).ravel()[:bits]
        pieces = stream.reshape(self.n, self.window + 1)
        x = pieces[:, :-1].astype(float)
        names = tuple(f"t{i}" for i in range(1, self.window + 1))
        if self.predict == "every":
            return Data(x, pieces[:, 1:].astype(float), "regression", features=names)
        return Data(x, pieces[:, -1], "binary", features=names)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [TemporalXOR]
