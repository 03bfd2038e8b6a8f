"""Benchmarks a stranger can run: ``make bench``."""
