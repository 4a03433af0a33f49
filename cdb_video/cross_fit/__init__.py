"""Cross-fitted difficulty of a config: its training list in folds, a training for each, and what they give together."""
