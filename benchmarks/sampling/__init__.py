"""Cost and law of the samplers, and of lists of millions of clips."""
