"""Hooks and files that make up for a kill, a full disk or a restart."""
