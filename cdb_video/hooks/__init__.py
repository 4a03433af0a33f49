"""Hooks about class difficulty."""
