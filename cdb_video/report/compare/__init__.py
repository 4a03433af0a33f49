"""Comparison of runs: methods, seeds, paired differences."""
