"""Counts per class: of a validation, and of training itself."""
