"""One training step, number by number: what a learner writes by hand, with the engine's own numbers."""
