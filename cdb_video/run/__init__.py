"""A training run as the hooks see it: its parts, its start, its record."""
