"""Long-tailed sets of images: sources, profiles, division, lists."""
