"""What a few steps with each shipped component come to: for the test that notices when bits change.

    python tests/shipped_bits.py

writes tests/golden/bits.json anew, for this machine: NUMBER_VERSION, per environment a digest of every
component's numbers, and the numbers themselves, rounded, for machines that are not in the file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
import re
import struct
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from trial_factory import make_objective_trial, make_trial

from anncore import Registry, load_registry
from anncore.contract.engine_version import NUMBER_VERSION, environment_digest, numeric_environment
from anncore.contract.hyperparameters import build
from anncore.contract.registry import Registered
from anncore.contract.trial import Part, Split, Trial, TrialResult
from anncore.engine.packing import pack
from anncore.engine.training import train_stack
from anncore.running.component_costs import default_part

FILE = Path(__file__).parent / "golden" / "bits.json"
COMMAND = "python tests/shipped_bits.py"
DTYPES = ("float32", "float64")
KINDS = (
    "activation",
    "loss",
    "optimizer",
    "schedule",
    "initializer",
    "dataset",
    "network",
    "objective",
    "metric",
)
DATA = {
    "binary": {"dataset": ("two_moons", {"n": 60})},
    "multiclass": {"dataset": "iris", "output": "softmax", "loss": "categorical_cross_entropy"},
    "regression": {"dataset": ("friedman", {"n": 60}), "output": "identity", "loss": "mse"},
    "unsupervised": {"dataset": ("unlabelled", {}), "output": "identity", "loss": "mse"},
}
UNSUPERVISED: dict[str, dict[str, Any]] = {
    "competitive": {"dataset": "unit_square"},
    "som": {"dataset": "unit_square"},
    "boltzmann": {"dataset": "bars_and_stripes", "output": "sigmoid", "split": Split(standardize=False)},
    "autoencoder": {},
    "gan": {"dataset": "gaussian_ring"},
}
MEASURED = {
    "competitive": ("idle_prototypes",),
    "som": ("topographic_error",),
    "boltzmann": ("log_likelihood",),
    "gan": ("coverage", "modes_covered"),
}
# SOAP and SPlus turn by eigenvectors, which rounding moves further than anything else here.
TOLERANCE = {"": 1e-5, "optimizer soap": 2e-3, "optimizer splus": 2e-3}
SHORT = {"steps": 6, "eval_every": 3, "batch_size": 16}


def components(registry: Registry) -> list[Registered]:
    """Return what annx ships of the kinds that compute a trial's numbers.

    What the data sets `parquet` and `data_frame` read becomes the data that `csv` makes of it.
    """
    return [
        component
        for component in registry.components
        if component.kind in KINDS
        and component.dist == "annx"
        and component.name not in ("parquet", "data_frame")
    ]


def numbers_of(registry: Registry, component: Registered, dtype: str) -> list[float]:
    """Return the losses of a short training with a component, or the scores that it gives."""
    with tempfile.TemporaryDirectory() as folder:
        trials = trials_with(registry, component, dtype, Path(folder))
        return _numbers(component, dtype, [train_stack([trial], registry)[0] for trial in trials])


def all_numbers(registry: Registry) -> dict[str, dict[str, list[float]]]:
    """Return the numbers of every component of `components`, by name and dtype.

    Trials of equal shapes are trained as one stack, which gives each the bits that it has alone.
    """
    wanted = list(itertools.product(components(registry), DTYPES))
    with tempfile.TemporaryDirectory() as folder:
        trials = [list(trials_with(registry, component, dtype, Path(folder))) for component, dtype in wanted]
        results = {
            result.key: result
            for stack in pack(itertools.chain(*trials), registry)
            for result in train_stack(stack, registry)
        }
    numbers: dict[str, dict[str, list[float]]] = {}
    for (component, dtype), own in zip(wanted, trials, strict=True):
        mine = _numbers(component, dtype, [results[trial.key] for trial in own])
        numbers.setdefault(name_of(component), {})[dtype] = mine
    return numbers


def _numbers(component: Registered, dtype: str, results: Iterable[TrialResult]) -> list[float]:
    numbers: list[float] = []
    for result in results:
        for name, values in sorted({**{k: (v,) for k, v in result.metrics.items()}, **result.curves}.items()):
            wanted = name.endswith("_loss")
            if component.kind == "metric":
                wanted = component.name in name
            if wanted or component.kind == "objective":
                numbers += values
    if not numbers and component.kind == "loss":
        numbers = _values(component, dtype)
    assert numbers, f"{component.kind} {component.name} gives nothing to look at"
    return numbers


def _values(component: Registered, dtype: str) -> list[float]:
    """Return a loss's values where it is for evaluation only."""
    rng = np.random.default_rng(0)
    output, target = rng.random((2, 9, 1)).astype(dtype), (rng.random((2, 9, 1)) > 0.5).astype(dtype)
    return [float(value) for value in component.cls().value(output, target)]


