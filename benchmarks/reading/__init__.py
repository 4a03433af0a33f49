"""Speed and correctness of the readers of clips."""
