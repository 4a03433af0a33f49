"""Pickles of others, read without executing anything."""
