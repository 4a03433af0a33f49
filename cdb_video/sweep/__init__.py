"""Configs x seeds as trainings of their own in one folder: what is to run, what has run, and the runs."""
