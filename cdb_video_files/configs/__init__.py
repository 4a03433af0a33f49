"""Configs as they lie on disk: those that come along, copies of them, and their text without executing it."""
