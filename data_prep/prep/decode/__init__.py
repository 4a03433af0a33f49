"""Decoding of whole videos, frame by frame."""
