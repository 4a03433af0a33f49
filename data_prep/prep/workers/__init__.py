"""Worker processes, which may crash or hang."""
