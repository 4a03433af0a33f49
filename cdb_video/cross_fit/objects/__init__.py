"""Cross-fit by images, for detectors: the annotations divided by images, and the answers of all objects pooled."""
