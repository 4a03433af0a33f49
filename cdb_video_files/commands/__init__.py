"""What every command needs that works on files: its arguments, a lock on its folder, an end by signal."""
