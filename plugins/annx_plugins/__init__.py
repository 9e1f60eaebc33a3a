"""The components that annx ships: one algorithm per file, one entry point per algorithm."""
