"""Cutting of clips out of whole recordings."""
