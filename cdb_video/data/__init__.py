"""Datasets as the plugin needs them: labels, tables of clips, missing and damaged files."""
