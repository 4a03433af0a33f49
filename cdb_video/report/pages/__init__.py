"""HTML pages and console output of a report."""
