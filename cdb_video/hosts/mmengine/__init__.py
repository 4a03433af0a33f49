"""mmengine, the runner of all hosts: mends for its faults, and what its checkpoints may hold."""
