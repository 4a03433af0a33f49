"""Losses that weight classes: by difficulty, and by frequency."""
