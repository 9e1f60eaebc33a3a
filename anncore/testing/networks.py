"""What a network must keep."""

from __future__ import annotations

from typing import Any

import numpy as np

from anncore.testing.kit import Case, Kit, Named, Subject, must, must_be_close
from anncore.types import Array

INPUTS, OUTPUTS, EXAMPLES = 3, 2, 5
PROBED = 15  # parameters of each array whose gradient is compared


class NetworkKit(Kit):
    """Parameters, shapes, the whole gradient."""

    stacked = True

    def cases(self, subject: Subject) -> list[Case]:
        """Run forward and backward; the parameters are among the inputs."""
        found: dict[str, Case] = {}
        for variant in subject.variants():
            specs = tuple(subject.build(variant).specs(INPUTS, OUTPUTS))
            found[repr(specs)] = _case(specs)
        return list(found.values())

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        return [("specs", specs_sound), ("gradient", gradient)]


def _inputs(specs: Any, rng: np.random.Generator, trials: int, dtype: str) -> dict[str, Array]:
    arrays = {
        "x": rng.normal(size=(trials, EXAMPLES, INPUTS)),
        "grad": rng.normal(size=(trials, EXAMPLES, OUTPUTS)),
    }
    for spec in specs:
        arrays[f"param {spec.name}"] = rng.normal(scale=0.5, size=(trials, *spec.shape))
    return {key: value.astype(dtype) for key, value in arrays.items()}


def _run(component: Any, inputs: dict[str, Array]) -> dict[str, Array]:
    given = {key.removeprefix("param "): value for key, value in inputs.items() if key.startswith("param ")}
    specs = component.specs(INPUTS, OUTPUTS)
    trials, dtype = len(inputs["x"]), inputs["x"].dtype
    # A case is made for one variant's parameters and run with every variant: each takes its own.
    params = {spec.name: given.get(spec.name, np.empty(0)) for spec in specs}
    for spec in specs:
        if params[spec.name].shape[1:] != spec.shape:
            params[spec.name] = np.full((trials, *spec.shape), 0.25, dtype=dtype)
    z, tape = component.forward(params, inputs["x"])
    must(z.shape == (trials, EXAMPLES, OUTPUTS), f"forward gives shape {z.shape}")
    grads = {name: np.full_like(value, np.nan) for name, value in params.items()}
    component.backward(params, tape, inputs["grad"], grads)
    return {"z": z, **{f"gradient of {name}": value for name, value in grads.items()}}


def _case(specs: Any) -> Case:
    return Case(f"{len(specs)} arrays", lambda rng, trials, dtype: _inputs(specs, rng, trials, dtype), _run)


def specs_sound(subject: Subject) -> int:
    """Parameter names differ, shapes and fans are positive, roles are known."""
    count = 0
    for variant in subject.variants():
        specs = subject.build(variant).specs(INPUTS, OUTPUTS)
        names = [spec.name for spec in specs]
        must(len(set(names)) == len(names), f"{variant.label}: two parameters share a name in {names}")
        for spec in specs:
            positive = min(*spec.shape, spec.fan_in, spec.fan_out) > 0
            must(len(spec.shape) == 2 and positive, f"{variant.label}: {spec.name} has shape {spec.shape}")
            must(spec.role in ("weight", "bias"), f"{variant.label}: {spec.name} has role {spec.role!r}")
            count += 1
    return count


def gradient(subject: Subject) -> int:
    """In float64, backward agrees with central differences of forward, for every parameter array."""
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 2), "float64")
        rng = np.random.default_rng(17)
        inputs = _inputs(component.specs(INPUTS, OUTPUTS), rng, 2, "float64")
        found = _run(component, inputs)
        for key, value in inputs.items():
            if not key.startswith("param "):
                continue
            back = found[key.replace("param", "gradient of")]
            for flat in rng.choice(value[0].size, size=min(PROBED, value[0].size), replace=False):
                place = (1, *np.unravel_index(flat, value[0].shape))
                ends = []
                for step in (1e-6, -1e-6):
                    moved = value.copy()
                    moved[place] += step
                    z = _run(component, {**inputs, key: moved})["z"]
                    ends.append(float((z * inputs["grad"]).sum()))
                slope = (ends[0] - ends[1]) / 2e-6
                message = f"{variant.label}: backward for {key.removeprefix('param ')}"
                must_be_close(back[place], slope, message, rtol=1e-5, atol=1e-7)
                count += 1
    return count
