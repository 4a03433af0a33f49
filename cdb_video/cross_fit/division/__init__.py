"""How samples are divided into folds: by samples within classes, or by whole groups; the plan is written down."""
