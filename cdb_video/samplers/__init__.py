"""Samplers that re-balance classes: by difficulty, and by frequency."""
