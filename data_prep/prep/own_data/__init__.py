"""Lists of videos of any origin."""
