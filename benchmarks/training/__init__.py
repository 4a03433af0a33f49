"""Cost of the plugin in training, and kills of a training."""
