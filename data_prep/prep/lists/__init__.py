"""Lists of clips: divided, held out, written, reported."""
