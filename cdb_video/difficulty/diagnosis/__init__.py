"""What the course and the direction of the errors say of a class and of a run; nothing of it drives training."""
