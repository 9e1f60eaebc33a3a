"""The bits of a fixed set of trainings in lanes, for the test that they are the same on every machine.

python tests/lane_bits.py

writes tests/golden/lane_bits.json anew; LANE_NUMBERS is raised with it.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

from shipped import REGISTRY

from anncore.contract.engine_version import LANE_NUMBERS
from anncore.engine.training import train_stack

SET = Path(__file__).parent / "engine" / "lanes" / "test_lane_training.py"


def main() -> None:
    """Write the file."""
    spec = importlib.util.spec_from_file_location("test_lane_training", SET)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look for it there
    spec.loader.exec_module(module)
    bits = {
        name: module.digest(train_stack([trial], REGISTRY)[0]) for name, trial in module.fixed_set().items()
    }
    module.DIGESTS.write_text(json.dumps({"lane_numbers": LANE_NUMBERS, "bits": bits}, indent=1) + "\n")
    sys.stdout.write(f"{module.DIGESTS}: {len(bits)} trainings\n")


if __name__ == "__main__":
    main()
