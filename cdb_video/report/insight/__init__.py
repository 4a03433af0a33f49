"""What a run shows about its classes: statistics, remarks, mistakes."""
