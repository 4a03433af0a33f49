"""Measuring, machine and commit, and data that benchmarks share."""
