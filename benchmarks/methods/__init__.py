"""Comparison of methods: studies, runs, results, page."""
