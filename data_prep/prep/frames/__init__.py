"""Frames of a clip as folder, pack or small video, with their manifest."""
