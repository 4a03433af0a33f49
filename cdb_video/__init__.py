"""Class-difficulty-balanced training for video recognition with MMAction2."""