def trials_with(registry: Registry, component: Registered, dtype: str, folder: Path) -> Iterator[Trial]:
    """Yield trials with a component; what one of them reads lies in the folder."""
    kind, cls = component.kind, component.cls
    options: dict[str, Any] = {**SHORT, "dtype": dtype}
    if kind == "objective":
        yield make_objective_trial(registry, objective=component.name, steps=6, eval_every=3, dtype=dtype)
    elif kind == "dataset":
        yield from _on_data(registry, component, options, folder)
    elif kind == "network":
        yield make_trial(registry, network=component.name, **_data_for(component.name), **options)
    elif kind == "loss":
        for task in _tasks(cls.outputs) if getattr(cls, "trainable", True) else ():
            own = {"loss": component.name, "output": cls.outputs[task]}
            if task == "regression" and cls.targets.startswith("[0,"):  # which standardised ones are not
                own["split"] = Split(standardize=False)
            yield make_trial(registry, **{**DATA[task], **own}, **options)
    elif kind == "metric":
        watch = (component.full_name,) if getattr(cls, "watches", False) else ()
        networks = [network for network, names in MEASURED.items() if component.name in names]
        for task in _tasks(cls.tasks):
            more = {"network": networks[0], **UNSUPERVISED[networks[0]]} if networks else {}
            yield make_trial(registry, **{**DATA[task], **more}, **options, watch=watch)
    elif kind == "activation":
        yield make_trial(registry, activation=component.name, **DATA["binary"], **options)
    else:
        if getattr(cls, "full_batch", False):
            options["batch_size"] = "full"
        squares = getattr(cls, "needs", "") == "residuals"  # which a cross-entropy has not
        trial = make_trial(registry, **DATA["regression" if squares else "binary"], **options)
        part = default_part(registry, component)
        if component.name == "from_file":
            shapes = {"W1": (2, 8), "W2": (8, 8), "W3": (8, 1)}
            arrays = {
                name: np.sin(np.arange(math.prod(shape))).reshape(shape) for name, shape in shapes.items()
            }
            np.savez(folder / "start.npz", **arrays)
            part = _with_file(component, part, folder / "start.npz")
        yield dataclasses.replace(trial, parts={**trial.parts, kind: part})


def _tasks(tasks: Iterable[str]) -> list[str]:
    """Return the tasks to look at: what is scored on targets gives nothing else on inputs given back."""
    return [task for task in tasks if task != "unsupervised"] or [*tasks]


def _data_for(network: str) -> dict[str, Any]:
    """Return data that a network can have, {} for those that can have any."""
    if network in UNSUPERVISED:
        return {**DATA["unsupervised"], **UNSUPERVISED[network]}
    if network in ("cnn", "elman", "locally_connected"):
        return {**DATA["multiclass"], "dataset": "digits"}
    if network == "maxnet":
        return {**DATA["multiclass"], "dataset": "largest"}
    others = {"hopfield": "stored_patterns", "lattice": "pixel_shapes", "jordan": ("circling", {"n": 60})}
    others |= dict.fromkeys(
        ("rnn", "lstm", "gru", "echo_state", "transformer"), ("mackey_glass", {"n": 60, "window": 6})
    )
    return {**DATA["regression"], "dataset": others[network]} if network in others else {}


