"""Training: formulas and their kernels, stacks of trials, batches, evaluation."""
