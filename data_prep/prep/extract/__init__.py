"""Extraction of frames: options, plan, one clip."""
