"""What it costs to measure difficulty in detection."""
