"""EGTEA-mini: plan, scenes, motions, clips."""
