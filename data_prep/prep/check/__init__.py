"""Checks of a data set: lists, videos, frames, packs."""
