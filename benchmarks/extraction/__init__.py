"""Speed and endurance of extraction."""
