"""Data set: teacher_student."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Data, Dataset, Hyper, hookimpl, hyper, linear


@dataclass(frozen=True)
class TeacherStudent(Dataset):
    """The answers of a random network, the teacher, to random inputs.

        y = Σₖ g(wₖ·x / √features) / √units + noise · N(0, 1)    k = 1 ... units
        wₖ ~ N(0, I), the teacher's, one for each seed;  x ~ N(0, I)

    g is the `activation`: the error function erf(z / √2), tanh or relu. What a student network cannot learn
    is known to be its own fault: a student with as many units of the same kind can be exact. Students linger
    on a plateau on which all their units do the same, before each of them takes over one of the teacher's.
    With answers "sign" the class is whether y is above its median in the data, a task for classifiers. Choose
    it to see such plateaus, or how many units more than the teacher's help; in `friedman` no network is
    exact.

    Domain: features and units whole numbers of at least 1, noise ≥ 0. The test split is scored on y without
    noise.
    Shapes: x (n, features), y (n,), or with answers "sign" classes (n,) in {0, 1} of nearly equal size.

    Saad & Solla, "On-line learning in soft committee machines", Physical Review E 52 (1995), 4225-4243, with
    orthogonal teachers as well. https://doi.org/10.1103/PhysRevE.52.4225
    """

    name: ClassVar[str] = "teacher_student"

    n: int = hyper(1000, "int [10, inf)")
    features: int = hyper(10, "int [1, inf)")
    units: int = hyper(3, "int [1, inf)")
    activation: str = hyper("erf", ("erf", "tanh", "relu"))
    answers: str = hyper("value", ("value", "sign"))
    noise: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def make(self, rng: np.random.Generator) -> Data:
        x = rng.standard_normal((self.n, self.features))
        teacher = rng.standard_normal((self.features, self.units))
        exact = self._activation(x @ teacher / np.sqrt(self.features)).sum(axis=1) / np.sqrt(self.units)
        y = exact + self.noise * rng.standard_normal(self.n)
        if self.answers == "sign":
            middle = np.median(exact)
            return Data(x, (y > middle).astype(np.intp), "binary", clean_y=(exact > middle).astype(np.intp))
        return Data(x, y, "regression", clean_y=exact)

    def _activation(self, z: Array) -> Array:
        if self.activation == "erf":
            from scipy.special import erf

            return erf(z / np.sqrt(2))
        return np.tanh(z) if self.activation == "tanh" else np.maximum(z, 0)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [TeacherStudent]
