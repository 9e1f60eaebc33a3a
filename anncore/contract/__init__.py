"""What a plugin touches: kinds, hooks, hyperparameters, the registry, trials, streams, errors."""
