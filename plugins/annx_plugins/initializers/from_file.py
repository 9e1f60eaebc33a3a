"""Initializer: from_file."""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import (
    Array,
    ComponentError,
    DataError,
    Initializer,
    WeightSpec,
    hookimpl,
    hyper,
    named_file,
    ref,
)

UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class FromFile(Initializer):
    """Weights from your own file: every trial starts from the same arrays.

        W = the file's array of the name that the network gives it

    To start where another program stopped, or where a published example starts. An .npz file has one array
    per name (numpy.savez("start.npz", W1=..., b1=...)); an .npy file has one array, for a network with a
    single weight. Weights are (inputs, units), PyTorch's transposed; a bias may be (units,). Arrays of the
    file must be the network's; biases that it lacks start where the network says, and weights too may be
    missing if `partial` is on: they start as `rest` draws them. All seeds start from the same arrays and
    differ in their data and batches alone.

    Choose it to start from weights that another program or an earlier run has made; `initial_biases` sets
    biases alone.

    Domain: `path` a file, relative to the experiment file; finite real numbers. The trial's key holds the
    file's content. Files with Python objects (pickles) are refused.

    The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
    """

    name: ClassVar[str] = "from_file"

    path: str = hyper("", "path", help="the file, relative to the experiment file")
    partial: bool = hyper(False, "bool")
    rest: Any = ref("initializer", "glorot_uniform")

    def fingerprint(self) -> str:
        """Return the SHA-256 of the file's bytes, once its arrays are known to be usable."""
        content = named_file(self.name, self.path, "start.npz")
        for name, array in self._arrays(content).items():
            self._refuse_unusable(name, array)
        return hashlib.sha256(content).hexdigest()

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return self.rest[0].sample(rng, shape, fan_in, fan_out)

    def draw(self, rng: np.random.Generator, specs: Sequence[WeightSpec]) -> Mapping[str, Array]:
        arrays = self._named(self._arrays(named_file(self.name, self.path, "start.npz")), specs)
        shapes = {spec.name: spec.shape for spec in specs}
        for name in arrays:
            if name not in shapes:
                raise self.error(f"the network has no {name!r}; it has {_listed(specs)}")
        missing = [spec for spec in specs if spec.role == "weight" and spec.name not in arrays]
        if missing and not self.partial:
            raise self.error(
                f"has no {missing[0].name!r}, which the network needs as {missing[0].shape}; write it, or "
                "set partial = true to draw it"
            )
        if self.partial:
            self._refuse_adjusting()
        drawn = dict(self.rest[0].draw(rng, specs)) if self.partial else {}
        return drawn | {name: self._fitted(name, array, shapes[name]) for name, array in arrays.items()}

    def _refuse_adjusting(self) -> None:
        inside = self.rest[0]
        if type(inside).adjust is not Initializer.adjust:
            raise ComponentError(
                f"{self.name}: rest cannot be {inside.name}, which looks at layers; use {inside.name} with "
                f"start = '{self.name}'"
            )

    def error(self, mistake: str) -> DataError:
        """Return the error of one line."""
        return DataError(f"{self.name}: {self.path}: {mistake}")

    def _arrays(self, content: bytes) -> dict[str, Array]:
        """Return the file's arrays by name, an .npy file's under the name ''."""
        try:
            loaded = np.load(io.BytesIO(content), allow_pickle=False)
            named = {"": loaded} if isinstance(loaded, np.ndarray) else dict(loaded.items())
        except UNREADABLE as error:
            why = str(error).partition("\n")[0] or "it ends early"
            if "pickle" in why or "Object arrays" in why:
                why = "it may hold Python objects, which are not read"
            raise self.error(f"is no .npz or .npy file of numbers: {why}") from None
        arrays = {name: np.asarray(array) for name, array in named.items()}  # other files in it are bytes
        if not arrays:
            raise self.error("holds no arrays")
        return arrays

    def _named(self, arrays: dict[str, Array], specs: Sequence[WeightSpec]) -> dict[str, Array]:
        """Return the arrays by the network's names; the only array of an .npy file is the only weight's."""
        if list(arrays) != [""]:
            return arrays
        weights = [spec for spec in specs if spec.role == "weight"]
        if len(weights) != 1:
            raise self.error(
                f"holds one array, but the network has several weights: {_listed(weights)}; write an .npz "
                "file with these names"
            )
        return {weights[0].name: arrays[""]}

    def _refuse_unusable(self, name: str, array: Array) -> None:
        label = repr(name) if name else "the array"
        if array.dtype.kind not in "fiub":
            raise self.error(f"{label} must hold real numbers, got {array.dtype}")
        if not np.isfinite(array).all():
            place = tuple(int(at) for at in np.argwhere(~np.isfinite(array))[0])
            raise self.error(f"{label} must be finite, got {array[place]} at {list(place)}")

    def _fitted(self, name: str, array: Array, shape: tuple[int, ...]) -> Array:
        """Return an array as the network has it, float64."""
        self._refuse_unusable(name, array)
        if array.shape != shape and not (shape[0] == 1 and array.shape == shape[1:]):
            turned = array.shape == shape[::-1]
            hint = "; it is transposed: weights are (inputs, units)" if turned else ""
            raise self.error(f"{name!r} must be {shape}, got {array.shape}{hint}")
        return array.astype(np.float64).reshape(shape)


def _listed(specs: Sequence[WeightSpec]) -> str:
    return ", ".join(f"{spec.name} {spec.shape}" for spec in specs)


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [FromFile]
