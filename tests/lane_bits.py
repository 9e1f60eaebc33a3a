"""The bits of fixed trainings and functions in lanes, for tests that they are the same on every machine.

python tests/lane_bits.py

writes tests/golden/lane_bits.json anew; LANE_NUMBERS is raised with it where a bit of it has changed.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from shipped import REGISTRY

from anncore.contract.engine_version import LANE_NUMBERS
from anncore.engine.training import train_stack

TESTS = Path(__file__).parent / "engine" / "lanes"


@cache
def module_of(name: str) -> Any:
    """Return a test module of the lanes, which pytest does not put where `import` looks."""
    spec = importlib.util.spec_from_file_location(f"lane_bits_{name}", TESTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Write the file."""
    training, elementary = module_of("test_lane_training"), module_of("test_elementary")
    bits = {
        name: training.digest(train_stack([trial], REGISTRY)[0])
        for name, trial in training.fixed_set().items()
    }
    content = {"lane_numbers": LANE_NUMBERS, "bits": bits, "functions": elementary.digests()}
    training.DIGESTS.write_text(json.dumps(content, indent=1) + "\n")
    sys.stdout.write(f"{training.DIGESTS}: {len(bits)} trainings, {len(content['functions'])} functions\n")


if __name__ == "__main__":
    main()
