"""Providers by others, each installed from its own lock file under ``.bench/``, for the same work."""
