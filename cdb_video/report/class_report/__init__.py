"""The class report: rows, text, and its file format."""
