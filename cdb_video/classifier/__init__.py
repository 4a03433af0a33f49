"""The last layer of a network: heads, two-stage training, edits of a checkpoint."""