def _on_data(
    registry: Registry, component: Registered, options: dict[str, Any], folder: Path
) -> Iterator[Trial]:
    """Yield a training on a data set, whichever its task; one that reads a file is given one."""
    from anncore.engine.datasets import inspect

    part = default_part(registry, component)
    if component.name == "csv":
        path = folder / "points.csv"
        path.write_text("u,v,class\n" + "".join(f"{i % 7},{i * i % 11},{'ab'[i % 2]}\n" for i in range(60)))
        part = _with_file(component, part, path, target="class")
    task = inspect(part, make_trial(registry).split, 0, 0, registry).task
    trial = make_trial(registry, **DATA[task], **options)
    yield dataclasses.replace(trial, parts={**trial.parts, "dataset": part})


def _with_file(component: Registered, part: Part, path: Path, **values: Any) -> Part:
    """Return a part that reads a file, as the planner makes it."""
    fingerprint = build(component.cls, path=str(path), **values).fingerprint()
    params = {**part.params, **values, "fingerprint": fingerprint}
    params.pop("path")
    return Part(part.kind, part.name, part.code, params, part.refs, {"path": str(path)})


def digest(numbers: list[float]) -> str:
    """Return the first digits of a SHA-256 over all bits."""
    return hashlib.sha256(struct.pack(f"<{len(numbers)}d", *numbers)).hexdigest()[:12]


def name_of(component: Registered) -> str:
    """Return the name a component has in the file."""
    return f"{component.kind} {component.name}"


def changed(
    known: Mapping[str, Any], component: Registered, numbers: Mapping[str, list[float]], here: str
) -> bool:
    """Tell whether a component's numbers, by dtype, are others than the file has.

    In an environment of the file (`here` is its digest) every bit counts. Elsewhere last digits differ
    anyway, so the float64 numbers are compared to within TOLERANCE.
    """
    name = name_of(component)
    if here in known["environments"]:
        bits: str = known["environments"][here]["bits"].get(name, "")
        return bits != digest([number for dtype in DTYPES for number in numbers[dtype]])
    expected = [math.nan if value is None else value for value in known["values"].get(name, ())]
    got, tolerance = numbers["float64"], TOLERANCE.get(name, TOLERANCE[""])
    return len(got) != len(expected) or not np.allclose(got, expected, tolerance, 1e-12, equal_nan=True)


def main() -> None:
    """Write the file for this machine; bits of other machines stay unless their version is another."""
    registry = load_registry(environ={"ANNX_PLUGINS": ""})
    numbers = all_numbers(registry)
    old = json.loads(FILE.read_text()) if FILE.is_file() else {}
    kept = old.get("environments", {}) if old.get("number_version") == NUMBER_VERSION else {}
    here = numeric_environment()
    bits = {name: digest([*of_both["float32"], *of_both["float64"]]) for name, of_both in numbers.items()}
    content = {
        "number_version": NUMBER_VERSION,
        "environments": {**kept, environment_digest(here): {"what": json.loads(here), "bits": bits}},
        "values": {
            name: [float(f"{value:.6g}") if math.isfinite(value) else None for value in of_both["float64"]]
            for name, of_both in numbers.items()
        },
    }
    text = json.dumps(content, indent=1)
    text = re.sub(r"\[[^\[\]{}]*\]", lambda match: re.sub(r"\s+", " ", match[0]), text)  # a component a line
    FILE.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(f"{FILE}: {len(numbers)} components in {len(content['environments'])} environments\n")


if __name__ == "__main__":
    main()
