"""Benchmarks: `python -m benchmarks.GROUP.NAME` in the root of the repository."""
